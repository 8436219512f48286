# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Holds what one run left in a folder against its row of the table."""

import os

from harness import Report, Skip, Wrong, expect, one_line, read_json
from traced import Traced


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def refused(folder):
    """A kernel need not have every way of attaching: status 3, and one line that says which hook
    cannot be had."""
    try:
        return read(folder, "trace.status").strip() == "3"
    except OSError:
        return False


def check_refusal(case, folder):
    line = one_line(read(folder, "trace.err"), "--hooks", "hook")
    expect(not os.path.exists(os.path.join(folder, "trace.json")), "refused, and yet a trace.json")
    return line


def check_forced(case, folder):
    """The hook that can be had in several ways was had in the way that was asked for."""
    hooks = {h["name"]: h for h in read_json(os.path.join(folder, "trace.json"))["hooks"]}
    after = hooks["after switch"]
    right = {"btf": after["kind"] == "tp_btf" and after["lost"] is None,
             "kprobe": after["kind"] == "kprobe",
             "tracepoint": after["lost"] is not None}
    expect(right[case.options.split()[-1]], f"{case.options}: {after}")
    return str(after)


def judge(case, folder, vm, prefix=""):
    """Prints a TAP line a check. Returns 0, or 1 if one failed."""
    report = Report(prefix)
    if "--hooks" in case.options:
        if refused(folder):
            report.check("refusal", check_refusal, case, folder)
            return 1 if report.failed else 0
        report.check("forced", check_forced, case, folder)
    try:
        traced = Traced(folder, vm)
    except Skip as e:
        print(f"ok - {prefix}all # SKIP {e}")
        return 0
    except (Wrong, ValueError, OSError, KeyError) as e:
        print(f"not ok - {prefix}all: {e}")
        return 1
    for name, function, *args in case.checks:
        report.check(name, function, traced, *args)
    return 1 if report.failed else 0
