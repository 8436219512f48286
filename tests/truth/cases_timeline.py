# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Truth tests of --timeline: the slices sum to the threads' accounts to the nanosecond, and show when
the program tests/truth/phases computed and when it slept."""

import checks as c
from case import command, pid
from harness import between, expect

MS = 1_000_000
STATES = ("on_cpu_ns", "run_queue_ns", "blocked_ns")


def sums(row):
    return [sum(row[state]) for state in STATES]


def pairs(t):
    """The timeline's rows with those of threads. An exec leaves several of one tid; no two are alike."""
    rows = [r for r in t.threads if r["merged"] == 1]
    found = []
    for slices in t.json["timeline"]["threads"]:
        of_thread = [r for r in rows if (r["pid"], r["tid"]) == (slices["pid"], slices["tid"]) and
                     [r[state] for state in STATES] == sums(slices)]
        expect(of_thread, f"{slices['comm']} ({slices['tid']}): slices sum to {sums(slices)}, and no thread "
               f"does: {[[r[state] for state in STATES] for r in t.of(slices['pid'], slices['tid'])]}")
        found.append((slices, of_thread[0]))
        rows.remove(of_thread[0])
    return found


def check_exact(t, threads=512):
    """Every thread is there, its slices sum to its states, and each slice is as long as the thread was
    there within it."""
    step, end = t.json["timeline"]["slice_ns"], t.json["duration_ns"]
    own = [r for r in t.threads if r["merged"] == 1 and r["wall_ns"]]
    found = pairs(t)
    expect(len(found) == min(len(own), threads), f"{len(found)} threads of {len(own)}")
    for slices, row in found:
        born, gone = row["start_ns"], row["start_ns"] + row["wall_ns"]
        for state in STATES:
            expect(len(slices[state]) == -(-end // step), f"{len(slices[state])} slices of {step} in {end} ns")
        for i, parts in enumerate(zip(*(slices[state] for state in STATES))):
            want = max(0, min(gone, (i + 1) * step) - max(born, i * step))
            expect(sum(parts) == want and min(parts) >= 0,
                   f"{row['comm']} ({row['tid']}): slice {i}: {parts}, want {want} together")
    between("slices", len(found[0][0]["on_cpu_ns"]), 1, 400)
    return f"{len(found)} threads, {len(found[0][0]['on_cpu_ns'])} slices of {step} ns"


def check_step(t, asked):
    """As asked, or doubled where that took too much of a CPU."""
    step = t.json["timeline"]["slice_ns"]
    expect(step in [asked << n for n in range(6 if t.vm else 3)], f"slices of {step} ns, not {asked}")
    return f"{step} ns"


def inside(slices, step, begin, end, *states):
    """The share of these states in the slices that lie within, whole."""
    whole = [i for i in range(len(slices["on_cpu_ns"])) if begin <= i * step and (i + 1) * step <= end]
    expect(whole, f"no slice of {step} ns from {begin} to {end}")
    return sum(slices[state][i] for state in states for i in whole) / (step * len(whole))


def window_begin(t, found):
    """On the program's clock: it read that just before its first guest was born."""
    return t.truth["born0"] - [r for _, r in found if r["tid"] == t.truth["guest0"]][0]["start_ns"]


def check_phases(t):
    """The slices within a phase, without those at its edges, are of its state."""
    step = t.json["timeline"]["slice_ns"]
    truth, notes = t.truth, []
    found = pairs(t)
    main = [(s, r) for s, r in found if r["tid"] == truth["pid"] and r["comm"] == "phases"]
    expect(len(main) == 1, f"{len(main)} rows of the main thread")
    slices, _ = main[0]
    zero = window_begin(t, found)
    # A round comes as late as infbpf gets a CPU; in an emulated machine slices are long.
    slack = 10 * MS if t.vm else step + 2 * MS
    for i in range(3):
        # Where the machine is busy, it waits for a CPU before it gets to sleep, too.
        for phase, states, least in ((f"spin{i}", ("on_cpu_ns", "run_queue_ns"), 0.97),
                                     (f"sleep{i}", ("blocked_ns", "run_queue_ns"), 0.97),
                                     (f"sleep{i}", ("blocked_ns",), 0.6)):
            begin = truth[phase] - zero
            share = inside(slices, step, begin + slack, begin + truth["phase_ns"] - slack, *states)
            expect(share >= least, f"from {phase} on only {share:.3f} {' and '.join(states)}: {slices}")
            notes.append(f"{share:.3f}")
    return " ".join(notes)


def check_guests(t):
    """Threads that were born and ended within the window never blocked, and were not there outside their
    time."""
    found, step = pairs(t), t.json["timeline"]["slice_ns"]
    zero = window_begin(t, found)
    for i in range(3):
        guest = [(s, r) for s, r in found if r["tid"] == t.truth[f"guest{i}"]]
        expect(len(guest) == 1, f"{len(guest)} rows of guest {i}")
        slices, row = guest[0]
        expect(row["ended"] and sum(sums(slices)) == row["wall_ns"], f"guest {i}: {row}")
        there = [n for n in range(len(slices["on_cpu_ns"])) if sum(slices[s][n] for s in STATES)]
        # One at the time: born as the main thread goes to sleep.
        begin, end = t.truth[f"sleep{i}"] - zero, t.truth[f"wake{i}"] - zero
        slack = (40 if t.vm else 10) * MS + step
        expect(begin - slack <= there[0] * step and (there[-1] + 1) * step <= end + slack,
               f"guest {i} was there in slices {there} of {step} ns, from {begin} to {end}")
        share = inside(slices, step, row["start_ns"], row["start_ns"] + row["wall_ns"], "on_cpu_ns", "run_queue_ns")
        expect(share >= 0.9, f"guest {i}: {share:.3f} on a CPU or waiting for one")
    return "3 guests"


EXACT = (("slices", check_exact),)

TIMELINE_CASES = [
    command("phases", "phases rounds=3 phase_ms=500", *c.KERNEL, *EXACT, ("phases", check_phases),
            ("guests", check_guests), options="--timeline"),
    # Longer than planned for: slices double.
    command("phases-short", "phases rounds=3 phase_ms=500", *EXACT, ("phases", check_phases),
            options="--timeline=2ms"),
    pid("timeline-window", "spin cpu_ms=0 threads=3 pin=0", 2, ("window", c.check_window, 4), *EXACT,
        ("step", check_step, 20 * MS), options="--timeline=20ms"),
    # Throttled waits are woken first, and preempted when they end.
    pid("timeline-quota", "spin cpu_ms=0 threads=2", 2, *EXACT, options="--timeline", mode="quota"),
    pid("timeline-all", "futex rounds=0 work_us=50", 2, ("window", c.check_window, 10), *EXACT,
        options="--timeline", mode="all", events_in_vm=20),
    command("timeline-storm", "storm count=1000 cpu_us=100", *EXACT, options="--timeline", events_in_vm=100),
]
