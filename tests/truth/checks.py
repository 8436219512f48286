# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The checks of traces against the truth. Each takes a Traced, and arguments from the table in
cases.py. Tolerances: DESIGN's section on truth."""

from collections import defaultdict

from harness import between, expect, within
from traced import cause_ns, total

MS = 1_000_000


# --- what holds for every trace ---

def check_contract(t):
    expect(t.status == "0", f"infbpf ended with {t.status}: {t.errors.strip()[-300:]}")
    j = t.json
    expect(j["version"] == 1, f"version {j['version']}")
    for key in ("duration_ns", "host", "kernel", "runtime", "hooks", "threads", "gpu_calls", "copies",
                "launches", "stages", "io", "verdict", "lost", "overhead"):
        expect(key in j, f"no {key!r} in the JSON")
    for thread in j["threads"]:
        for key in ("pid", "tid", "comm", "wall_ns", "on_cpu_ns", "run_queue_ns", "blocked_ns",
                    "run_queue_by", "blocked_by", "voluntary_switches", "involuntary_switches",
                    "migrations"):
            expect(key in thread, f"no {key!r} in a thread")
    for key in ("events", "stacks", "ring", "map_full", "missed_runs", "uncovered_ns"):
        expect(key in j["lost"], f"no {key!r} in lost")
    expect(any(h["name"] == "switch" and h["kind"] != "none" for h in j["hooks"]),
           f"no switch hook: {j['hooks']}")
    return " ".join(f"{h['name']}={h['kind']}" for h in j["hooks"])


def check_sums(t):
    """To the nanosecond: the states make up the wall time, the causes the states."""
    for r in t.threads:
        who = f"{r['comm']} ({r['tid']})"
        parts = r["on_cpu_ns"] + r["run_queue_ns"] + r["blocked_ns"]
        expect(parts == r["wall_ns"], f"{who}: states sum to {parts}, wall is {r['wall_ns']}")
        expect(r["wall_ns"] <= t.json["duration_ns"] * r["merged"],
               f"{who}: wall {r['wall_ns']} is over the window's {t.json['duration_ns']}")
        by = sum(r["run_queue_by"].values())
        expect(by == r["run_queue_ns"], f"{who}: run_queue_by sums to {by} of {r['run_queue_ns']}")
        by = sum(r["blocked_by"].values())
        expect(by == r["blocked_ns"], f"{who}: blocked_by sums to {by} of {r['blocked_ns']}")
    return f"{len(t.threads)} threads"


# What a folded line of each state counts, in the rows of its thread.
TIMES = (("on-CPU", "on_cpu_ns"), ("run queue", "run_queue_ns"), ("blocked", "blocked_ns"))
SWITCHES = (("run queue", "involuntary_switches"), ("blocked", "voluntary_switches"))


def check_folded(t):
    """In ns nothing is rounded, and switches are whole: the lines of a thread sum to its rows, state
    by state."""
    lines = defaultdict(int)
    rows = defaultdict(int)
    for line in t.folded:
        state = line.state.split(":")[0]
        lines[line.pid, line.tid, state] += line.value
    for r in t.threads:
        for state, field in SWITCHES if t.counts_switches else TIMES:
            if r[field]:
                rows[r["pid"], r["tid"], state] += r[field]
    for key in set(lines) | set(rows):
        expect(lines[key] == rows[key],
               f"pid, tid, state {key}: folded lines sum to {lines[key]}, JSON says {rows[key]}")
    return f"{len(t.folded)} lines"


def check_lost(t):
    """A virtual machine hides no switches. But a kernel's task storage refuses a program that
    interrupts another one using it: with thousands of births a second that happens, and before 6.2,
    where looking something up takes that lock too, now and then to anyone (a timer's wake-up that
    interrupts a user probe). Calls that were under way when the probes came may return without an
    entry known."""
    lost = {k: v for k, v in t.json["lost"].items() if v}
    allowed = {"stacks", "ring", "missed_runs", "uncovered_ns"} if t.vm else \
        {"stacks", "missed_runs", "uncovered_ns", "events"}
    if not t.from_first_call:
        allowed.add("returns")
    bad = {k: v for k, v in lost.items() if k not in allowed}
    old = tuple(int(n) for n in t.json["kernel"].split("-")[0].split(".")[:2]) < (6, 2)
    if t.vm and bad.get("events", 0) <= max(t.case.events_in_vm, 2 if old else 0):
        bad.pop("events", None)
    expect(not bad, f"lost: {bad}")
    return str(lost or "nothing")


