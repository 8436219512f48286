# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What holds for a trace whatever went on, and what the programs under it say of themselves."""

from collections import Counter, defaultdict

from harness import between, expect, within

MS = 1_000_000
MIB = 1 << 20


def total(rows, field):
    return sum(r[field] for r in rows)


def ended(j):
    return total([r for r in j["threads"] if r["ended"]], "merged")


def of(j, **want):
    return [r for r in j["threads"] if all(r[k] == v for k, v in want.items())]


def sums(j, folded):
    """To the nanosecond: causes to states, states to wall, lines to rows."""
    lines, rows = Counter(), Counter()
    for line in folded:
        lines[line.pid, line.tid, line.state.split(":")[0]] += line.value
    for r in j["threads"]:
        who = f"{r['comm']} ({r['pid']}/{r['tid']})"
        parts = r["on_cpu_ns"] + r["run_queue_ns"] + r["blocked_ns"]
        expect(parts == r["wall_ns"], f"{who}: states sum to {parts}, wall is {r['wall_ns']}")
        expect(r["wall_ns"] <= j["duration_ns"] * r["merged"], f"{who}: wall {r['wall_ns']}")
        for field, whole in (("run_queue_by", "run_queue_ns"), ("blocked_by", "blocked_ns")):
            by = sum(r[field].values())
            expect(by == r[whole], f"{who}: {field} sums to {by} of {r[whole]}")
        for state, field in (("on-CPU", "on_cpu_ns"), ("run queue", "run_queue_ns"),
                             ("blocked", "blocked_ns")):
            if r[field]:
                rows[r["pid"], r["tid"], state] += r[field]
    for key in set(lines) | set(rows):
        expect(lines[key] == rows[key], f"{key}: lines {lines[key]}, rows {rows[key]}")
    return f"{len(j['threads'])} rows, {total(j['threads'], 'merged')} threads, {len(folded)} lines"


def lives(j):
    """A thread that was there from the window's beginning to its end has all of the window."""
    n = 0
    for r in j["threads"]:
        if r["merged"] == 1 and not r["ended"] and not r["start_ns"]:
            expect(r["wall_ns"] == j["duration_ns"],
                   f"{r['comm']} ({r['tid']}): wall {r['wall_ns']} of {j['duration_ns']}")
            n += 1
    return f"{n} threads"


