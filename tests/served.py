# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""infer-serve's own statistics against a trace of the same run: one function a part of the JSON.

Each returns a short note, or raises Wrong. stats: infer-serve --stats; trace: infbpf trace --json.
"""

import re

from harness import Wrong, expect

# Calls that cost nothing and are not traced.
NOT_TRACED = {"cudaSetDevice", "cudaSetDeviceFlags", "cudaGetDevice", "cudaGetLastError",
              "cudaPeekAtLastError", "cudaGetDeviceCount"}


def total(rows, field):
    return sum(r[field] for r in rows)


def rows_of(trace, key):
    rows = trace.get(key)
    expect(isinstance(rows, list), f"the trace has no \"{key}\"")
    return rows


def outermost(trace):
    """Calls of the process itself; those inside them (--driver) have rows of their own."""
    return [c for c in rows_of(trace, "gpu_calls") if not c.get("inside")]


def agree(what, got, want, fields):
    for field in fields:
        expect(got[field] == want[field], f"{what}: {got[field]} {field} of {want[field]}")


def calls(stats, trace):
    """Each call by name: exactly as many, as many errors."""
    expect(stats["cuda_calls"], "the server counted no calls")
    seen = outermost(trace)
    for name, want in stats["cuda_calls"].items():
        if name in NOT_TRACED or not want["calls"]:
            continue
        rows = [c for c in seen if c["name"] == name]
        expect(rows, f"{name}: not in the trace")
        agree(name, {f: total(rows, f) for f in ("calls", "errors")}, want, ("calls", "errors"))
    return f"{total(stats['cuda_calls'].values(), 'calls')} calls"


def copies(stats, trace):
    """Copies and their bytes by kind."""
    expect(stats["copies"]["H2D"]["bytes"] and stats["copies"]["D2H"]["bytes"],
           "the server copied nothing")
    for kind, want in stats["copies"].items():
        rows = [c for c in rows_of(trace, "copies") if c["kind"] == kind]
        agree(kind, {f: total(rows, f) for f in ("calls", "bytes")}, want, ("calls", "bytes"))
    return f"{total(stats['copies'].values(), 'bytes')} bytes"


def sizes(stats, trace):
    """The size histogram holds every copy once, below its bound."""
    for row in rows_of(trace, "copies"):
        expect("sizes" in row, "copies have no sizes")
        expect(total(row["sizes"], "calls") == row["calls"],
               f"{row['kind']}: sizes hold {total(row['sizes'], 'calls')} of {row['calls']} calls")
        most = sum(s["up_to_bytes"] * s["calls"] for s in row["sizes"])
        least = sum(s["up_to_bytes"] // 2 * s["calls"] for s in row["sizes"] if s["up_to_bytes"] > 1)
        expect(least <= row["bytes"] <= most,
               f"{row['kind']}: {row['bytes']} bytes, by size {least} to {most}")
    return f"{total(stats['copies'].values(), 'calls')} copies"


def kernel_of(name):
    """The kernel in a name: of its stub by nvcc or by kernels/stubs.c, or of itself."""
    found = re.search(r"[a-z]+_kernel", name or "")
    return found[0] if found else name


def launches(stats, trace):
    """Launches by kernel; those of graphs in rows of their own."""
    got, graphs = {}, 0
    for row in rows_of(trace, "launches"):
        if row["graph"]:
            graphs += row["calls"]
        else:
            name = kernel_of(row["kernel"])
            got[name] = got.get(name, 0) + row["calls"]
    want = stats["launches"]
    for name in sorted(set(got) | set(want)):
        expect(got.get(name, 0) == want.get(name, 0),
               f"{name}: {got.get(name, 0)} launches of {want.get(name, 0)}")
    expect(graphs == stats["graphs"]["launches"],
           f"{graphs} launches of graphs of {stats['graphs']['launches']}")
    return f"{sum(want.values())} of {len(want)} kernels, {graphs} of graphs"


def streams(stats, trace):
    """By handle: launches, copies, bytes, syncs."""
    fields = ("launches", "copies", "bytes", "syncs")
    got = {}
    for row in rows_of(trace, "streams"):
        key = int(row["stream"], 16) if row["stream"].startswith("0x") else row["stream"]
        mine = got.setdefault(key, dict.fromkeys(fields, 0))
        for field in fields:
            mine[field] += row[field]
    want = {int(s["handle"], 16): s for s in stats["streams"]}
    expect(len(want) >= 3, f"the server used {len(want)} streams")
    for handle, row in want.items():
        expect(handle in got, f"stream {handle:#x} is not in the trace")
        agree(f"stream {handle:#x}", got[handle], row, fields)
    for key in set(got) - set(want):
        # Streams that were only created, or waited for nothing.
        expect(not any(got[key].values()), f"stream {key}: {got[key]}, the server knows none")
    return f"{len(want)} streams"


def memory(stats, trace):
    """Device and pinned memory."""
    for kind, want in stats["memory"].items():
        rows = [m for m in rows_of(trace, "memory") if m["kind"] == kind]
        expect(rows or not want["allocations"], f"no {kind} memory in the trace")
        fields = ("allocations", "frees", "bytes", "live_bytes", "peak_bytes")
        agree(f"{kind} memory", {f: total(rows, f) for f in fields}, want, fields)
    return ", ".join(f"{kind} peak {m['peak_bytes']} bytes" for kind, m in stats["memory"].items())


def errors(stats, trace):
    """By call and code, of the calls that are traced."""
    want = {(e["call"], e["code"]): e["calls"] for e in stats["errors"]
            if e["call"] not in NOT_TRACED}
    got = {}
    for e in rows_of(trace, "gpu_errors"):
        if e["call"] not in NOT_TRACED and not e.get("inside"):
            got[e["call"], e["code"]] = got.get((e["call"], e["code"]), 0) + e["calls"]
    # "Not ready" is an answer, and none of the server's calls asks.
    expect(got == want, f"errors {got} of {want}")
    return f"{sum(want.values())} errors"


# Both are histograms; and between the server's clock and the mark beside it there is a trap.
NEAR, TRAPS_NS = 0.05, 3000
# A trap may take ten times as long where the caches are others', or the CPU is lost in it: the upper
# quantiles of what is shorter than this say more of that than of the stage.
SHORT_NS = 200000


def near(what, got, want, quantiles):
    for q in quantiles:
        off = abs(got[q + "_ns"] - want[q])
        expect(off <= NEAR * want[q] + TRAPS_NS,
               f"{what} {q}: {got[q + '_ns'] / 1e3:.1f} us, by the server {want[q] / 1e3:.1f} us")


def of_server(stats, rows):
    """Those of the process whose statistics they are: the only one with marks, traced whole."""
    rows = [r for r in rows if r["pid"] == stats["pid"]]
    expect(rows, "nothing of the server")
    return rows


def requests(stats, trace):
    """Requests: how many, their tokens, latency, time to first token and per token."""
    want = stats["marks"]["requests"]
    got = of_server(stats, rows_of(trace, "requests"))[0]
    agree("requests", got, want, ("count", "begun", "dropped", "tokens_in", "tokens_out"))
    near("latency", got, want["latency"], ("p50", "p95", "p99", "max"))
    for name in ("first_token", "per_token"):
        near(name, got[name], want[name], ("p50", "p95", "p99", "max"))
    shares = [sum(p["share_" + q] for p in got["parts"]) for q in ("p50", "p95", "p99")]
    expect(all(abs(s - 1) < 1e-3 for s in shares), f"shares of parts sum to {shares}")
    return f"{want['count']} requests, p95 {got['p95_ns'] / 1e6:.2f} ms, " \
           f"by the server {want['latency']['p95'] / 1e6:.2f} ms"


def stages(stats, trace):
    """Stages and passes: how many, their percentiles; never less than the server's."""
    rows = {r["name"]: r for r in of_server(stats, rows_of(trace, "stages"))}
    want = {**stats["marks"]["stages"], **stats["marks"]["passes"]}
    expect(set(rows) == set(want), f"stages {sorted(rows)} of {sorted(want)}")
    for name, row in rows.items():
        agree(name, row, want[name], ("count",))
        near(name, row, want[name], ("p50", "p95") if want[name]["p95"] > SHORT_NS else ("p50",))
        expect(row["total_ns"] >= want[name]["sum"],
               f"{name}: {row['total_ns']} ns in all, by the server {want[name]['sum']}")
    return f"{len(rows)} stages, {total(rows.values(), 'count')} spans"


def passes(stats, trace):
    """Passes of the model: who took part, tokens, padding, sizes."""
    rows = of_server(stats, rows_of(trace, "requests"))[0]["passes"]
    want = stats["marks"]["passes"]
    expect({r["name"] for r in rows} == set(want), f"passes {rows}")
    for row in rows:
        agree(row["name"], row, want[row["name"]],
              ("count", "requests", "tokens", "padded", "sizes"))
    return ", ".join(f"{r['name']} {r['count']}" for r in rows)


CHECKS = {"requests": requests, "stages": stages, "passes": passes, "calls": calls, "copies": copies, "sizes": sizes, "launches": launches,
          "streams": streams, "memory": memory, "errors": errors}


def compare(stats, trace):
    """[(name, right, text)] of all checks; none raises."""
    found = []
    for name, check in CHECKS.items():
        try:
            found.append((name, True, check(stats, trace)))
        except Wrong as e:
            found.append((name, False, str(e)))
        except (KeyError, TypeError, ValueError) as e:
            found.append((name, False, f"{type(e).__name__}: {e}"))
    return found
