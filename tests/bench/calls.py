# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a CUDA call costs its caller while it is traced."""

import os
import subprocess

from harness import Skip
from results import Figure, Section
from tools import BENCH, Infbpf, Tool, calm, peer, start_ready

# What the program calls, and the function that its empty pair and the peers are attached to. (A step is
# of several; an empty pair costs the same at any of them.)
KINDS = {"sync": "cudaStreamSynchronize", "launch": "cudaLaunchKernel",
         "step": "cudaLaunchKernel"}
FUNCTION = "cudaStreamSynchronize"
LIBRARY = os.path.join(BENCH, "libcudart.so.13")

HOW = """
A program calls an empty `cudaStreamSynchronize` of a library named libcudart.so.13 in a loop, pinned,
at nice -20. The figure is its CPU time for a call. One process for all tools, attached to it by its
pid, each in its turn in every round. The empty pair is an entry and a return probe with BPF programs
of two instructions each, attached at the same place and in the same way as infbpf's: what every tracer
of calls pays before it does anything.
"""

BPFTRACE = """uprobe:%s:%s { @start[tid] = nsecs; }
uretprobe:%s:%s { @us = hist(nsecs - @start[tid]); delete(@start[tid]); @stacks[ustack] = count(); }"""


class Caller:
    def __init__(self):
        self.process = start_ready([os.path.join(BENCH, "calls")], stdin=subprocess.PIPE,
                                   preexec_fn=calm(pin=True))
        self.pid = self.process.pid

    def ns(self, calls, kind="sync"):
        """CPU time of the caller, ns a call."""
        self.process.stdin.write(f"{kind} {calls}\n")
        self.process.stdin.flush()
        _, cpu, n = map(int, self.process.stdout.readline().split())
        return cpu / n

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def peers(pid):
    pid = str(pid)
    return [
        ("libbpf-tools funclatency (histogram)", "funclatency", "libbpf-tools",
         ["-p", pid, f"cudart:{FUNCTION}"]),
        ("bpftrace (histogram, user stack)", "bpftrace", "bpftrace",
         ["-p", pid, "-e", BPFTRACE % (LIBRARY, FUNCTION, LIBRARY, FUNCTION)]),
    ]


def run(plan):
    section = Section("A CUDA call, entry and return", HOW)
    caller = Caller()
    try:
        measure(plan, section, caller)
    finally:
        caller.end()
    return section


def measure(plan, section, caller):
    calls = plan.pick(400000, 1000000)
    tools = [("empty pair", os.path.join(BENCH, "pair"), [str(caller.pid), LIBRARY, FUNCTION])]
    for name, program, package, args in peers(caller.pid):
        path = peer(program, package)
        if path:
            tools.append((name, path, args))
        else:
            section.skip(f"{name} is not installed (package {package})")
    added = {name: [] for name in ["infbpf"] + [t[0] for t in tools]}
    stated = []
    for _ in range(plan.pick(2, 7)):
        base = caller.ns(calls * 10)
        for name, path, args in tools:
            tool = Tool(name, [path, *args]).attach()
            added[name].append(caller.ns(calls) - base)
            if name == "empty pair":
                tool.process.stdin.close()
            tool.end()
        infbpf = Infbpf("-p", str(caller.pid)).attach()
        ns = caller.ns(calls) - base
        infbpf.end()
        added["infbpf"].append(ns)
        try:
            stated.append(infbpf.stated_ns() / (ns * calls + infbpf.own_ns))
        except Skip as e:
            section.skip(str(e))

    section.table("tracer", "added to a call", "to the empty pair")
    for name, values in added.items():
        section.row(name, Figure(values, "ns", 4),
                    Figure([v / e for v, e in zip(values, added["empty pair"])]))
    section.verdict("CUDA call: time added, to the empty pair's",
                    Figure([v / e for v, e in zip(added["infbpf"], added["empty pair"])]), 1.5,
                    "<= 1.5 (goal 1.25)")
    if stated:
        section.verdict("CUDA call: stated cost, to the measured one", Figure(stated), 0.3,
                        "0.7 to 1.3", compare=lambda v: 0.7 <= v <= 1.3)
