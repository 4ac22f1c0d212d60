#!/usr/bin/env python3
"""Compares phone number normalisation with libphonenumber (the package `phonenumbers`).

Usage: numbers.py PATH-OF-THE-EXAMPLE `compare` [SEED]. Needs: pip install phonenumbers.

20,000 spellings of Indonesian numbers (mobile and fixed, made from libphonenumber's own examples and
at random) and 5,000 of other countries' (with DEFAULT_COUNTRY_CODE 62, and with the country's own).
Each is read by both sides. Exit 1 when a number that libphonenumber calls valid becomes *another*
number here: it would reach a stranger. (Digits without a + that libphonenumber too reads as a number of the
default country are listed apart: `85251234500` is Hong Kong's only with a + in front, and Indonesia's
without its 0.) To refuse it is allowed, and counted by reason; to take what
libphonenumber calls invalid is allowed too, because it knows numbering plans and we do not: whether
anybody has a number is for WAHA to say.
"""
import json
import random
import subprocess
import sys
from collections import Counter

import phonenumbers
from phonenumbers import PhoneNumberType as Type

INDONESIAN, INTERNATIONAL = 20_000, 5_000
# Two digits after the 8 of Indonesian mobile numbers, and area codes.
MOBILE = ["811", "812", "813", "814", "815", "816", "817", "818", "819", "821", "822", "823", "828", "831", "832",
          "833", "838", "851", "852", "853", "855", "856", "857", "858", "859", "877", "878", "881", "882", "883",
          "887", "888", "889", "895", "896", "897", "898", "899"]
AREAS = ["21", "22", "24", "31", "61", "274", "361", "411", "271", "341", "561", "628", "751", "778", "911", "628"]
# Where a 0 in front is dropped, kept, or not used at all; large, small, and near.
COUNTRIES = ["MY", "SG", "TH", "PH", "VN", "IN", "CN", "JP", "KR", "AU", "NZ", "TL", "BN", "SA", "AE", "NL", "DE", "GB",
             "FR", "IT", "ES", "PT", "US", "CA", "BR", "MX", "AR", "RU", "KZ", "TR", "EG", "NG", "ZA", "HK", "TW", "PK"]


def digits(r, count):
    return "".join(r.choice("0123456789") for _ in range(count))


def indonesian(r):
    """A national number without its 0."""
    if r.random() < 0.85:
        return r.choice(MOBILE) + digits(r, r.choice([6, 7, 7, 8, 8, 8, 9]))
    return r.choice(AREAS) + digits(r, r.choice([5, 6, 7, 8]))


def international(r):
    """Region, country code and national number that libphonenumber calls valid."""
    while True:
        region = r.choice(COUNTRIES)
        kind = r.choice([Type.MOBILE, Type.MOBILE, Type.FIXED_LINE])
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        national = phonenumbers.national_significant_number(example)
        keep = r.randint(2, len(national) - 2)
        changed = national[:keep] + digits(r, len(national) - keep)
        number = phonenumbers.parse(f"+{example.country_code}{changed}", None)
        if phonenumbers.is_valid_number(number):
            return region, str(example.country_code), number


def grouped(r, text):
    """The digits in groups, as people and phones write them."""
    style = r.random()
    if style < 0.3:
        return text
    sign = r.choice([" ", " ", "-", "-", ".", "\u00a0", "\u2011", "\u2009", " - "])
    groups, at = [], 0
    while at < len(text):
        size = r.choice([2, 3, 3, 4, 4])
        groups.append(text[at:at + size])
        at += size
    return sign.join(groups)


