# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks of CUDA calls of known number, bytes and length (tests/truth/cuda)."""

from harness import between, expect, within
from traced import cause_ns, total

US = 1000
MS = 1_000_000
CALLS = ("cudaMalloc", "cudaFree", "cudaMemcpy", "cudaMemcpyAsync", "cudaLaunchKernel",
         "cudaStreamSynchronize", "cudaDeviceSynchronize")


def check_counts(t):
    """Exact: calls that began and ended, errors, bytes of those that succeeded."""
    for name in CALLS:
        got, want = t.call(name), t.truth
        expect(got["api"] == "runtime", f"{name}: api {got['api']}")
        for field in ("calls", "errors"):
            expect(got[field] == want[f"{name}.{field}"],
                   f"{name}: {got[field]} {field}, the program made {want[f'{name}.{field}']}")
        if want[f"{name}.bytes"]:
            expect(got["bytes"] == want[f"{name}.bytes"],
                   f"{name}: {got['bytes']} bytes of {want[f'{name}.bytes']}")
    return f"{sum(t.call(n)['calls'] for n in CALLS)} calls"


def check_kinds(t):
    """The program's copies of kind "default" are from device memory to device memory that it allocated
    under the trace."""
    for kind in ("H2H", "H2D", "D2H", "D2D", "default"):
        rows = [c for c in t.json["copies"] if c["kind"] == kind and c["pid"] == t.truth["pid"]]
        for field in ("calls", "bytes"):
            want = {"D2D": t.truth[f"D2D.{field}"] + t.truth[f"default.{field}"],
                    "default": 0}.get(kind, t.truth[f"{kind}.{field}"])
            got = total(rows, field)
            expect(got == want, f"{kind}: {got} {field} of {want}")
    return "5 kinds"


def check_parts(t):
    for name in CALLS:
        c = t.call(name)
        parts = c["on_cpu_ns"] + c["run_queue_ns"] + c["blocked_ns"]
        expect(parts == c["wall_ns"], f"{name}: states sum to {parts}, wall is {c['wall_ns']}")
        expect(c["p50_ns"] <= c["p95_ns"] <= c["p99_ns"], f"{name}: percentiles out of order")
    # A thread is in one call at most at either edge of the window.
    for edge in ("open_at_start", "open_at_end"):
        n = sum(t.call(name)[edge] for name in CALLS)
        expect(n <= len(t.json["threads"]), f"{n} calls {edge} of {len(t.json['threads'])} threads")
    return ""


def trap_ns(t):
    """What a probe adds to a call between the program's clocks: two traps, generously."""
    return 20 * US if not t.vm else 200 * US


