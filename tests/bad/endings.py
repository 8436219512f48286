# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs that end early, by signal or with their target: what was measured is written, and nothing is
left in the kernel."""

import os
import re
import signal
import subprocess
import time

import harness
from harness import INFBPF, Skip, between, expect, need_root, run, wait_until
from tool import SOON, Trace, folder, victim


def bpftool():
    candidates = ["/usr/sbin/bpftool", "/usr/local/sbin/bpftool"]
    top = "/usr/lib/linux-tools"
    if os.path.isdir(top):
        candidates += [os.path.join(top, d, "bpftool") for d in os.listdir(top)]
    for path in candidates:
        if os.access(path, os.X_OK) and run([path, "version"])[0] == 0:
            return path
    raise Skip("no working bpftool")


def in_kernel():
    """BPF programs, maps and links there are, by kind and id, and uprobes made through tracefs."""
    tool = bpftool()
    found = set()
    for kind in ("prog", "map", "link"):
        out = run([tool, kind, "list"])[1]
        found |= {(kind, n) for n in re.findall(r"^(\d+): ", out, re.M)}
    try:
        with open("/sys/kernel/tracing/uprobe_events", encoding="ascii") as f:
            found |= {("uprobe", line.strip()) for line in f}
    except OSError:
        pass
    return found


def nothing_left(before):
    # The kernel frees programs and maps some time after the last descriptor is closed.
    wait_until(SOON, lambda: not in_kernel() - before,
               f"nothing left in the kernel; left are {sorted(in_kernel() - before)[:10]}")


def cuda_target():
    return harness.start([os.path.join(harness.TRUTH, "cuda"), "rounds=0"])


def trace_and_signal(where, *signals, pause=0.0):
    """Traces for a second, sends the signals. Returns the status and the trace."""
    with victim() as target:
        before = in_kernel()
        with Trace(where, "-p", str(target.pid), "-d", "100") as trace:
            trace.attached()
            expect(in_kernel() - before, "infbpf attached and yet nothing is in the kernel")
            time.sleep(1)
            for s in signals:
                trace.process.send_signal(s)
                time.sleep(pause)
            status = trace.wait()
            expect(target.poll() is None, "the target died")
        nothing_left(before)
        return status, trace, target.pid


def whole_second(trace, pid):
    j, _ = trace.results(pid)
    # "attached" may be read a little after the window opened.
    between("wall of the target", sum(r["wall_ns"] for r in j["threads"] if r["pid"] == pid), 0.95e9,
            3e9)


def test_ctrl_c():
    need_root()
    status, trace, pid = trace_and_signal(folder("ctrl-c"), signal.SIGINT)
    expect(status == 0, f"ended with {status}: {trace.errors}")
    whole_second(trace, pid)


def test_sigterm():
    need_root()
    status, trace, pid = trace_and_signal(folder("sigterm"), signal.SIGTERM)
    expect(status == 0, f"ended with {status}: {trace.errors}")
    whole_second(trace, pid)


def test_ctrl_c_twice():
    """The second one may cut the writing short, but must say so and leave nothing behind."""
    need_root()
    status, trace, pid = trace_and_signal(folder("ctrl-c-twice"), signal.SIGINT, signal.SIGINT,
                                          pause=0.002)
    expect(status in (0, 130, 1, -signal.SIGINT), f"ended with {status}: {trace.errors}")
    if status == 0:
        whole_second(trace, pid)


def test_target_killed():
    """kill -9 of the target: the trace ends by itself, with what there was."""
    need_root()
    where = folder("target-killed")
    before = in_kernel()
    with victim() as target:
        with Trace(where, "-p", str(target.pid), "-d", "100") as trace:
            trace.attached()
            time.sleep(1)
            target.kill()
            target.wait()
            killed = time.monotonic()
            status = trace.wait()
            took = time.monotonic() - killed
        expect(status == 0, f"ended with {status}: {trace.errors}")
        expect(took < 5, f"ended {took:.1f} s after its target")
        whole_second(trace, target.pid)
    nothing_left(before)


def test_killed():
    """kill -9 of infbpf itself: the kernel cleans up, the target goes on."""
    need_root()
    where = folder("killed")
    before = in_kernel()
    target = cuda_target()
    try:
        with Trace(where, "-p", str(target.pid), "-d", "100") as trace:
            trace.attached()
            time.sleep(0.5)
            expect(in_kernel() - before, "infbpf attached and yet nothing is in the kernel")
            trace.process.kill()
            trace.wait()
        nothing_left(before)
        expect(target.poll() is None, "the target died")
        target.terminate()
        expect(target.wait(10) == 0, f"the target ended with {target.returncode}")
    finally:
        target.kill()
        target.communicate()


def semaphores(pid, program):
    """What the counters of the marks are at, in the program's own memory (it is linked statically)."""
    found = {}
    symbols = run(["nm", program])[1]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for address, name in re.findall(r"^([0-9a-f]+) . infbpf_(\w+)_semaphore$", symbols, re.M):
            mem.seek(int(address, 16))
            found[name] = int.from_bytes(mem.read(2), "little")
    expect(len(found) == 11, f"semaphores {sorted(found)}")
    return found


