# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs that nobody here built: nearly all of their time is in stacks that reach the thread's
start."""

import collections
import re

import servers
from chains import UNKNOWN, user_frames
from harness import Report, expect
from names import file
from traced import folder, repeated, share_text, trace, worst

WHOLE = 0.95
SECONDS = 4
START = re.compile(r"_*(GI_*)?(start|libc_start_main.*|libc_start_call_main|clone[23]?|start_thread|"
                   r"dl_start|dl_start_user)(@.*)?")
PLACE = re.compile(r"^\[(.*)\+0x([0-9a-f]+)\]$")


def mapped(pids):
    """{name of a file: its path}, of all that these processes run."""
    found = {}
    for pid in pids:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
            for line in f:
                fields = line.rstrip("\n").split(maxsplit=5)
                if len(fields) > 5 and "x" in fields[1] and fields[5].startswith("/"):
                    found[fields[5].rsplit("/", 1)[-1]] = fields[5]
    return found


def is_start(frame, files):
    """Where threads and programs begin. Stripped files do not say so, but _start is at the entry
    point, and clone3() in the C library."""
    match = PLACE.match(frame)
    if not match:
        return bool(START.fullmatch(frame))
    if match[1].startswith(("libc.so", "libc-2", "ld-linux")):
        return True
    return match[1] in files and file(files[match[1]]).is_start(int(match[2], 16))


class Reached:
    def __init__(self, t, pids, files):
        self.total = collections.Counter()
        self.whole = collections.Counter()
        self.other = {"on-CPU": collections.Counter(), "off-CPU": collections.Counter()}
        for line in t.folded:
            where = "on-CPU" if line.state == "on-CPU" else "off-CPU"
            frames = user_frames(line)
            self.total[where] += line.value
            if frames and frames[0] not in UNKNOWN and is_start(frames[0], files):
                self.whole[where] += line.value
            else:
                text = ";".join(frames[:2] + ["..."] + frames[-2:] if len(frames) > 4 else frames)
                self.other[where][f"({line.thread}) {text}"] += line.value
        expect(set(line.pid for line in t.folded) & set(pids), "none of the processes was traced")

    def check(self, where):
        total = self.total[where]
        expect(total > 0, "no time")
        share = self.whole[where] / total
        text = f"{share_text(share)} of {total / 1e9:.2f} s reach the thread's start"
        if share < 1:
            text += f"; not: {worst(self.other[where], total)}"
        expect(share >= WHOLE, text)
        return text

    def check_told(self, t):
        """infbpf's own count."""
        expect(t.reach, "no stacks_reach in the JSON")
        mine = sum(self.whole.values()) / sum(self.total.values())
        told = t.reach["whole_ns"]
        expect(abs(told - mine) < 0.01, f"whole: {share_text(told)}, counted: {share_text(mine)}")
        return ", ".join(f"{k[:-3]} {share_text(v)}" for k, v in t.reach.items())


def check(name, program):
    def attempt():
        report = Report(keep=True)
        with program() as pids:
            files = mapped(pids)
            t = trace(folder("real-" + name), pids, SECONDS)
        reached = Reached(t, pids, files)
        for where in ("on-CPU", "off-CPU"):
            report.check(f"{name} {where}", reached.check, where)
        report.check(f"{name} as told", reached.check_told, t)
        return report, t
    return repeated(attempt)


PROGRAMS = {
    "python": servers.python,
    "postgres": servers.postgres,
    "nginx": servers.nginx,
    "node": servers.node,
    "node-perf-map": lambda: servers.node("--perf-basic-prof"),
    "java": servers.java,
}
TESTS = {f"real-{name}": (120, lambda name=name, program=program: check(name, program))
         for name, program in PROGRAMS.items()}