def dressed(r, text):
    """What spreadsheets, web pages and phones put around a number."""
    text = r.choice([lambda t: t] * 8 + [
        lambda t: " " + t + " ", lambda t: "'" + t, lambda t: t + "\t", lambda t: "\u202a" + t + "\u202c",
        lambda t: "\ufeff" + t, lambda t: "tel:" + t.replace(" ", "-"), lambda t: '"' + t + '"',
        lambda t: "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in t)])(text)
    return text


def write_indonesian(r, national):
    """The form and the spelling. What is meant is known because the number was made here:
    libphonenumber takes some of these spellings for other numbers."""
    form = r.choice(["0", "0", "0", "+62", "+62", "62", "62", "0062", "bare", "(0", "+62 (0)", "620", "+62 0"])
    if form == "bare" and not national.startswith("8"):
        form = "0"  # nobody writes an area code without its 0
    body = grouped(r, national)
    head = national[:3]
    written = {"0": lambda: grouped(r, "0" + national), "+62": lambda: "+62" + r.choice(["", " ", "-"]) + body,
               "62": lambda: "62" + r.choice(["", "", " "]) + body, "0062": lambda: "0062" + r.choice(["", " "]) + body,
               "bare": lambda: body, "(0": lambda: f"(0{head}) {grouped(r, national[3:])}",
               "+62 (0)": lambda: "+62 (0) " + body, "620": lambda: "620" + national, "+62 0": lambda: "+62 0" + body}[form]()
    return form, dressed(r, written)


def write_international(r, code, number):
    national = phonenumbers.national_significant_number(number)
    form = r.choice(["+", "+", "+", "00", "E164", "INTERNATIONAL", "bare code", "NATIONAL"])
    if form == "NATIONAL":
        text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    elif form == "INTERNATIONAL":
        text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    else:
        head = {"+": "+" + code + " ", "00": "00" + code + " ", "E164": "+" + code, "bare code": code}[form]
        text = head + (national if form in ("E164", "bare code") else grouped(r, national))
    return form, dressed(r, text)


def meant(number):
    return str(number.country_code) + phonenumbers.national_significant_number(number)


def make(r):
    """Cases: kind, default country code, as written, the digits that are meant, whether they are valid."""
    cases = []
    for _ in range(INDONESIAN):
        national = indonesian(r)
        form, written = write_indonesian(r, national)
        valid = phonenumbers.is_valid_number(phonenumbers.parse("+62" + national, None))
        cases.append((f"ID {form}", "62", written, "62" + national, valid))
    for _ in range(INTERNATIONAL):
        region, code, number = international(r)
        form, written = write_international(r, code, number)
        # Numbers in national form are of the default country, so that is theirs here.
        default = code if form == "NATIONAL" or r.random() < 0.3 else "62"
        cases.append((f"other {form}", default, written, meant(number), True))
    return cases


def theirs(written, default):
    """What libphonenumber makes of the spelling itself: the digits, when it calls them valid."""
    try:
        region = phonenumbers.region_code_for_country_code(int(default))
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    return meant(number) if phonenumbers.is_valid_number(number) else None


def main():
    binary, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    cases = make(random.Random(seed))
    text = "".join(f"{default}\t{json.dumps(written)}\n" for _, default, written, _, _ in cases)
    run = subprocess.run([binary, "numbers"], input=text, capture_output=True, text=True, check=True)
    answers = run.stdout.splitlines()
    assert len(answers) == len(cases), (len(answers), len(cases))
    same, wrong = 0, []
    refused, read_otherwise, unknown, agreed, samples = Counter(), Counter(), Counter(), Counter(), {}
    for (kind, default, written, wanted, valid), answer in zip(cases, answers):
        they = theirs(written, default)
        if answer == wanted:
            same += 1
            if not valid:
                unknown[kind] += 1
            if they not in (None, wanted):
                read_otherwise[kind] += 1
                samples.setdefault(("they", kind), (written, wanted, they))
        elif answer == "-":
            refused[kind + ("" if valid else " (invalid)")] += 1
            samples.setdefault(("we", kind), (written, wanted, answer))
        elif answer == they:
            agreed[kind] += 1
            samples.setdefault(("both", kind), (written, wanted, answer))
        elif valid:
            wrong.append((kind, default, written, wanted, they, answer))
        else:
            unknown[kind + " (another)"] += 1
            samples.setdefault(("other", kind), (written, wanted, answer))
    show(len(cases), seed, same, refused, read_otherwise, unknown, agreed, samples, wrong)
    sys.exit(len(wrong) > 0)


def show(total, seed, same, refused, read_otherwise, unknown, agreed, samples, wrong):
    print(f"seed {seed}: {total} spellings, {same} the same number, {sum(refused.values())} refused, "
          f"{len(wrong)} valid numbers became another number")
    for title, counts, key in [
            ("refused here (nobody is reached; README.md says why)", refused, "we"),
            ("read here as meant, and by libphonenumber as another valid number", read_otherwise, "they"),
            ("digits without + that both sides read as the default country's", agreed, "both"),
            ("not valid by libphonenumber's plans, taken here: WAHA will say", unknown, "other")]:
        if counts:
            print(f"{title}:")
        for kind, count in counts.most_common():
            sample = samples.get((key, kind.replace(" (invalid)", "").replace(" (another)", "")))
            print(f"  {count:6} {kind}" + (f", such as {sample[0]!r}: {sample[1]}, {sample[2]}" if sample else ""))
    for case in wrong[:20]:
        print("DIFFERS", case)


if __name__ == "__main__":
    main()