def test_marks_let_go():
    """The marks' semaphores are raised while any infbpf is attached, and at 0 when the last has ended or
    was killed. (Perf events are let go one after the other.)"""
    need_root()
    program = os.path.join(harness.TRUTH, "stages")
    target = harness.start([program, "rounds=0"])

    def at_zero():
        return not any(semaphores(target.pid, program).values())

    try:
        expect(at_zero(), f"before: {semaphores(target.pid, program)}")
        for kill in (False, True):
            with Trace(folder("marks"), "-p", str(target.pid), "-d", "100") as trace, \
                    Trace(folder("marks-2"), "-p", str(target.pid), "-d", "100") as other:
                trace.attached()
                other.attached()
                both = semaphores(target.pid, program)
                expect(min(both.values()) > 0, f"attached, and yet {both}")
                other.process.send_signal(signal.SIGINT)
                expect(other.wait() == 0, other.errors)
                # The kernel counts places that are probed, not who probes them.
                still = semaphores(target.pid, program)
                expect(still == both, f"{still} with one left, {both} with both")
                trace.process.send_signal(signal.SIGKILL if kill else signal.SIGINT)
                trace.wait()
            wait_until(SOON, at_zero, f"at 0: {semaphores(target.pid, program)}")
        expect(target.poll() is None, "the target died")
    finally:
        target.kill()
        target.communicate()


def test_nothing_left():
    """An ordinary run with CUDA probes in the target."""
    need_root()
    where = folder("nothing-left")
    before = in_kernel()
    target = cuda_target()
    try:
        for _ in range(2):
            with Trace(where, "-p", str(target.pid), "-d", "1") as trace:
                expect(trace.wait() == 0, trace.errors)
            j, _ = trace.results(target.pid)
            expect(j["gpu_calls"], "no CUDA calls")
        nothing_left(before)
        target.terminate()
        expect(target.wait(10) == 0, f"the target ended with {target.returncode}")
    finally:
        target.kill()
        target.communicate()


def test_two_at_once():
    need_root()
    where = [folder("two-at-once-1"), folder("two-at-once-2")]
    target = cuda_target()
    try:
        traces = [Trace(w, "-p", str(target.pid), "-d", "2") for w in where]
        for trace in traces:
            with trace:
                expect(trace.wait() == 0, trace.errors)
                j, _ = trace.results(target.pid)
                expect(any(c["name"] == "cudaStreamSynchronize" and c["calls"] > 100
                           for c in j["gpu_calls"]), f"calls: {j['gpu_calls']}")
    finally:
        target.kill()
        target.communicate()


def test_command_status():
    """The traced command's exit status, stdin and stdout are its own."""
    need_root()
    where = folder("command-status")
    for script, want in (("exit 7", 7), ("exit 0", 0), ("kill -9 $$", 137), ("kill -TERM $$", 143)):
        with Trace(where, "--", "sh", "-c", script) as trace:
            status = trace.wait()
        expect(status == want, f"sh -c '{script}': {status}, not {want}: {trace.errors}")
        trace.results()
    p = subprocess.run([INFBPF, "trace", "-o", os.path.join(where, "x"), "--", "cat"], input="a\nb\n",
                       capture_output=True, text=True, timeout=SOON)
    expect(p.returncode == 0 and p.stdout == "a\nb\n", f"{p.returncode} {p.stdout!r} {p.stderr!r}")


def test_command_ctrl_c():
    """Ctrl-C reaches command and infbpf alike, as from a terminal; the result is written."""
    need_root()
    where = folder("command-ctrl-c")
    folded, j = os.path.join(where, "trace.folded"), os.path.join(where, "trace.json")
    err = os.path.join(where, "trace.err")
    with open(err, "w", encoding="utf-8") as f:
        p = subprocess.Popen([INFBPF, "trace", "-o", folded, "--json", j, "--", "sleep", "60"],
                             stdin=subprocess.DEVNULL, stderr=f, start_new_session=True)
    def attached():
        with open(err, encoding="utf-8") as f:
            return "attached" in f.read()
    wait_until(SOON, attached, "attached")
    time.sleep(0.5)
    os.killpg(p.pid, signal.SIGINT)
    status = p.wait(SOON)
    expect(status in (0, 130), f"ended with {status}")
    expect(harness.read_json(j)["threads"], "no threads in the JSON")


TESTS = {name[5:].replace("_", "-"): (120, function) for name, function in list(globals().items())
         if name.startswith("test_")}
