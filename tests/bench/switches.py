# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a context switch costs while the whole host is traced."""

import os
import re
import subprocess

from harness import Skip, Wrong, need_tool
from results import Figure, Section
from tools import SCRATCH, Infbpf, Tool, calm, peer, reap, usage_ns

HOW = """
`perf bench sched pipe -T` on one CPU: two threads hand a byte to and fro, two switches and two
wake-ups an operation. All tracers trace the whole host with their defaults. The figure is the CPU
time of the benchmark's process for an operation; it runs at nice -20, so that other programs do not
take its CPU. What can be asked for is a tracer of its own: stacks of wakers; every part of I/O, of which
the pipe's reads and writes are calls. In each round every tool has its turn, and its added time is that over the same round's
run without a tracer.
"""


def pipe_us(perf, loops):
    """CPU time of the benchmark's process, us an operation."""
    process = subprocess.Popen([perf, "bench", "sched", "pipe", "-T", "-l", str(loops)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, preexec_fn=calm(pin=True))
    out = process.stdout.read()
    usage = reap(process)
    if not re.search(r"usecs/op", out):
        raise Wrong(f"perf bench sched pipe: {out.strip()[-200:]}")
    return usage_ns(usage) / 1000 / loops


def peers(perf):
    data = os.path.join(SCRATCH, "perf.data")
    stacks = "tracepoint:sched:sched_switch { @[kstack] = count(); }"
    return [
        ("libbpf-tools offcputime", "offcputime", "libbpf-tools", []),
        ("perf sched record", perf, "linux-perf", ["sched", "record", "-o", data, "sleep", "1000"]),
        ("bpftrace, kernel stack each switch", "bpftrace", "bpftrace", ["-e", stacks]),
    ]


# What can be asked for besides; each as a tracer of its own.
OPTIONS = [("infbpf --wakers", ["--wakers"]), ("infbpf --io all", ["--io", "all"])]


def honesty(loops, added_us, tool):
    """Stated cost over the one measured from outside: the workload's added CPU time and infbpf's own."""
    return tool.stated_ns() / (added_us * 1000 * loops + tool.own_ns)


def run(plan):
    section = Section("A context switch, the whole host traced", HOW)
    perf = need_tool("perf", "linux-perf")
    loops = plan.pick(100000, 300000)
    tools = []
    for name, program, package, args in peers(perf):
        path = peer(program, package) if "/" not in program else program
        if path:
            tools.append((name, path, args))
        else:
            section.skip(f"{name} is not installed (package {package})")
    added = {name: [] for name in ["infbpf"] + [o[0] for o in OPTIONS] + [t[0] for t in tools]}
    bare, stated, own = [], [], []
    start = pipe_us(perf, 1)  # all of it the program's own start
    for _ in range(plan.pick(2, 7)):
        base = pipe_us(perf, loops) - start / loops
        bare.append(base)
        infbpf = Infbpf("-a").attach()
        us = pipe_us(perf, loops) - start / loops
        infbpf.end()
        added["infbpf"].append(us - base)
        own.append(infbpf.own_ns / 1e9)
        try:
            stated.append(honesty(loops, us - base, infbpf))
        except Skip as e:
            section.skip(str(e))
        for name, options in OPTIONS:
            infbpf = Infbpf("-a", *options).attach()
            added[name].append(pipe_us(perf, loops) - start / loops - base)
            infbpf.end()
        for name, path, args in tools:
            tool = Tool(name, [path, *args]).attach()
            added[name].append(pipe_us(perf, loops) - start / loops - base)
            tool.end()
    data = os.path.join(SCRATCH, "perf.data")
    if os.path.exists(data):
        os.unlink(data)

    section.table("tracer", "added to an operation", "against infbpf", "operation, to untraced")
    section.row("none", "", "", "1")
    for name, values in added.items():
        section.row(name, Figure(values, "us"),
                    Figure([v / i for v, i in zip(values, added["infbpf"])]),
                    Figure([(v + b) / b for v, b in zip(values, bare)]))
    reference = "libbpf-tools offcputime"
    if reference in added:
        section.verdict("switch: time added, to offcputime's",
                        Figure([i / o for i, o in zip(added["infbpf"], added[reference])]), 0.2,
                        "<= 0.2")
    if stated:
        section.verdict("switch: stated cost, to the measured one", Figure(stated), 0.3,
                        "0.7 to 1.3", compare=lambda v: 0.7 <= v <= 1.3)
    section.note(f"infbpf's own CPU time from attached to its end, files written: "
                 f"{Figure(own, 's')} a run.")
    return section
