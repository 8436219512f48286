# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""infer-serve on the device: its tokens, its calls under infbpf, what tracing costs it."""

import os
import signal
import time

import served
from harness import INFBPF, Skip, expect, read_json, wait_until
from parts import last_line, ratios, spread

MODELS = {"tiny": 100, "small": 60, "medium": 30}  # requests
VARIANTS = (("--pinned", "off"), ("--sync", "spin"), ("--max-batch", "1"), ("--graphs", "on"))
# Of one kind: whole runs of the server.
TRACES = {"plain": ([], []), "graphs": ([], ["--graphs", "on"]),
          "driver": (["--driver", "--gpu-calls", "all"], [])}
RUNS = int(os.environ.get("GPU_CHECK_RUNS") or 10)
RUN_S = 2


def load(model, requests):
    return ["--model", model, "--requests", str(requests), "--rate", "100", "--seed", "1"]


def margins(stats):
    m = stats["margin"]
    return f"smallest margin {m['min']:.2g}, {m['below']} below {m['tolerance']:.0e}"


def tokens_of(host, model, requests):
    a = host.serve(f"device-{model}", *load(model, requests))
    b = host.serve(f"emu-{model}", *load(model, requests), device="emu", seconds=100)
    host.figures.append((model, a, b))
    if a["tokens_digest"] == b["tokens_digest"]:
        return f"the same {a['tokens']} tokens as emu's ({a['tokens_digest']}; {margins(a)})"
    expect(a["tokens_certain_digest"] == b["tokens_certain_digest"],
           f"{a['tokens_digest']}, emu {b['tokens_digest']} ({margins(a)})")
    return f"the same tokens as emu's up to margins below the tolerance ({margins(a)})"


def tokens(host):
    for model, requests in MODELS.items():
        host.part(f"tokens, {model}",
                  lambda h, m=model, r=requests: h.say(f"tokens, {m}", "ok", tokens_of(h, m, r)))
    want = next((a["tokens_digest"] for model, a, _ in host.figures if model == "tiny"), None)
    for how in VARIANTS:
        what = "tokens, tiny " + " ".join(how)

        def same(h, how=how, what=what):
            expect(want, "there is nothing to compare with")
            got = h.serve("variant", *load("tiny", MODELS["tiny"]), *how)
            expect(got["tokens_digest"] == want, f"{got['tokens_digest']}, plain {want}")
            h.say(what, "ok", "the same tokens")

        host.part(what, same)


def one_trace(host, name):
    options, args = TRACES[name]
    stats = host.path(f"whole-{name}.json")
    trace = host.trace(f"whole-{name}", [host.server, "--device", host.device, *load("tiny", 100),
                                         "--stats", stats, *args], options)
    stats = read_json(stats)
    expect(trace["runtime"] == host.runtime, f"runtime {trace['runtime']}")
    for check, right, text in served.compare(stats, trace):
        host.say(f"traced, {name}: {check}", "ok" if right else "FAIL", text)
    if "--driver" in options:
        inside(host, trace)


def inside(host, trace):
    """Does the runtime enter the driver through the functions that the driver exports?"""
    what = "driver calls inside runtime calls"
    rows = [c for c in trace["gpu_calls"] if c.get("inside")]
    outer = [c["name"] for c in served.outermost(trace) if c["api"] == "driver"]
    if host.device == "emu":
        expect(not rows, f"{len(rows)}, of an emulated runtime that has no driver")
        host.say(what, "ok", "none: the emulated runtime has no driver")
        return
    if not rows:
        host.say(what, "ok", "none seen: this runtime does not enter the driver by the functions that "
                             "it exports, --driver shows nothing more. Driver calls by themselves: "
                             f"{', '.join(outer) or 'none'}")
        return
    seen = ", ".join(f"{c['name']} in {c['inside']} x {c['calls']}" for c in
                     sorted(rows, key=lambda c: -c["calls"])[:12])
    most = {c["inside"] for c in rows}
    host.say(what, "ok",
             f"{served.total(rows, 'calls')} of {len(rows)} kinds, inside {len(most)} runtime calls: "
             f"{seen}")


