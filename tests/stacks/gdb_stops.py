# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs inside gdb, attached to a process: lets it go, stops it at a random moment, and writes what gdb
makes of each thread's stack beside what infbpf's unwinder (build/tests/stacks/walk) makes of the same
registers and memory. By environment: WALK (the tool; none: gdb's alone), STOPS, THREADS (at most so
many a stop), OUT (a JSON file)."""

import json
import os
import random
import signal
import subprocess
import threading

import gdb

REGISTERS = ("rip", "rsp", "rbp", "rbx", "r12", "r13", "r14", "r15")
FRAMES = 512


def unsigned(value):
    return int(value) & 0xffffffffffffffff


def frames_of(frame):
    """[(pc, name)], leaf first. What was inlined, and what ended in a jump to the next function, has no
    frame of its own: gdb tells it from its debug information."""
    out = []
    while frame is not None and len(out) < FRAMES:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            out.append((frame.pc(), (frame.name() or "").replace("[cold]", ".cold")))
        try:
            frame = frame.older()
        except gdb.error:
            break
    return out


class Walker:
    def __init__(self):
        self.tool = os.environ.get("WALK")
        self.process = self.tool and subprocess.Popen([self.tool], stdin=subprocess.PIPE,
                                                      stdout=subprocess.PIPE, text=True)

    def walk(self, pid, frame):
        if not self.tool:
            return None
        values = [unsigned(frame.read_register(r)) for r in REGISTERS]
        self.process.stdin.write(f"{pid} " + " ".join(f"{v:x}" for v in values) + "\n")
        self.process.stdin.flush()
        end, stack_bytes, *pcs = self.process.stdout.readline().split()
        return {"end": end, "bytes": int(stack_bytes), "pcs": [int(pc, 16) for pc in pcs]}


def look(pid, walker, most):
    rows = []
    threads = [t for t in gdb.selected_inferior().threads() if t.is_valid()]
    random.shuffle(threads)
    for thread in threads[:most]:
        thread.switch()
        frame = gdb.newest_frame()
        rows.append({"thread": thread.name, "tid": thread.ptid[1], "gdb": frames_of(frame),
                     "walk": walker.walk(pid, frame)})
    return rows


def go_and_stop(pid):
    timer = threading.Timer(random.uniform(0.002, 0.02), os.kill, (pid, signal.SIGINT))
    timer.start()
    gdb.execute("continue", to_string=True)
    timer.join()


def main():
    for command in ("set pagination off", "set confirm off", "set backtrace past-main on",
                    "set backtrace past-entry on", f"set backtrace limit {FRAMES}",
                    "handle all nostop noprint pass", "handle SIGINT stop print nopass"):
        gdb.execute(command, to_string=True)
    pid = gdb.selected_inferior().pid
    walker = Walker()
    most = int(os.environ.get("THREADS", "100"))
    rows = look(pid, walker, most)
    for _ in range(int(os.environ["STOPS"])):
        go_and_stop(pid)
        rows += look(pid, walker, most)
    with open(os.environ["OUT"], "w", encoding="utf-8") as f:
        json.dump(rows, f)
    gdb.execute("detach", to_string=True)


main()
