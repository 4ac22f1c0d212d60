"""Our exports through the programs that others use, and back: the contacts must come back as they were.

LibreOffice opens `contact export --for excel` as a spreadsheet of Indonesia does, and saves it as a
workbook and as CSV; Python's csv reads and writes both forms. Usage: lists.py <program> <seed>
"""

import csv
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

PROGRAM, SEED = os.path.abspath(sys.argv[1]), int(sys.argv[2])
PIECES = ["=1+1", "+1", "-", "@a", "0812", "081234567890", "6281234567890123", "1/2", "3-4", "17/05/1990",
          "2026-12-01", "08:00", "1,5", "1.250.000", "Rp 5.000", "TRUE", "Des 1", "Mei", "NULL", "nan", "#N/A",
          "Jl. A, No. 5", "a;b", "a|b", "x\ty", '"kutip"', "'t Hooft", "'0812", "''=1", "Sari", "é😀", "50%",
          "baris satu\nbaris dua", "\n=1", ";=1", "1E5", "(5)", "$5", "0", "007", "a ::: b", "1 Jan", ".5"]


def run(folder, *arguments):
    environment = {**os.environ, "DATABASE_PATH": os.path.join(folder, "shop.db"), "LOG_LEVEL": "error"}
    done = subprocess.run([PROGRAM, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0 or "refused" in done.stdout and " 0 refused" not in done.stdout:
        sys.exit(f"{arguments}: {done.stdout}{done.stderr}")


def contacts(folder):
    with sqlite3.connect(os.path.join(folder, "shop.db")) as base:
        rows = base.execute("SELECT phone_number, name, tags, attributes, opted_out_at FROM contacts ORDER BY 1")
        return [(number, name, json.loads(tags), json.loads(attributes), at)
                for number, name, tags, attributes, at in rows]


def tidy(text):
    lines = [" ".join(line.replace("\t", " ").split()) for line in text.split("\n")]
    return "\n".join(line for line in lines if line)


def fill(folder):
    run(folder, "contact", "list")
    r = random.Random(SEED)
    with sqlite3.connect(os.path.join(folder, "shop.db")) as base:
        for at in range(400):
            values = {key: tidy(r.choice(PIECES)) for key in r.sample(["kota", "kode", "catatan", "wa", "0812"], 3)}
            # What an import refuses as a formula never came in by one.
            values = {key: value for key, value in values.items() if value and not value.startswith("=")}
            tags = r.sample(["vip", "solo, kota", "baru;x", "a", "2026", "[b]", "=c"], r.randrange(4))
            name = r.choice([None, "Sari", "Nan", "O'Neil", "Budi, S.Pd", "Des 1", "-Tini", "Mei 2", "=1 Ani"])
            out = r.choice([None, None, "2026-10-01T08:00:00Z"])
            base.execute("INSERT INTO contacts (phone_number, name, tags, attributes, opted_out_at) VALUES (?,?,?,?,?)",
                         (f"+62812{at:08}", name, json.dumps(tags), json.dumps(values), out))


def compare(what, before, list_path):
    with tempfile.TemporaryDirectory() as folder:
        run(folder, "contact", "import", list_path)
        after = contacts(folder)
    for one, other in zip(before, after):
        if one != other:
            sys.exit(f"{what}:\n  {one}\n  {other}")
    if len(before) != len(after):
        sys.exit(f"{what}: {len(before)} contacts became {len(after)}")
    print(f"lists: {what}: {len(after)} contacts are as they were")


def rewritten(path, source, **dialect):
    with open(path, encoding="utf-8-sig", newline="") as before, open(path + ".csv", "w", newline="") as after:
        csv.writer(after, **dialect).writerows(csv.reader(before, delimiter=source))
    return path + ".csv"


def main():
    with tempfile.TemporaryDirectory() as folder:
        fill(folder)
        before = contacts(folder)
        plain, excel = os.path.join(folder, "plain.csv"), os.path.join(folder, "excel.csv")
        run(folder, "contact", "export", plain)
        run(folder, "contact", "export", excel, "--for", "excel")
        compare("plain", before, plain)
        compare("for excel", before, excel)
        compare("plain through Python's csv", before, rewritten(plain, ",", delimiter=";"))
        compare("for excel through Python's csv", before, rewritten(excel, ";", quoting=csv.QUOTE_ALL))
        office = shutil.which("soffice") or shutil.which("libreoffice")
        if not office:
            sys.exit("lists: LibreOffice is missing: install libreoffice-calc-nogui")
        opened = "--infilter=Text - txt - csv (StarCalc):59,34,76,1"
        profile = f"-env:UserInstallation=file://{folder}/profile"
        for form, name in (("xlsx", "xlsx"), ("csv:Text - txt - csv (StarCalc):44,34,76,1", "csv")):
            out = os.path.join(folder, "out")
            subprocess.run([office, profile, "--headless", opened, "--convert-to", form, "--outdir", out, excel],
                           check=True, capture_output=True)
            compare(f"for excel through LibreOffice, saved as {name}", before, os.path.join(out, f"excel.{name}"))


main()
