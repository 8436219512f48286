# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Truth tests of context switches by stack: tests/truth/switches.c, whose functions know how often they
were switched out and for how long. The functions that switch often wait little, and the other way
round: a graph of counts and a graph of times must show opposite things."""

import math

import checks as c
from case import command, pid
from harness import between, expect, within
from traced import total

# Often and briefly, seldom and long.
PAIRS = (("sleeper", "short_sleep", "long_sleep"), ("loser", "short_yield", "long_loss"))
# Standard errors. Of 300 samples in all, one test in a million is off by as much.
SIGMAS = 5


def truth_count(t, function):
    return t.truth[f"{function}_voluntary"] + t.truth[f"{function}_involuntary"]


def rows_of(t, comm, function):
    return [r for r in t.json["switches"] if r["comm"] == comm and function in r["frames"]]


def folded_of(t, comm, function):
    return sum(line.value for line in t.folded
               if line.thread == comm and function in line.frames and line.state != "on-CPU")


def counted(t, comm, function):
    """By the graph, where it counts switches; else by the JSON's rows."""
    if t.counts_switches:
        return folded_of(t, comm, function)
    rows = rows_of(t, comm, function)
    return total(rows, "voluntary") + total(rows, "involuntary")


def check_totals(t):
    """Each thread's switches are its rusage's, taken just before its end."""
    for want in t.truth["threads"]:
        rows = t.of(pid=t.truth["pid"], tid=want["tid"])
        slack = 3 + (0 if t.vm else t.lost_events)
        for field in ("voluntary", "involuntary"):
            between(f"{field} switches of {want['name']}", total(rows, f"{field}_switches"),
                    want[field], want[field] + slack)
    return ", ".join(f"{w['name']} {w['voluntary']} + {w['involuntary']}" for w in t.truth["threads"])


def check_counts(t):
    """Each function's switches, within the error that the trace states of itself."""
    notes = []
    for comm, *functions in PAIRS:
        for function in functions:
            want, got = truth_count(t, function), counted(t, comm, function)
            error = math.sqrt(sum(r["error"] ** 2 for r in rows_of(t, comm, function)))
            # The two readings of getrusage see a switch between them, and hidden ones are nobody's.
            slack = SIGMAS * error + 3 + want // 100 + (0 if t.vm else t.lost_events)
            within(f"switches of {function}", got, want, slack)
            notes.append(f"{function} {got} +- {error:.0f} of {want}")
    return ", ".join(notes)


def check_error(t):
    """The stated error is small enough to mean something, and there is one where few were looked at."""
    for comm, often, _ in PAIRS:
        rows = rows_of(t, comm, often)
        expect(rows, f"no row of {often}")
        most = max(rows, key=lambda r: r["voluntary"] + r["involuntary"])
        expect(most["error"] * 5 <= most["voluntary"] + most["involuntary"], f"{often}: {most}")
    expect(any(r["error"] for r in t.json["switches"]), "all rows are exact")
    return " ".join(str(r["error"]) for r in t.json["switches"][:5])


def check_order(t):
    """Who switches often has the wider frame in the graph of counts."""
    notes = []
    for comm, often, seldom in PAIRS:
        many, few = counted(t, comm, often), counted(t, comm, seldom)
        expect(truth_count(t, often) > 2 * truth_count(t, seldom), f"{comm} did as it was not meant to")
        expect(many > 2 * few > 0, f"{often} {many}, {seldom} {few} switches")
        notes.append(f"{often} {many}, {seldom} {few}")
    return ", ".join(notes)


def check_off_cpu(t):
    """And the narrower one in the graph of times. (Where the machine is busy, a yield or a sleep of 50
    us may last milliseconds: then the graph must say so.)"""
    notes = []
    for comm, often, seldom in PAIRS:
        for function in (often, seldom):
            want, got = t.truth[f"{function}_off_ns"], folded_of(t, comm, function)
            within(f"off-CPU time of {function}", got, want, want * 0.5 + 5 * c.MS)
        short, long = folded_of(t, comm, often), folded_of(t, comm, seldom)
        opposite = t.truth[f"{seldom}_off_ns"] > 1.5 * t.truth[f"{often}_off_ns"]
        expect(long > short or not opposite, f"{often} {short}, {seldom} {long} ns off the CPU")
        notes.append(f"{often} {short}, {seldom} {long} ns" + ("" if opposite else " (busy)"))
    return ", ".join(notes)


def check_rows(t):
    """The JSON's rows: those with most first, no more than their threads have."""
    rows = t.json["switches"]
    counts = [r["voluntary"] + r["involuntary"] for r in rows]
    between("rows", len(rows), 1, 20)
    expect(counts == sorted(counts, reverse=True) and counts[-1] > 0, f"in no order: {counts}")
    for thread in t.threads:
        mine = [r for r in rows if (r["pid"], r["tid"]) == (thread["pid"], thread["tid"])]
        for field in ("voluntary", "involuntary"):
            most = sum(r[f"{field}_switches"] for r in t.of(thread["pid"], thread["tid"]))
            expect(total(mine, field) <= most, f"{thread['comm']}: {field} {mine} of {most}")
    return f"{len(rows)} rows, the first {counts[0]}"


KNOWN = (("switches", c.check_switches), ("totals", check_totals), ("rows", check_rows),
         ("counts", check_counts), ("error", check_error), ("order", check_order))

SWITCH_CASES = [
    command("switches", "switches", *KNOWN, options="--count switches --period 1ms"),
    command("switches-time", "switches", *KNOWN, ("off-cpu", check_off_cpu), options="--period 1ms"),
    # Stacks picked by time: whose the switches are is a guess then, how many there were is not.
    command("switches-tracepoint", "switches", ("switches", c.check_switches), ("rows", check_rows),
            ("totals", check_totals), options="--count switches --period 1ms --hooks tracepoint"),
    pid("switches-window", "switches rounds=0", 1, ("window", c.check_window, 2),
        options="--count switches"),
]
