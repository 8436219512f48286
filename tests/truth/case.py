# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A row of the tables in cases.py and cases_cuda.py."""

from collections import namedtuple

import checks as c
import checks_sched

# mode, seconds and options are those of tests/truth/collect; checks are (name, function, arguments).
# events_in_vm: lost events allowed where no switch is hidden, see checks.check_lost.
Case = namedtuple("Case", "name program mode seconds options checks events_in_vm")

# Checks against clocks that other load on the machine disturbs: one good run of three will do.
# What a trace says of itself, counts and switches are not among them.
DISTURBED = {"cpu", "wall", "threads", "slept", "reads", "stopped", "execs", "lengths", "states",
             "share", "schedstat", "kinds", "children", "calls", "gaps", "waits", "sync-time",
             "off-cpu", "cache", "phases", "guests", "cpu-stat", "rival", "behind", "proc-stat", "waker", "waker-ping", "waker-pong"}


ALWAYS = c.ALWAYS + checks_sched.ALWAYS


def command(name, program, *checks, options="", events_in_vm=0):
    return Case(name, program, "command", 0, options, ALWAYS + checks, events_in_vm)


def direct(name, program, *checks, options="", events_in_vm=0):
    return Case(name, program, "direct", 0, options, ALWAYS + checks, events_in_vm)


def pid(name, program, seconds, *checks, options="", events_in_vm=0, mode="pid"):
    return Case(name, program, mode, seconds, options, ALWAYS + checks, events_in_vm)


def attach(name, program, *checks, options="", mode="attach"):
    """The program's end is the trace's: the seconds are a limit."""
    return Case(name, program, mode, 40, options, ALWAYS + checks, 0)
