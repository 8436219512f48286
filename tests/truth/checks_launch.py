# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks of launches by kernel and of the gaps between them (tests/truth/cuda/cuda_launch.c)."""

import re
from collections import defaultdict

from harness import between, expect, within
from traced import total

US = 1000
KERNELS = ("saxpy", "scale<4>", "layer::rmsnorm", "gemm", "softmax")


def base_name(kernel):
    """Without what a demangler adds: "void scale<4>(float*)" is "scale<4>"."""
    return re.sub(r"^void ", "", kernel.split("(")[0]) if kernel else None


def by_kernel(t):
    got = defaultdict(lambda: {"calls": 0, "errors": 0})
    for row in t.json["launches"]:
        if row["pid"] == t.truth["pid"] and not row["graph"]:
            for field in ("calls", "errors"):
                got[base_name(row["kernel"])][field] += row[field]
    return got


def check_kernels(t, *named):
    """Each launch is its kernel's. named: those whose names can be known here; all of them where the
    program started under the trace."""
    got = by_kernel(t)
    for name in named or KERNELS:
        want = {f: t.truth[f"launch.{name}.{f}"] for f in ("calls", "errors")}
        expect(got[name] == want, f"{name}: {got[name]} of {want}; all: {dict(got)}")
    if not named:
        others = set(got) - set(KERNELS)
        expect(not others, f"kernels that are none: {others}")
    for field in ("calls", "errors"):
        want = sum(t.truth.get(f"launch.{name}.{field}", 0) for name in KERNELS)
        have = sum(g[field] for g in got.values())
        expect(have == want, f"all launches: {have} {field} of {want}")
    return ", ".join(f"{k} {v['calls']}" for k, v in got.items())


def check_graphs(t):
    """By graph."""
    rows = [r for r in t.json["launches"] if r["graph"]]
    got = sorted(r["calls"] for r in rows)
    want = sorted(t.truth[f"graph.{n}.calls"] for n in range(2))
    expect(got == want, f"launches of graphs {got}, expected {want}")
    expect(len({r["kernel"] for r in rows}) == 2, f"graphs are not told apart: {rows}")
    return str(got)


def paced(t):
    rows = [r for r in t.json["launch_threads"] if r["comm"] == "paced"]
    expect(len(rows) == 1, f"{len(rows)} rows of the paced thread")
    return rows[0]


def check_launchers(t):
    """By thread."""
    row = paced(t)
    for field in ("launches", "gaps"):
        expect(row[field] == t.truth[f"paced.{field}"],
               f"{row[field]} {field} of {t.truth[f'paced.{field}']}")
    launches = sum(v for k, v in t.truth.items()
                   if re.fullmatch(r"cuda(Launch\w*Kernel\w*|GraphLaunch)\.calls", k))
    got = total(t.json["launch_threads"], "launches")
    expect(got == launches, f"all threads: {got} launches of {launches}")
    return f"{len(t.json['launch_threads'])} threads"


def check_gaps(t):
    """From a launch's return to the next one's entry: a little more than between the program's clocks,
    which stand outside the probes."""
    row = paced(t)
    trap = (200 if t.vm else 20) * US
    # The thread may lose its CPU between a clock and a probe.
    queued = total(t.of(pid=t.truth["pid"], comm="paced"), "run_queue_ns")
    for field, each in (("gap_ns", t.truth["paced.gaps"]), ("gap_p50_ns", 1), ("gap_max_ns", 1)):
        want = t.truth[f"paced.{field}"]
        slack = want // 16 if "p50" in field else want // 100 + queued
        within(field, row[field], want, slack + trap * each)
    expect(row["gap_p50_ns"] <= row["gap_p95_ns"] <= row["gap_p99_ns"],
           f"percentiles out of order: {row}")
    between("the longest gap", row["gap_max_ns"], row["gap_p50_ns"] * 0.9, row["gap_ns"])
    return f"p50 {row['gap_p50_ns'] / US:.1f} of {t.truth['paced.gap_p50_ns'] / US:.1f} us"


def check_lengths_unknown(t):
    """--returns none: counts remain, lengths and errors do not."""
    for row in t.json["launches"]:
        expect(row["wall_ns"] is None and row["errors"] is None, f"measured without returns: {row}")
    return ""
