# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What accounting for I/O costs: block requests, and calls."""

import json
import os
import subprocess

from harness import Wrong, need_tool
from results import Figure, Section
from tools import BENCH, SCRATCH, Infbpf, calm

HOW = """
The whole host traced, with the parts of I/O asked for or not. Requests: `fio` reads 4 KiB at random
past the page cache (psync, one job, 64 MiB) for a time; the figures are operations a second, and the run time of
infbpf's programs for block requests. Calls: a loop of `pread`, 4 KiB that the page cache has, and of
`getppid`, which is no I/O; the figure is CPU time a call, at nice -20 on one CPU, added to that without a tracer in the same round. "Another process":
`--io file,net`, but with only some other process in scope: what every system call of the host pays.
"""


def fio_iops(seconds):
    data = os.path.join(SCRATCH, "fio-data")
    p = subprocess.run([need_tool("fio", "fio"), "--name=bench", f"--filename={data}", "--size=64m",
                        "--ioengine=psync", "--rw=randread", "--direct=1", "--bs=4k",
                        "--time_based", f"--runtime={seconds}", "--output-format=json"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=calm())
    if p.returncode:
        raise Wrong(f"fio: {p.stderr.strip()[-200:]}")
    return json.loads(p.stdout[p.stdout.index("{"):])["jobs"][0]["read"]["iops"]


def call_ns(count):
    """CPU time of a pread and of a getppid."""
    p = subprocess.run([os.path.join(BENCH, "reads"), os.path.join(SCRATCH, "reads.dat"), str(count)],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       preexec_fn=calm(pin=True))
    if p.returncode:
        raise Wrong(f"reads: {p.stderr.strip()[-200:]}")
    return [float(word) for word in p.stdout.split()]


def traced(function, *options):
    """The figure, and infbpf's BPF run time meanwhile."""
    tool = Infbpf(*options).attach()
    try:
        got = function()
    finally:
        tool.end()
    return got, tool.json["overhead"]["bpf_ns"]


def requests(plan, section):
    seconds, kept, against, cost = plan.pick(1, 2), [], [], []
    fio_iops(1)
    for _ in range(plan.pick(3, 7)):
        before = fio_iops(seconds)
        none, none_ns = traced(lambda: fio_iops(seconds), "-a", "--io", "none")
        block, block_ns = traced(lambda: fio_iops(seconds), "-a", "--io", "block")
        bare = (before + fio_iops(seconds)) / 2
        kept.append(block / bare)
        against.append(block / none)
        if none_ns is not None:
            cost.append(block_ns / (block * seconds) - none_ns / (none * seconds))
    section.verdict("fio, random reads: operations a second with --io block, to --io none",
                    Figure(against))
    section.verdict("the same, to no tracer", Figure(kept))
    if cost:
        section.verdict("--io block: BPF run time added to a request", Figure(cost, "ns"))


def calls(plan, section):
    count = plan.pick(200000, 1000000)
    other = subprocess.Popen(["sleep", "1000"])
    ways = {
        "--io none": ("-a", "--io", "none"),
        "--io block (default)": ("-a",),
        "--io file": ("-a", "--io", "file"),
        "--io all": ("-a", "--io", "all"),
        "another process": ("-p", str(other.pid), "--io", "file,net"),
    }
    bare, added = ([], []), {way: ([], []) for way in ways}
    try:
        for _ in range(plan.pick(3, 7)):
            base = call_ns(count)
            for way, options in ways.items():
                got, _ = traced(lambda: call_ns(count), *options)
                for i in range(2):
                    added[way][i].append(got[i] - base[i])
            for i in range(2):
                bare[i].append(base[i])
    finally:
        other.kill()
        other.wait()
    section.table("traced", "pread of 4 KiB: added", "getppid: added")
    section.row("not at all: the call itself", *[Figure(b, "ns") for b in bare])
    for way, values in added.items():
        section.row(way, *[Figure(v, "ns") for v in values])
    section.verdict("--io file: CPU time added to a cached pread of 4 KiB",
                    Figure(added["--io file"][0], "ns"))


def run(plan):
    section = Section("I/O", HOW)
    calls(plan, section)
    requests(plan, section)
    return section
