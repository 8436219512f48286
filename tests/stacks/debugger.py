# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""gdb's opinion. Of running threads: at random moments, infbpf's unwinder on the registers and memory
that gdb sees. Of blocked threads: a whole trace, by name."""

import collections
import contextlib
import os
import subprocess
import sys

from chains import Program, user_frames
from harness import Report, Wrong, expect, need_root, need_tool, read_json
from known import RIGHT
from names import Process, base
from traced import STACKS, folder, running, share_text, trace

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
STOPS = 70


def gdb(pid, where, stops, threads=100, walk=True):
    """What tests/stacks/gdb_stops.py found."""
    need_root()
    out = os.path.join(where, f"gdb-{pid}.json")
    env = dict(os.environ, STOPS=str(stops), THREADS=str(threads), OUT=out, LC_ALL="C")
    if walk:
        env["WALK"] = os.path.join(STACKS, "walk")
    p = subprocess.run([need_tool("gdb", "gdb"), "-nx", "-batch", "-p", str(pid), "-x",
                        os.path.join(HERE, "gdb_stops.py")], env=env, stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, errors="replace", timeout=120)
    if not os.path.exists(out):
        raise Wrong(f"gdb left nothing: {(p.stdout + p.stderr)[-500:]}")
    return read_json(out)


def python(name):
    return [PYTHON, os.path.join(HERE, name)]


def known(name):
    return [os.path.join(STACKS, name), os.path.join(STACKS, "plugin.so")]


# What runs, how many of its threads are looked at at a stop.
RUNNING = {
    "C": (known("known-gcc-O2-nofp"), 2),
    "C-clang": (known("known-clang-O3-nofp"), 2),
    "C++": (known("knowncpp-gcc-O2"), 1),
    "libc": (known("waits-gcc-O2"), 4),
    "python": (python("busy.py"), 3),
}


def pcs_of(row):
    """gdb goes on to a frame at address 0 where a start routine has no caller."""
    pcs = [pc for pc, _ in row["gdb"]]
    while len(pcs) > 1 and pcs[-1] == 0:
        pcs.pop()
    return pcs


def shown(process, pcs):
    def one(pc):
        place = process.place(pc)
        return f"{os.path.basename(place[0])}+{place[1]:x}" if place else f"{pc:x}"
    return " ".join(map(one, pcs))


def compare_running(where, argv, threads, totals):
    with running([argv]) as (process,):
        rows = gdb(process.pid, where, STOPS, threads)
        maps = Process(process.pid)
    ends = collections.Counter(row["walk"]["end"] for row in rows)
    different = [row for row in rows if row["walk"]["pcs"] != pcs_of(row)]
    totals["rows"] += len(rows)
    totals["different"] += len(different)
    totals["bytes"] += sum(row["walk"]["bytes"] for row in rows)
    share = 1 - len(different) / len(rows)
    for row in different[:5] + [r for r in rows if r["walk"]["end"] != "start"][:3]:
        print(f"# {row['thread']}: infbpf ({row['walk']['end']}): {shown(maps, row['walk']['pcs'])}\n"
              f"#   gdb: {shown(maps, pcs_of(row))}\n"
              f"#   {' '.join(name or '?' for _, name in row['gdb'])}")
    deepest = max(row["walk"]["bytes"] for row in rows)
    mean = sum(row["walk"]["bytes"] for row in rows) / len(rows)
    text = (f"{share_text(share)} of {len(rows)} stacks equal; ends {dict(ends)}; "
            f"{mean:.0f} bytes of stack, at most {deepest}")
    # Of a few samples one may be at one of the moments that nobody can tell.
    expect(share >= RIGHT - 0.01, text)
    return text


def check_running():
    need_root()
    need_tool("gdb", "gdb")
    where = folder("gdb-running")
    report = Report()
    totals = collections.Counter()
    for name, (argv, threads) in RUNNING.items():
        report.check(name, compare_running, where, argv, threads, totals)

    def check_all():
        expect(totals["rows"], "nothing was compared")
        share = 1 - totals["different"] / totals["rows"]
        text = f"{share_text(share)} of {totals['rows']} stacks equal"
        expect(share >= RIGHT and totals["rows"] >= 200, text)
        return text
    report.check("all", check_all)
    return 1 if report.failed else 0


def compare_blocked(rows, maps, lines):
    """By name, as a trace of waits still open shows the same threads."""
    right = total = 0
    wrong = []
    by_tid = {row["tid"]: row for row in rows}
    for line in lines:
        row = by_tid.get(line.tid)
        if not row or not line.state.startswith("blocked"):
            continue
        pcs = pcs_of(row)[::-1]
        frames = user_frames(line)
        total += line.value
        if len(frames) == len(pcs) and all(
                {frame, base(frame)} & maps.names(pc, exact=i == len(pcs) - 1)
                for i, (frame, pc) in enumerate(zip(frames, pcs))):
            right += line.value
        else:
            names = [name or "?" for _, name in row["gdb"]][::-1]
            wrong.append(f"{line.thread}: {';'.join(frames)} gdb: {';'.join(names)}")
    expect(total > 0, "no thread is blocked")
    share = right / total
    expect(share >= RIGHT, f"{share_text(share)} of the time equal; not: " + " | ".join(wrong[:3]))
    return f"{share_text(share)} of the time equal, {len(by_tid)} threads"


def check_blocked():
    report = Report()
    for name, argv in {"libc": [*known("waits-gcc-O2")[:1], "100000"],
                       "python": python("blocked.py")}.items():
        where = folder(f"gdb-blocked-{name}")
        with running([argv]) as (process,):
            t = trace(where, [process.pid], 0.5)
            rows = gdb(process.pid, where, 0, walk=False)
            maps = Process(process.pid)
        report.check(name, compare_blocked, rows, maps, t.lines_of(process.pid))
    return 1 if report.failed else 0


def check_judges():
    """The chains that the known programs are held against are what gdb sees, too."""
    where = folder("gdb-judges")
    report = Report()
    for name, kind in {"known-gcc-O2-nofp": "c", "knowncpp-clang-O2": "cpp"}.items():
        with contextlib.ExitStack() as stack:
            process, = stack.enter_context(running([known(name)]))
            rows = gdb(process.pid, where, 2 * STOPS, 1, walk=False)
        program = Program(kind)

        def check(rows=rows, program=program):
            wrong = [row for row in rows if not program.phase(
                row["thread"], [name for _, name in row["gdb"]][::-1])]
            text = f"{len(rows) - len(wrong)} of {len(rows)} stacks are chains that are expected"
            expect(len(wrong) <= 0.02 * len(rows), text + ", not: " + "; ".join(
                " ".join(name or "?" for _, name in row["gdb"]) for row in wrong[:3]))
            return text
        report.check(name, check)
    return 1 if report.failed else 0


TESTS = {
    "gdb-running": (150, check_running),
    "gdb-blocked": (90, check_blocked),
    "gdb-judges": (90, check_judges),
}

if __name__ == "__main__":
    sys.exit("this is a part of tests/stacks/run")
