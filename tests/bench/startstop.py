# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How long infbpf takes to attach, to write its result, and to be gone; and with many stacks."""

import os
import subprocess
import time

from harness import Wrong
from results import Figure, Section
from tools import BENCH, Infbpf, calm, start_ready

HOW = """
infbpf is started on a process whose runtime has as many CUDA calls to probe as NVIDIA's, runs for a second, and is
stopped by SIGINT. Clocked from outside: from its start to the line "attached", from the signal to the
line "written" (all files are), and to its end (every probe is removed by then).
"""

HOW_STACKS = """
A program waits 100 us in each of 10,000 different call paths; infbpf takes a stack of each wait
(`--period 50us --max-stacks 1000000`). Clocked from the signal that stops it to the line "written".
"""


def run(plan):
    section = Section("Start and stop", HOW)
    target = start_ready([os.path.join(BENCH, "calls")], stdin=subprocess.PIPE)
    attach, said, stop, gone, probes = [], [], [], [], "?"
    try:
        for _ in range(plan.pick(3, 10)):
            infbpf = Infbpf("-p", str(target.pid)).attach()
            attach.append(infbpf.attached - infbpf.started)
            said.append(float(infbpf.match[1]))
            probes = infbpf.lines[0][1]
            time.sleep(1)
            infbpf.end()
            stop.append(infbpf.stop_s)
            gone.append(infbpf.gone_s - infbpf.stop_s)
    finally:
        target.stdin.close()
        target.wait()
    section.table("from", "to", "time")
    section.row("start", "attached, by the clock outside", Figure(attach, "s"))
    section.row("start", "attached, as it says", Figure(said, "s"))
    section.row("SIGINT", "all files written", Figure(stop, "s"))
    section.row("files written", "its end, all probes removed", Figure(gone, "s"))
    section.note(f"Its line was: `{probes}`")
    section.verdict("start to attached, over 150 probes", Figure(attach, "s"), 1, "<= 1 s")
    section.verdict("stop to result written", Figure(stop, "s"), 1, "<= 1 s")
    section.verdict("result written to detached", Figure(gone, "s"), 0.2, "<= 0.2 s")
    return section


def run_stacks(plan):
    section = Section("Stop with 10,000 different stacks", HOW_STACKS)
    target = start_ready([os.path.join(BENCH, "paths"), "10000"], preexec_fn=calm())
    stop, lines, own = [], [], []
    try:
        for _ in range(plan.pick(2, 5)):
            infbpf = Infbpf("-p", str(target.pid), "--period", "50us", "--max-stacks",
                            "1000000").attach()
            # The walk in progress, and one whole one.
            for _ in range(2):
                target.stdout.readline()
            infbpf.end()
            stop.append(infbpf.stop_s)
            own.append((infbpf.own_ns - infbpf.own_run_ns) / 1e9)
            with open(infbpf.folded, encoding="utf-8") as f:
                lines.append(sum(1 for _ in f))
    finally:
        target.kill()
        target.wait()
    if min(lines) < 10000:
        raise Wrong(f"only {min(lines)} different stacks were in the result")
    section.table("what", "figure")
    section.row("different stacks written", Figure(lines, digits=6))
    section.row("SIGINT to all files written", Figure(stop, "s"))
    section.row("CPU time from SIGINT to its end", Figure(own, "s"))
    section.verdict("stop to files written, 10,000 stacks", Figure(stop, "s"), 1, "<= 1 s")
    return section
