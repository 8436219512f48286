# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Starting, attaching and ending the tools that are compared, and their targets."""

import os
import re
import signal
import subprocess
import threading
import time

from harness import BUILD, INFBPF, ROOT, Skip, Wrong, need_tool, read_json

BENCH = os.path.join(BUILD, "tests", "bench")
SCRATCH = os.path.join(BUILD, "bench")
SERVE = os.path.join(BUILD, "infer-serve")
EMU_SERVE = os.path.join(BUILD, "infer-serve-emu")
WORK_CPU = max(os.sched_getaffinity(0))  # where pinned workloads run


def calm(pin=False):
    """For a workload's child process, between fork and exec: other programs of the machine are not
    to take its CPU. The measured cost is its own CPU time all the same."""
    def prepare():
        if pin:
            os.sched_setaffinity(0, {WORK_CPU})
        try:
            os.nice(-20)
        except OSError:
            pass
    return prepare


def cpu_ns(pid):
    """CPU time of a single-threaded process so far."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0])


def reap(process):
    """Waits for the end of a process. Returns its rusage (its reaped children's included)."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def usage_ns(usage):
    return round((usage.ru_utime + usage.ru_stime) * 1e9)


class Tool:
    """A tracer. attach() returns when its probes are in; end() when it is gone."""

    def __init__(self, name, argv, settle=0.4):
        self.name, self.argv, self.settle = name, argv, settle
        self.process = None
        self.log = os.path.join(SCRATCH, re.sub(r"\W+", "-", name) + ".log")

    def attach(self):
        with open(self.log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=out,
                                            stderr=subprocess.STDOUT, cwd=ROOT)
        end = time.monotonic() + 20
        before, since = None, time.monotonic()
        while True:
            now = self.probes()
            if now != before:
                before, since = now, time.monotonic()
            if now and time.monotonic() - since > self.settle:
                return self
            if self.process.poll() is not None or time.monotonic() > end:
                self.end()
                raise Wrong(f"{self.name} did not attach: {self.tail()}")
            time.sleep(0.02)

    def probes(self):
        """Its descriptors of BPF objects and perf events: what changes no more is attached."""
        found = []
        try:
            for fd in os.listdir(f"/proc/{self.process.pid}/fd"):
                try:
                    target = os.readlink(f"/proc/{self.process.pid}/fd/{fd}")
                except OSError:
                    continue
                if re.search(r"bpf[-_]link|perf_event", target):
                    found.append(fd)
        except OSError:
            pass
        return sorted(found)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read().strip()[-300:]


class Infbpf:
    """infbpf itself, with clocks around its start and its stop, and what it says about its cost."""

    def __init__(self, *options):
        self.folded = os.path.join(SCRATCH, "infbpf.folded")
        self.json_path = os.path.join(SCRATCH, "infbpf.json")
        self.argv = [INFBPF, "trace", *options, "-o", self.folded, "--json", self.json_path]
        self.process = None
        self.lines = []  # (time, text) of stderr
        self.json = {}
        self.own_ns = 0  # CPU time from attached to the end
        self.own_run_ns = 0  # the same, to the stop

    def attach(self):
        for path in (self.folded, self.json_path):
            if os.path.exists(path):
                os.unlink(path)
        self.lines = []
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, cwd=ROOT)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.attached = self.wait_line(r"attached to .*\[([0-9.]+) s\]")
        self.cpu_at_attach = cpu_ns(self.process.pid)
        return self

    def read(self):
        for line in self.process.stderr:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def wait_line(self, pattern):
        """The time at which a line of its stderr came."""
        end = time.monotonic() + 30
        seen = 0
        while time.monotonic() < end:
            done = not self.reader.is_alive()
            for when, text in self.lines[seen:]:
                match = re.search(pattern, text)
                if match:
                    self.match = match
                    return when
            seen = len(self.lines)
            if done:
                break
            time.sleep(0.001)
        raise Wrong(f"infbpf did not say {pattern!r}: {self.lines[-3:]}")

    def end(self, sig=signal.SIGINT):
        """Stops it. stop_s: to its files' being written; gone_s: to its end."""
        self.own_run_ns = cpu_ns(self.process.pid) - self.cpu_at_attach
        t = time.monotonic()
        if sig:
            self.process.send_signal(sig)
        self.stop_s = self.wait_line(r"written: ") - t
        self.max_rss = self.reap()
        self.gone_s = time.monotonic() - t
        self.json = read_json(self.json_path)

    def reap(self):
        usage = reap(self.process)
        self.reader.join()
        self.own_ns = usage_ns(usage) - self.cpu_at_attach
        return usage.ru_maxrss * 1024

    def stated_ns(self):
        """The cost it states for the time from attached on."""
        o = self.json["overhead"]
        if o["bpf_ns"] is None:
            raise Skip("infbpf cannot tell its BPF run time here")
        return o["bpf_ns"] + o["trap_ns"] + o["user_cpu_ns"] - (o.get("start_cpu_ns") or 0)


def start_ready(argv, **more):
    """Starts a program that says "ready" on its stdout."""
    more.setdefault("stdin", subprocess.DEVNULL)
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, **more)
    line = process.stdout.readline()
    if line.strip() != "ready":
        process.kill()
        process.wait()
        raise Wrong(f"{argv[0]} said {line!r}, not ready")
    return process


def server_program():
    return EMU_SERVE if os.access(EMU_SERVE, os.X_OK) else SERVE


def peer(name, package):
    """Path of another tracer, None where it is not installed."""
    try:
        return need_tool(name, package)
    except Skip:
        return None