def seen(t, scope_all=True):
    """Switches: what the kernel counts, what infbpf was shown, what it booked."""
    e, lost = t.json["events"], t.json["lost"]
    notes = []
    for name in ("perf", "ctxt"):
        if name not in t.counted:
            continue
        there = t.counted[name]
        within(f"switches, against {name}", e["switches"], there, there // 100 + 200)
        notes.append(f"{name} {there} ({100 * (e['switches'] - there) / max(1, there):+.3f} %)")
    if scope_all:
        # The window's edges are found to a millisecond or so; infbpf may have to wait for a CPU.
        rest = e["switches"] - e["booked"] - e["idle"] - lost["threads"]
        expect(abs(rest) <= e["switches"] // 500 + 200,
               f"{rest} of {e['switches']} switches neither booked nor lost")
        notes.append(f"booked {e['booked']}, idle {e['idle']}, rest {rest}")
    return f"{e['switches']} seen, {t.late * 1e3:.0f} ms late; " + ", ".join(notes)


def counted(j):
    """The rows' switches are the kernel's own counts: what was booked, without the switches into
    death, and what was not shown, which is counted as lost where it contradicts a state."""
    rows = j["threads"]
    got = total(rows, "voluntary_switches") + total(rows, "involuntary_switches")
    # An exec ends a row, too, but not the thread.
    single = {(r["pid"], r["tid"]) for r in rows if r["ended"] and r["tid"]}
    deaths = len(single) + sum(r["merged"] for r in rows if not r["tid"])
    booked = j["events"]["booked"] - deaths
    hidden = got - booked
    # A switch-out that was hidden has its switch-in hidden, too, mostly.
    slack = j["lost"]["events"] + j["lost"]["threads"] + booked // 500 + 100
    between("switches in rows that were not booked", hidden, -slack, slack)
    return f"{got} in rows, {booked} booked, {j['lost']['events']} events lost"


def lost_little(j, allowed=()):
    """What this host hides, and stacks: nothing else may be lost."""
    lost = {k: v for k, v in j["lost"].items() if v}
    # Other tests beside may run CUDA programs, which -a traces too.
    for what in ("events", "stacks", "ring", "missed_runs", "uncovered_ns", *allowed):
        lost.pop(what, None)
    expect(not lost, f"lost: {lost}")
    return str({k: v for k, v in j["lost"].items() if v} or "nothing")


# Of infbpf's own memory, for each thread that ended: its account waits for the end of the trace.
ENDED_BYTES = 1024


def memory(samples, ended=0):
    """After the first tenth of the trace: the maps do not grow; infbpf itself does with the threads
    that end, and hardly else."""
    expect(len(samples) >= 3, f"only {len(samples)} samples")
    first, *_, last = samples
    expect(first[2] == last[2], f"maps: {first[2]} bytes, then {last[2]}")
    growth = last[1] - first[1]
    expect(growth <= 4 * MIB + ended * ENDED_BYTES,
           f"{growth} bytes more than at {first[0]:.0f} s; {ended} threads ended")
    return f"{ended} threads ended; " + ", ".join(
        f"{at:.0f} s {own / MIB:.1f} + {maps / MIB:.1f} MiB" for at, own, maps in samples)


# --- the crowd (crowd.c) ---

# After its account of itself a thread has to wait for a CPU once more, to end: behind hundreds of
# others here.
TAIL_NS = 600 * MS

# What a kind of thread can wait for.
CAUSES = {"spinner": (), "idler": ("lock",), "sleeper": ("sleep",), "locker": ("lock", "sleep"),
          "piper": ("pipe", "sleep")}


def contradiction(want, row):
    """Why this cannot be a thread of its kind, None: it can. At its end each waits for the lock of the
    list that it enters its account into."""
    kind, blocked = want["name"], row["blocked_ns"]
    fit = sum(row["blocked_by"].get(c, 0) for c in CAUSES[kind])
    if kind == "spinner":
        if blocked > row["wall_ns"] // 50 + TAIL_NS:
            return f"blocked {blocked} ns of {row['wall_ns']}"
    elif fit < 0.98 * blocked - TAIL_NS:
        return f"blocked by {row['blocked_by']}"
    if kind == "idler":
        if row["on_cpu_ns"] > row["wall_ns"] // 100 + 20 * MS:
            return f"on-CPU {row['on_cpu_ns']} ns of {row['wall_ns']}"
    elif not (row["on_cpu_ns"] and row["run_queue_ns"]):
        return "never ran, or never waited for a CPU"
    return None


def by_thread(j, truth):
    """[(what the thread says, its row)]; without the main thread, part of whose life was before its
    exec, and without rows that stand for several threads."""
    rows = {(r["tid"], r["comm"]): r for r in j["threads"] if r["pid"] == truth["pid"]}
    pairs = [(want, rows.get((want["tid"], want["name"]))) for want in truth["threads"]]
    return [(want, row) for want, row in pairs if row and want["name"] in CAUSES]


def crowd_states(j, truth):
    """No thread is in a state that its program contradicts; but for those of which an event is
    lost, one each."""
    pairs = by_thread(j, truth)
    expect(pairs, "no row of its threads")
    bad = []
    for want, row in pairs:
        why = contradiction(want, row)
        if why:
            bad.append(f"{want['name']} {want['tid']}: {why}")
    expect(len(bad) <= j["lost"]["events"], f"{len(bad)} threads contradict: {bad[:3]}")
    return f"{len(pairs)} threads" + (f", {len(bad)} not (hidden switches): {bad[0]}" if bad else "")


def crowd_clocks(j, truth, steal_ns=0):
    """Each thread's CPU and run-queue time against the kernel's account of it. The kernel books some
    wake-ups' waits as running (see tests/truth/checks.py, compare_cpu), so the sum is compared,
    and CPU time from above."""
    pairs = by_thread(j, truth)
    expect(pairs, "no row of its threads")
    bad, cpu = [], 0
    for want, row in pairs:
        switches = row["voluntary_switches"] + row["involuntary_switches"]
        both = want["cpu_ns"] + want["run_queue_ns"]
        slack = 2 * MS + both // 100 + switches * 2000 + steal_ns
        diff = row["on_cpu_ns"] + row["run_queue_ns"] - both
        more = row["on_cpu_ns"] - want["cpu_ns"]
        cpu += more
        if not -slack <= diff <= slack + TAIL_NS or more > slack:
            bad.append(f"{want['name']} {want['tid']}: {diff} ns of {both}, on-CPU {more} of "
                       f"{want['cpu_ns']}, {switches} switches")
    expect(len(bad) <= j["lost"]["events"], f"{len(bad)} of {len(pairs)} threads: {bad[:3]}")
    there = sum(want["cpu_ns"] for want, _ in pairs)
    off = f"on-CPU {cpu:+d} ns of {there}"
    expect(abs(cpu) <= there // 50 + steal_ns + j["lost"]["events"] * 5 * MS, off)
    return f"{len(pairs)} threads, {off}" + (f"; {len(bad)} hit by hidden switches: {bad[0]}"
                                             if bad else "")


def crowd_sleep(j, truth):
    """All sleepers together slept at least as long as they asked to."""
    rows = of(j, pid=truth["pid"], comm="sleeper")
    got = sum(r["blocked_by"].get("sleep", 0) for r in rows)
    # A hidden wake-up makes a sleep longer, a hidden switch-out makes it vanish.
    low = truth["slept_ns"] - j["lost"]["events"] * 10 * MS
    expect(got >= low, f"asleep {got} ns, asked for {truth['slept_ns']}")
    return f"{got} ns in {truth['sleeps']} sleeps of 5 ms"


def processes(j, comm):
    """{pid: rows} of a name."""
    found = defaultdict(list)
    for r in j["threads"]:
        if r["comm"] == comm:
            found[r["pid"]].append(r)
    return found
