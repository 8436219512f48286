# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""infer-serve's own statistics against the trace of the same run."""

import os
import shutil

import harness
from harness import Report, Skip, expect, need_root
from traced import total

SERVER = os.path.join(harness.BUILD, "infer-serve")


def run_server():
    need_root()
    if not os.access(SERVER, os.X_OK):
        raise Skip("build/infer-serve is not built")
    where = os.path.join(harness.OUT, "serve")
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    stats, trace = os.path.join(where, "stats.json"), os.path.join(where, "trace.json")
    # The build with GPU code would find NVIDIA's runtime first and run itself anew on the emulated
    # one, whose first calls a trace cannot see: name the runtime from the start.
    env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(harness.BUILD, "emu"))
    status, out, err = harness.run(
        [harness.INFBPF, "trace", "--unit", "ns", "-o", os.path.join(where, "trace.folded"),
         "--json", trace, "--", SERVER, "--device", "emu", "--model", "tiny", "--requests", "40",
         "--rate", "40", "--seed", "1", "--stats", stats], timeout=100, env=env)
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
            if name not in mine:
                # A call outside infbpf's table is not measured; those in it are.
                expect(not want["calls"] or name not in KNOWN, f"{name}: not in the trace")
                continue
            got = mine[name]
            for field in ("calls", "errors"):
                expect(got[field] == want[field], f"{name}: {got[field]} {field} of {want[field]}")
        return f"{sum(c['calls'] for c in stats['cuda_calls'].values())} calls"

    def copies():
        for kind, want in stats["copies"].items():
            rows = [c for c in trace["copies"] if c["kind"] == kind]
            for field in ("calls", "bytes"):
                expect(total(rows, field) == want[field],
                       f"{kind}: {total(rows, field)} {field} of {want[field]}")
        return f"{sum(c['bytes'] for c in stats['copies'].values())} bytes"

    def sums():
        wall = sum(r["wall_ns"] for r in trace["threads"])
        expect(sum(line.value for line in folded) == wall, "folded lines do not sum to wall time")
        expect(trace["runtime"] == "emu", f"runtime {trace['runtime']}")
        expect(trace["lost"]["uncovered_ns"] == 0, f"uncovered: {trace['lost']['uncovered_ns']} ns")
        return f"{wall} ns"

    report.check("calls", calls)
    report.check("copies", copies)
    report.check("sums", sums)
    return 1 if report.failed else 0


KNOWN = {"cudaMalloc", "cudaFree", "cudaMemcpy", "cudaMemcpyAsync", "cudaLaunchKernel",
         "cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize"}

TESTS = {"infer-serve": (150, test_serve)}
