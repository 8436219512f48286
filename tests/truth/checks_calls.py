# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks of CUDA calls against a program's book of them (tests/truth/cuda/book.h): exact."""

import re
from collections import defaultdict

from harness import between, expect
from traced import total

# Codes that the programs have calls return, and their names in driver_types.h.
ERRORS = {1: "cudaErrorInvalidValue", 2: "cudaErrorMemoryAllocation", 35: "cudaErrorInsufficientDriver",
          98: "cudaErrorInvalidDeviceFunction", 700: "cudaErrorIllegalAddress",
          719: "cudaErrorLaunchFailure", 99999: None}
NOT_READY = 600
# What may be counted besides: how launches get at a kernel's handle. Probed where launches are.
NOT_BOOKED = {"__cudaGetKernel"}
LENGTHS = ("wall_ns", "on_cpu_ns", "run_queue_ns", "blocked_ns", "voluntary_switches",
           "involuntary_switches", "p50_ns", "p95_ns", "p99_ns", "max_ns")


def plain(name):
    """Variants count as the call they are one of."""
    return re.sub(r"(_v\d)?(_pt[sd][sz])?$", "", name)


def booked(t):
    """{call: {"calls", "errors", "bytes"}}"""
    book = defaultdict(lambda: defaultdict(int))
    for key, value in t.truth.items():
        match = re.fullmatch(r"(cu[dA-Z]\w*)\.(calls|errors|bytes)", key)
        if match:
            book[plain(match[1])][match[2]] += value
    expect(book, "the program booked no calls")
    return book


def check_booked(t, *without):
    """Calls, errors and bytes of every call, and no others. without: fields that were not measured."""
    book = booked(t)
    for name, want in book.items():
        rows = [c for c in t.calls(t.truth["pid"]) if c["name"] == name]
        expect(rows or not want["calls"], f"{name}: not in gpu_calls")
        for row in rows:
            api = "runtime" if name.startswith("cuda") else "driver"
            expect(row["api"] == api, f"{name}: api {row['api']}")
        for field in ("calls", "errors", "bytes"):
            if field in without:
                continue
            got = total(rows, field)
            expect(got == want[field], f"{name}: {got} {field}, the program made {want[field]}")
    others = {c["name"]: c["calls"] for c in t.calls(t.truth["pid"])
              if c["calls"] and c["name"] not in book and c["name"] not in NOT_BOOKED}
    expect(not others, f"calls that the program did not make, or that are inside of others: {others}")
    return f"{sum(b['calls'] for b in book.values())} calls of {len(book)} names"


def check_only(t, *names):
    """--gpu-calls: nothing else was probed."""
    book = booked(t)
    got = {c["name"] for c in t.json["gpu_calls"]} - NOT_BOOKED
    expect(got == set(names), f"gpu_calls has {sorted(got)}, asked for {sorted(names)}")
    for name in names:
        calls = t.call(name)["calls"]
        expect(calls == book[name]["calls"], f"{name}: {calls} of {book[name]['calls']} calls")
    return ", ".join(sorted(got))


def check_codes(t):
    """Errors by call and code, with the code's name."""
    want = defaultdict(int)
    for key, value in t.truth.items():
        match = re.fullmatch(r"(cu[dA-Z]\w*)\.code\.(\d+)", key)
        if match and int(match[2]) != NOT_READY:
            want[plain(match[1]), int(match[2])] += value
    got = defaultdict(int)
    for row in t.json["gpu_errors"]:
        expect(row["pid"] == t.truth["pid"], f"pid {row['pid']}: {row}")
        if row["inside"] is None and row["code"] != NOT_READY and row["call"] not in NOT_BOOKED:
            got[row["call"], row["code"]] += row["calls"]
            name = ERRORS.get(row["code"], row["error"])
            expect(row["error"] == name, f"{row['code']} is called {row['error']}, not {name}")
    expect(dict(got) == dict(want), f"errors by call and code {dict(got)}, expected {dict(want)}")
    return f"{len(want)} calls and codes"


def check_copies(t):
    """Copies by kind: calls, bytes, sizes."""
    kinds = 0
    for kind in ("H2H", "H2D", "D2H", "D2D", "default"):
        rows = [c for c in t.json["copies"] if c["kind"] == kind]
        want = {f: t.truth[f"copy.{kind}.{f}"] for f in ("calls", "bytes")}
        for field in ("calls", "bytes"):
            got = total(rows, field)
            expect(got == want[field], f"{kind}: {got} {field} of {want[field]}")
        kinds += want["calls"] > 0
    return f"{kinds} kinds"


