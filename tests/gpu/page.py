# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/GPU-RESULTS.md: what scripts/gpu-check found."""

import os
import platform
import re
import subprocess
import time

from harness import INFBPF, ROOT


def output(*argv):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def facts(host):
    gpu = output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    nvcc = re.search(r"release ([\d.]+)", output(os.environ.get("NVCC") or "nvcc", "--version"))
    yield "device", "emu: no GPU, the CPU stands in for one" if host.device == "emu" else "GPU"
    yield "GPU, driver", gpu.splitlines()[0] if gpu else "unknown (no nvidia-smi)"
    yield "nvcc", nvcc[1] if nvcc else "none"
    yield "kernel", f"{platform.release()}, {os.cpu_count()} CPUs"
    yield "infbpf", (output(INFBPF, "--version").splitlines() or ["none"])[0]
    yield "tracing", host.no_trace or "works"


def cell(text):
    return str(text).replace(ROOT, ".").replace("|", "\\|").replace("\n", " ")


def latency_rows(host):
    for _, a, b in host.figures:
        for s in (a, b):
            at = s["latency_ns"]
            yield (f"| {s['model']} | {s['runtime']} | {s['throughput_rps']:.1f} | "
                   f"{s['tokens_per_s']:.0f} | {at['prefill']['p50'] / 1e6:.2f} ms | "
                   f"{at['decode']['p50'] / 1e6:.2f} ms | {at['end_to_end']['p99'] / 1e6:.2f} ms |")


def lines(host):
    yield "# Results on a GPU"
    yield ""
    yield f"Written by `scripts/gpu-check` on {time.strftime('%Y-%m-%d', time.gmtime())}."
    yield ""
    for name, value in facts(host):
        yield f"- {name}: {value}"
    counts = {r: sum(row[1] == r for row in host.rows) for r in ("ok", "FAIL", "not run")}
    yield ""
    yield ", ".join(f"{n} {r}" for r, n in counts.items()) + "."
    yield ""
    yield "| check | result | |"
    yield "|---|---|---|"
    for what, result, text in host.rows:
        yield f"| {cell(what)} | {result} | {cell(text)} |"
    rows = list(latency_rows(host))
    if rows:
        yield ""
        yield "| model | runtime | requests/s | tokens/s | prefill p50 | decode p50 (a request) | " \
              "end to end p99 |"
        yield "|---|---|---|---|---|---|---|"
        yield from rows
        yield ""
        yield "The load is 100 requests a second (open loop) in all rows: these are not throughput " \
              "limits. emu is the runtime on the CPU: its times are a model's, not a measurement."
    for name, text in host.doctor.items():
        yield ""
        yield f"## infbpf doctor: {name}"
        yield "```"
        yield from text.replace(ROOT, ".").rstrip().splitlines()
        yield "```"


def write(host, path):
    tmp = f"{path}.{os.getpid()}.tmp"
    with open(tmp, "w", encoding="utf-8") as f:
        f.write("\n".join(s.rstrip() for s in lines(host)) + "\n")
    os.rename(tmp, path)
