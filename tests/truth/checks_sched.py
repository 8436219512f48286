# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The checks of what a trace says of the scheduler: throttling, who preempted, who woke, CPUs."""

from collections import defaultdict

from harness import between, expect
from traced import total

MS = 1_000_000


# --- what holds for every trace ---

def check_sched_sums(t):
    """Parts are no more than what they are parts of."""
    rows = t.json["preempted_by"]
    queue, blocked, woken = defaultdict(int), defaultdict(int), defaultdict(int)
    for r in t.threads:
        queue[r["pid"]] += r["run_queue_ns"]
        blocked[r["pid"], r["tid"]] += r["blocked_ns"]
    stolen = defaultdict(int)
    for r in rows:
        expect(r["waits"] > 0 and r["wall_ns"] >= r["waits"] * 20_000, f"short waits in {r}")
        stolen[r["pid"]] += r["wall_ns"]
    for pid, ns in stolen.items():
        if pid is not None:
            expect(ns <= queue[pid], f"process {pid}: {ns} ns stolen of {queue[pid]} waited")
    for r in t.json["woken_by"]:
        woken[r["pid"], r["tid"]] += r["blocked_ns"]
    for who, ns in woken.items():
        expect(ns <= blocked[who], f"{who}: woken after {ns} ns of {blocked[who]} blocked")
    return f"{len(rows)} rows of preempted_by, {len(t.json['woken_by'])} of woken_by"


def check_cpus(t):
    """Each CPU's time is the window; what the targets had is what the threads' accounts hold."""
    cpus = t.json["cpus"]
    expect(cpus, "no CPUs")
    window = t.json["duration_ns"]
    known = [c for c in cpus if c["busy_ns"] is not None]
    for c in known:
        expect(c["busy_ns"] + c["idle_ns"] == window, f"{c}: not the window's {window}")
        expect(0 <= c["target_ns"] <= c["busy_ns"], f"{c}: more target than busy")
    if len(known) < len(cpus):
        return f"{len(cpus) - len(known)} of {len(cpus)} CPUs not seen"
    target, on_cpu = total(known, "target_ns"), total(t.threads, "on_cpu_ns")
    # Both go by the same switches, also where some are hidden. A command's process before its exec is no
    # part of the threads; an account may be lost; processes join a group between two switches.
    slack = MS
    if t.case.mode in ("command", "direct", "cgroup") or t.json["lost"]["threads"]:
        slack = (100 if t.vm else 5) * MS + on_cpu // 100 + t.lost_events * 10 * MS + t.steal_ns
    between("CPU time of the targets", target, on_cpu - slack, on_cpu + slack)
    return f"{target} ns of the targets, threads {on_cpu}"


ALWAYS = (("sched-sums", check_sched_sums), ("cpus", check_cpus))


# --- against what is known ---

def read_cpu_stat(t, name):
    """What the group was throttled, in ns: v1 throttled_time, v2 throttled_usec."""
    fields = dict(line.split() for line in t.text(name).splitlines())
    if "throttled_usec" in fields:
        return int(fields["throttled_usec"]) * 1000
    return int(fields["throttled_time"])


def check_cpu_stat(t, comm):
    rows = t.of(comm=comm)
    got = sum(r["run_queue_by"]["throttled"] for r in rows)
    # Its start may have been throttled, too.
    want = read_cpu_stat(t, "cpu.stat") - read_cpu_stat(t, "cpu.stat.before")
    expect(want > 300 * MS, f"only {want} ns throttled, says cpu.stat")
    # Not the same moments: the clock of a run queue is read at its own updates. In an emulated machine
    # what comes before the window, and after it, is enough to be throttled for a period.
    slack = want // 50 + (100 if t.vm else 2) * MS + t.steal_ns
    between("throttled", got, want - slack, want + slack)
    rest = total(rows, "run_queue_ns") - got
    return f"{got} ns, cpu.stat {want}; {rest} ns waited else"


def check_throttled_some(t):
    got = sum(r["run_queue_by"]["throttled"] for r in t.threads)
    expect(got > 100 * MS, f"{got} ns throttled")
    return f"{got} ns throttled"


def steals(t, pid, how):
    return [r for r in t.json["preempted_by"] if r["pid"] == pid and r["how"] == how]