def check_sizes(t):
    checked = 0
    for kind in ("H2H", "H2D", "D2H", "D2D", "default"):
        want = {int(key.rsplit(".", 1)[1]): value for key, value in t.truth.items()
                if key.startswith(f"copy.{kind}.size.")}
        got = defaultdict(int)
        for row in t.json["copies"]:
            for size in row["sizes"] if row["kind"] == kind else ():
                expect(size["calls"] > 0, f"{kind}: a size without calls: {size}")
                got[size["up_to_bytes"]] += size["calls"]
        expect(dict(got) == want, f"{kind}: calls by size {dict(got)}, expected {want}")
        checked += len(want)
    expect(checked, "the program booked no sizes")
    return f"{checked} sizes"


def check_abandoned(t):
    """Calls that were left are told apart, and none of them stays open."""
    mine = t.calls(t.truth["pid"])
    for name in {c["name"] for c in mine}:
        rows = [c for c in mine if c["name"] == name]
        want = t.truth.get(f"abandoned.{name}", 0)
        got = total(rows, "abandoned")
        expect(got == want, f"{name}: {got} abandoned of {want}")
        expect(total(rows, "open_at_end") == 0, f"{name}: open at the end")
    return f"{sum(v for k, v in t.truth.items() if k.startswith('abandoned.'))} abandoned"


def check_times(t):
    """States sum to the wall time; no call is longer than its threads lived."""
    lived = sum(r["wall_ns"] for r in t.of(pid=t.truth["pid"]))
    longest = max(r["wall_ns"] for r in t.of(pid=t.truth["pid"]))
    for c in t.json["gpu_calls"]:
        parts = c["on_cpu_ns"] + c["run_queue_ns"] + c["blocked_ns"]
        expect(parts == c["wall_ns"], f"{c['name']}: states sum to {parts}, wall is {c['wall_ns']}")
        # (No longest one where all were left.)
        expect((c["max_ns"] or 0) <= longest, f"{c['name']}: the longest took {c['max_ns']} ns")
    together = total([c for c in t.calls() if c["pid"] == t.truth["pid"]], "wall_ns")
    expect(together <= lived, f"{together} ns in calls, of {lived} that all threads lived")
    for r in t.threads:
        expect(r["gpu_call_ns"] <= r["wall_ns"],
               f"{r['comm']}: {r['gpu_call_ns']} ns in calls of {r['wall_ns']}")
    return f"{together} of {lived} ns in calls"


def check_inside(t):
    """--driver: the driver's calls inside the runtime's have rows of their own."""
    notes = []
    for key, want in t.truth.items():
        match = re.fullmatch(r"inside\.(\w+)\.(\w+)", key)
        if not match:
            continue
        rows = [c for c in t.json["gpu_calls"] if c["name"] == match[2] and c["inside"] == match[1]]
        got = total(rows, "calls")
        expect(got == want > 0, f"{match[2]} inside {match[1]}: {got} calls of {want}")
        outer, inner = t.call(match[1])["wall_ns"], total(rows, "wall_ns")
        expect(0 < inner < outer, f"{match[2]} took {inner} ns inside {outer} of {match[1]}")
        notes.append(f"{got} {match[2]} inside {match[1]}")
    expect(notes, "the program told of no calls inside others")
    return "; ".join(notes)


def check_inner_frames(t):
    """--driver: the inner call is a frame below the outer one."""
    inner, outer = "cuStreamSynchronize", "cudaStreamSynchronize"
    # (Not where the call calls itself: such a stack may be cut at its outer end.)
    lines = [line.frames for line in t.folded if inner in line.frames and outer in line.frames and
             "recurse" not in line.frames]
    expect(lines, f"no stack has both {outer} and {inner}")
    for frames in lines:
        expect(frames.index(outer) < frames.index(inner), f"{inner} is outside {outer}: {frames}")
    return f"{len(lines)} lines"


def check_none_inside(t):
    inside = [c["name"] for c in t.json["gpu_calls"] if c["inside"] is not None]
    expect(not inside, f"rows of calls inside others, not asked for: {inside}")
    return ""


def check_entries_only(t):
    """--returns none: what only a return tells is null, not 0."""
    for c in t.json["gpu_calls"]:
        for field in LENGTHS + ("errors", "waited", "blocked_calls", "spun"):
            expect(c[field] is None, f"{c['name']}: {field} is {c[field]}")
        expect(c["calls"] is not None, f"{c['name']}: no calls")
    for key in ("memory", "allocations"):
        expect(t.json[key] is None, f"{key}: {t.json[key]}")
    return ""


