# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Holds what one run left in a folder against its row of the table."""

from harness import Report, Skip, Wrong
from traced import Traced


def judge(case, folder, vm, prefix=""):
    """Prints a TAP line a check. Returns 0, or 1 if one failed."""
    report = Report(prefix)
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
