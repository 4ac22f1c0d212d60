"""The tasks for Windows: well-formed, and by the rules of the Task Scheduler's format (MS-TSCH, 2.5)."""

import pathlib
import re
import xml.etree.ElementTree as ElementTree

SPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?$")
BOOLEAN = re.compile(r"(true|false)$")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?$")
TEXT = re.compile(r"(?s).+$")

# For each element: what may stand in it. A dictionary has any order, a list has this one.
RULES = {
    "Task": {name: None for name in ["RegistrationInfo", "Triggers", "Settings", "Principals", "Actions"]},
    "RegistrationInfo": {"Description": TEXT, "URI": re.compile(r"\\[^\\/:*?\"<>|]+$")},
    "Triggers": {"TimeTrigger": None},
    "TimeTrigger": [("Enabled", BOOLEAN), ("StartBoundary", TIME), ("EndBoundary", TIME), ("Repetition", None)],
    "Repetition": {"Interval": DURATION, "Duration": DURATION, "StopAtDurationEnd": BOOLEAN},
    "Principals": {"Principal": None},
    # Well-known: S-1-5-19 is LOCAL SERVICE.
    "Principal": {"UserId": re.compile(r"S-1-5-19$"), "RunLevel": re.compile(r"(LeastPrivilege|HighestAvailable)$")},
    "Settings": {
        "MultipleInstancesPolicy": re.compile(r"(Parallel|Queue|IgnoreNew|StopExisting)$"),
        "ExecutionTimeLimit": DURATION,
        "Priority": re.compile(r"([0-9]|10)$"),
        **{
            name: BOOLEAN
            for name in [
                "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries", "AllowHardTerminate", "StartWhenAvailable",
                "RunOnlyIfNetworkAvailable", "Enabled", "Hidden", "WakeToRun",
            ]
        },
    },
    "Actions": {"Exec": None},
    "Exec": {"Command": TEXT, "Arguments": TEXT, "WorkingDirectory": re.compile(r"[^\"]+$")},
}


def check(element, where):
    name = element.tag.removeprefix(SPACE)
    assert element.tag.startswith(SPACE), f"{where}: `{name}` is outside the task's name space"
    rules = RULES[name]
    allowed = dict(rules) if isinstance(rules, list) else rules
    names = [child.tag.removeprefix(SPACE) for child in element]
    assert len(set(names)) == len(names), f"{where}/{name}: twice the same"
    assert set(names) <= set(allowed), f"{where}/{name}: {set(names) - set(allowed)} may not stand here"
    if isinstance(rules, list):
        order = [known for known, _ in rules if known in names]
        assert names == order, f"{where}/{name}: the order must be {order}"
    for child, child_name in zip(element, names):
        if allowed[child_name] is None:
            check(child, f"{where}/{name}")
        else:
            text = child.text or ""
            assert allowed[child_name].match(text), f"{where}/{name}/{child_name}: `{text}`"


windows = pathlib.Path(__file__).parents[2] / "dist" / "windows"
for file in sorted(windows.glob("*.xml")):
    data = file.read_bytes()
    # schtasks and Register-ScheduledTask read the file in different encodings: ASCII is the same in all of them, and a
    # declared encoding would be wrong for one of them.
    assert data.isascii() and b"encoding=" not in data, f"{file.name}: ASCII, and no encoding declared"
    task = ElementTree.fromstring(data)
    assert task.tag == SPACE + "Task" and task.get("version") == "1.2"
    check(task, file.name)
    find = lambda path: task.find("/".join(SPACE + part for part in path.split("/")))
    principal = find("Principals/Principal").get("id")
    assert find("Actions").get("Context") == principal, f"{file.name}: Context names no principal"
    assert find("Triggers/TimeTrigger/Repetition/Interval").text == "PT1M"
    assert find("Triggers/TimeTrigger/StartBoundary") is not None, "a time trigger needs a begin"
    # A second one at the same time would say that another is sending, and a killed one would leave an unknown.
    assert find("Settings/MultipleInstancesPolicy").text == "IgnoreNew"
    if "run" in file.name:
        assert find("Settings/ExecutionTimeLimit").text == "PT0S", "nothing may kill a run"
        assert find("Settings/AllowHardTerminate").text == "false"
    assert "Bearer" not in data.decode() and "secret" not in find("Actions/Exec/Arguments").text
    print(f"tasks.py: {file.name} keeps the rules of the Task Scheduler's format")

script = (windows / "trigger.ps1").read_text()
assert script.isascii(), "PowerShell 5.1 reads a script without a mark in the system's own encoding"
