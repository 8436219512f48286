# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Stages, waits, passes and requests of infer-serve: what it measured of itself against the trace of the
same run, by its marks."""

import harness
import serve
from harness import Report, expect

RUNS = 3
# Both sides have histograms: 1.6 % of a bucket there, 6.25 % here, of which the middle is told.
SHARE = 0.05
# The server reads its clock inside the marks. What traps cost lies between, and those of the marks within.
TRAP_NS = 8_000


def close(what, got, want, traps=1):
    slack = SHARE * want + traps * TRAP_NS
    expect(got is not None and abs(got - want) <= slack,
           f"{what}: {got} ns in the trace, {want} ns by the server's clock, {slack:.0f} ns allowed")
    # Of short ones the traps are most.
    return abs(got - want) / want if want >= 10 * TRAP_NS else 0


def quantiles(what, traced, own, traps=1):
    """p50 and p95; the larger difference."""
    return max(close(f"{what} {q}", traced[f"{q}_ns"], own[q], traps) for q in ("p50", "p95"))


def requests_of(trace):
    rows = trace["requests"]
    expect(rows is not None and len(rows) == 1, f"{rows and len(rows)} processes with requests")
    return rows[0]


def stages(stats, trace):
    """By name, exactly as often, as long. A pass is one, too."""
    marked = {s["name"]: s for s in trace["stages"] if s["source"] == "mark"}
    own = dict(stats["marks"]["stages"], **stats["marks"]["passes"])
    expect(set(marked) == set(own), f"in the trace {sorted(marked)}, in the server {sorted(own)}")
    worst = 0
    for name, mine in own.items():
        stage = marked[name]
        expect(stage["count"] == mine["count"], f"{name}: {stage['count']} spans, {mine['count']} ended")
        expect(stage["open_at_end"] == 0, f"{name}: {stage['open_at_end']} open at the end")
        # A pass has ten more marks within it.
        worst = max(worst, quantiles(name, stage, mine, 10 if name in stats["marks"]["passes"] else 1))
        expect(stage["wall_ns"] == stage["on_cpu_ns"] + stage["run_queue_ns"] + stage["blocked_ns"],
               f"{name}: the states do not fill its time")
    return f"{len(own)} stages, {sum(s['count'] for s in own.values())} spans; those of {10 * TRAP_NS // 1000} us and more at most {worst:.1%} off"


def waits(stats, trace):
    parts = {p["name"]: p for p in requests_of(trace)["parts"] if p["kind"] == "wait"}
    own = stats["marks"]["waits"]
    expect(set(parts) == set(own), f"in the trace {sorted(parts)}, in the server {sorted(own)}")
    worst = 0
    for name, mine in own.items():
        expect(parts[name]["requests"] == mine["count"],
               f"{name}: {parts[name]['requests']} requests, {mine['count']} waited")
        worst = max(worst, quantiles(name, parts[name], mine, 2))
    return f"{len(own)} waits; at most {worst:.1%} off"


def passes(stats, trace):
    rows = {p["name"]: p for p in requests_of(trace)["passes"]}
    own = stats["marks"]["passes"]
    expect(set(rows) == set(own), f"in the trace {sorted(rows)}, in the server {sorted(own)}")
    for name, mine in own.items():
        for key in ("count", "requests", "tokens", "padded", "sizes"):
            expect(rows[name][key] == mine[key],
                   f"{name} {key}: {rows[name][key]}, in the server {mine[key]}")
        quantiles(name, rows[name], mine, 10)
    return ", ".join(f"{p['count']} of {n}" for n, p in own.items())


def requests(stats, trace):
    row, own = requests_of(trace), stats["marks"]["requests"]
    for key in ("count", "begun", "dropped", "tokens_in", "tokens_out"):
        expect(row[key] == own[key], f"{key}: {row[key]}, in the server {own[key]}")
    expect(not (row["open_at_start"] or row["open_at_end"] or row["lost"]), "some are not accounted for")
    worst = max(quantiles("latency", row, own["latency"]),
                quantiles("first token", row["first_token"], own["first_token"], 10),
                quantiles("per token", row["per_token"], own["per_token"], 10))
    return f"{row['count']} requests; at most {worst:.1%} off"


def way(stats, trace):
    """The parts are all of the latency; each request is in as many passes as it has tokens."""
    row = requests_of(trace)
    total = sum(p["wall_ns"] for p in row["parts"])
    expect(total == row["latency_ns"], f"the parts sum to {total} ns, the latencies to {row['latency_ns']} ns")
    expect(sum(p["slow"]["wall_ns"] for p in row["parts"]) <= total, "the slow ones have more than all")
    for key in ("share_p50", "share_p95", "share_p99"):
        total = sum(p[key] for p in row["parts"])
        expect(abs(total - 1) < 1e-6, f"{key} sums to {total}")
    part = {p["name"]: p for p in row["parts"]}
    tokens = part["prefill"]["spans"] + part["decode"]["spans"]
    expect(tokens == row["tokens_out"], f"in {tokens} passes together, for {row['tokens_out']} tokens")
    rest = part["[not marked]"]["wall_ns"] / row["latency_ns"]
    return f"{len(part)} parts, {rest:.1%} not marked"


def lossless(stats, trace):
    expect(trace["lost"]["spans"] == 0, f"{trace['lost']['spans']} marks lost")
    return "no mark lost"


CHECKS = {"lossless": lossless, "stages": stages, "waits": waits, "passes": passes,
          "requests": requests, "way": way}


def compare(rate):
    for attempt in range(1, RUNS + 1):
        stats, trace, _ = serve.run_server(
            f"requests-{rate}", load=["--requests", str(6 * rate), "--rate", str(rate)])
        report = Report(keep=True)
        for name, check in CHECKS.items():
            report.check(name, check, stats, trace)
        # Where a thread loses the CPU between the mark and the clock, the two differ by that.
        if not report.failed or attempt == RUNS:
            break
        report.print(as_comment=f"run {attempt} of {RUNS} does not count: clocks disturbed")
    report.print()
    return 1 if report.failed else 0


TESTS = {f"infer-serve-requests-{rate}": (300, lambda rate=rate: compare(rate)) for rate in (20, 60)}
