# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""infer-serve's own statistics against the trace of the same run, and against bpftrace's counts."""

import os
import subprocess

import bpftrace
import harness
import served
from harness import Report, Skip, expect, need_root, need_tool

# The one that is linked against the emulated runtime. (With nvcc there also is infer-serve, which for
# --device emu replaces itself, with another library path: its first calls come before the probes.)
SERVERS = [os.path.join(harness.BUILD, n) for n in ("infer-serve-emu", "infer-serve")]
LIBRARY = os.path.join(harness.BUILD, "emu", "libcudart.so.13")


def run_server(name, options=(), load=()):
    """One whole run under infbpf. Returns statistics, trace, folded lines."""
    need_root()
    server = next((s for s in SERVERS if os.access(s, os.X_OK)), None)
    if not server:
        raise Skip("build/infer-serve is not built")
    where = harness.folder("serve", name)
    stats, trace = os.path.join(where, "stats.json"), os.path.join(where, "trace.json")
    status, out, err = harness.run(
        [harness.INFBPF, "trace", "--unit", "ns", "-o", os.path.join(where, "trace.folded"),
         "--json", trace, *options, "--", server, "--device", "emu", "--model", "tiny",
         "--requests", "40", "--rate", "40", "--seed", "1", "--stats", stats, *load], timeout=100)
    expect(status == 0, f"ended with {status}: {(out + err)[-600:]}")
    return harness.read_json(stats), harness.read_json(trace), \
        harness.read_folded(os.path.join(where, "trace.folded"))


def sums(trace, folded):
    wall = sum(r["wall_ns"] for r in trace["threads"])
    expect(sum(line.value for line in folded) == wall, "folded lines do not sum to wall time")
    expect(trace["runtime"] == "emu", f"runtime {trace['runtime']}")
    expect(trace["lost"]["uncovered_ns"] == 0, f"uncovered: {trace['lost']['uncovered_ns']} ns")
    return f"{wall} ns"


def judge(stats, trace, folded):
    report = Report()
    for name, check in served.CHECKS.items():
        report.check(name, check, stats, trace)
    report.check("sums", sums, trace, folded)
    return report


def test_serve():
    report = judge(*run_server("plain"))
    return 1 if report.failed else 0


def test_scenarios():
    """Marks that only some servers have: padding, a stage that allocates, one that reads an adapter."""
    report = Report()
    for scenario in ("padding", "alloc-churn:4", "slow-disk:2"):
        stats, trace, _ = run_server("scenario", load=["--scenario", scenario])
        for name in ("requests", "stages", "passes"):
            report.check(f"{scenario}-{name}", served.CHECKS[name], stats, trace)
    return 1 if report.failed else 0


def test_graphs():
    """What is captured is called once, then there are launches of graphs; the tokens stay."""
    stats, trace, folded = run_server("graphs", ["--gpu-calls", "all"], ["--graphs", "on"])
    report = judge(stats, trace, folded)

    def graphs():
        g = stats["graphs"]
        expect(g["made"] and g["launches"] > g["made"], f"the server launched no graphs: {g}")
        rows = [r for r in trace["launches"] if r["graph"]]
        expect(len({r["kernel"] for r in rows}) == g["made"],
               f"{len(rows)} graphs in the trace, {g['made']} made: {[r['kernel'] for r in rows]}")
        return f"{g['launches']} launches of {g['made']} graphs, {g['kernels']} kernels in them"

    report.check("graphs", graphs)
    return 1 if report.failed else 0


def functions_of(library):
    """All that the library exports."""
    out = subprocess.run([need_tool("nm", "binutils"), "-D", "--defined-only", library], check=True,
                         capture_output=True, text=True).stdout
    names = [line.split()[2].split("@")[0] for line in out.splitlines() if " T " in line]
    expect(len(names) > 80, f"{library}: only {len(names)} functions")
    return names


def test_bpftrace():
    """bpftrace counts the entries of every function of the runtime in the same run: three that agree."""
    need_root()
    where = harness.folder("serve", "bpftrace")
    with bpftrace.counting(LIBRARY, functions_of(LIBRARY), where) as counts:
        stats, trace, _ = run_server("beside-bpftrace", ["--gpu-calls", "all"], ["--graphs", "on"])
    mine = {}
    for call in served.outermost(trace):
        mine[call["name"]] = mine.get(call["name"], 0) + call["calls"] + call["abandoned"]
    report = Report()

    def server():
        made = {n: c["calls"] for n, c in stats["cuda_calls"].items()}
        for name, calls in made.items():
            expect(counts.get(name, 0) == calls, f"{name}: bpftrace {counts.get(name, 0)}, the server "
                                                 f"{calls}")
        # One launch has two entry points, the first of which jumps to the second.
        expect(counts.get("__cudaLaunchKernel") == made["cudaLaunchKernel"], "__cudaLaunchKernel")
        other = {n for n in counts if n not in made and not n.startswith("__cuda")}
        expect(not other, f"the server did not count {sorted(other)}")
        return f"{sum(made.values())} calls of {len(made)} functions"

    def infbpf():
        for name, calls in mine.items():
            expect(counts.get(name, 0) == calls, f"{name}: bpftrace {counts.get(name, 0)}, infbpf {calls}")
        unseen = {n for n in counts if n not in mine and n not in served.NOT_TRACED and
                  not n.startswith("__cuda")}
        expect(not unseen, f"infbpf did not count {sorted(unseen)}")
        return f"{sum(mine.values())} calls of {len(mine)} functions"

    report.check("bpftrace-server", server)
    report.check("bpftrace-infbpf", infbpf)
    return 1 if report.failed else 0


TESTS = {"infer-serve": (150, test_serve), "infer-serve-scenarios": (150, test_scenarios),
         "infer-serve-graphs": (150, test_graphs),
         "infer-serve-bpftrace": (240, test_bpftrace)}