def check_rival(t):
    """Whose CPU time is missing: while one of two runs, the other waits."""
    pid, want = t.truth["pid"], t.truth["rival_cpu_ns"]
    victim = t.of(pid=pid, tid=pid)
    rows = steals(t, pid, "preempted")
    mine = [r for r in rows if r["by_pid"] == t.truth["rival"]]
    expect(len(mine) == 1 and mine[0]["by_comm"] == "rival", f"rows of the rival: {mine}")
    expect(not mine[0]["by_kthread"], f"a kernel thread: {mine[0]}")
    waited = sum(r["run_queue_by"]["preempted"] for r in victim)
    # Others may come in between the two: the rest of that wait is booked with who took over.
    others = total(rows, "wall_ns") - mine[0]["wall_ns"]
    slack = want // 10 + (60 if t.vm else 10) * MS + t.steal_ns + others
    between("stolen by the rival", mine[0]["wall_ns"], want - slack, want + slack)
    expect(mine[0]["wall_ns"] >= 0.9 * (waited - others),
           f"rival {mine[0]['wall_ns']} of {waited} ns preempted, others {others}")
    return f"{mine[0]['wall_ns']} of {waited} ns, rival had {want}, others {others}"


def check_behind(t):
    """Who was there first: one of the two that want the same CPU."""
    pid = t.truth["pid"]
    idler = t.of(pid=pid, comm="idler")
    woken = sum(r["run_queue_by"]["woken"] for r in idler)
    rows = steals(t, pid, "behind")
    two = sum(r["wall_ns"] for r in rows if r["by_pid"] in (pid, t.truth["rival"]))
    if t.vm and woken < 20 * MS:
        # 6.12 lets it run for a moment when it wakes, and then it is preempted.
        return f"only {woken} ns to tell"
    expect(woken > 20 * MS, f"the idler waited {woken} ns")
    expect(two >= 0.5 * woken, f"{two} of {woken} ns behind the two: {rows}")
    return f"{two} of {woken} ns"


def check_waker(t, comm, by_comm, share, interrupt=False, part="woken_by", frames=()):
    """So much of a thread's blocked time was ended by the thread of that name."""
    rows = [r for r in t.json[part] if r["comm"] == comm]
    blocked = total(t.of(comm=comm), "blocked_ns")
    right = [r for r in rows if r["by_interrupt"] == interrupt and
             (by_comm is None or r["by_comm"] == by_comm)]
    for r in right:
        if by_comm is not None:
            tids = {x["tid"] for x in t.of(comm=by_comm)}
            expect(r["by_tid"] in tids, f"{r}: {by_comm} is {tids}")
        for frame in frames:
            expect(any(f == frame or f.startswith(frame + "_") for f in r["frames"]),
                   f"no {frame} among {r['frames']}")
    got = total(right, "blocked_ns")
    expect(blocked and got >= share * blocked, f"{got} of {blocked} ns: {rows[:6]}")
    return f"{got} of {blocked} ns"


def read_idle(t, name):
    """{cpu: (idle with iowait, all)} in ns, of /proc/stat."""
    idle = {}
    for line in t.text(name).splitlines():
        fields = line.split()
        if fields and fields[0].startswith("cpu") and fields[0] != "cpu":
            ticks = [int(f) for f in fields[1:9]]
            idle[int(fields[0][3:])] = ((ticks[3] + ticks[4]) * 10 * MS, sum(ticks) * 10 * MS)
    return idle


def check_proc_stat(t, pinned):
    """Idle shares, read within the window. Both count from a CPU's switch to its idle task. On the CPU
    of the pinned program the load is always the same; on others it is that of the test itself, and
    differs between the window and its part that was read."""
    before, after = read_idle(t, "stat.begin"), read_idle(t, "stat.end")
    notes = []
    for c in t.json["cpus"]:
        (idle0, all0), (idle1, all1) = before[c["cpu"]], after[c["cpu"]]
        want = (idle1 - idle0) / max(1, all1 - all0)
        got = c["idle_ns"] / t.json["duration_ns"]
        slack = 0.03 if c["cpu"] == pinned else 0.35 if t.vm else 0.2
        between(f"idle share of CPU {c['cpu']}", got, want - slack, want + slack)
        notes.append(f"CPU {c['cpu']} {got:.3f} ({want:.3f})")
    return ", ".join(notes)
