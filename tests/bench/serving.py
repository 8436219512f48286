# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tracing does to a whole inference server."""

import os
import subprocess

from harness import Skip, Wrong, read_json, wait_until
from results import Figure, Section
from tools import ROOT, SCRATCH, Infbpf, calm, reap, server_program, usage_ns

HOW = """
`infer-serve --device emu` answers the same requests (same seed, same arrival times) with and without
`infbpf trace -p` attached to it, in turn, at nice -20. First at a rate of requests that makes about
10,000 CUDA calls a second: latency from the intended arrival to the answer, and CPU time for all
requests. Then with more requests than it can answer: tokens a second. Each figure is that of the
traced run to that of the untraced run beside it.
"""


class Run:
    """One life of the server."""

    def __init__(self, args, traced):
        self.stats_path = os.path.join(SCRATCH, "serve.json")
        self.log_path = os.path.join(SCRATCH, "serve.log")
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [server_program(), "--device", "emu", "--stats", self.stats_path, *args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=calm(), cwd=ROOT)
        wait_until(30, lambda: "infer-serve: ready" in self.log(), "infer-serve is ready")
        self.infbpf = Infbpf("-p", str(self.process.pid)).attach() if traced else None
        self.cpu_ns = usage_ns(reap(self.process))
        if self.process.returncode:
            raise Wrong(f"infer-serve: status {self.process.returncode}: {self.log()[-300:]}")
        if self.infbpf:
            self.infbpf.end(sig=None)
        self.stats = read_json(self.stats_path)

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def calls_a_second(self):
        calls = sum(c["calls"] for c in self.stats["cuda_calls_serving"].values())
        return calls / self.stats["duration_s"]

    def latency(self, quantile):
        return self.stats["latency_ns"]["end_to_end"][quantile]


def pairs(plan, count, args):
    """Runs without and with, the order changing from pair to pair."""
    for i in range(count):
        first = Run(args, traced=bool(i % 2))
        second = Run(args, traced=not i % 2)
        yield (second, first) if i % 2 else (first, second)


def percent(figures):
    return Figure([(v - 1) * 100 for v in figures], "%")


def steady(plan, section):
    seconds = plan.pick(5, 8)
    rate = 26
    args = ["--rate", str(rate), "--requests", str(rate * seconds)]
    p50, p95, cpu, added, own, calls, stated = [], [], [], [], [], [], []
    for bare, traced in pairs(plan, plan.pick(2, 8), args):
        p50.append(traced.latency("p50") / bare.latency("p50"))
        p95.append(traced.latency("p95") / bare.latency("p95"))
        cpu.append(traced.cpu_ns / bare.cpu_ns)
        calls.append(traced.calls_a_second())
        length = traced.stats["duration_s"] * 1e9
        added.append((traced.cpu_ns - bare.cpu_ns) / length * 100)
        own.append(traced.infbpf.own_ns / length * 100)
        try:
            stated.append(traced.infbpf.stated_ns() / length * 100)
        except Skip as e:
            section.skip(str(e))
    section.row("CUDA calls a second", Figure(calls, digits=4))
    section.row("latency p50, added", percent(p50))
    section.row("latency p95, added", percent(p95))
    section.row("server's CPU time, added", percent(cpu))
    section.row("the same, in % of one CPU", Figure(added, "%"))
    section.row("infbpf's own CPU time, in % of one CPU", Figure(own, "%"))
    section.verdict("infer-serve at 10,000 calls/s: latency p50, added", percent(p50), 2, "<= 2 %")
    section.verdict("infer-serve at 10,000 calls/s: latency p95, added", percent(p95))
    if stated:
        section.row("stated cost, in % of one CPU", Figure(stated, "%"))
        # Pairs are too noisy one by one: the medians of what was added and stated.
        total = Figure([a + o for a, o in zip(added, own)])
        section.row("measured cost, in % of one CPU", Figure(total.values, "%"))
        section.verdict("infer-serve: stated cost, to the measured one (medians)",
                        Figure([Figure(stated).median / total.median]), 0.3, "0.7 to 1.3",
                        compare=lambda v: 0.7 <= v <= 1.3)


def saturated(plan, section):
    args = ["--rate", "2000", "--duration", str(plan.pick(4, 5))]
    tokens, calls = [], []
    for bare, traced in pairs(plan, plan.pick(2, 6), args):
        tokens.append(bare.stats["tokens_per_s"] / traced.stats["tokens_per_s"])
        calls.append(traced.calls_a_second())
    section.row("saturated: CUDA calls a second", Figure(calls, digits=4))
    section.row("saturated: throughput lost", percent(tokens))
    section.verdict("infer-serve saturated: throughput lost", percent(tokens))


def run(plan):
    section = Section("A whole inference server", HOW)
    section.table("", "traced, to untraced")
    steady(plan, section)
    saturated(plan, section)
    return section
