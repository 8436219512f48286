# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a stack costs: the sampled program, the recorder, and whoever wants names; against perf record."""

import glob
import os
import re
import signal
import statistics
import subprocess
import sys
import time

from harness import ROOT, Wrong, need_tool
from results import Figure, Section
from tools import BENCH, SCRATCH, Infbpf, Tool, calm, cpu_ns, reap, start_ready, usage_ns

HZ = 4999
MIB = 1 << 20

HOW = f"""
A program built without frame pointers does a fixed amount of work at the end of 25 calls, pinned, at
nice -20, and is sampled {HZ} times a second, so that the samples' cost stands out; every tracer in
each round, each against the runs without a tracer before and after it. The target's cost is its CPU
time more than in those, over the samples taken: the interrupt, the stack, the way out of the kernel.
The recorder's is its CPU time from attached to its end; perf's data still has to be read by
`perf script --no-inline`, infbpf has unwound, named and written everything by then. perf copies 8 KiB
of stack with `dwarf`. A stack is whole when it reaches the program's outermost calls. infbpf's memory
is with its maps.
"""


class Target:
    def __init__(self, name, argv, whole, unit_us):
        self.name, self.argv, self.unit_us = name, argv, unit_us
        self.whole = re.compile(whole)

    def __enter__(self):
        self.process = start_ready(self.argv, stdin=subprocess.PIPE, preexec_fn=calm(pin=True))
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ns(self, units):
        """CPU time of so much work."""
        self.process.stdin.write(f"{units}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[1])


def targets():
    return [
        Target("C, 25 calls deep", [os.path.join(BENCH, "deep")], r"\blevel_1\b", 15),
        Target("python3", [sys.executable, os.path.join(ROOT, "tests", "bench", "deep.py")],
               r"\bPy_BytesMain\b|\bPy_RunMain\b", 10),
    ]


def hurry(pid):
    """A recorder that other programs keep from reading its ring loses samples: not its doing."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            os.setpriority(os.PRIO_PROCESS, int(task), -20)
        except OSError:
            pass


def peak_bytes(pid):
    """Not ru_maxrss: that begins with what the parent had when it forked."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return int(re.search(r"^VmHWM:\s+(\d+) kB", f.read(), re.M)[1]) * 1024
    except (OSError, TypeError):
        return 0


class Sample:
    """What one tracer cost in one round."""

    def __init__(self):
        self.stacks = self.lost = self.whole = 0
        self.recorder_ns = self.script_ns = 0
        self.bytes = self.rss = 0
        self.bpf_ns = None


STATS = "/proc/sys/kernel/bpf_stats_enabled"
PERF_EVENT = 7  # BPF_PROG_TYPE_PERF_EVENT: of infbpf's, the on-CPU samples


def count_bpf(on):
    """Has the kernel clock every run of a BPF program (infbpf itself asks for slices only)."""
    try:
        with open(STATS, "w", encoding="ascii") as f:
            f.write("1" if on else "0")
    except OSError:
        pass


def clock_program_ns(pid):
    """Run time so far of a process's programs for on-CPU samples. None: not counted here."""
    total = None
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            with open(path, encoding="ascii", errors="replace") as f:
                text = f.read()
        except OSError:
            continue
        if re.search(rf"^prog_type:\s+{PERF_EVENT}$", text, re.M):
            found = re.search(r"^run_time_ns:\s+(\d+)", text, re.M)
            total = (total or 0) + int(found[1]) if found else total
    return total or None


class InfbpfRun:
    def __init__(self, *options):
        self.options = ["--freq", str(HZ), "--max-stacks", "1000000", *options]

    def attach(self, target):
        count_bpf(True)
        self.tool = Infbpf("-p", str(target.pid), *self.options).attach()
        hurry(self.tool.process.pid)

    def end(self, target):
        got = Sample()
        got.bpf_ns = clock_program_ns(self.tool.process.pid)
        count_bpf(False)
        self.tool.end()
        got.recorder_ns = self.tool.own_ns
        overhead = self.tool.json["overhead"]
        got.rss = overhead["rss_bytes"] + overhead["map_bytes"]
        got.stacks = self.tool.json["stacks"]
        got.lost = self.tool.json["lost"]["stacks"] + self.tool.json["lost"]["ring"]
        got.bytes = os.path.getsize(self.tool.folded)
        got.whole = self.whole(target)
        return got

    def whole(self, target):
        """Of the time on a CPU, the share in whole stacks."""
        on_cpu = whole = 0
        with open(self.tool.folded, encoding="utf-8", errors="replace") as f:
            for line in f:
                if "[blocked: " in line or "[run queue]" in line:
                    continue
                value = int(line.rsplit(" ", 1)[1])
                on_cpu += value
                whole += value * bool(target.whole.search(line))
        return whole / on_cpu if on_cpu else 0


class PerfRun:
    def __init__(self, perf, *options):
        self.perf, self.options = perf, options
        self.data = os.path.join(SCRATCH, "samples.data")
        self.text = os.path.join(SCRATCH, "samples.txt")

    def attach(self, target):
        argv = [self.perf, "record", "-e", "cpu-clock", "-F", str(HZ), *self.options,
                "-p", str(target.pid), "-o", self.data]
        self.tool = Tool("perf record", argv).attach()
        hurry(self.tool.process.pid)
        self.cpu_at_attach = cpu_ns(self.tool.process.pid)

    def end(self, target):
        got = Sample()
        got.rss = peak_bytes(self.tool.process.pid)
        self.tool.process.send_signal(signal.SIGINT)
        self.tool.process.stdin.close()
        got.recorder_ns = usage_ns(reap(self.tool.process)) - self.cpu_at_attach
        got.bytes = os.path.getsize(self.data)
        self.script(got)
        self.read(got, target)
        # "Processed 5816 samples and lost 33.25%!"
        taken = re.search(r"Processed (\d+) samples and lost", self.tool.tail())
        got.lost = int(taken[1]) - got.stacks if taken else 0
        for path in (self.data, self.text):
            os.unlink(path)
        if not got.stacks:
            raise Wrong(f"perf record took no samples: {self.tool.tail()}")
        return got

    def script(self, got):
        with open(self.text, "w", encoding="utf-8") as out:
            process = subprocess.Popen([self.perf, "script", "--no-inline", "-i", self.data],
                                       stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.DEVNULL)
        while process.returncode is None:
            got.rss = max(got.rss, peak_bytes(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                got.script_ns = usage_ns(usage)
            time.sleep(0.01)

    def read(self, got, target):
        """A line a sample and, with stacks, one a frame."""
        whole, this = 0, False
        with open(self.text, encoding="utf-8", errors="replace") as f:
            for line in f:
                if "cpu-clock" in line:
                    got.stacks += 1
                    this = False
                elif not this and target.whole.search(line):
                    this = True
                    whole += 1
        got.whole = whole / max(1, got.stacks)


def tracers(perf):
    return {
        "infbpf": InfbpfRun(),
        "infbpf --stack-bytes 8192": InfbpfRun("--stack-bytes", "8192"),
        "infbpf --stack-bytes 4096": InfbpfRun("--stack-bytes", "4096"),
        "infbpf --unwind fp": InfbpfRun("--unwind", "fp"),
        "perf, no stacks": PerfRun(perf),
        "perf -g": PerfRun(perf, "-g"),
        "perf --call-graph dwarf,4096": PerfRun(perf, "--call-graph", "dwarf,4096"),
        "perf --call-graph dwarf": PerfRun(perf, "--call-graph", "dwarf"),
    }


FEW = ("infbpf", "infbpf --stack-bytes 8192", "infbpf --unwind fp", "perf -g",
       "perf --call-graph dwarf")


class Figures:
    """A tracer's, over the rounds."""

    def __init__(self):
        self.share, self.kernel_ns, self.bpf_ns = [], [], []
        self.recorder_us, self.all_us, self.bytes = [], [], []
        self.rss, self.whole, self.stacks, self.lost = [], [], [], []

    def add(self, got, added_ns, base_ns):
        taken = got.stacks + got.lost
        self.share.append(added_ns / base_ns * 100)
        self.kernel_ns.append(added_ns / taken)
        self.lost.append(got.lost / taken * 100)
        if got.bpf_ns is not None:
            self.bpf_ns.append(got.bpf_ns / taken)
        self.recorder_us.append(got.recorder_ns / got.stacks / 1000)
        self.all_us.append((got.recorder_ns + got.script_ns) / got.stacks / 1000)
        self.bytes.append(got.bytes / got.stacks)
        self.rss.append(got.rss / MIB)
        self.whole.append(got.whole * 100)
        self.stacks.append(got.stacks)


def measure(plan, target, tools):
    units = round(plan.pick(0.6, 1.2) * 1e6 / target.unit_us)
    figures = {name: Figures() for name in tools}
    for _ in range(plan.pick(2, 5)):
        base = target.ns(units)
        for name, tool in tools.items():
            tool.attach(target)
            traced = target.ns(units)
            got = tool.end(target)
            after = target.ns(units)
            figures[name].add(got, traced - (base + after) / 2, (base + after) / 2)
            base = after
    return figures


def ratio(figures, a, b, field):
    """Round by round."""
    return Figure([x / y for x, y in zip(getattr(figures[a], field), getattr(figures[b], field))])


def add_rows(section, target, figures):
    for name, f in figures.items():
        section.row(target.name, name, f"{statistics.median(f.whole):.1f} %",
                    f"{statistics.median(f.lost):.1f} %", Figure(f.share, "%"),
                    Figure([v / 1000 for v in f.kernel_ns], "us"), Figure(f.recorder_us, "us"),
                    Figure(f.all_us, "us"),
                    f"{statistics.median(f.bytes):.0f}", f"{statistics.median(f.rss):.3g} MiB")


def add_verdicts(section, figures):
    ours, same, fp = "infbpf", "infbpf --stack-bytes 8192", "infbpf --unwind fp"
    dwarf = "perf --call-graph dwarf"
    section.verdict("a sample, in the target: 8 KiB of stack copied, to perf's 8 KiB",
                    ratio(figures, same, dwarf, "kernel_ns"))
    section.verdict("a sample, in the target: the stack copied, to frame pointers walked",
                    ratio(figures, ours, fp, "kernel_ns"))
    section.verdict("a sample, recorder to named stack, to perf record and script, dwarf",
                    ratio(figures, ours, dwarf, "all_us"), 1, "<= 1")
    section.verdict("stacks unwound, named and written, a second of CPU time",
                    Figure([1e6 / us for us in figures[ours].all_us], digits=5), 20000, ">= 20000",
                    compare=lambda v: v >= 20000)


def run(plan):
    section = Section("What a stack costs", HOW)
    perf = need_tool("perf", "linux-perf")
    section.table("target", "tracer", "whole stacks", "lost", "target's CPU, added",
                  "of it a sample", "recorder's CPU a sample", "until named and written",
                  "bytes a sample", "memory (peak)")
    for number, target in enumerate(targets() if not plan.quick else targets()[:1]):
        tools = tracers(perf)
        if plan.quick or number:
            tools = {name: tools[name] for name in FEW}
        with target:
            target.ns(1000)
            figures = measure(plan, target, tools)
        add_rows(section, target, figures)
        if not number:
            add_verdicts(section, figures)
        section.note(f"{target.name}: {round(statistics.median(figures['infbpf'].stacks))} samples a "
                     "run. BPF run time of a sample, with the ticks that met other programs: " +
                     ", ".join(f"{name} {Figure(f.bpf_ns, 'ns')}"
                               for name, f in figures.items() if f.bpf_ns) + ".")
    return section
