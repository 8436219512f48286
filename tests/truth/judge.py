# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Holds what one run left in a folder against its row of the table."""

import os

from case import DISTURBED
from harness import Report, expect, one_line, read_json
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
    """The hook that can be had in several ways was had in the way that was asked for, where the
    kernel has it: sched_exit_tp came with 6.16."""
    trace = read_json(os.path.join(folder, "trace.json"))
    after = {h["name"]: h for h in trace["hooks"]}["after switch"]
    new = tuple(int(n) for n in trace["kernel"].split(".")[:2]) >= (6, 16)
    right = {"btf": after["kind"] == ("tp_btf" if new else "kprobe") and after["lost"] is None,
             "kprobe": after["kind"] == "kprobe",
             # What has no such way goes down its ladder.
             "fentry": after["kind"] == ("tp_btf" if new else "kprobe"),
             "tracepoint": after["lost"] is not None}
    expect(right[case.options.split()[-1]], f"{case.options}: {after}")
    return str(after)


def judge(case, folder, vm, prefix=""):
    """Returns a Report with a TAP line a check."""
    report = Report(prefix, keep=True)
    if "--hooks" in case.options:
        if refused(folder):
            report.check("refusal", check_refusal, case, folder)
            return report
        report.check("forced", check_forced, case, folder)
    traced = []
    report.check("read", lambda: traced.append(Traced(case, folder, vm)))
    for name, function, *args in case.checks if traced else ():
        report.check(name, function, traced[0], *args)
    return report


def disturbed(report):
    """Nothing failed but comparisons with clocks that other load on the machine disturbs."""
    return bool(report.failed) and set(report.failed) <= DISTURBED
