# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""NVTX ranges under trace: a program built with NVIDIA's own headers, which loads build/libinfbpf-nvtx.so."""

import glob
import os
import site
import time

import harness
from case import attach
from checks_stages import check_split
from harness import Skip, expect, need_tool

MS = 1_000_000
SOURCE = os.path.join(harness.ROOT, "tests", "truth", "nvtx", "nvtx.c")
LIBRARY = os.path.join(harness.ROOT, "build", "libinfbpf-nvtx.so")
BIN = os.path.join(harness.OUT, "nvtx")


def headers():
    """The folder that has nvtx3/nvToolsExt.h: of a toolkit, of Debian's nvidia-cuda-dev, of a wheel."""
    folders = ["/usr/local/cuda*/include", "/opt/cuda/include", "/usr/include"]
    folders += [os.path.join(d, "nvidia", "*", "include") for d in site.getsitepackages()]
    for pattern in folders:
        for folder in sorted(glob.glob(pattern), reverse=True):
            if os.path.exists(os.path.join(folder, "nvtx3", "nvToolsExt.h")):
                return folder
    raise Skip("no nvtx3/nvToolsExt.h (a CUDA toolkit, or the wheel nvidia-nvtx)")


def build():
    os.makedirs(BIN, exist_ok=True)
    command = [need_tool("gcc"), "-std=gnu11", "-O2", "-g", "-isystem", headers(), SOURCE,
               os.path.join(harness.TRUTH, "obj", "truth.o"), "-o", os.path.join(BIN, "nvtx"), "-lpthread",
               "-ldl"]
    status, said, err = harness.run(command, timeout=120)
    expect(status == 0, f"cannot build nvtx: {(said + err)[-600:]}")


def row(t, name):
    found = [s for s in t.json["stages"] if s["name"] == name]
    expect(len(found) == 1, f"{len(found)} rows of {name}: {[s['name'] for s in t.json['stages']]}")
    return found[0]


def check_ranges(t):
    expect(t.truth["wrong"] == 0, f"{t.truth['wrong']} answers are not what NVTX promises")
    names = [k.removeprefix("calls:") for k in t.truth if k.startswith("calls:")]
    for name in names:
        s = row(t, name)
        calls, naps = t.truth[f"calls:{name}"], t.truth[f"naps:{name}"]
        expect(s["source"] == "nvtx", f"{s}")
        expect(s["count"] == calls and not s["abandoned"] and not s["open_at_end"], f"{name}: {s}")
        expect(s["wall_ns"] >= naps * 2 * MS, f"{name}: {s['wall_ns']} ns with {naps} naps")
        if f"around:{name}" in t.truth:
            expect(s["wall_ns"] <= t.truth[f"around:{name}"], f"{name}: {s} in {t.truth}")
        expect(set(s["blocked_by"]) <= {"sleep"}, f"{name}: {s['blocked_by']}")
    return f"{len(names)} names"


def check_split_of_threads(t):
    """A range that begins on one thread and ends on another has its length, and no states."""
    across = row(t, "across")
    expect(across["source"] == "nvtx" and across["count"] == t.truth["calls:ascii"], f"{across}")
    expect(across["on_cpu_ns"] is None and across["blocked_ns"] is None, f"{across}")
    expect(across["count"] * 2 * MS <= across["wall_ns"] <= t.truth["across_ns"], f"{across}")
    expect(across["max_ns"] <= across["wall_ns"] <= across["count"] * across["max_ns"], f"{across}")
    others = dict(t.json, stages=[s for s in t.json["stages"] if s is not across])
    t.json, everything = others, t.json
    said = check_split(t)
    t.json = everything
    return said


def check_nested(t):
    """Frames: an inner range is below its outer one."""
    inner = [line for line in t.folded if "[inner]" in line.frames]
    expect(inner, "no stack within [inner]")
    for line in inner:
        expect(line.frames[:2] == ["[outer]", "[inner]"], f"{line.frames[:4]}")
    return f"{len(inner)} stacks"


CASE = attach("nvtx", "nvtx", ("split", check_split_of_threads), ("ranges", check_ranges), ("nested", check_nested),
              options="--period 500us")


def run_traced(run_case):
    build()
    os.environ["NVTX_INJECTION64_PATH"] = LIBRARY
    return run_case(CASE, BIN)


def run_untraced():
    """Without a trace the library only keeps count; with no library NVTX does nothing at all."""
    build()
    program = os.path.join(BIN, "nvtx")
    for library, wrong in ((LIBRARY, 0), (None, None)):
        os.environ.pop("NVTX_INJECTION64_PATH", None)
        if library:
            os.environ["NVTX_INJECTION64_PATH"] = library
        begin = time.monotonic()
        status, said, err = harness.run([program, "rounds=3"], timeout=60)
        expect(status == 0, f"ended with {status}: {err}")
        if wrong is not None:
            expect('"wrong":0' in said, said)
        print(f"ok - {library or 'no library'}: {time.monotonic() - begin:.2f} s")
    return 0


def tests(run_case):
    return {"nvtx": (90, lambda: run_traced(run_case)), "nvtx-untraced": (60, run_untraced)}