def traces(host):
    for name in TRACES:
        host.part(f"traced, {name}", lambda h, n=name: one_trace(h, n))


def doctor(host, pid, name):
    """What infbpf says of a process: the lines about it."""
    if host.no_trace and host.no_trace.startswith("no "):
        raise Skip(host.no_trace)
    status, log = host.run(f"doctor-{name}", [INFBPF, "doctor", "-p", str(pid)], 30)
    expect(status in (0, 3), f"infbpf doctor ended with {status}: {last_line(log)}")
    host.say(f"doctor, {name}", "ok", f"status {status}, see below")
    return log


def attached(host):
    """A running server, by its pid."""
    server = host.start("attached", [host.server, "--device", host.device, "--rate", "100",
                                     "--stats", host.path("attached.json")])
    try:
        wait_until(60, lambda: "infer-serve: ready" in host.log("attached") or
                   server.poll() is not None, "infer-serve is ready")
        expect(server.poll() is None, f"infer-serve ended: {last_line(host.log('attached'))}")
        host.part("doctor, infer-serve", lambda h: h.doctor.update(
            {"infer-serve": doctor(h, server.pid, "infer-serve")}))
        host.need_trace()
        result = host.path("attached-trace.json")
        status, log = host.run("attach", [INFBPF, "trace", "-p", str(server.pid), "-d",
                                          str(host.seconds), "-o", host.path("attached.folded"),
                                          "--json", result], host.seconds + 60)
        expect(status == 0, f"infbpf ended with {status}: {last_line(log)}")
    finally:
        server.send_signal(signal.SIGTERM)
        status = host.wait(server, 30)
    expect(status == 0, f"infer-serve ended with {status} after it was traced")
    trace = read_json(result)
    calls = served.total(trace["gpu_calls"], "calls")
    expect(calls > 0, "no call was seen")
    host.say("attached by pid", "ok", f"{calls} calls in {host.seconds} s, "
                                      f"{calls * 1e9 / trace['duration_ns']:.0f} a second")


def rate(host, name, args, traced):
    stats = host.path(name + ".json")
    command = [host.server, "--device", host.device, "--rate", "20000", "--duration", str(RUN_S),
               "--stats", stats, *args]
    if traced:
        host.trace(name, command)
    else:
        status, log = host.run(name, command)
        expect(status == 0, f"infer-serve ended with {status}: {last_line(log)}")
    stats = read_json(stats)
    calls = served.total(stats["cuda_calls_serving"].values(), "calls")
    return stats["tokens_per_s"], calls / stats["duration_s"]


def cost(host, args):
    """Saturated, without and with infbpf in turn."""
    name = "graphs" if args else "plain"
    without, with_, calls = [], [], []
    for i in range(1 if host.no_trace else RUNS):
        if time.monotonic() > host.end:
            break
        turn = (False,) if host.no_trace else ((False, True) if i % 2 else (True, False))
        for traced in turn:
            tokens_s, calls_s = rate(host, f"rate-{name}", args, traced)
            (with_ if traced else without).append(tokens_s)
            calls.append(calls_s)
    what = f"throughput, infer-serve {name}"
    if not with_:
        host.say(what, "not run", f"{host.no_trace}; without infbpf {spread(without)} tokens/s")
        return
    text, median = ratios(without, with_)
    host.say(what, "ok", f"tokens/s without {spread(without)}, with {spread(with_)}, ratio {text}: "
                         f"{(1 - median) * 100:.1f} % lost; {spread(calls)} CUDA calls/s; "
                         f"{len(with_)} pairs of {RUN_S} s")


def throughput(host):
    for args in ([], ["--graphs", "on"]):
        host.part("throughput, infer-serve " + ("graphs" if args else "plain"),
                  lambda h, a=args: cost(h, a))
