# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""infer-serve's own statistics against the trace of the same run."""

import os
import shutil

import harness
from harness import Report, Skip, expect, need_root
from traced import total

# The one that is linked against the emulated runtime. (With nvcc there also is infer-serve, which for
# --device emu replaces itself, with another library path: its first calls come before the probes.)
SERVERS = [os.path.join(harness.BUILD, n) for n in ("infer-serve-emu", "infer-serve")]
# Calls that cost nothing and are not traced.
NOT_TRACED = {"cudaSetDevice", "cudaSetDeviceFlags", "cudaGetDevice", "cudaGetLastError",
              "cudaPeekAtLastError", "cudaGetDeviceCount"}


def run_server():
    need_root()
    server = next((s for s in SERVERS if os.access(s, os.X_OK)), None)
    if not server:
        raise Skip("build/infer-serve is not built")
    where = os.path.join(harness.OUT, "serve")
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    stats, trace = os.path.join(where, "stats.json"), os.path.join(where, "trace.json")
    status, out, err = harness.run(
        [harness.INFBPF, "trace", "--unit", "ns", "-o", os.path.join(where, "trace.folded"),
         "--json", trace, "--", server, "--device", "emu", "--model", "tiny", "--requests", "40",
         "--rate", "40", "--seed", "1", "--stats", stats], timeout=100)
    expect(status == 0, f"ended with {status}: {(out + err)[-600:]}")
    return harness.read_json(stats), harness.read_json(trace), \
        harness.read_folded(os.path.join(where, "trace.folded"))


def test_serve():
    stats, trace, folded = run_server()
    report = Report()

    def calls():
        """Each call by name: exactly as many, as many errors, as many bytes."""
        mine = {c["name"]: c for c in trace["gpu_calls"]}
        expect(stats["cuda_calls"], "the server counted no calls")
        for name, want in stats["cuda_calls"].items():
            if name in NOT_TRACED or not want["calls"]:
                continue
            expect(name in mine, f"{name}: not in the trace")
            got = mine[name]
            for field in ("calls", "errors"):
                expect(got[field] == want[field], f"{name}: {got[field]} {field} of {want[field]}")
        return f"{sum(c['calls'] for c in stats['cuda_calls'].values())} calls"

    def copies():
        """Copies and their bytes by kind."""
        expect(stats["copies"]["H2D"]["bytes"] and stats["copies"]["D2H"]["bytes"],
               "the server copied nothing")
        for kind, want in stats["copies"].items():
            rows = [c for c in trace["copies"] if c["kind"] == kind]
            for field in ("calls", "bytes"):
                got = total(rows, field)
                expect(got == want[field], f"{kind}: {got} {field} of {want[field]}")
        return f"{sum(c['bytes'] for c in stats['copies'].values())} bytes"

    def launches():
        got = next(c for c in trace["gpu_calls"] if c["name"] == "cudaLaunchKernel")
        want = sum(stats["launches"].values())
        expect(got["calls"] == want, f"{got['calls']} launches of {want}")
        return str(want)

    def sums():
        wall = sum(r["wall_ns"] for r in trace["threads"])
        expect(sum(line.value for line in folded) == wall, "folded lines do not sum to wall time")
        expect(trace["runtime"] == "emu", f"runtime {trace['runtime']}")
        expect(trace["lost"]["uncovered_ns"] == 0, f"uncovered: {trace['lost']['uncovered_ns']} ns")
        return f"{wall} ns"

    report.check("calls", calls)
    report.check("copies", copies)
    report.check("launches", launches)
    report.check("sums", sums)
    return 1 if report.failed else 0


TESTS = {"infer-serve": (150, test_serve)}
