# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks of streams, and of calls that wait (tests/truth/cuda/cuda_streams.c)."""

from harness import between, expect
from traced import total

US = 1000
COUNTS = ("calls", "launches", "copies", "bytes", "syncs")


def streams(t, per_thread):
    """(what the program calls it, its rows)"""
    for name in ("first", "second", "default"):
        handle = t.truth[f"stream.{name}.handle"]
        shown = hex(handle) if handle else "per-thread" if per_thread else "default"
        yield name, [r for r in t.json["streams"]
                     if r["stream"] == shown and r["pid"] == t.truth["pid"]]


def check_streams(t, per_thread=False):
    """Each stream's calls, launches, copies and bytes."""
    for name, rows in streams(t, per_thread):
        expect(len(rows) == 1, f"{len(rows)} rows of the {name} stream: {t.json['streams']}")
        for field in COUNTS:
            got, want = rows[0][field], t.truth[f"stream.{name}.{field}"]
            # Copies that do not name a stream are on the default one.
            expect(got == want, f"{name}: {got} {field} of {want}")
    return f"{len(t.json['streams'])} streams"


def check_sync_time(t, per_thread=False):
    """Time in waits for each: within the program's clocks around them. The streams are unbalanced."""
    walls = []
    # A thread may lose its CPU between a clock and a probe.
    mine = t.calls(t.truth["pid"])
    queued = total(t.of(pid=t.truth["pid"]), "run_queue_ns") - total(mine, "run_queue_ns")
    for name, rows in streams(t, per_thread):
        want, syncs = t.truth[f"stream.{name}.sync_ns"], t.truth[f"stream.{name}.syncs"]
        trap = (200 if t.vm else 20) * US * syncs
        between(f"waits for the {name} stream", rows[0]["sync_ns"],
                want - trap - want // 50 - queued, want)
        expect(rows[0]["wall_ns"] >= rows[0]["sync_ns"], f"{name}: {rows[0]}")
        walls.append(rows[0]["sync_ns"])
    expect(walls[0] > 2 * walls[1], f"unbalanced streams: {walls}")
    return f"{walls} ns"


def starved(t, row, slept):
    """How many of the calls that slept may have waited as long for a CPU, or had their sleep hidden by
    the host."""
    return row["run_queue_ns"] // t.truth[slept] + (1 if t.vm else t.lost_events)


def check_waits(t):
    """Waits that spin are told from those that block, and asynchronous copies that block from others."""
    sync, copy = t.call("cudaStreamSynchronize"), t.call("cudaMemcpyAsync")
    spun, blocked = t.truth["spun_syncs"], t.truth["blocked_syncs"]
    expect(sync["waited"] == spun + blocked, f"{sync['waited']} waited of {spun + blocked}")
    between("blocked", sync["blocked_calls"], blocked - starved(t, sync, "sync_sleep_ns"), blocked)
    # One that had to let others have its CPU was less than three quarters of its time on one.
    between("spun", sync["spun"], spun - sync["involuntary_switches"], spun)
    blocked = t.truth["blocked_copies"]
    between("copies that blocked", copy["blocked_calls"],
            blocked - starved(t, copy, "copy_sleep_ns"), blocked)
    # Of those that do not block, some may be interrupted. (Emulated, any call may take that long.)
    between("copies that waited", copy["waited"], blocked,
            copy["calls"] if t.vm else blocked + copy["involuntary_switches"] + 3)
    return f"{sync['spun']} spun, {sync['blocked_calls']} and {copy['blocked_calls']} blocked"


def check_stream_sums(t):
    """What is on streams is no more than all."""
    launches = total([c for c in t.calls() if c["name"].startswith("cudaLaunch")], "calls")
    got = total(t.json["streams"], "launches")
    expect(got == launches, f"streams have {got} of {launches} launches")
    return ""
