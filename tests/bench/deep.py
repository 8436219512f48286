# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""As deep.c, in Python: a fixed amount of work at the end of calls that pass through C, so that each
has frames of the interpreter of its own."""

import sys
import time

DEPTH = 6


def work(x):
    for i in range(300):
        x ^= i * x & 0xffff
    return x


def level(n, x):
    return work(x) if not n else max(map(lambda y: level(n - 1, y), [x]))


print("ready", flush=True)
for line in sys.stdin:
    wall, cpu = time.monotonic_ns(), time.thread_time_ns()
    for number in range(int(line)):
        level(DEPTH, number)
    cpu, wall = time.thread_time_ns() - cpu, time.monotonic_ns() - wall
    print(wall, cpu, line.strip(), flush=True)
