# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Folded stacks to draw, and what must be true of the picture, computed from the text alone."""

import random
import re

STATES = ["", "", ";[run queue]", ";[blocked: lock]", ";[blocked: disk]", ";[blocked: GPU call]"]

HOSTILE = [
    b"<script>alert(1)</script>;a&b\"c'd 1000",
    b"]]>;<!-- x;--> 1000",
    b"\x1b]0;owned\x07;\x9b31m;caf\xc3 1000",
    b"nul\0byte;\xef\xbf\xbe;\xed\xa0\x80 1000",
    b"\xe2\x80\xaegpj.exe;\xf0\x9f\x92\xa9;\xe6\xbc\xa2\xe5\xad\x97 1000",
    b"${7*7};javascript:alert(1);' onload='x 1000",
    b"window or CRLF 1000\r",
    b";;; 1000",
    b"x" * 5000 + b" 1000",
    b"no value",
    b"",
]


def stacks(n, seed=1, functions=400):
    """n distinct stacks: walks down a fixed graph of calls, so that they share what real ones share."""
    r = random.Random(seed)
    calls = [[r.randrange(functions) for _ in range(r.choice((1, 1, 2, 3, 5)))] for _ in range(functions)]
    names = [f"ns{i % 17}::Class{i % 29}::method_{i}" for i in range(functions)]
    found = {}
    while len(found) < n:
        thread, at = r.randrange(16), r.randrange(functions)
        frames = [f"serve (10)", f"worker-{thread} ({100 + thread})", "main"]
        for _ in range(r.randrange(3, 28)):
            frames.append(names[at])
            at = r.choice(calls[at])
        state = r.choice(STATES)
        if "GPU" in state or r.random() < .1:
            frames.append(r.choice(("cudaLaunchKernel", "cudaStreamSynchronize")))
        if state:
            frames += ["do_syscall_64_[k]", "schedule_[k]"]
        found.setdefault(";".join(frames) + state, int(r.paretovariate(1.1) * 10))
    return found


def write(path, found):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(f"{stack} {value}\n" for stack, value in found.items())


def matched(found, pattern):
    """The time of the stacks in which a frame matches."""
    wanted = re.compile(pattern)
    return sum(v for stack, v in found.items() if any(wanted.search(f) for f in stack.split(";")))


def tree(found, reverse=False):
    """{path: value}, the root's path being ()."""
    values = {}
    for stack, value in found.items():
        frames = stack.split(";")
        frames = frames[::-1] if reverse else frames
        for depth in range(len(frames) + 1):
            path = tuple(frames[:depth])
            values[path] = values.get(path, 0) + value
    return values


def classes(found):
    """{legend entry: value}"""
    sums = {}
    for stack, value in found.items():
        frames = stack.split(";")
        call = any(f.startswith("cuda") for f in frames)
        last = frames[-1]
        if last == "[blocked: GPU call]":
            name = "GPU call: blocked"
        elif last.startswith("[blocked: "):
            name = last[1:-1]
        else:
            name = "run queue" if last == "[run queue]" else "on-CPU"
            name = f"GPU call: {name}" if call else name
        sums[name] = sums.get(name, 0) + value
    return sums
