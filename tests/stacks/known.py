# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs whose stacks are known, built in every way: nearly all of their time has to be under the
true chain."""

import collections
import os
import re

from chains import Program, UNKNOWN, user_frames
from harness import Report, Skip, between, expect
from names import File
from traced import STACKS, folder, repeated, running, share_text, trace, trace_command, worst

RIGHT = 0.99
SECONDS = 8
FREQ = "999"
KINDS = {"known": "c", "knowncpp": "cpp", "knownrs": "rust"}


class Twin:
    """The functions of a stripped program, told by the one it was made of."""

    def __init__(self, stripped):
        self.file = File(stripped[:-len(".stripped")])
        self.frame = re.compile(rf"^\[{re.escape(os.path.basename(stripped))}\+0x([0-9a-f]+)\]$")

    def name(self, frame):
        match = self.frame.match(frame)
        names = match and self.file.names(int(match[1], 16))
        return min(names) if names else frame


def reaches_start(frames):
    """No mark at the root says otherwise."""
    return bool(frames) and frames[0] not in UNKNOWN


class Judged:
    """One program's time: how much of it is under a true chain, by state and by phase."""

    def __init__(self, path, lines):
        kind = os.path.basename(path).split("-")[0]
        self.program = Program(KINDS[kind])
        twin = Twin(path) if path.endswith(".stripped") else None
        self.total, self.right, self.whole, self.phases = (collections.Counter() for _ in range(4))
        self.wrong = collections.defaultdict(collections.Counter)
        for line in lines:
            frames = [twin.name(f) for f in user_frames(line)] if twin else user_frames(line)
            state = line.state if line.state == "on-CPU" else "off-CPU"
            self.total[state] += line.value
            if reaches_start(frames):
                self.whole[state] += line.value
            phase = self.program.phase(line.thread, frames)
            if phase:
                self.right[state] += line.value
                blocked = line.state.startswith("blocked")
                self.phases[phase, "blocked" if blocked else line.state] += line.value
            else:
                self.wrong[state][f"({line.thread}, {line.state}) " + ";".join(frames)] += line.value

    def check_right(self):
        texts, bad = [], False
        for state, total in sorted(self.total.items(), reverse=True):
            share = self.right[state] / total
            text = f"{state} {share_text(share)} of {total / 1e9:.1f} s"
            whole = self.whole[state] / total
            if whole < 1:
                text += f" (to the thread's start {share_text(whole)})"
            if share < RIGHT:
                bad = True
                text += f", wrong: {worst(self.wrong[state], total)}"
            texts.append(text)
        expect(len(texts) == 2, "no time at all")
        expect(not bad, "; ".join(texts))
        return "; ".join(texts)

    def check_phases(self):
        """Each phase has the same CPU time; the sleeping one has most of the blocked."""
        busy = [p for p in self.program.phases if p != "sleep"]
        times = {p: self.phases[p, "on-CPU"] for p in busy}
        mean = sum(times.values()) / len(busy)
        expect(mean > 0, "no time on a CPU")
        off = {p: f"{ns / mean:.2f}" for p, ns in times.items() if not 0.4 < ns / mean < 1.8}
        expect(not off, f"phases of equal CPU time, as multiples of their mean: {off}")
        asleep = self.phases["sleep", "blocked"]
        blocked = sum(self.phases[p, "blocked"] for p in self.program.phases)
        expect(asleep and asleep > 0.75 * blocked,
               f"{asleep / 1e6:.0f} of {blocked / 1e6:.0f} ms blocked are in the phase that sleeps")
        return f"{min(times.values()) / mean:.2f} to {max(times.values()) / mean:.2f} of the mean"


def programs(pattern):
    names = sorted(os.listdir(STACKS)) if os.path.isdir(STACKS) else []
    found = [os.path.join(STACKS, n) for n in names if re.fullmatch(pattern, n)]
    if not found:
        raise Skip(f"no program {pattern} was built")
    return found


def judge_all(name, pattern, *options, seconds=SECONDS):
    """One trace of several builds at once."""
    paths = programs(pattern)

    def attempt():
        where = folder(name)
        with running([[p, os.path.join(STACKS, "plugin.so")] for p in paths]) as processes:
            t = trace(where, [p.pid for p in processes], seconds, "--freq", FREQ, *options)
        report = Report(keep=True)
        for path, process in zip(paths, processes):
            judged = Judged(path, t.lines_of(process.pid))
            build = os.path.basename(path)
            report.check(f"{build} true chains", judged.check_right)
            report.check(f"{build} time by phase", judged.check_phases)
        return report, t
    return repeated(attempt)


def check_big():
    """Stacks larger than what is copied: the root says so, and --stack-bytes copies more."""
    path = os.path.join(STACKS, "big")
    expect(os.path.exists(path), f"{path} was not built")
    report = Report(keep=True)
    with running([[path]]) as (process,):
        cut = trace(folder("big-cut"), [process.pid], 2, "--freq", FREQ)
        whole = trace(folder("big-whole"), [process.pid], 2, "--freq", FREQ,
                      "--stack-bytes", "65536")

    chain = "big_a;big_b;big_c(;.*)?"

    def check(t, pattern, least, key):
        lines = t.lines_of(process.pid)
        total = sum(line.value for line in lines)
        wrong = collections.Counter()
        for line in lines:
            frames = ";".join(user_frames(line))
            if not re.fullmatch(pattern, frames):
                wrong[frames] += line.value
        share = 1 - sum(wrong.values()) / total
        expect(share >= least, f"{share_text(share)} of its time; not: {worst(wrong, total)}")
        expect(t.reach and t.reach[key] >= least, f"stacks_reach says {t.reach}")
        return f"{share_text(share)}; stacks_reach says {t.reach}"
    # A wait that is still open at the end is read from the process, whole.
    report.check("cut by the copy's end", check, cut, r"\[truncated\];(big_a;)?(big_b;)?big_c(;.*)?", 0.9,
                 "truncated_ns")
    report.check("--stack-bytes 65536", check, whole, rf"(?!\[).*;main;{chain}", RIGHT, "whole_ns")
    report.print()
    return 1 if report.failed else 0


def check_begin():
    """A command's work before main(), in it and after it; no stack is looked at before it runs."""
    path = os.path.join(STACKS, "begin")
    expect(os.path.exists(path), f"{path} was not built")
    where = folder("begin")
    t = trace_command(where, [path], "--freq", FREQ)
    report = Report()
    program = Program("begin")
    times = collections.Counter()
    for line in t.folded:
        if line.state == "on-CPU":
            times[program.phase(line.thread, user_frames(line))] += line.value

    def check(phase):
        between("ms of CPU time", times[phase] // 1000000, 380, 440)
        return f"{times[phase] / 1e6:.1f} ms"
    for phase in program.phases:
        report.check(f"{phase} main()", check, phase)
    return 1 if report.failed else 0


TESTS = {
    "known-gcc": (90, lambda: judge_all("known-gcc", r"known-gcc-O\d-\w+")),
    "known-clang": (90, lambda: judge_all("known-clang", r"known-clang-O\d-\w+")),
    "known-linked": (90, lambda: judge_all("known-linked", r"known-\w+-link-\w+|.*\.stripped")),
    "known-cpp": (90, lambda: judge_all("known-cpp", r"knowncpp-.*")),
    "known-rust": (90, lambda: judge_all("known-rust", r"knownrs-.*", seconds=4)),
    "known-begin": (60, check_begin),
    "known-big": (60, check_big),
}