def check_lengths(t):
    """The program's clocks stand outside the probes: a call cannot have taken longer than they say,
    nor much shorter. Percentiles come from a histogram of 6.25 % wide buckets."""
    notes = []
    outside = total(t.of(comm="caller"), "run_queue_ns") - sum(t.call(n)["run_queue_ns"] for n in CALLS)
    for name in CALLS:
        c, calls = t.call(name), t.truth[f"{name}.calls"]
        wall = t.truth[f"{name}.wall_ns"]
        # The thread may lose its CPU between its clock and the probe.
        between(f"wall of {name}", c["wall_ns"], wall - calls * trap_ns(t) - wall // 100 - outside,
                wall + wall // 1000)
        between(f"max of {name}", c["max_ns"], c["p95_ns"], t.truth[f"{name}.max_ns"] + US)
        p50 = t.truth[f"{name}.p50_ns"]
        if p50 >= 50 * US:
            slack = p50 // 16 + 2 * US + (0 if not t.vm else trap_ns(t))
            within(f"p50 of {name}", c["p50_ns"], p50, slack)
        notes.append(f"{name} p50 {c['p50_ns'] / US:.1f} of {p50 / US:.1f} us")
    return "; ".join(notes)


def check_states(t):
    """Calls that spin are on the CPU; calls that sleep are blocked."""
    sync = t.call("cudaStreamSynchronize")
    expect(sync["blocked_ns"] <= sync["wall_ns"] // 100, f"a spinning call blocked: {sync}")
    device = t.call("cudaDeviceSynchronize")
    slept = t.truth["cudaDeviceSynchronize.calls"] * 2 * MS
    spun = t.truth["cudaDeviceSynchronize.calls"] * 100 * US
    expect(device["blocked_ns"] >= slept, f"slept {slept} ns, blocked {device['blocked_ns']}")
    expect(device["on_cpu_ns"] >= spun * 0.9 and
           device["on_cpu_ns"] <= spun + t.truth["cudaDeviceSynchronize.calls"] * trap_ns(t) * 3,
           f"spun {spun} ns, on-CPU {device['on_cpu_ns']}")
    # One may be over before the thread is off its CPU.
    expect(device["voluntary_switches"] >= 0.9 * t.truth["cudaDeviceSynchronize.calls"],
           f"{device['voluntary_switches']} voluntary switches in as many sleeps or more")
    return f"device sync: {device['on_cpu_ns']} on-CPU, {device['blocked_ns']} blocked"


def check_call_switches(t):
    """Switches within calls, against the kernel's own count around them. Between the program's reading
    and the probe the thread may lose its CPU, but has nothing to wait for."""
    slack = 0 if t.vm else t.lost_events
    notes = []
    for name in CALLS:
        call = t.call(name)
        got = call["voluntary_switches"], call["involuntary_switches"]
        want = t.truth[f"{name}.voluntary"], t.truth[f"{name}.involuntary"]
        within(f"voluntary switches of {name}", got[0], want[0], slack + 1)
        between(f"involuntary switches of {name}", got[1], 0, want[1] + slack)
        notes.append(f"{name} {got[0]} + {got[1]} of {want[0]} + {want[1]}")
    # Long, and on the CPU: most of what it loses it loses inside.
    got, want = t.call("cudaStreamSynchronize"), t.truth["cudaStreamSynchronize.involuntary"]
    expect(got["involuntary_switches"] >= want / 2 - 5 - slack, f"{got} of {want} involuntary")
    return ", ".join(notes)


def check_blocked_by_gpu(t):
    """Blocked inside a CUDA call is blocked by the GPU call, whatever the system call."""
    rows = t.of(pid=t.truth["pid"], comm="caller")
    in_calls = sum(t.call(n)["blocked_ns"] for n in CALLS)
    got = cause_ns(rows, "GPU call")
    within("blocked by GPU call", got, in_calls, MS + in_calls // 1000)
    return f"{got} of {in_calls} ns"


def check_left(t):
    """Calls left by longjmp are told apart; the one that the process's end cut short is not a call."""
    device, sync = t.call("cudaDeviceSynchronize"), t.call("cudaStreamSynchronize")
    expect(device["abandoned"] == t.truth["jumps"],
           f"{device['abandoned']} abandoned of {t.truth['jumps']} longjmps")
    cut = sync["abandoned"] + sync["open_at_end"]
    expect(cut == 1, f"{sync['abandoned']} abandoned and {sync['open_at_end']} open at the end of "
           "the one cut short by the process's end")
    return f"{device['abandoned']} abandoned, {cut} cut short"


def check_frames(t):
    """The call is a frame of its time's stacks. So is that of a call that was left, or did not end."""
    for name, more in (("cudaDeviceSynchronize", t.truth["jumps"] * (2 * MS if t.vm else 50 * US)),
                       ("cudaStreamSynchronize", (300 if t.vm else 50) * MS)):
        # cudaDeviceSynchronize calls cudaStreamSynchronize, and the outer call counts.
        inside = {"cudaStreamSynchronize": "cudaDeviceSynchronize"}.get(name)
        got = sum(line.value for line in t.folded
                  if name in line.frames and inside not in line.frames)
        want = t.call(name)["wall_ns"]
        between(f"folded lines with {name}", got, want * 0.99, want * 1.01 + MS + more)
    return ""


def check_callers(t):
    """A pending return probe hides the caller from stack walks: the frame outside the call is there
    all the same. (Not in the first instructions of a function, where it has no frame of its own.)"""
    call = "cudaStreamSynchronize"
    outside = {"called": 0, "all": 0}
    for line in t.folded:
        if line.thread != "caller" or call not in line.frames:
            continue
        outside["all"] += line.value
        before = line.frames[:line.frames.index(call)]
        inner = before[-1:] == ["cudaDeviceSynchronize"]
        if before[-2 if inner else -1:][:1] in (["caller"], ["take_step"], ["make_call"]):
            outside["called"] += line.value
    expect(outside["all"] > 0, f"no stacks with {call}")
    expect(outside["called"] >= 0.9 * outside["all"],
           f"{outside['called']} of {outside['all']} ns in {call} have their caller beside them")
    return f"{outside['called'] / outside['all']:.1%}"


def check_uncovered(t):
    """What was not probed from the first call on is told; calls from then on are there. On an
    emulated CPU some eighty probes by perf events take seconds, and the program is quick until
    then: how much is left says nothing there, so long as it is something."""
    missed = 0
    for name in CALLS:
        got, want = t.call(name)["calls"], t.truth[f"{name}.calls"]
        between(f"{name} calls", got, want // 50 if t.vm else want // 2, want)
        missed += want - got
    uncovered = t.json["lost"]["uncovered_ns"]
    expect(uncovered > 0 or missed == 0, f"{missed} calls missed, and no time uncovered")
    life = t.truth["end_ns"] - t.truth["begin_ns"]
    between("time uncovered", uncovered, 0, life if t.vm else 1000 * MS)
    return f"{missed} calls missed in {uncovered} ns uncovered"


def check_window_calls(t):
    """A window inside the program's life: calls made inside it, so fewer than all; the lengths are
    those of any call."""
    for name, low_us, high_us in (("cudaDeviceSynchronize", 2100, 2700),
                                  ("cudaStreamSynchronize", 300, 345)):
        c = t.call(name)
        between(f"{name} calls", c["calls"], 50, t.truth[f"{name}.calls"])
        if not t.vm:
            between(f"p50 of {name}", c["p50_ns"], low_us * US * 0.93, high_us * US)
    device, sync = t.call("cudaDeviceSynchronize"), t.call("cudaStreamSynchronize")
    within("two stream synchronisations a device synchronisation", sync["calls"],
           2 * device["calls"], 6)
    edge = device["open_at_start"] + device["open_at_end"]
    between("calls over the window's edges", edge, 0, 8)
    return f"{device['calls']} and {sync['calls']} calls"
