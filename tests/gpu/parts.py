# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the parts of scripts/gpu-check share: the table of results, and commands that end in time."""

import os
import signal
import statistics
import subprocess
import time

from harness import INFBPF, ROOT, Skip, Wrong, expect, read_json

# After so long nothing new is begun: with building and what is under way, nine minutes.
LIMIT_S = 430


class Host:
    """Where it runs, what is there, and what was found so far."""

    def __init__(self, device, server, out, seconds):
        self.device = device  # "gpu", or "emu": to try all of this where there is none
        self.server = server
        self.out = out
        self.seconds = seconds
        self.rows = []      # (what, "ok" | "FAIL" | "not run", text)
        self.figures = []   # (model, statistics on the device, on emu)
        self.doctor = {}    # what infbpf doctor says, by process
        self.end = time.monotonic() + LIMIT_S
        self.no_trace = self.find_no_trace()

    @property
    def runtime(self):
        return "emu" if self.device == "emu" else "nvidia"

    def path(self, name):
        return os.path.join(self.out, name)

    def say(self, what, result, text):
        print(f"{result:7} {what}: {text}", flush=True)
        self.rows.append((what, result, text))

    def part(self, what, function):
        """Runs a part; what goes wrong in it is a row, and the next one comes."""
        if time.monotonic() > self.end:
            self.say(what, "not run", "out of time")
            return
        try:
            function(self)
        except Skip as e:
            self.say(what, "not run", str(e))
        except Wrong as e:
            self.say(what, "FAIL", str(e))
        except Exception as e:  # whatever it is, the other parts go on
            self.say(what, "FAIL", f"{type(e).__name__}: {e}")

    def find_no_trace(self):
        """Why infbpf cannot trace here, None: it can."""
        if not os.access(INFBPF, os.X_OK):
            return "no build/infbpf (make STATIC=1)"
        if os.geteuid():
            return "tracing needs root"
        status, log = self.run("can-trace", [INFBPF, "trace", "-o", self.path("can-trace.folded"),
                                             "--", "/bin/true"], 60)
        if status == 3:
            return f"infbpf: this kernel refuses: {first_line(log)}"
        return f"infbpf ended with {status}: {last_line(log)}" if status else None

    def need_trace(self):
        if self.no_trace:
            raise Skip(self.no_trace)

    def start(self, name, argv, **env):
        """In a process group of its own; what it says goes to NAME.log."""
        with open(self.path(name + ".log"), "w", encoding="utf-8") as log:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
                                    env=dict(os.environ, **env), start_new_session=True)

    def log(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait(self, process, seconds):
        """The exit status; "too slow" if it had to be killed."""
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "too slow"

    def run(self, name, argv, seconds=60, **env):
        process = self.start(name, argv, **env)
        return self.wait(process, seconds), self.log(name)

    def serve(self, name, *args, device=None, seconds=60):
        """A whole run of the server; its statistics."""
        stats = self.path(name + ".json")
        status, log = self.run(name, [self.server, "--device", device or self.device, "--stats",
                                      stats, *args], seconds)
        expect(status == 0, f"infer-serve {' '.join(args)} ended with {status}: {last_line(log)}")
        return read_json(stats)

    def trace(self, name, command, options=(), seconds=90):
        """COMMAND, traced from its first instruction to its end."""
        self.need_trace()
        result = self.path(name + "-trace.json")
        status, log = self.run(name, [INFBPF, "trace", "-o", self.path(name + ".folded"), "--json",
                                      result, *options, "--", *command], seconds)
        if status == 3:
            raise Skip(f"infbpf: this kernel refuses: {first_line(log)}")
        expect(status == 0, f"infbpf trace {' '.join(options)} ended with {status}: {last_line(log)}")
        return read_json(result)


def first_line(log):
    lines = [s for s in log.splitlines() if s.startswith("infbpf:")] or log.splitlines()
    return lines[0].removeprefix("infbpf: ") if lines else "it says nothing"


def last_line(log):
    lines = log.strip().splitlines()
    return lines[-1] if lines else "it says nothing"


def spread(values):
    """Median (lowest to highest)."""
    return f"{statistics.median(values):.4g} ({min(values):.4g} to {max(values):.4g})"


def ratios(without, with_):
    """What tracing leaves of a rate, in pairs of neighbouring runs: a text and the median."""
    found = [b / a for a, b in zip(without, with_)]
    return spread(found), statistics.median(found)
