# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the suites share: where things are, TAP lines, running infbpf, reading what it wrote."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
INFBPF = os.path.join(BUILD, "infbpf")
TRUTH = os.path.join(BUILD, "tests", "truth")
OUT = os.path.join(BUILD, "tests", "out")


class Skip(Exception):
    """This cannot be tested here; the text says why."""


class Wrong(Exception):
    """What was expected is not so; the text says what was found."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def within(what, got, want, tolerance, shown=None):
    """got may be off by tolerance (absolute)."""
    expect(abs(got - want) <= tolerance,
           f"{what}: {got}, expected {want} +- {tolerance}" + (f" ({shown})" if shown else ""))


def between(what, got, low, high):
    expect(low <= got <= high, f"{what}: {got}, expected {low} to {high}")


def one_line(err, *words):
    """An error is one line: what, which object, what to do."""
    lines = err.strip().splitlines()
    expect(len(lines) == 1, f"{len(lines)} lines on stderr: {err!r}")
    expect(lines[0].startswith("infbpf: "), f"does not begin with 'infbpf: ': {err!r}")
    for word in words:
        expect(word.lower() in lines[0].lower(), f"no {word!r} in {lines[0]!r}")
    return lines[0]


class Report:
    """Makes a TAP line of each check; prints it, or keeps it to be printed if it counts."""

    def __init__(self, prefix="", keep=False):
        self.prefix = prefix
        self.keep = keep
        self.lines = []
        self.failed = []

    def add(self, line):
        self.lines.append(line)
        if not self.keep:
            print(line, flush=True)

    def check(self, name, function, *args):
        try:
            note = function(*args)
        except Skip as e:
            self.add(f"ok - {self.prefix}{name} # SKIP {e}")
        except Wrong as e:
            self.failed.append(name)
            self.add(f"not ok - {self.prefix}{name}: {e}")
        except (KeyError, TypeError, ValueError, IndexError, OSError) as e:
            self.failed.append(name)
            self.add(f"not ok - {self.prefix}{name}: {type(e).__name__}: {e}")
        else:
            self.add(f"ok - {self.prefix}{name}" + (f": {note}" if note else ""))

    def print(self, as_comment=None):
        """as_comment: why these lines do not count."""
        if as_comment:
            print(f"# {as_comment}", *[f"#   {s}" for s in self.lines if not s.startswith("ok")],
                  sep="\n", flush=True)
        else:
            print("\n".join(self.lines), flush=True)


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def need_tool(name, package=None):
    for d in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        path = os.path.join(d, name)
        if os.access(path, os.X_OK):
            return path
    raise Skip(f"no {name}" + (f" (package {package})" if package else ""))


def folder(suite, name):
    """An empty folder for a test's files."""
    path = os.path.join(OUT, suite, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def run(argv, timeout=60, **more):
    """Runs to the end. Returns (status, stdout, stderr); a signal's status is -N."""
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       errors="replace", timeout=timeout, cwd=ROOT, **more)
    return p.returncode, p.stdout, p.stderr


def start(argv, **more):
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, text=True, errors="replace", cwd=ROOT,
                            **more)


def wait_until(seconds, condition, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"not within {seconds} s: {what}")
        time.sleep(0.02)


# A row that stands for several ended threads has no thread id: "name (x 17 ended)".
FOLDED = re.compile(r"^(?P<process>.*?) \((?P<pid>\d+)\);(?P<thread>.*?) "
                    r"\((?:(?P<tid>\d+)|x \d+ ended)\)(?P<frames>(;.*)?) (?P<value>\d+)$")


class FoldedLine:
    def __init__(self, text):
        match = FOLDED.match(text)
        expect(match, f"not a folded line: {text!r}")
        self.process, self.thread = match["process"], match["thread"]
        self.pid = int(match["pid"])
        self.tid = int(match["tid"]) if match["tid"] else None
        self.frames = match["frames"].split(";")[1:]
        self.value = int(match["value"])

    @property
    def state(self):
        last = self.frames[-1] if self.frames else ""
        if last == "[run queue]" or last.startswith("[blocked: "):
            return last[1:-1]
        return "on-CPU"


def read_folded(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return [FoldedLine(line.rstrip("\n")) for line in f]


def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def main(tests, lane=""):
    """tests: {name: (seconds, function)} or (seconds, function, lane), else it is the suite's lane.
    The protocol of scripts/test."""
    if len(sys.argv) == 2 and sys.argv[1] == "--list":
        for name, (seconds, _, *own) in tests.items():
            print(name, seconds, *(own or [lane]))
        sys.exit(0)
    if len(sys.argv) != 2 or sys.argv[1] not in tests:
        print(f"usage: {sys.argv[0]} --list | NAME", file=sys.stderr)
        sys.exit(2)
    sys.stdout.reconfigure(line_buffering=True)
    os.chdir(ROOT)
    try:
        result = tests[sys.argv[1]][1]()
    except Skip as e:
        print(e)
        sys.exit(77)
    except Wrong as e:
        print(f"failed: {e}")
        sys.exit(1)
    sys.exit(result or 0)
