# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a stage costs the program that has it."""

import os
import subprocess

from harness import Wrong
from results import Figure, Section
from tools import BENCH, Infbpf, calm, start_ready

HOW = """
A loop of stages in one thread, at nice -20 on one CPU; the figure is CPU time, added to that of the same
loop without a tracer in the same round. A stage: two marks (USDT), of which infbpf keeps the exact split.
Of a request: also a record through the ring, as far as there is room for 30,000 a second. A function: `--stage` on one that begins with
`push %rbp`, which the kernel emulates, and ends in `ret`, which it single-steps.
"""


def round_ns(program):
    program.stdin.write("\n")
    program.stdin.flush()
    line = program.stdout.readline()
    if not line:
        raise Wrong("marks ended")
    return [float(word) for word in line.split()]


def run(plan):
    section = Section("Stages", HOW)
    path = os.path.join(BENCH, "marks")
    program = start_ready([path, str(plan.pick(20000, 100000))], stdin=subprocess.PIPE,
                          preexec_fn=calm(pin=True))
    bare, added = ([], [], []), ([], [], [])
    try:
        for _ in range(plan.pick(3, 7)):
            base = round_ns(program)
            tool = Infbpf("-p", str(program.pid), "--stage", f"work={path}:work").attach()
            got = round_ns(program)
            tool.end()
            for i in range(3):
                bare[i].append(base[i])
                added[i].append(got[i] - base[i])
    finally:
        program.stdin.close()
        program.wait()
        program.stdout.close()
    section.table("what", "without a tracer", "added")
    for i, what in enumerate(("a stage", "a stage of a request", "a function, by --stage")):
        section.row(what, Figure(bare[i], "ns"), Figure(added[i], "ns"))
        section.verdict(f"{what}: CPU time added", Figure(added[i], "ns"))
    return section
