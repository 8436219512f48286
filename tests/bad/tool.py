# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""infbpf as the bad tests run it, and the targets they run it on."""

import contextlib
import os
import subprocess
import sys

import harness
from harness import INFBPF, Wrong, expect, one_line, wait_until

BAD = os.path.join(harness.BUILD, "tests", "bad")
# Any program has to answer within this; emulated or loaded machines are slow.
SOON = 30


def folder(name):
    return harness.folder("bad", name)


@contextlib.contextmanager
def running(*argv, wait_ready=True):
    """A program that runs while the test does; killed at the end."""
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        if wait_ready:
            expect(p.stdout.readline() == "ready\n", f"{argv[0]} did not start")
        yield p
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


def victim(*args):
    return running(os.path.join(BAD, "victim"), *args)


def sleeper(seconds=60):
    return running("sleep", str(seconds), wait_ready=False)


class Trace:
    """One run of infbpf trace in the background, its results in a folder."""

    def __init__(self, where, *args, stdout=None):
        self.folded = os.path.join(where, "trace.folded")
        self.json_path = os.path.join(where, "trace.json")
        self.err_path = os.path.join(where, "trace.err")
        with open(self.err_path, "w", encoding="utf-8") as err:
            self.process = subprocess.Popen(
                [INFBPF, "trace", "--unit", "ns", "-o", self.folded, "--json", self.json_path, *args],
                stdin=subprocess.DEVNULL, stdout=stdout or subprocess.DEVNULL, stderr=err,
                cwd=harness.ROOT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def errors(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def attached(self):
        def there():
            if self.process.poll() is not None:
                raise Wrong(f"ended with {self.process.returncode}: {self.errors}")
            return "attached" in self.errors
        wait_until(SOON, there, "infbpf says attached")
        return self

    def wait(self, seconds=SOON):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Wrong(f"infbpf still runs after {seconds} s: {self.errors}") from None

    def results(self, pid=None):
        """The JSON and the folded lines, both whole: sums hold in and between them."""
        j = harness.read_json(self.json_path)
        lines = harness.read_folded(self.folded)
        for r in j["threads"]:
            parts = r["on_cpu_ns"] + r["run_queue_ns"] + r["blocked_ns"]
            expect(parts == r["wall_ns"], f"{r['comm']}: {parts} of {r['wall_ns']} ns")
        expect(sum(line.value for line in lines) == sum(r["wall_ns"] for r in j["threads"]),
               "folded lines do not sum to the threads' wall time")
        if pid is not None:
            expect(any(r["pid"] == pid for r in j["threads"]), f"no thread of {pid}")
        return j, lines


def fails(args, status, *words, timeout=SOON, **more):
    """Runs infbpf: it must end with the status and one line that holds the words."""
    try:
        got, out, err = harness.run([INFBPF, *args], timeout=timeout, **more)
    except subprocess.TimeoutExpired:
        raise Wrong(f"infbpf {' '.join(args)}: still running after {timeout} s") from None
    expect(got == status, f"infbpf {' '.join(args)}: ended with {got}, not {status}: {err!r}")
    line = one_line(err, *words)
    expect(out == "", f"infbpf {' '.join(args)}: wrote to stdout: {out[:200]!r}")
    print(f"infbpf {' '.join(args)}: {got}: {line}", file=sys.stderr)