def check_alive(t):
    expect(t.truth["alive"] == 1, "the program did not live")
    if t.has("program.status"):
        expect(t.text("program.status").strip() == "0",
               f"the program ended with {t.text('program.status')}")
    return ""


def check_forked(t):
    """Each process has its own account. What was missed of a child that began at once is told."""
    def calls(pid, name):
        return total([c for c in t.calls(pid) if c["name"] == name], "calls")

    pids = {"parent": t.truth["pid"], **{n: t.truth[f"pid.{n}"] for n in ("late", "soon", "inside")}}
    notes = []
    for who, pid in pids.items():
        want = t.truth[f"{who}.calls"] // 2
        for name in ("cudaLaunchKernel", "cudaStreamSynchronize"):
            got = calls(pid, name)
            if who != "soon":
                expect(got == want, f"{who}: {got} {name} of {want}")
                continue
            between(f"{name} of the child that begins at once", got, 0, want)
            expect(got == want or t.json["lost"]["uncovered_ns"] > 0,
                   f"{want - got} calls missed, and no time uncovered")
            notes.append(f"{got} of {want} {name} of the child that began at once")
    # The call that was forked in comes back in both: the one that made it has it.
    got = {who: calls(pid, "cudaDeviceSynchronize") for who, pid in pids.items()}
    expect(got == {"parent": 1, "late": 0, "soon": 0, "inside": 0},
           f"the call that was forked in: {got}")
    return "; ".join(notes)


def check_span(t):
    """Calls over an edge of the window are in no figure but those of edges."""
    def figures(name):
        rows = [c for c in t.calls() if c["name"] == name]
        return {f: total(rows, f) for f in ("calls", "open_at_start", "open_at_end", "abandoned",
                                            "wall_ns")}

    span, start, end = (figures(n) for n in ("cudaDeviceSynchronize", "cudaEventSynchronize",
                                             "cudaStreamSynchronize"))
    expect(span["calls"] == 0 and span["wall_ns"] == 0, f"longer than the trace, and counted: {span}")
    expect(start["calls"] == 10, f"10 calls after one from before the trace: {start}")
    expect(end["calls"] == 20, f"20 calls before one that outlasts the trace: {end}")
    expect(end["open_at_end"] == 1, f"one is open at the end: {end}")
    for f in (span, start, end):
        expect(f["abandoned"] == 0, f"abandoned: {f}")
        # Its beginning was not seen: it may be told from its return, if at all.
        between("open at the start", f["open_at_start"], 0, 1)
    return f"{start}; {end}"


def check_driver_counts(t):
    """A runtime that cannot be seen: its driver calls are what there is (tests/truth/cuda/cuda.c)."""
    kinds = {"cuMemcpyHtoDAsync": "H2D", "cuMemcpyDtoDAsync": "D2D", "cuMemcpyDtoH": "D2H",
             "cuMemcpy": "default"}
    calls = {"cuMemAlloc": "cudaMalloc", "cuMemFree": "cudaFree", "cuLaunchKernel": "cudaLaunchKernel",
             "cuStreamSynchronize": "cudaStreamSynchronize", "cuCtxSynchronize": "cudaDeviceSynchronize"}
    for name, of in {**kinds, **calls}.items():
        row, want = t.call(name), t.truth[f"{of}.calls"]
        expect(row["api"] == "driver", f"{name}: api {row['api']}")
        expect(row["calls"] == want, f"{name}: {row['calls']} calls of {want}")
        bytes_ = t.truth[f"{of}.bytes"]
        expect(row["bytes"] == bytes_ or name == "cuMemFree", f"{name}: {row['bytes']} bytes of {bytes_}")
    errors = {"cuMemAlloc": "cudaMalloc", "cuMemcpyDtoDAsync": "cudaMemcpyAsync"}
    for name, of in errors.items():
        got, want = t.call(name)["errors"], t.truth[f"{of}.errors"]
        expect(got == want, f"{name}: {got} errors of {want}")
    runtime = [c["name"] for c in t.json["gpu_calls"] if c["api"] == "runtime"]
    expect(not runtime, f"calls of a runtime without symbols: {runtime}")
    return f"{len(kinds) + len(calls)} driver calls"


def check_arrived(t):
    """A library that came by dlopen: found within a second, and no call was made so soon."""
    uncovered = t.json["lost"]["uncovered_ns"]
    between("time uncovered", uncovered, 1, 1_300_000_000 if not t.vm else 3_000_000_000)
    return f"{uncovered} ns uncovered"
