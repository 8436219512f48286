# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the symbol tests share: programs with their symbols taken away, and traces of them."""

import contextlib
import os
import subprocess

import harness
from harness import INFBPF, Wrong, expect, need_root, need_tool

PROGRAMS = os.path.join(harness.BUILD, "tests", "symbols")
# The busy threads of a traced victim run nearly all of the time in its leaf.
SHARE = 0.8


def folder(name):
    return harness.folder("symbols", name)


def call(*argv):
    status, out, err = harness.run(list(argv))
    expect(status == 0, f"{' '.join(argv)}: {status}: {out}{err}")
    return out


def build_id(path):
    for line in call("readelf", "-n", path).splitlines():
        if "Build ID:" in line:
            return line.split()[-1]
    raise Wrong(f"{path} has no build id")


def split(where, name="victim", source="victim", link=None, keep_id=True):
    """A stripped copy of a program and its debug file: (program, debug file)."""
    need_tool("objcopy", "binutils")
    program, debug = os.path.join(where, name), os.path.join(where, name + ".debug")
    whole = os.path.join(where, name + ".whole")
    call("objcopy", *([] if keep_id else ["--remove-section", ".note.gnu.build-id"]),
         os.path.join(PROGRAMS, source), whole)
    call("objcopy", "--only-keep-debug", whole, debug)
    call("objcopy", "--strip-all", *(["--add-gnu-debuglink=" + debug] if link else []), whole, program)
    os.unlink(whole)
    return program, debug


@contextlib.contextmanager
def running(*argv, **more):
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **more)
    try:
        expect(p.stdout.readline() == "ready\n", f"{argv[0]} did not start")
        yield p
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


def trace(where, *args, env=None, seconds=40):
    """Runs infbpf; returns the folded lines and what it said."""
    need_root()
    out = os.path.join(where, "trace.folded")
    if os.path.exists(out):
        os.unlink(out)
    try:
        status, _, err = harness.run([INFBPF, "trace", "--unit", "ns", "-o", out, *args],
                                     timeout=seconds, env={**os.environ, **(env or {})})
    except subprocess.TimeoutExpired:
        raise Wrong(f"infbpf trace {args}: still running after {seconds} s") from None
    expect(status == 0, f"infbpf trace {args}: {status}: {err}")
    return harness.read_folded(out), err


def share(lines, *frames):
    """Of the on-CPU time, the share of stacks that hold these frames, in this order."""
    total = found = 0
    for line in lines:
        if line.state != "on-CPU" or line.frames == ["[not sampled]"]:
            continue
        total += line.value
        at = 0
        for frame in line.frames:
            at += at < len(frames) and frame == frames[at]
        found += line.value * (at == len(frames))
    expect(total > 0, "no on-CPU time with stacks")
    return found / total


def expect_frames(lines, *frames, least=SHARE):
    got = share(lines, *frames)
    if got < least:
        top = sorted(lines, key=lambda line: -line.value)[:3]
        raise Wrong(f"{';'.join(frames)} in {got:.0%} of the time: "
                    + " | ".join(";".join(line.frames) for line in top))
    return f"{got:.1%} under {';'.join(frames)}"


def expect_nowhere(lines, word):
    for line in lines:
        expect(not any(word in frame for frame in line.frames), f"{word!r} in {line.frames}")


def trace_pid(where, pid, *args, duration="0.7", **more):
    return trace(where, "-p", str(pid), "-d", duration, *args, **more)
