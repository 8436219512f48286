# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tool as emulated machines run it: static."""

import fcntl
import os
import subprocess

from harness import BUILD, ROOT, Wrong

STATIC = os.path.join(BUILD, "static", "infbpf")


def build_static():
    """Two machines may start at once, but not two builds."""
    os.makedirs(os.path.dirname(STATIC), exist_ok=True)
    with open(STATIC + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        p = subprocess.run(["make", "-j2", "STATIC=1", "B=build/static", "build/static/infbpf"],
                           cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if p.returncode:
        raise Wrong("make STATIC=1: " + (p.stdout + p.stderr)[-2000:])
