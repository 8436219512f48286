# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several programs under one trace, and what that left."""

import contextlib
import os
import subprocess

import harness
from harness import INFBPF, OUT, Wrong, expect, need_root

STACKS = os.path.join(harness.BUILD, "tests", "stacks")
RUNS = 3


def folder(name):
    return harness.folder("stacks", name)


@contextlib.contextmanager
def running(programs, cwd=None):
    """Starts programs, each a list of words, that say "ready"; ends them. Yields the processes."""
    processes = []
    try:
        for argv in programs:
            processes.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                              stdout=subprocess.PIPE, text=True, cwd=cwd))
        for p in processes:
            expect(p.stdout.readline() == "ready\n", f"{p.args[0]} did not start")
        yield processes
    finally:
        for p in processes:
            p.kill()
            p.wait()
            p.stdout.close()


class Trace:
    """What a trace wrote: folded lines in ns, JSON."""

    def __init__(self, where):
        self.folded_path = os.path.join(where, "trace.folded")
        self.folded = harness.read_folded(self.folded_path)
        self.json = harness.read_json(os.path.join(where, "trace.json"))

    @property
    def lost(self):
        return self.json["lost"]["events"]

    @property
    def reach(self):
        """Share of the time by how far stacks reach, as infbpf counts it; None: not counted."""
        reach = self.json.get("stacks_reach")
        return reach and {k: v / max(1, sum(reach.values())) for k, v in reach.items()}

    def lines_of(self, pid):
        return [line for line in self.folded if line.pid == pid]


def trace_with(where, seconds, *words):
    need_root()
    argv = [INFBPF, "trace", "-q", "--unit", "ns", "-o", os.path.join(where, "trace.folded"),
            "--json", os.path.join(where, "trace.json"), *words]
    status, _, err = harness.run(argv, timeout=seconds + 60)
    if status:
        raise Wrong(f"infbpf ended with {status}: {err.strip()[-300:]}")
    return Trace(where)


def trace(where, pids, seconds, *options):
    """Traces processes that run already."""
    return trace_with(where, seconds, "-d", str(seconds), "-p", ",".join(map(str, pids)), *options)


def trace_command(where, argv, *options):
    """Traces a command to its end."""
    return trace_with(where, 10, *options, "--", *argv)


def repeated(attempt):
    """attempt(): (report, trace). A host may hide switches from its own kernel's tracepoints
    (lost.events counts them), and a short trace has few samples: what fails is repeated."""
    for run in range(1, RUNS + 1):
        report, t = attempt()
        if run == RUNS or not report.failed or not t.lost:
            break
        report.print(as_comment=f"run {run} of {RUNS} does not count: the kernel did not show "
                                f"{t.lost} switches")
    report.print()
    return 1 if report.failed else 0


def share_text(share):
    return f"{100 * share:.2f} %"


def worst(wrong, total, n=3):
    """The largest of {stack: ns}, in words."""
    rows = sorted(wrong.items(), key=lambda row: -row[1])[:n]
    return ", ".join(f"{share_text(ns / total)} {stack}" for stack, ns in rows)
