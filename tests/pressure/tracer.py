# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A trace that runs while something else goes on, the kernel's own count of context switches beside
it, and the tracer's memory."""

import contextlib
import glob
import os
import subprocess
import threading
import time

import harness
from harness import INFBPF, Wrong, need_root, need_tool

TICK = os.sysconf("SC_CLK_TCK")


def folder(name):
    return harness.folder("pressure", name)


def proc_stat():
    """{field: value} of /proc/stat that matter here: context switches, ns stolen."""
    with open("/proc/stat", encoding="ascii") as f:
        lines = {line.split()[0]: line.split()[1:] for line in f}
    return {"ctxt": int(lines["ctxt"][0]), "steal_ns": int(lines["cpu"][7]) * 10**9 // TICK}


def memory_of(pid):
    """Bytes: the process's own, and the maps it holds open (as the kernel accounts them)."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        own = next(int(line.split()[1]) * 1024 for line in f if line.startswith("Rss:"))
    maps = 0
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as f:
            text = f.read()
            if "map_id:" in text:
                maps += int(text.split("memlock:")[1].split()[0])
    return own, maps


class Switches:
    """perf stat -a -e context-switches, switched on and off through a pipe. Its process starts
    before the load does."""

    def __init__(self, where):
        perf = need_tool("perf", "linux-perf")
        self.said = os.path.join(where, "perf.txt")
        self.pipes = [os.path.join(where, n) for n in ("perf.control", "perf.ack")]
        for path in self.pipes:
            os.mkfifo(path)
        self.process = harness.start(
            [perf, "stat", "-a", "-x,", "-e", "context-switches", "-o", self.said, "-D", "-1",
             "--control", "fifo:" + ",".join(self.pipes)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # perf opens both for reading and writing: neither of these waits for long.
        self.control = os.open(self.pipes[0], os.O_WRONLY)
        self.ack = os.open(self.pipes[1], os.O_RDONLY)

    def tell(self, word):
        os.write(self.control, word.encode() + b"\n")
        os.read(self.ack, 16)

    def result(self):
        """Ends it. The context switches between enable and disable."""
        for _ in range(20):
            # One that comes between perf's look at its flag and its poll is lost on it.
            self.process.send_signal(2)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
                break
        else:
            raise Wrong("perf stat does not end")
        with open(self.said, encoding="ascii") as f:
            rows = [line.split(",") for line in f if "context-switches" in line]
        if not rows or not rows[0][0].isdigit():
            raise Wrong(f"perf stat told nothing: {rows}")
        return int(rows[0][0])

    def close(self):
        for fd in (self.control, self.ack):
            os.close(fd)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Tracer:
    """infbpf trace -d SECONDS in the background, with what the kernel counted meanwhile."""

    def __init__(self, where, seconds, *words, switches=False):
        need_root()
        self.where, self.seconds = where, seconds
        self.memory = []  # (seconds since the begin, own, maps)
        self.switches = Switches(where) if switches else None
        self.err = os.path.join(where, "trace.err")
        with open(self.err, "w", encoding="utf-8") as err:
            self.process = subprocess.Popen(
                [INFBPF, "trace", "--unit", "ns", "-d", str(seconds), "-o",
                 os.path.join(where, "trace.folded"), "--json", os.path.join(where, "trace.json"),
                 *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)

    def said(self):
        with open(self.err, encoding="utf-8", errors="replace") as f:
            return f.read()

    def attached(self):
        """Waits for it; the window opens a millisecond later."""
        end = time.monotonic() + 60
        while "attached" not in self.said():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Wrong(f"not attached: {self.said().strip()[-300:]}")
            time.sleep(0.001)
        self.begin = time.monotonic()
        self.before = proc_stat()
        if self.switches:
            self.switches.tell("enable")
        self.counted = None
        self.closer = threading.Thread(target=self.count, daemon=True)
        self.closer.start()

    def count(self):
        """When the window closes, whatever else goes on: what the kernel counted."""
        # Of this thread alone. Behind hundreds of others it would come late.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -20)
        while self.begin + self.seconds > time.monotonic():
            time.sleep(max(0, min(0.02, self.begin + self.seconds - time.monotonic())))
        if self.switches:
            self.switches.tell("disable")
        after = proc_stat()
        self.late = time.monotonic() - self.begin - self.seconds
        self.counted = {k: after[k] - self.before[k] for k in after}

    def remember_memory(self):
        self.memory.append((time.monotonic() - self.begin, *memory_of(self.process.pid)))

    def until(self, seconds):
        """Sleeps until so long after the begin."""
        time.sleep(max(0, self.begin + seconds - time.monotonic()))

    def finish(self):
        """Waits for its end. Returns the JSON."""
        self.closer.join()
        if self.switches:
            self.counted["perf"] = self.switches.result()
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired as e:
            raise Wrong("infbpf does not end") from e
        if status:
            raise Wrong(f"infbpf ended with {status}: {self.said().strip()[-300:]}")
        self.json = harness.read_json(os.path.join(self.where, "trace.json"))
        self.folded = harness.read_folded(os.path.join(self.where, "trace.folded"))
        return self.json

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.switches:
            self.switches.close()


@contextlib.contextmanager
def tracing(where, seconds, *words, switches=False):
    """Attached when the block begins."""
    t = Tracer(where, seconds, *words, switches=switches)
    try:
        t.attached()
        yield t
    finally:
        t.close()
