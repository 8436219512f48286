# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The PyTorch loop: launches an iteration, and what tracing costs it."""

import json
import os
import signal
import struct
import sys
import time

import served
from harness import INFBPF, Skip, Wrong, expect, wait_until
from parts import last_line, ratios, spread
from serving import RUNS, doctor

LOOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_loop.py")
# Two lengths: what start and warm-up launch falls out of the difference.
SHORT, LONG = 50, 250
WINDOW_S = 1.5


def find(host):
    """The interpreter's name and the loop's device. Skip: no PyTorch that sees the GPU."""
    python = os.environ.get("GPU_CHECK_PYTHON", "python3")
    status, log = host.run("torch", [python, "-c", "import torch; print(torch.__version__, "
                                     "torch.cuda.is_available())"], 90)
    if status:
        raise Skip(f"no PyTorch ({last_line(log)})")
    if host.device == "emu":
        return python, "cpu"
    if not last_line(log).endswith("True"):
        raise Skip(f"PyTorch sees no GPU ({last_line(log)})")
    return python, "cuda"


def said(log):
    return json.loads(next(s for s in reversed(log.splitlines()) if s.startswith("{")))


def launches_of(trace):
    """Launches of the process by name, the outermost only."""
    found = {}
    for c in served.outermost(trace):
        if c.get("group", "launch") == "launch" and "Launch" in c["name"] and \
                "HostFunc" not in c["name"]:
            found[c["name"]] = found.get(c["name"], 0) + c["calls"]
    return found


def per_iteration(host, command, what, name):
    """infbpf's launches an iteration, from two lengths, against the profiler's."""
    status, log = host.run(f"torch-{name}-profile", [*command, "--iterations", "5", "--profile", "50"],
                           120)
    expect(status == 0, f"the loop ended with {status}: {last_line(log)}")
    profiler = said(log)["profiler"]
    theirs = ", ".join(f"{k} {v:g}" for k, v in sorted((profiler or {}).items())) or "nothing"
    if host.no_trace:
        raise Skip(f"{host.no_trace}; torch.profiler counts {theirs} an iteration")
    counts = []
    for n in (SHORT, LONG):
        trace = host.trace(f"torch-{name}-{n}", [*command, "--iterations", str(n)],
                           ["--gpu-calls", "all"], 120)
        counts.append(launches_of(trace))
    mine = {k: (counts[1][k] - counts[0].get(k, 0)) / (LONG - SHORT) for k in counts[1]}
    mine = {k: v for k, v in mine.items() if v}
    text = ", ".join(f"{k} {v:g}" for k, v in sorted(mine.items())) or "none"
    if host.device == "emu":
        host.say(what, "ok", f"no CUDA here; the loop ran, launches seen: {text}")
        return
    expect(mine, "infbpf saw no launches")
    if not profiler:
        whole = all(v == int(v) for v in mine.values())
        expect(whole, f"not whole numbers an iteration: {text}")
        host.say(what, "ok", f"{text} an iteration (no profiler to compare with)")
        return
    # By all names together: which of the APIs a library enters, the profiler may name differently.
    a, b = sum(mine.values()), sum(profiler.values())
    expect(a == b, f"{text} an iteration, torch.profiler {theirs}")
    host.say(what, "ok", f"{text} an iteration, torch.profiler {theirs}")


def progress(path):
    with open(path, "rb") as f:
        data = f.read(16)
    return struct.unpack("QQ", data) if len(data) == 16 else (0, 0)


def rate(path, seconds):
    """Iterations a second, by the loop's own clock."""
    n, at = progress(path)
    time.sleep(seconds)
    n2, at2 = progress(path)
    expect(n2 > n, "the loop stands still")
    return (n2 - n) * 1e9 / (at2 - at)


def traced_rate(host, pid, path):
    tracer = host.start("torch-window", [INFBPF, "trace", "-p", str(pid), "-o",
                                         host.path("torch-window.folded")])
    try:
        wait_until(30, lambda: "attached" in host.log("torch-window") or tracer.poll() is not None,
                   "infbpf is attached")
        expect(tracer.poll() is None, f"infbpf ended: {last_line(host.log('torch-window'))}")
        return rate(path, WINDOW_S)
    finally:
        tracer.send_signal(signal.SIGINT)
        status = host.wait(tracer, 60)
        if status and not isinstance(sys.exc_info()[1], Wrong):
            raise Wrong(f"infbpf ended with {status}: {last_line(host.log('torch-window'))}")


def cost(host, command, what, name):
    """One running loop; infbpf comes and goes."""
    path = host.path(f"torch-{name}.progress")
    loop = host.start(f"torch-{name}", [*command, "--seconds", "400", "--progress", path])
    without, with_ = [], []
    try:
        wait_until(90, lambda: loop.poll() is not None or
                   (os.path.exists(path) and progress(path)[0] > 20), "the loop runs")
        expect(loop.poll() is None, f"the loop ended: {last_line(host.log(f'torch-{name}'))}")
        host.part(f"doctor, PyTorch {name}", lambda h: h.doctor.update(
            {f"PyTorch {name}": doctor(h, loop.pid, f"PyTorch {name}")}))
        if host.no_trace:
            raise Skip(f"{host.no_trace}; without infbpf {rate(path, WINDOW_S):.4g} iterations/s")
        for _ in range(RUNS):
            if time.monotonic() > host.end:
                break
            without.append(rate(path, WINDOW_S))
            with_.append(traced_rate(host, loop.pid, path))
    finally:
        if loop.poll() is None:
            os.killpg(loop.pid, signal.SIGKILL)
        loop.wait()
    expect(with_, "out of time")
    text, median = ratios(without, with_)
    host.say(what, "ok", f"iterations/s without {spread(without)}, with {spread(with_)}, ratio "
                         f"{text}: {(1 - median) * 100:.1f} % lost; {len(with_)} pairs of {WINDOW_S} s")


def torch(host):
    python, device = find(host)
    for graphs in ("off", "on"):
        name = "with graphs" if graphs == "on" else "eager"
        file = "graphs" if graphs == "on" else "eager"
        command = [python, LOOP, "--device", device, "--graphs", graphs]
        what = f"launches, PyTorch {name}"
        host.part(what, lambda h, c=command, w=what, f=file: per_iteration(h, c, w, f))
        what = f"throughput, PyTorch {name}"
        host.part(what, lambda h, c=command, w=what, f=file: cost(h, c, w, f))
