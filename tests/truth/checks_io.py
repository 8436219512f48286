# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks of what a trace says about I/O, against the program tests/truth/io.c."""

from collections import defaultdict

from harness import between, expect, within

# What a file system reads besides: where a file's blocks are.
METADATA = 256 << 10


def rows(t, kind):
    """The program's, on all devices."""
    return [r for r in t.json["io"] if r["kind"] == kind and r["pid"] == t.truth["pid"]]


def row(t, kind):
    found = rows(t, kind)
    expect(len(found) == 1, f"{len(found)} rows of {kind!r}: " +
           ", ".join(r["kind"] for r in t.json["io"]))
    return found[0]


def thread_sum(t, who, kind):
    found = [r for r in t.json["io_threads"] if r["tid"] == t.truth[who] and r["kind"] == kind]
    return sum(r["calls"] for r in found), sum(r["bytes"] for r in found), \
        sum(r["wall_ns"] for r in found)


def check_sums(t):
    """The threads' rows make up the processes'; a block request's two spans its time."""
    by_process, by_thread = defaultdict(int), defaultdict(int)
    for r in t.json["io"]:
        who = f"{r['process']} ({r['pid']}) {r['kind']} {r['device']}"
        ordered = [r["p50_ns"], r["p95_ns"], r["p99_ns"], r["max_ns"]]
        expect(ordered == sorted(ordered), f"{who}: percentiles {ordered}")
        expect(r["errors"] <= r["calls"], f"{who}: {r['errors']} errors of {r['calls']}")
        if r["kind"].startswith("block"):
            parts = r["queue_ns"] + r["device_ns"]
            expect(parts == r["wall_ns"], f"{who}: queue and device are {parts} of {r['wall_ns']}")
            expect(r["device"], f"{who}: no device")
        else:
            expect(r["queue_ns"] is None and r["device_p99_ns"] is None, f"{who}: a device's time")
        if r["kind"] == "file read":
            parts = r["hits"] + r["misses"] + r["errors"]
            expect(parts == r["calls"], f"{who}: hits, misses and errors are {parts} of {r['calls']}")
        else:
            expect(r["hits"] is None, f"{who}: hits")
        for field in ("calls", "bytes", "wall_ns"):
            by_process[r["pid"], r["kind"], r["device"], field] += r[field]
    for r in t.json["io_threads"]:
        for field in ("calls", "bytes", "wall_ns"):
            by_thread[r["pid"], r["kind"], r["device"], field] += r[field]
    for key in set(by_process) | set(by_thread):
        expect(by_process[key] == by_thread[key],
               f"{key}: processes {by_process[key]}, threads {by_thread[key]}")
    return f"{len(t.json['io'])} rows, {len(t.json['io_threads'])} of threads"


def check_calls(t, who, kind, each=1):
    """Number and bytes to the last one; their time is no longer than the work. each: how many of
    the program's rounds one call takes: 10 for the fsync after ten writes, which moves no bytes."""
    calls, moved, wall = thread_sum(t, who, kind)
    count = t.truth["count"] // each
    expect(calls == count, f"{kind}: {calls} calls, the program made {count}")
    want = count * t.truth["size"] if each == 1 else 0
    expect(moved == want, f"{kind}: {moved} bytes, the program moved {want}")
    between(f"{kind}: wall_ns", wall, 1, t.truth["work_ns"] + t.steal_ns)
    return f"{calls} calls, {moved} bytes, {wall // max(1, calls)} ns each"


def check_most(t, who, kind):
    """A thread that does nothing else spends its time in it."""
    wall = thread_sum(t, who, kind)[2]
    between(f"{kind}: share of the work's time", wall / t.truth["work_ns"], 0.4, 1.0)
    return f"{wall / t.truth['work_ns']:.1%} of the work's time"


def check_bytes(t, who, kind):
    """What is read in pieces as they come: the bytes are known, the calls are not."""
    calls, moved, _ = thread_sum(t, who, kind)
    want = t.truth["count"] * t.truth["size"]
    expect(moved == want, f"{kind}: {moved} bytes, the program moved {want}")
    expect(calls > 0, f"{kind}: no calls")
    return f"{calls} calls, {moved} bytes"


def check_block(t, kind, slack=METADATA):
    """Requests of the worker: its bytes, and little else. Not more calls' time than there was."""
    calls, moved, wall = thread_sum(t, "worker", kind)
    want = t.truth["count"] * t.truth["size"]
    between(f"{kind}: bytes", moved, want, want + slack)
    expect(calls > 0 and wall > 0, f"{kind}: {calls} requests, {wall} ns")
    r = row(t, kind)
    expect(r["device_p50_ns"] <= r["p50_ns"] * 1.07, f"{kind}: the device takes longer than all")
    return f"{calls} requests, {moved} bytes, p50 {r['p50_ns']} ns, device {r['device_p50_ns']} ns"


def check_requests(t, kind):
    """One request a call, where a call is small."""
    calls = thread_sum(t, "worker", kind)[0]
    within(f"{kind}: requests", calls, t.truth["count"], t.truth["count"] // 50)
    return str(calls)


def check_cache(t, low, high):
    """Reads that missed the page cache, as shares of all."""
    r = row(t, "file read")
    count = t.truth["count"]
    expect(r["calls"] == count, f"{r['calls']} file reads of the process, the program made {count}")
    between("misses", r["misses"], low * count, high * count)
    return f"{r['hits']} hits, {r['misses']} misses"


def check_errors(t, kind):
    r = row(t, kind)
    count = t.truth["count"]
    expect((r["calls"], r["errors"], r["bytes"]) == (count, count, 0),
           f"{kind}: {r['calls']} calls, {r['errors']} errors, {r['bytes']} bytes of {count} refused")
    return f"{count} errors"


def check_major_faults(t):
    found = t.of(tid=t.truth["worker"])
    got = sum(r["major_faults"] for r in found)
    expect(got == t.truth["major_faults"], f"{got} major faults, rusage says {t.truth['major_faults']}")
    expect(got == t.truth["count"], f"{got} major faults of {t.truth['count']} pages")
    return str(got)


def check_hook(t, name, kind):
    hook = [h for h in t.json["hooks"] if h["name"] == name]
    expect(hook and hook[0]["kind"] == kind, f"hook {name!r} is {hook}, not {kind}")
    return hook[0]["lost"] or "loses nothing"


def check_none(t):
    expect(t.json["io"] is None and t.json["io_threads"] is None, "I/O that was not asked for")
    expect(t.json["io_parts"] == [], f"parts {t.json['io_parts']}")
    expect(not any(h["name"].startswith("block") for h in t.json["hooks"]), "hooks on block requests")
    return "null"
