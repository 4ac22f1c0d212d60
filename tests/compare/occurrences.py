#!/usr/bin/env python3
"""Compares next_occurrence with Python's zoneinfo and dateutil over random schedules.

Usage: occurrences.py PATH-OF-THE-EXAMPLE `compare` [RULES] [SEED]. Exit 1 when anything differs.
Needs: pip install python-dateutil tzdata. A gap with fold=0 takes the offset before it in zoneinfo,
which is the same as moving forward by the gap; a fold with fold=0 is the first.
"""
import json, random, subprocess, sys
from collections import Counter
from datetime import datetime, date, time, timedelta, timezone
from zoneinfo import ZoneInfo, reset_tzpath
from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule

reset_tzpath(to=[])  # the tzdata package, not the system's files
ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Jakarta", "Pacific/Apia",
         "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Pacific/Kwajalein", "Asia/Kathmandu",
         "Africa/Casablanca", "America/Santiago", "Asia/Tehran", "Antarctica/Troll", "UTC"]
NAMES = ["sun", "Senin", "tue", "Rabu", "KAM", "Jum'at", "saturday"]
COUNT = 12

def utc(local, zone):
    return int((local.replace(tzinfo=zone, fold=0)).astimezone(timezone.utc).timestamp())

def write_time(r, t):
    forms = [f"{t:%H:%M}", f"{t.hour}.{t:%M}", f"{t.hour % 12 or 12}:{t:%M} {'PM' if t.hour > 11 else 'AM'}", f"{t:%H:%M}:00"]
    return r.choice(forms)

def write_date(r, d):
    return r.choice([d.isoformat(), f"{d.day:02}/{d.month:02}/{d.year}", d.isoformat() + "T00:00:00.000Z"])

def transitions(zone_name):
    """Local days on which the offset changes, to aim at."""
    zone, days = ZoneInfo(zone_name), []
    at, end = datetime(1971, 1, 1, tzinfo=timezone.utc), datetime(2040, 1, 1, tzinfo=timezone.utc)
    old = at.astimezone(zone).utcoffset()
    while at < end:
        at += timedelta(hours=12)
        new = at.astimezone(zone).utcoffset()
        if new != old:
            days.append(at.astimezone(zone).date())
            old = new
    return days

def make(r, jumps):
    name = r.choice(ZONES)
    zone = ZoneInfo(name)
    if jumps[name] and r.random() < 0.7:
        day = r.choice(jumps[name]) + timedelta(days=r.randint(-9, 3))
    else:
        day = date(1971, 1, 1) + timedelta(days=r.randint(0, 365 * 80))
    times = sorted({time(r.choice([0, 0, 1, 1, 2, 2, 3, 23, r.randint(0, 23)]), r.choice([0, 1, 15, 29, 30, 45, 59, r.randint(0, 59)]))
                    for _ in range(r.choice([1, 1, 1, 2, 4]))})
    days = sorted(r.sample(range(7), r.randint(1, 7)))
    start = r.choice([None, day, day + timedelta(days=r.randint(-30, 60)), day + timedelta(days=r.randint(0, 9000))])
    base = max(start or day, day)
    end = r.choice([None, None, base + timedelta(days=r.randint(0, 40))])
    after = utc(datetime.combine(day, time(0)), zone) + r.randint(-86400, 2 * 86400)
    rule = {r.choice(["startDate", "start_date"]): start and write_date(r, start),
            "time": [write_time(r, t) for t in times] if len(times) > 1 or r.random() < .2 else write_time(r, times[0]),
            "weekDays": r.choice([days, [str(d) for d in days], [NAMES[d] for d in days], ",".join(NAMES[d] for d in days)]),
            "endDate": end and write_date(r, end)}
    listed = []
    if r.random() < 0.3:
        for _ in range(r.randint(1, 5)):
            listed.append((day + timedelta(days=r.randint(-5, 30)), r.choice(times)))
    asked = {"interval_config": json.dumps(rule), "zone": name, "after": after, "count": COUNT}
    if r.random() < 0.2:
        asked["interval_config"] = json.dumps(asked["interval_config"])
    if listed:
        asked["schedules"] = json.dumps([{"date": write_date(r, d), "time": write_time(r, t)} for d, t in listed])
    return asked, expect(zone, days, times, start, end, after, listed)

