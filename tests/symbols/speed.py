# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How fast names are found, and what doctor says of them."""

import glob
import os

import harness
from harness import INFBPF, Skip, expect, need_root
from files import folder, mini_debug, report, split
from jit import jit
from traced import running

# Aimed at: 1 s. The machine may be busy with other tests.
SECONDS_MAX = 4
MIB_MAX = 200


def largest_library():
    found = [f for pattern in ("/usr/lib/llvm-*/lib/libLLVM*.so*", "/usr/lib/*/libLLVM*.so*",
                               "/usr/lib/*/libc.so.6") for f in glob.glob(pattern)]
    if not found:
        raise Skip("no libLLVM and no libc to measure with")
    return max(found, key=os.path.getsize)


def speed(library, *options):
    """100,000 distinct addresses in one file."""
    path = library()
    best = None
    for _ in range(3):
        status, out, err = harness.run(
            [os.path.join(harness.BUILD, "tests/bench/names"), *options, path, "100000"])
        expect(status == 0, f"names {path}: {status}: {err}")
        locate, name, names, mib = (float(word) for word in out.split())
        result = (locate + name, locate, name, names, mib)
        best = min(best or result, result)
    total, locate, name, names, mib = best
    expect(total < SECONDS_MAX, f"{total:.2f} s")
    expect(mib < MIB_MAX, f"{mib} MiB")
    return (f"{os.path.basename(path)}: {total:.2f} s ({locate:.2f} to locate, {name:.2f} to "
            f"name), {names:.0f} names, {mib:.0f} MiB")


def doctor_line(pid):
    status, out, err = harness.run([INFBPF, "doctor", "-p", str(pid)])
    expect(status == 0, f"doctor: {status}: {err}")
    lines = [line.strip() for line in out.splitlines() if line.strip().startswith("names: ")]
    expect(len(lines) == 1, f"{len(lines)} lines about names: {out}")
    return lines[0]


def doctor():
    need_root()
    where = folder("doctor")
    program, debug = split(where)
    mini_debug(where, program, debug)
    with running(program) as p:
        line = doctor_line(p.pid)
    expect(".gnu_debugdata in 1" in line, line)
    return line


def doctor_jit():
    with jit("-n") as p:
        line = doctor_line(p.pid)
        expect(line.endswith("(JIT): no perf map"), line)
    with jit() as p:
        line = doctor_line(p.pid)
        expect(line.endswith("(JIT): perf map"), line)
    return line


TESTS = {
    "speed": (120, report([
        ("100000-addresses", speed, largest_library),
        ("with-lines", speed, lambda: INFBPF, "-l"),
    ]), ""),
    "doctor": (60, report([("mini-debug", doctor), ("jit", doctor_jit)])),
}
