# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a CUDA call costs its caller while it is traced."""

import os
import subprocess

from harness import Skip
from results import Figure, Section
from tools import BENCH, Infbpf, Tool, calm, peer, start_ready

LIBRARY = os.path.join(BENCH, "libcudart.so.13")
# What the program calls, and the functions whose empty pairs and peers stand beside it. A step is of
# several, of which an empty pair costs the same.
KINDS = {"sync": ("cudaStreamSynchronize",), "launch": ("cudaLaunchKernel",),
         "step": ("cudaStreamSynchronize", "cudaLaunchKernel")}

HOW = """
A program calls empty functions of a library named libcudart.so.13 in a loop, pinned, at nice -20:
`cudaStreamSynchronize`; `cudaLaunchKernel` of one kernel; or a decoding step: eight launches of eight
kernels, two asynchronous copies, an event, a wait for it, a synchronisation. All that infbpf measures by
default is on: states, errors, streams, copies by size, launches by kernel, gaps. The figure is the
program's CPU time for a call. One process for all tools, attached to it by its pid, each in its turn in
every round. The empty pair is an entry and a return probe with BPF programs of two instructions each,
attached at the same place and in the same way as infbpf's: what every tracer of calls pays before it
does anything.
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


def tools_for(section, pid, function):
    """The empty pair, and the peers that are installed: (name, argv)."""
    found = [("empty pair", [os.path.join(BENCH, "pair"), str(pid), LIBRARY, function])]
    for name, program, package, args in (
            ("libbpf-tools funclatency (histogram)", "funclatency", "libbpf-tools",
             ["-p", str(pid), f"cudart:{function}"]),
            ("bpftrace (histogram, user stack)", "bpftrace", "bpftrace",
             ["-p", str(pid), "-e", BPFTRACE % (LIBRARY, function, LIBRARY, function)])):
        path = peer(program, package)
        if path:
            found.append((name, [path, *args]))
        else:
            section.skip(f"{name} is not installed (package {package})")
    return found


def run(plan):
    section = Section("A CUDA call, entry and return", HOW)
    caller = Caller()
    try:
        measure(plan, section, caller)
    finally:
        caller.end()
    return section


def round_of_tools(caller, tools, kind, calls, base, added):
    for name, argv in tools:
        tool = Tool(name, argv).attach()
        added.setdefault((kind, name), []).append(caller.ns(calls, kind) - base)
        if name == "empty pair":
            tool.process.stdin.close()
        tool.end()


def round_of_infbpf(section, caller, calls, bases, added, stated):
    infbpf = Infbpf("-p", str(caller.pid)).attach()
    spent = 0
    for kind, base in bases.items():
        ns = caller.ns(calls, kind) - base
        added.setdefault((kind, "infbpf"), []).append(ns)
        spent += ns * calls
    infbpf.end()
    try:
        stated.append(infbpf.stated_ns() / (spent + infbpf.own_ns))
    except Skip as e:
        section.skip(str(e))


def measure(plan, section, caller):
    calls = plan.pick(200000, 500000)
    tools = {kind: tools_for(section, caller.pid, functions[0])
             for kind, functions in KINDS.items() if len(functions) == 1}
    added, stated = {}, []
    for _ in range(plan.pick(2, 7)):
        bases = {kind: caller.ns(calls * 5, kind) for kind in KINDS}
        for kind, of in tools.items():
            round_of_tools(caller, of, kind, calls, bases[kind], added)
        round_of_infbpf(section, caller, calls, bases, added, stated)

    def empty(kind):
        """The cost of an empty pair, round by round; a step's is the mean of its functions'."""
        lists = [added[(k, "empty pair")] for k, f in KINDS.items() if f[0] in KINDS[kind]
                 and len(f) == 1]
        return [sum(values) / len(values) for values in zip(*lists)]

    section.table("call", "tracer", "added to a call", "to the empty pair")
    for kind in KINDS:
        for (k, name), values in sorted(added.items(), key=lambda i: i[0][1] != "infbpf"):
            if k == kind:
                section.row(kind, name, Figure(values, "ns", 4),
                            Figure([v / e for v, e in zip(values, empty(kind))]))
    for kind in KINDS:
        section.verdict(f"CUDA call ({kind}): time added, to the empty pair's",
                        Figure([v / e for v, e in zip(added[(kind, "infbpf")], empty(kind))]),
                        1.5, "<= 1.5 (goal 1.25)")
    if stated:
        section.verdict("CUDA call: stated cost, to the measured one", Figure(stated), 0.3,
                        "0.7 to 1.3", compare=lambda v: 0.7 <= v <= 1.3)
