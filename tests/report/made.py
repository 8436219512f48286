# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A profile made by hand, as trace --json writes one: every part of it, and hostile names."""

import copy
import random

MS = 1000000
CAUSES = ("GPU call", "lock", "disk", "network", "poll", "sleep", "page fault", "other")
HOSTILE = '<script>bad()</script>'
WINDOW = 10000 * MS


def thread(r, tid, comm, busy):
    """busy: how much of the window it was on a CPU."""
    on_cpu = int(WINDOW * busy)
    woken, preempted, throttled = (r.randrange(on_cpu // 20 + 2) for _ in range(3))
    blocked = WINDOW - on_cpu - woken - preempted - throttled
    by, left = {}, blocked
    for cause in r.sample(CAUSES, 3):
        by[cause] = left // 2
        left -= by[cause]
    by["lock"] = by.get("lock", 0) + left
    return {"pid": 100, "tid": tid, "comm": comm, "process": "server", "merged": 1, "start_ns": 0,
            "wall_ns": WINDOW, "on_cpu_ns": on_cpu, "run_queue_ns": woken + preempted + throttled,
            "blocked_ns": blocked,
            "run_queue_by": {"woken": woken, "preempted": preempted, "throttled": throttled},
            "blocked_by": by, "gpu_call_ns": on_cpu // 2, "voluntary_switches": r.randrange(100000),
            "involuntary_switches": r.randrange(1000), "migrations": 7, "major_faults": 3,
            "preempted_most_ns": preempted // 2, "preempted_most_by": "neighbour <b>", "kthread": False,
            "ended": False}


def quantiles(r, scale):
    p50 = scale + r.randrange(scale)
    return {"p50_ns": p50, "p95_ns": p50 * 3, "p99_ns": p50 * 4 + 1, "max_ns": p50 * 7 + 3}


def split(r, wall, crossing=False):
    """crossing: a wait between threads, of which only the length is known."""
    keys = ("on_cpu_ns", "run_queue_ns", "throttled_ns", "blocked_ns", "gpu_calls_ns")
    if crossing:
        return {"wall_ns": wall, **dict.fromkeys(keys), "blocked_by": {}}
    on_cpu, queue = wall // 3 + r.randrange(99), wall // 50
    blocked = wall - on_cpu - queue
    return {"wall_ns": wall, "on_cpu_ns": on_cpu, "run_queue_ns": queue, "throttled_ns": queue // 2,
            "blocked_ns": blocked, "blocked_by": {"GPU call": blocked - blocked // 4, "lock": blocked // 4},
            "gpu_calls_ns": wall // 2}


PARTS = (("tokeniser queue", "wait", .05, .04), ("tokenise", "stage", .03, .02),
         ("batch queue", "wait", .2, .62), ("prefill", "stage", .22, .1), ("decode", "stage", .35, .15),
         ("[pass of others]", "others", .1, .04), ("detokenise", "stage", .02, .01),
         (HOSTILE, "stage", .01, .01), ("[not marked]", "rest", .02, .01))


def part(r, name, kind, p50, p95):
    wall = int(400 * 80 * MS * p50)
    crossing = kind != "stage"
    return {"name": name, "kind": kind, "requests": 400, "spans": 400, **split(r, wall, crossing),
            "slow": split(r, wall // 15, crossing), **quantiles(r, int(80 * MS * p50)),
            "share_p50": p50, "share_p95": p95, "share_p99": p95}


def requests(r):
    latency = quantiles(r, 80 * MS)
    return {"pid": 100, "process": "server", "count": 400, "begun": 405, "open_at_start": 3,
            "open_at_end": 8, "dropped": 2, "lost": 1, "tokens_in": 12345, "tokens_out": 6400,
            "latency_ns": 400 * 80 * MS, **latency, "first_token": quantiles(r, 30 * MS),
            "per_token": quantiles(r, 3 * MS), **split(r, 300 * 80 * MS),
            "slow": {"requests": 20, **split(r, 15 * 80 * MS)}, "parts": [part(r, *p) for p in PARTS],
            "passes": [{"name": "prefill", "count": 200, "requests": 400, "tokens": 12345,
                        "padded": 20000, "sizes": {"1": 80, "2": 60, "3": 40, "4": 20},
                        **quantiles(r, 10 * MS)},
                       {"name": "decode", "count": 1900, "requests": 6000, "tokens": 6000,
                        "padded": 7000, "sizes": {"1": 300, "3": 900, "4": 700},
                        **quantiles(r, 3 * MS)}]}


def stage(r, name, source, count):
    times = quantiles(r, 2 * MS)
    return {"pid": 100, "process": "server", "name": name, "source": source, "count": count,
            "abandoned": 1, "open_at_end": 0, **split(r, count * 2 * MS), **times}


def call(r, name, group, calls, mean):
    wall = calls * mean
    return {"pid": 100, "process": "server", "name": name, "api": "runtime", "group": group,
            "inside": None, "calls": calls, "errors": 0, "abandoned": 0, "open_at_start": 0,
            "open_at_end": 1, "bytes": 4096 * calls if group == "copy" else 0, "wall_ns": wall,
            "on_cpu_ns": wall // 2, "run_queue_ns": wall // 10,
            "blocked_ns": wall - wall // 2 - wall // 10, "voluntary_switches": calls // 2,
            "involuntary_switches": 3, **quantiles(r, mean), "waited": calls // 3,
            "blocked_calls": calls // 4, "spun": calls // 10}


def timeline(threads, slices=200):
    length, rows = WINDOW // slices, []
    for i, t in enumerate(threads):
        on_cpu = [int(length * ((k * (i + 1)) % 17) / 20) for k in range(slices)]
        queue = [length // 20 if k % 5 == 0 else 0 for k in range(slices)]
        rows.append({"pid": 100, "tid": t["tid"], "comm": t["comm"], "on_cpu_ns": on_cpu,
                     "run_queue_ns": queue,
                     "blocked_ns": [length - a - b for a, b in zip(on_cpu, queue)]})
    return {"slice_ns": length, "threads": rows}


def profile(seed=1, threads=12):
    r = random.Random(seed)
    names = ["executor", "batcher", "tokenizer-0", HOSTILE, 'quote" onload="bad()', "&amp; & \u202e;x"]
    rows = [thread(r, 101 + i, (names + ["worker-%d" % i] * threads)[i], .6 / (i + 1)) for i in range(threads)]
    rows += [thread(r, 900, "emu-gpu/0", .5)]
    who = {k: rows[0][k] for k in ("pid", "tid", "comm")}
    stack = ["main", HOSTILE, "std::vector<int, std::allocator<int> >::push_back(int&&)", "futex_wait_[k]"]
    waits = {}
    for t in rows:
        for cause, ns in t["blocked_by"].items():
            waits[cause] = waits.get(cause, 0) + ns
    kinds = {"lock": "futex", "disk": "disk read", "network": "TCP receive", "sleep": "nanosleep"}
    return {
        "version": 1, "duration_ns": WINDOW, "host": "made", "kernel": "6.1.0", "runtime": "emu",
        "runtime_version": "13", "target": "server " + HOSTILE + " (100)",
        "io_parts": ["block", "file", "net", "uring"], "period_ns": 10 * MS, "stacks": 12345,
        "hooks": [{"name": "switch", "kind": "kprobe", "lost": "wake-ups from interrupts"}],
        "threads": rows,
        "waits": [{"pid": 100, "process": "server", "cause": c, "kind": kinds.get(c, c),
                   "frame": "do_wait_[k]" if c == "other" else None, "blocked_ns": ns,
                   "waits": 77 * (i + 1)} for i, (c, ns) in enumerate(sorted(waits.items()))],
        "preempted_by": [{"pid": 100, "process": "server", "by_pid": 555, "by_comm": HOSTILE,
                          "by_kthread": False, "how": "preempted", "waits": 500, "wall_ns": 321 * MS}],
        "woken_by": [{**who, "by_pid": 100, "by_tid": 102, "by_comm": "batcher", "by_kthread": False,
                      "by_interrupt": False, "blocked_ns": 1234 * MS}],
        "wakers": None,
        "cpus": [{"cpu": 0, "busy_ns": 6000 * MS, "target_ns": 5000 * MS, "idle_ns": 4000 * MS,
                  "steal_ns": 10 * MS}],
        "gpu_calls": [call(r, "cudaStreamSynchronize", "sync", 4000, MS),
                      call(r, "cudaLaunchKernel", "launch", 90000, 7000),
                      call(r, "cudaMemcpyAsync", "copy", 8000, 30000),
                      call(r, "cudaMalloc", "alloc", 50, 200000)],
        "gpu_errors": [{"pid": 100, "call": "cudaMalloc", "inside": None, "code": 2,
                        "error": "cudaErrorMemoryAllocation", "calls": 3}],
        "streams": [{"pid": 100, "stream": "0x7f12345678", "calls": 94000, "launches": 90000,
                     "copies": 4000, "bytes": 4096 * 4000, "wall_ns": 900 * MS, "syncs": 4000,
                     "sync_ns": 4000 * MS}],
        "copies": [{"pid": 100, "kind": "H2D", "calls": 8000, "bytes": 4096 * 8000, "wall_ns": 240 * MS,
                    "sizes": [{"up_to_bytes": 4096, "calls": 7000}, {"up_to_bytes": 8192, "calls": 1000}]}],
        "launches": [{"pid": 100, "kernel": "void matmul<float, 32>(float*, float const*)",
                      "site": HOSTILE, "graph": False, "calls": 90000, "errors": 0, "wall_ns": 630 * MS,
                      "gaps": 89999, "gap_ns": 4321 * MS}],
        "launch_threads": [{**who, "launches": 90000, "wall_ns": 630 * MS, "gaps": 89999,
                            "gap_ns": 4321 * MS, "gap_p50_ns": 2000, "gap_p95_ns": 90000,
                            "gap_p99_ns": 900000, "gap_max_ns": 55 * MS}],
        "memory": [{"pid": 100, "kind": "device", "allocations": 50, "frees": 40, "bytes": 50 << 20,
                    "live": 10, "live_bytes": 10 << 20, "peak_bytes": 30 << 20, "unknown_frees": 2}],
        "allocations": [{"pid": 100, "kind": "device", "call": "cudaMalloc", "allocations": 50,
                         "bytes": 50 << 20, "live": 10, "live_bytes": 10 << 20,
                         "frames": ["main", "load <T>", "cudaMalloc"]}],
        "switches": [{**who, "voluntary": 40000, "involuntary": 12, "error": 150, "wall_ns": 3000 * MS,
                      "frames": stack}],
        "stages": [stage(r, "decode", "mark", 1900), stage(r, "prefill", "mark", 200),
                   stage(r, "tokenise", "function", 405), stage(r, HOSTILE, "nvtx", 9)],
        "requests": [requests(r)],
        "io": [{"pid": 100, "process": "server", "kind": "file read", "device": None, "calls": 700,
                "errors": 2, "bytes": 700 << 12, "wall_ns": 70 * MS, **quantiles(r, 90000),
                **dict.fromkeys(p + q for p in ("queue_", "device_") for q in
                                ("ns", "p50_ns", "p95_ns", "p99_ns", "max_ns")),
                "hits": 600, "misses": 98}],
        "io_threads": [{**who, "kind": "file read", "device": None, "calls": 700, "bytes": 700 << 12,
                        "wall_ns": 70 * MS}],
        "verdict": None,
        "not_measured": [{"what": "GPU kernel time", "why": "needs CUPTI"}],
        "stacks_reach": {"whole_ns": 100000 * MS, "truncated_ns": 300 * MS, "incomplete_ns": 20 * MS,
                         "none_ns": 40 * MS},
        "events": {"switches": 987654, "booked": 876543, "idle": 98765, "wakeups": 456789},
        "lost": {"events": 0, "stacks": 3, "ring": 0, "map_full": 0, "missed_runs": 0, "uncovered_ns": 0,
                 "threads": 0, "returns": 0, "spans": 12, "memory": 0},
        "overhead": {"bpf_ns": 123 * MS, "bpf_runs": 2000000, "trap_ns": 234 * MS, "trap_hits": 200000,
                     "user_cpu_ns": 345 * MS, "start_cpu_ns": 56 * MS, "rss_bytes": 40 << 20,
                     "map_bytes": 30 << 20},
        "timeline": timeline(rows),
    }


def without(found, *keys):
    found = copy.deepcopy(found)
    for key in keys:
        found[key] = None
    return found
