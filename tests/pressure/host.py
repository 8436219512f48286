# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Storms on this host: does the trace stay right, and infbpf's memory where it is?"""

import contextlib
import os
import resource
import signal
import subprocess
import time

import checks
import harness
from checks import MIB, MS, of, total
from harness import Report, Skip, expect, need_root, need_tool, within
from tracer import folder, tracing

CROWD = os.path.join(harness.BUILD, "tests", "pressure", "crowd")
# 200 threads.
CROWD_ARGS = ("spinners=10", "idlers=40", "sleepers=60", "lockers=40", "pairs=25")


@contextlib.contextmanager
def program(where, *argv):
    """A program of ours that tells the truth in JSON at its end; yields (process, truth()). Ready
    when the block begins."""
    ready, out = os.path.join(where, "ready"), os.path.join(where, "truth.json")
    with open(out, "w", encoding="ascii") as f:
        process = subprocess.Popen([*argv, f"ready={ready}"], stdin=subprocess.DEVNULL, stdout=f)

    def truth():
        status = process.wait(60)
        if status == 77:
            raise Skip(f"{argv[0]} cannot run here")
        expect(status == 0, f"{argv[0]} ended with {status}")
        return harness.read_json(out)
    try:
        harness.wait_until(30, lambda: os.path.exists(ready) or process.poll() is not None,
                           f"{argv[0]} is ready")
        yield process, truth
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@contextlib.contextmanager
def stress(seconds, *words):
    """stress-ng, and all that it started gone at the end."""
    path = need_tool("stress-ng", "stress-ng")
    process = subprocess.Popen([path, "-q", *words, "-t", str(seconds)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def always(report, t):
    report.check("sums", checks.sums, t.json, t.folded)
    report.check("whole lives", checks.lives, t.json)
    report.check("lost", checks.lost_little, t.json)


def done(report):
    return 1 if report.failed else 0


def storm(seconds=60):
    need_root()
    need_tool("stress-ng", "stress-ng")
    where = folder("storm")
    with tracing(where, seconds, "-a", switches=True) as t:
        # The crowd's whole life is within the window.
        with stress(seconds - 2, "--switch", "4", "--fork", "4"), \
                program(where, CROWD, f"ms={(seconds - 8) * 1000}", *CROWD_ARGS) as (_, truth):
            # While the storm lasts: what comes after it has files and stacks of its own.
            for part in (0.1, 0.25, 0.4, 0.6, 0.8):
                t.until(part * seconds)
                t.remember_memory()
            truth = truth()
            j = t.finish()
    report = Report()
    always(report, t)
    report.check("seen", checks.seen, t)
    report.check("counted", checks.counted, j)
    report.check("states", checks.crowd_states, j, truth)
    report.check("clocks", checks.crowd_clocks, j, truth, t.counted["steal_ns"])
    report.check("sleep", checks.crowd_sleep, j, truth)
    report.check("memory", checks.memory, t.memory, checks.ended(j))
    report.check("rate", lambda: f"{j['events']['switches'] / seconds:.0f} switches a second, "
                 f"{total(j['threads'], 'merged')} threads, ring lost {j['lost']['ring']} of "
                 f"{j['lost']['ring'] + j['stacks']} stacks, period {j['period_ns'] / 1e6:.0f} ms")
    return done(report)


def born(j, truth):
    """Every thread that was born has its life in a row; their CPU time is the process's."""
    # (Not the row of the test's own image, before the exec.)
    rows = of(j, pid=truth["pid"])
    rows = [r for r in rows if r["process"] == "storm"]
    n = total(rows, "merged")
    expect(n == truth["born"] + 1, f"{n} threads in rows, {truth['born']} born and one more")
    got, there = total(rows, "on_cpu_ns"), truth["cpu_ns"]
    # A thread's birth and end are CPU time, too: partly before its account, partly after.
    slack = there // 50 + n * 60_000 + j["lost"]["events"] * 5 * MS
    within("on-CPU of the process", got, there, slack)
    return f"{n} threads, on-CPU {got} of {there} ns"


def forks(seconds=6):
    """Processes and threads that live for a moment."""
    need_root()
    need_tool("stress-ng", "stress-ng")
    where = folder("forks")
    with tracing(where, seconds, "-a", switches=True) as t:
        with stress(seconds - 2, "--fork", "4"), \
                program(where, os.path.join(harness.TRUTH, "storm"), "count=8000",
                        "cpu_us=50") as (_, truth):
            t.until(1)
            t.remember_memory()
            t.until(seconds / 2)
            t.remember_memory()
            truth = truth()
            t.until(seconds - 0.5)
            t.remember_memory()
            j = t.finish()
    report = Report()
    always(report, t)
    report.check("seen", checks.seen, t)
    report.check("counted", checks.counted, j)
    report.check("born", born, j, truth)
    report.check("memory", checks.memory, t.memory, checks.ended(j))
    report.check("rate", lambda: f"{checks.ended(j)} threads ended in {seconds} s")
    return done(report)


def idle(seconds=3, threads=10000):
    """Very many threads, nearly all of which wait all the time."""
    where = folder("idle")
    with program(where, os.path.join(harness.TRUTH, "many"), f"idle={threads}",
                 "active=3") as (process, truth):
        if process.poll() is not None:
            truth()
        with tracing(where, seconds, "-p", str(process.pid)) as t:
            for at in (0.3, seconds / 2, seconds - 0.3):
                t.until(at)
                t.remember_memory()
            j = t.finish()
        process.terminate()
        process.wait(30)

    def still():
        """None of them ran: not for a moment in the window."""
        rows = of(j, comm="idle")
        expect(total(rows, "merged") == threads, f"{total(rows, 'merged')} idle threads")
        bad = [r for r in rows if r["blocked_ns"] != r["wall_ns"] or r["voluntary_switches"]]
        expect(not bad, f"{len(bad)} ran: {bad[:1]}")
        causes = {c for r in rows for c, ns in r["blocked_by"].items() if ns}
        expect(causes == {"lock"}, f"causes {causes}")

    def active():
        rows = of(j, comm="active")
        expect(len(rows) == 3, f"{len(rows)} active threads")
        for r in rows:
            # 2 ms of computing, 8 ms of sleep, to and fro.
            asleep = r["blocked_by"].get("sleep", 0)
            share = 8 / 2 * r["on_cpu_ns"]
            expect(abs(asleep - share) <= share // 8 + 30 * MS + j["lost"]["events"] * 10 * MS,
                   f"asleep {asleep} ns, on-CPU {r['on_cpu_ns']}")
        return f"{rows[0]['on_cpu_ns']} ns on-CPU"

    def told():
        """What infbpf takes for them: its own memory, the maps, and an account each."""
        own, maps = t.memory[-1][1:]
        expect(own <= 64 * MIB, f"infbpf itself has {own / MIB:.1f} MiB")
        return f"{own / MIB:.1f} MiB and maps {maps / MIB:.1f} MiB for {threads} threads"

    report = Report()
    always(report, t)
    report.check("still", still)
    report.check("active", active)
    report.check("memory", checks.memory, t.memory, checks.ended(j))
    report.check("memory told", told)
    return done(report)


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(") ", 1)[1][0]


def stopped(times=4):
    """A program of all kinds of threads, stopped and continued."""
    where = folder("stopped")
    stops = []
    with program(where, CROWD, "spinners=2", "idlers=3", "sleepers=3", "lockers=2",
                 "pairs=1") as (process, truth):
        seconds = 0.4 + times * 0.5
        with tracing(where, seconds, "-p", str(process.pid)) as t:
            for n in range(times):
                t.until(0.2 + n * 0.5)
                process.send_signal(signal.SIGSTOP)
                while state_of(process.pid) != "T":
                    time.sleep(0.0005)
                begin = time.monotonic_ns()
                t.until(0.2 + n * 0.5 + 0.3)
                stops.append(time.monotonic_ns() - begin)
                process.send_signal(signal.SIGCONT)
            j = t.finish()
        process.terminate()
        truth = truth()

    def all_stopped():
        """Every thread, whatever it does else, for as long as the harness's clock says."""
        want, worst = sum(stops), 0
        rows = of(j, pid=truth["pid"])
        expect(len(rows) == 13, f"{len(rows)} threads")
        for r in rows:
            got = r["blocked_by"].get("stopped", 0)
            worst = max(worst, abs(got - want))
            within(f"{r['comm']} ({r['tid']}) stopped", got, want,
                   times * 10 * MS + j["lost"]["events"] * 300 * MS)
        return f"{len(rows)} threads, {want / 1e6:.0f} ms in {times} stops, at most " \
               f"{worst / 1e6:.1f} ms off"

    def spinners():
        for r in of(j, comm="spinner"):
            rest = r["blocked_ns"] - r["blocked_by"].get("stopped", 0)
            expect(rest <= r["wall_ns"] // 50 + j["lost"]["events"] * 10 * MS,
                   f"a spinner was blocked for {rest} ns: {r['blocked_by']}")

    report = Report()
    always(report, t)
    report.check("stopped", all_stopped)
    report.check("spinners", spinners)
    return done(report)


SOURCE = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
"""


def write_sources(where, n):
    """n C files with much to optimise, and a makefile."""
    for i in range(n):
        with open(os.path.join(where, f"part{i}.c"), "w", encoding="ascii") as f:
            f.write(SOURCE)
            for k in range(25):
                f.write(f"int f{i}_{k}(int *a, int n) {{ int s = {k}; for (int i = 0; i < n; i++) "
                        f"for (int j = i; j < n; j++) s += a[i] * a[j] % (j + {k + 1}); "
                        f"return s + (int)strlen(getenv(\"HOME\")); }}\n")
    with open(os.path.join(where, "makefile"), "w", encoding="ascii") as f:
        objects = " ".join(f"part{i}.o" for i in range(n))
        f.write(f"all: {objects}\n%.o: %.c\n\tgcc -O2 -c $< -o $@\n")


def compiling(files=16):
    """make -j4: processes that exec, pipe and end, under -a."""
    need_root()
    need_tool("make", "make")
    where = folder("compile")
    write_sources(where, files)
    with tracing(where, 30, "-a", switches=True) as t:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        made = subprocess.run(["make", "-s", "-j4", "-C", where], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        expect(made.returncode == 0, f"make: {made.stderr[-300:]}")
        # The window ends with the work.
        t.process.send_signal(signal.SIGINT)
        t.seconds = time.monotonic() - t.begin
        j = t.finish()
    names = ("make", "gcc", "cc1", "as", "sh", "collect2")
    wanted = {"cc1": files, "as": files}

    def all_there():
        for name, n in wanted.items():
            rows = [r for r in j["threads"] if r["comm"] == name and r["process"] == name]
            expect(total(rows, "merged") >= n, f"{total(rows, 'merged')} of {name}, {n} ran")
        return f"{files} of each"

    def cpu():
        """Of all the processes, what wait4() says. Other tests may compile at the same time."""
        rows = [r for r in j["threads"] if r["process"] in names]
        got = total(rows, "on_cpu_ns")
        there = int((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9)
        slack = there // 20 + 20 * MS + j["lost"]["events"] * 5 * MS + t.counted["steal_ns"]
        expect(got >= there - slack, f"on-CPU {got}, wait4() says {there}")
        return f"on-CPU {got} of {there} ns"

    report = Report()
    always(report, t)
    report.check("seen", checks.seen, t)
    report.check("counted", checks.counted, j)
    report.check("processes", all_there)
    report.check("cpu", cpu)
    return done(report)


TESTS = {
    "storm": (120, storm),
    "forks": (60, forks),
    "idle": (60, idle),
    "stopped": (60, stopped),
    "compile": (60, compiling),
}