def expect(zone, days, times, start, end, after, listed):
    found = {utc(datetime.combine(d, t), zone) for d, t in listed}
    today = datetime.fromtimestamp(after, zone).date()
    first = max(start or date(1970, 1, 1), today - timedelta(days=5))
    last = min(end or date(9999, 1, 1), first + timedelta(days=7 * (COUNT + 3)))
    if first <= last:
        for t in times:
            weekdays = [(d - 1) % 7 for d in days]  # dateutil: 0 is Monday
            for local in rrule(WEEKLY, dtstart=datetime.combine(first, t), until=datetime.combine(last, t), byweekday=weekdays):
                found.add(utc(local, zone))
    return sorted(at for at in found if at > after)[:COUNT]

def make_repeated(r, jumps):
    """A rule with frequency, interval, count, monthDays, excludeDates or its own zone, from a start."""
    own, name = r.choice(ZONES), r.choice(ZONES)
    zone = ZoneInfo(own)
    start = date(2000, 1, 1) + timedelta(days=r.randint(0, 365 * 40))
    times = sorted({time(r.randint(0, 23), r.choice([0, 15, 30])) for _ in range(r.choice([1, 1, 2]))})
    frequency = r.choice(["daily", "weekly", "monthly"])
    interval, rule = r.choice([1, 1, 2, 3, 5]), {"startDate": write_date(r, start), "timezone": own}
    rule["time"], rule["frequency"], rule["interval"] = [write_time(r, t) for t in times], frequency, interval
    how = {"dtstart": datetime.combine(start, time(0)), "interval": interval}
    days = sorted(r.sample(range(7), r.randint(1, 4)))
    if frequency == "weekly" or r.random() < 0.3:
        rule["weekDays"] = days
        how["byweekday"] = [(d - 1) % 7 for d in days]
    if frequency == "monthly":
        month_days = r.sample([1, 5, 15, 28, 29, 30, 31, "last"], r.randint(1, 3))
        rule["monthDays"], how["bymonthday"] = month_days, [-1 if d == "last" else d for d in month_days]
    dates = rrule({"daily": DAILY, "weekly": WEEKLY, "monthly": MONTHLY}[frequency],
                  until=datetime.combine(start, time(0)) + timedelta(days=25000 if frequency == "monthly" else 4000), **how)
    locals_ = [datetime.combine(day.date(), t) for day in dates for t in times]
    if r.random() < 0.4:
        rule["count"] = r.randint(1, 30)
        locals_ = locals_[:rule["count"]]
    if r.random() < 0.3 and locals_:
        out = [r.choice(locals_[:20]).date() for _ in range(2)]
        rule["excludeDates"] = [write_date(r, day) for day in out]
        locals_ = [local for local in locals_ if local.date() not in out]
    if r.random() < 0.3:
        last = datetime.combine(start + timedelta(days=r.randint(0, 200)), r.choice(times))
        rule["until"] = f"{last:%Y-%m-%d %H:%M}" if last.time() != time(0) else f"{last.date()}"
        locals_ = [local for local in locals_ if local <= last or last.time() == time(0) and local.date() == last.date()]
    after = utc(datetime.combine(start, time(0)), zone) + r.randint(-5, 100) * 86400
    found = sorted({utc(local, zone) for local in locals_})
    asked = {"interval_config": json.dumps(rule), "zone": name, "after": after, "count": COUNT}
    # A rule of nearly nothing (every fifth 31st that is a Monday) has fewer in these days than are asked for.
    return asked, [at for at in found if at > after][:COUNT]

def main():
    binary, rules = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    r = random.Random(seed)
    jumps = {name: transitions(name) for name in ZONES}
    made = [(make_repeated if at % 3 == 0 else make)(r, jumps) for at in range(rules)]
    text = "".join(json.dumps(asked) + "\n" for asked, _ in made)
    lines = subprocess.run([binary, "occurrences"], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == len(made), (len(lines), len(made))
    wrong, per_zone, occurrences, near = 0, Counter(), 0, 0
    for (asked, expected), line in zip(made, lines):
        per_zone[asked["zone"]] += 1
        occurrences += len(expected)
        days = set(jumps[asked["zone"]])
        near += sum(datetime.fromtimestamp(at, ZoneInfo(asked["zone"])).date() in days for at in expected)
        # What lies beyond the days that Python looked at is not compared.
        if len(expected) < COUNT and "frequency" in asked["interval_config"] and "count" not in asked["interval_config"]:
            line = " ".join(line.split()[:len(expected)])
        if line != " ".join(map(str, expected)):
            wrong += 1
            if wrong <= 5:
                print("DIFFERS", asked, "\n  python", expected, "\n  rust  ", line)
    print(f"seed {seed}: {rules} rules, {occurrences} occurrences ({near} on a day of a clock change), {len(per_zone)} zones, {wrong} differ")
    sys.exit(wrong > 0)

main()
