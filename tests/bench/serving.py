# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tracing does to a whole inference server."""

import os
import subprocess

from harness import Skip, Wrong, read_json, wait_until
from results import Figure, Section
from tools import ROOT, SCRATCH, Infbpf, calm, reap, server_program, usage_ns

HOW = """
`infer-serve --device emu` answers the same requests (same seed, same arrival times) with and without
`infbpf trace -p` attached to it, in turn, at nice -20. Each figure is that of the traced run over that
of the untraced run beside it, less one. Busy device: kernels that take 100 us and a rate of requests
that makes about 10,000 CUDA calls a second and keeps the device busy most of the time. Saturated: more
requests than it can answer, kernels of 130 us. Idle device: kernels of 6 us, so that a request's time is
mostly its 400 CUDA calls; a worst case. The emulated device's threads are traced like the server's own,
and each of its kernels is two context switches: a real device does not pay that.
"""

# Length of the emulated device's kernels, requests a second.
BUSY = (100, 40)
SATURATED = (130, 2000)
IDLE = (6, 26)


class Run:
    """One life of the server."""

    def __init__(self, load, args, traced):
        kernel_us, rate = load
        self.stats_path = os.path.join(SCRATCH, "serve.json")
        self.log_path = os.path.join(SCRATCH, "serve.log")
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [server_program(), "--device", "emu", "--rate", str(rate), "--stats",
                 self.stats_path, *args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=calm(), cwd=ROOT,
                env=dict(os.environ, INFBPF_EMU_KERNEL_US=str(kernel_us)))
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


def pairs(count, load, args):
    """Runs without and with, the order changing from pair to pair."""
    for i in range(count):
        first = Run(load, args, traced=bool(i % 2))
        second = Run(load, args, traced=not i % 2)
        yield (second, first) if i % 2 else (first, second)


def percent(ratios):
    return Figure([(v - 1) * 100 for v in ratios], "%", 2)


def requests(load, seconds):
    return ["--requests", str(load[1] * seconds)]


def latencies(section, name, found, limit):
    section.row(f"{name}: CUDA calls a second", Figure([t.calls_a_second() for _, t in found]))
    for quantile in ("p50", "p95"):
        added = percent([t.latency(quantile) / b.latency(quantile) for b, t in found])
        section.row(f"{name}: latency {quantile}, added", added)
        section.verdict(f"infer-serve, {name}: latency {quantile}, added", added, limit,
                        f"<= {limit} %" if limit else "")


def costs(section, name, found):
    """CPU time, in % of one CPU: what was added to the server's, infbpf's own, what it states."""
    def share(ns, run):
        return ns / run.stats["duration_s"] / 1e7

    added = Figure([share(t.cpu_ns - b.cpu_ns, t) for b, t in found], "%")
    own = Figure([share(t.infbpf.own_ns, t) for _, t in found], "%")
    section.row(f"{name}: server's CPU time, added", percent([t.cpu_ns / b.cpu_ns for b, t in found]))
    section.row(f"{name}: the same, of one CPU", added)
    section.row(f"{name}: infbpf's own CPU time, of one CPU", own)
    try:
        stated = Figure([share(t.infbpf.stated_ns(), t) for _, t in found], "%")
    except Skip as e:
        section.skip(str(e))
        return
    measured = added.median + own.median
    section.row(f"{name}: cost as stated, of one CPU", stated)
    # One pair tells little of the server's added CPU time: its runs differ by more than that.
    section.verdict("infer-serve: stated cost, to the measured one (of medians)",
                    Figure([stated.median / measured]), 0.3, "0.7 to 1.3",
                    compare=lambda v: 0.7 <= v <= 1.3)


def run(plan):
    section = Section("A whole inference server", HOW)
    section.table("what", "figure")
    found = list(pairs(plan.pick(2, 8), BUSY, requests(BUSY, plan.pick(4, 6))))
    latencies(section, "busy device", found, 2)
    costs(section, "busy device", found)
    found = list(pairs(plan.pick(2, 6), SATURATED, ["--duration", str(plan.pick(3, 5))]))
    lost = percent([b.stats["tokens_per_s"] / t.stats["tokens_per_s"] for b, t in found])
    section.row("saturated: CUDA calls a second", Figure([t.calls_a_second() for _, t in found]))
    section.row("saturated: throughput lost", lost)
    section.verdict("infer-serve, saturated: throughput lost", lost, 2, "<= 2 %")
    found = list(pairs(plan.pick(1, 4), IDLE, requests(IDLE, plan.pick(4, 6))))
    latencies(section, "idle device", found, None)
    return section