ALWAYS = (("contract", check_contract), ("sums", check_sums), ("folded", check_folded),
          ("lost", check_lost))


# --- against the kernel's own accounts ---

def check_switches(t):
    """rusage of the program, threads and children included. It counts the switch into death as
    voluntary for a process's main thread, if that is off the CPU before it is reaped; infbpf does
    not. A thread is added to the sum a little before its end: after it, it can be preempted."""
    rows = t.tree()
    processes = len({r["pid"] for r in rows})
    deaths = sum(r["merged"] for r in rows)
    slack = 0 if t.vm else t.lost_events
    notes = []
    for field, said in (("voluntary_switches", "voluntary"), ("involuntary_switches", "involuntary")):
        got, want = total(rows, field), t.measure[said]
        low = want - processes if said == "voluntary" else want
        high = want if said == "voluntary" else want + deaths
        between(f"{said} switches", got, low - slack, high + slack)
        notes.append(f"{said} {got} (rusage {want})")
    return ", ".join(notes)


def tolerance(t, ns):
    # A switch that the kernel did not show leaves one interval in the wrong state.
    hidden = t.lost_events * 10 * MS
    # An emulated machine on a loaded host loses milliseconds between two readings of a clock.
    return (max(15 * MS, ns // 33) if t.vm else max(2 * MS, ns // 100)) + t.steal_ns + hidden


def compare_cpu(t, who, rows, cpu_ns, queue_ns=None, after_ns=0):
    """On-CPU time against the kernel's own. When a wake-up interrupts an idle CPU, the kernel reads
    its clock once for wake-up and switch (rq_clock_skip_update): it books the time between as CPU
    time. The trace books it as run queue, woken. So: the sums agree, and CPU time alone may be less
    by what was woken. after_ns: CPU time that the kernel's figure no longer holds."""
    got = total(rows, "on_cpu_ns")
    woken = sum(r["run_queue_by"]["woken"] for r in rows)
    switches = total(rows, "voluntary_switches") + total(rows, "involuntary_switches")
    # The two read their clocks a little apart at each switch.
    slack = tolerance(t, cpu_ns + (queue_ns or 0)) + switches * 2_000
    between(f"on-CPU of {who}", got, cpu_ns - slack - woken, cpu_ns + slack + after_ns)
    if queue_ns is not None:
        both = got + total(rows, "run_queue_ns")
        between(f"on-CPU and run queue of {who}", both, cpu_ns + queue_ns - slack,
                cpu_ns + queue_ns + slack + after_ns)
    return f"{got} of {cpu_ns} ns"


def check_cpu(t):
    """The main thread's schedstat, as a zombie; the process's CPU clock, dead threads included (each
    is added a little before its last instruction)."""
    compare_cpu(t, "the main thread", t.of(pid=t.pid, tid=t.pid), t.measure["leader_cpu_ns"],
                t.measure["leader_run_queue_ns"])
    rows = t.of(pid=t.pid)
    return compare_cpu(t, "the process", rows, t.truth["cpu_ns"],
                       after_ns=sum(r["merged"] for r in rows) * t.exit_ns)


def check_threads(t):
    """Each thread's own account of itself, taken just before its end."""
    expect(t.truth["threads"], "the program told nothing of its threads")
    for want in t.truth["threads"]:
        rows = t.of(pid=t.truth["pid"], tid=want["tid"])
        expect(rows, f"no row for thread {want['tid']}")
        who = f"{want['name']} ({want['tid']})"
        compare_cpu(t, who, rows, want["cpu_ns"], want["run_queue_ns"], t.tail_ns)
        slack = 0 if t.vm else t.lost_events
        got = total(rows, "voluntary_switches")
        between(f"voluntary switches of {who}", got, want["voluntary"] - slack,
                want["voluntary"] + 3 + slack)
    return f"{len(t.truth['threads'])} threads"


def check_wall(t):
    """From fork to death, by the clock of the program's parent, which may have had to wait for a CPU
    to see it."""
    rows = t.of(pid=t.pid, tid=t.pid)
    want = t.measure["wall_ns"]
    got = total(rows, "wall_ns")
    between("wall of the main thread", got, want - (80 if t.vm else 20) * MS - want // 100, want + MS)
    return f"{got} of {want} ns"


KERNEL = (("switches", check_switches), ("cpu", check_cpu), ("wall", check_wall))


# --- what each program knows ---

def check_cause(t, cause, share, comm=None):
    """At least share of the blocked time is put down to the cause."""
    rows = [r for r in t.tree() if comm is None or r["comm"] == comm]
    expect(rows, f"no thread {comm}")
    got, blocked = cause_ns(rows, cause), total(rows, "blocked_ns")
    expect(blocked > 0 and got >= share * blocked,
           f"blocked by {cause}: {got} of {blocked} ns; " +
           str({k: v for r in rows for k, v in r["blocked_by"].items() if v}))
    return f"{got} of {blocked} ns"


def check_cause_ns(t, cause, truth, slack_ms, comm=None):
    """The time of the cause is the program's own figure."""
    rows = [r for r in t.tree() if comm is None or r["comm"] == comm]
    got, want = cause_ns(rows, cause), t.truth[truth]
    within(f"blocked by {cause}", got, want, (30 if t.vm else slack_ms) * MS + want // 100,
           str({k: v for r in rows for k, v in r["blocked_by"].items() if v}))
    return f"{got} of {want} ns"


def check_reads(t):
    """A read's length is the wait for the device, less the CPU time that it took."""
    rows = t.tree()
    disk, want = cause_ns(rows, "disk"), t.truth["read_ns"]
    busy = total(rows, "on_cpu_ns") + total(rows, "run_queue_ns")
    # The file is written first, and waited for.
    between("blocked by disk", disk, want - busy, want + t.truth["setup_ns"] + 2 * MS)
    return f"{disk} of {want} ns in reads"


def check_never_blocks(t, comm):
    rows = t.of(comm=comm)
    expect(rows, f"no thread {comm}")
    wall, blocked = total(rows, "wall_ns"), total(rows, "blocked_ns")
    # A page fault or a mutex at its start and end is all that may block it.
    expect(blocked <= max(wall // 1000, MS), f"{blocked} ns blocked of {wall}")
    return f"{blocked} of {wall} ns"


def check_share_cpu(t, comm, kind):
    """Several on one CPU: each has the same share of it, and waits for it, preempted, the rest."""
    rows = t.of(comm=comm)
    expect(len(rows) >= 2, f"{len(rows)} threads {comm}")
    wall, on_cpu = total(rows, "wall_ns"), total(rows, "on_cpu_ns")
    waiting = sum(r["run_queue_by"][kind] for r in rows)
    for r in rows:
        within(f"share of CPU time of {r['tid']}", r["on_cpu_ns"] / on_cpu, 1 / len(rows), 0.05)
    # Less, if others want that CPU too.
    between("their share of CPU time", on_cpu / wall, 0.1, 1 / len(rows) + 0.02)
    expect(waiting >= 0.95 * total(rows, "run_queue_ns") > 0,
           f"{waiting} ns {kind} of {total(rows, 'run_queue_ns')} on the run queue")
    return f"{on_cpu} of {wall} ns on-CPU, {waiting} {kind}"


def check_window(t, threads):
    """Threads that live through the window have the window as their wall time."""
    whole = [r for r in t.threads if r["wall_ns"] == t.json["duration_ns"]]
    expect(len(whole) >= threads, f"{len(whole)} of {threads} threads last as long as the window; "
           f"walls {sorted({r['wall_ns'] for r in t.threads})[-5:]} of {t.json['duration_ns']}")
    return f"{len(whole)} threads of {t.json['duration_ns']} ns"


def check_schedstat_shares(t):
    """Mode pid: the window's edges are not known to the nanosecond, so the shares are compared with
    those of schedstat inside it. For threads that do the same all the time and never block."""
    before, after = t.tasks
    checked = 0
    for tid, (cpu, waited) in after.items():
        if tid not in before:
            continue
        cpu, waited = cpu - before[tid][0], waited - before[tid][1]
        rows = t.of(tid=tid)
        if cpu + waited < 200 * MS or not rows:
            continue
        want = cpu / (cpu + waited)
        got = total(rows, "on_cpu_ns") / total(rows, "wall_ns")
        within(f"on-CPU share of {tid}", got, want, 0.03 + t.steal_ns / (cpu + waited))
        checked += 1
    expect(checked, "no thread to compare")
    return f"{checked} threads"


def check_born(t, slack):
    """Every thread that was born has its account; those beyond --max-threads are in merged rows."""
    rows = [r for r in t.of(pid=t.truth["pid"]) if r["tid"] != t.truth["pid"]]
    got = sum(r["merged"] for r in rows)
    between("threads", got, t.truth["born"] - slack, t.truth["born"])
    return f"{got} of {t.truth['born']}"


def check_children(t, field, comm, cpu_ms, sleep_ms):
    """Each child's CPU time and sleep are known."""
    pids = {r["pid"] for r in t.tree() if r["comm"] == comm}
    expect(len(pids) == t.truth[field], f"{len(pids)} children of {t.truth[field]}")
    slept = 0
    for pid in pids:
        rows = t.of(pid=pid)
        between(f"on-CPU of child {pid}", total(rows, "on_cpu_ns"), cpu_ms * MS - MS // 2,
                cpu_ms * MS + (30 if t.vm else 4) * MS + t.steal_ns)
        expect(cause_ns(rows, "sleep") > 0, f"child {pid} did not sleep")
        slept += cause_ns(rows, "sleep")
    # A child that has to wait for a CPU on its way into the sleep sleeps less.
    want = len(pids) * sleep_ms * MS
    expect(slept >= want * (0.9 if t.vm else 0.98), f"children slept {slept} of {want} ns")
    return f"{len(pids)} children"


def check_execs(t):
    """One process through all its images: nothing counted twice, nothing left out. From the death of
    a main thread until the thread that called exec has its number there is no thread of that number."""
    rows = t.of(pid=t.pid)
    want = t.measure["wall_ns"]
    leader = sum(r["wall_ns"] for r in rows if r["tid"] == t.pid)
    between("wall of the process's main thread", leader, want - (80 if t.vm else 8) * MS,
            want + 2 * MS)
    compare_cpu(t, "all its images", rows, t.truth["cpu_ns"], after_ns=len(rows) * t.exit_ns)
    return f"{len(rows)} rows"


# --- scopes ---

def check_only(t, others=0):
    """Nobody but those asked for: the program, and with -p PID,PID the other one."""
    want = {t.truth["pid"]}
    if others:
        want.add(int(t.text("other")))
    got = {r["pid"] for r in t.threads}
    expect(got == want, f"processes {sorted(got)}, expected {sorted(want)}")
    return f"{len(got)} processes"


def check_all(t):
    """-a: this program, kernel threads, and infbpf's own surroundings."""
    mine = t.of(pid=t.truth["pid"])
    expect(len(mine) >= 2, f"{len(mine)} threads of the program")
    kernel = [r for r in t.threads if r["kthread"]]
    expect(any(r["comm"].startswith("ksoftirqd") for r in kernel), "no ksoftirqd")
    expect(len({r["pid"] for r in t.threads}) > 10, "hardly any processes")
    return f"{len(t.threads)} threads, {len(kernel)} of the kernel"


def check_throttled(t, comm):
    """A group with a fifth of a CPU: its thread is throttled, runnable, the rest of the time."""
    rows = t.of(comm=comm)
    wall, on_cpu = total(rows, "wall_ns"), total(rows, "on_cpu_ns")
    between("share of a CPU", on_cpu / wall, 0.1, 0.3)
    expect(total(rows, "blocked_ns") <= wall // 1000, f"blocked {total(rows, 'blocked_ns')} ns")
    queue = sum(r["run_queue_by"]["preempted"] + r["run_queue_by"]["throttled"] for r in rows)
    expect(queue >= 0.6 * wall, f"{queue} of {wall} ns preempted or throttled")
    return f"{on_cpu} of {wall} ns on-CPU, {queue} preempted or throttled"
