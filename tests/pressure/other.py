# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs of others under load: what they wait for has a name, in each of their processes."""

import contextlib
import os
import signal
import time
from collections import Counter, defaultdict

import checks
from harness import Report, Skip, expect, need_root, wait_until
from programs import PROGRAMS, below
from tracer import folder, tracing

OTHER = 0.02  # of a process's blocked time
LITTLE_NS = 20_000_000  # less than that is no share of anything
SECONDS = 4
SETTLE = 1.5

# Traced together: they load the machine for each other.
GROUPS = {
    "fio": ("fio-direct", "fio-buffered", "fio-fsync", "fio-write", "fio-libaio", "fio-uring",
            "fio-uring-fsync", "fio-mmap", "fio-threads"),
    "sysbench": ("sysbench-fileio", "sysbench-async", "sysbench-threads", "sysbench-mutex"),
    "servers": ("nginx", "postgres", "infer-serve"),
}


def started(stack, names):
    """Starts the programs, and waits until all are at work. Returns {pid: name of the program},
    [(name, why it is left out)]."""
    first, skipped, found = {}, [], {}
    for name in names:
        try:
            first[name] = stack.enter_context(PROGRAMS[name]())
        except Skip as e:
            skipped.append((name, e))
    for name, pids in first.items():
        wait_until(30, lambda name=name, pids=pids: at_work(name, pids), f"{name} is at work")
    time.sleep(SETTLE if first else 0)
    for name, pids in first.items():
        for pid in pids:
            expect(os.path.exists(f"/proc/{pid}/maps"), f"{name} ended at once")
            found.update({p: name for p in below(pid)})
    return found, skipped


def at_work(name, pids):
    """fio lays out its file before its jobs begin: processes, or many threads."""
    return not name.startswith("fio") or len(below(pids[0])) > 1 or \
        len(os.listdir(f"/proc/{pids[0]}/task")) > 4


def end_all(found):
    """At once: each would wait for a CPU, one after the other."""
    for pid, name in found.items():
        with contextlib.suppress(ProcessLookupError):
            if name.startswith(("fio", "sysbench")):
                os.kill(pid, signal.SIGKILL)


def shares(j, pid):
    """Blocked time of a process by cause."""
    by = Counter()
    for r in j["threads"]:
        if r["pid"] == pid:
            by.update(r["blocked_by"])
    return by


def others(j, pid):
    """What `other` is made of, as infbpf itself says."""
    rows = sorted((w for w in j["waits"] if w["pid"] == pid and w["cause"] == "other"),
                  key=lambda w: -w["blocked_ns"])
    return ", ".join(f"{w['frame'] or w['kind']} {w['blocked_ns'] / 1e6:.1f} ms" for w in rows[:3])


def check_named(j, pids):
    """pids: of one program."""
    notes, bad, most = [], [], Counter()
    for pid in pids:
        by = shares(j, pid)
        blocked = sum(by.values())
        most.update(by)
        if blocked < LITTLE_NS:
            continue
        share = by["other"] / blocked
        notes.append(share)
        if share >= OTHER:
            bad.append(f"{pid}: {100 * share:.2f} % of {blocked / 1e6:.0f} ms: {others(j, pid)}")
    expect(not bad, "; ".join(bad))
    expect(notes, "hardly blocked")
    return f"{len(notes)} processes, at most {100 * max(notes):.2f} % of one; " + ", ".join(
        f"{cause} {ns / 1e6:.0f} ms" for cause, ns in most.most_common(5) if ns)


def check_sum(j, pids):
    """The rows of waits sum to the blocked time."""
    for pid in pids:
        rows = sum(w["blocked_ns"] for w in j["waits"] if w["pid"] == pid)
        there = sum(r["blocked_ns"] for r in j["threads"] if r["pid"] == pid)
        expect(rows == there, f"{pid}: waits sum to {rows}, blocked is {there}")


def group(name):
    need_root()
    report = Report()
    with contextlib.ExitStack() as stack:
        found, skipped = started(stack, GROUPS[name])
        for program, why in skipped:
            report.check(program, skip, why)
        expect(found or skipped, "no program")
        if not found:
            return 0
        with tracing(folder(name), SECONDS, "-p", ",".join(map(str, found))) as t:
            j = t.finish()
        end_all(found)
    report.check("sums", checks.sums, j, t.folded)
    programs = defaultdict(list)
    for pid, program in found.items():
        programs[program].append(pid)
    for program, pids in programs.items():
        report.check(program, check_named, j, pids)
    report.check("waits", check_sum, j, found)
    return 1 if report.failed else 0


def skip(why):
    raise why


TESTS = {f"other-{name}": (120, lambda name=name: group(name)) for name in GROUPS}
