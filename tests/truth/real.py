# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""NVIDIA's own runtime, where its toolkit is installed. No GPU is needed: without a driver each call
returns error 35, and calls, errors and launches by kernel are real."""

import glob
import os
import shutil

import checks_calls as k
import checks_launch as launch
import harness
from case import attach, direct
from harness import Skip, Wrong, expect, need_root, need_tool

SOURCE = os.path.join(harness.ROOT, "tests", "truth", "cuda")
BIN = os.path.join(harness.OUT, "real")
OBJECTS = [os.path.join(harness.TRUTH, "obj", name) for name in ("cuda/book.o", "truth.o")]
KERNELS = ("saxpy", "scale<4>", "layer::rmsnorm")


def toolkit():
    """The folder of the newest toolkit's libraries."""
    found = [d for pattern in ("/usr/local/cuda*/lib64", "/opt/cuda/lib64")
             for d in sorted(glob.glob(pattern)) if glob.glob(os.path.join(d, "libcudart.so.*"))]
    if not found:
        raise Skip("no CUDA toolkit (libcudart.so.* in /usr/local/cuda*/lib64)")
    return os.path.realpath(found[-1])


def library(name):
    found = sorted(glob.glob(os.path.join(toolkit(), name)), key=len)
    if not found:
        raise Skip(f"no {name} in {toolkit()}")
    return found[0]


def build(name, *command):
    """Of its source and what the other programs share."""
    os.makedirs(BIN, exist_ok=True)
    out = os.path.join(BIN, name)
    status, said, err = harness.run([*command, *OBJECTS, "-o", out], timeout=120)
    expect(status == 0, f"{command[0]} cannot build {name}: {(said + err)[-600:]}")
    return name


def build_gcc(name, *linked):
    return build(name, need_tool("gcc"), "-O1", "-g", os.path.join(SOURCE, "real.c"), *linked,
                 "-lpthread", "-ldl", "-lrt")


def build_nvcc(name, cudart, *options):
    path = os.environ.get("PATH", "") + ":" + os.path.join(os.path.dirname(toolkit()), "bin")
    nvcc = shutil.which("nvcc", path=path)
    if not nvcc:
        raise Skip("no nvcc")
    return build(name, nvcc, "-cudart", cudart, *options, os.path.join(SOURCE, "real.cu"),
                 "-Xlinker", f"-rpath={toolkit()}")


def check_all_failed(t):
    """Where there is no driver."""
    if glob.glob("/dev/nvidia[0-9]*"):
        raise Skip("there is a driver here")
    calls = sum(b["calls"] for b in k.booked(t).values())
    errors = sum(b["errors"] for b in k.booked(t).values())
    expect(errors == calls, f"the program saw {errors} errors in {calls} calls")
    return f"{errors} errors"


def check_blas(t):
    expect(t.truth["blas"] is not None, "cublasCreate was not called")
    return f"cublasCreate returned {t.truth['blas']}"


CALLS = (("booked", k.check_booked), ("times", k.check_times), ("codes", k.check_codes),
         ("failed", check_all_failed))
LAUNCHES = (("booked", k.check_booked), ("codes", k.check_codes),
            ("kernels", launch.check_kernels, *KERNELS))


def shared():
    return direct("real-shared", build_gcc("real_shared", library("libcudart.so.*"),
                                           f"-Wl,-rpath,{toolkit()}"), *CALLS)


def static():
    return direct("real-static", build_gcc("real_static", library("libcudart_static.a")), *CALLS)


def nvcc_shared():
    return direct("real-nvcc", build_nvcc("real_nvcc", "shared"), *LAUNCHES)


def nvcc_static():
    """nvcc's default; optimised, so that stubs are inlined."""
    return direct("real-nvcc-static", build_nvcc("real_nvcc_static", "static", "-O2"), *LAUNCHES)


def caller(name, *checks, **more):
    os.makedirs(BIN, exist_ok=True)
    shutil.copy(os.path.join(SOURCE, "caller.py"), BIN)
    args = " ".join(f"{key}={value}" for key, value in more.items())
    return attach(name, f"caller.py runtime={library('libcudart.so.*')} {args}", *CALLS[:3], *checks)


def python():
    return caller("real-python", ("failed", check_all_failed))


def blas():
    return caller("real-cublas", ("blas", check_blas), blas=library("libcublas.so.*"))


def run(make, run_case):
    need_root()
    if not all(os.path.exists(o) for o in OBJECTS):
        raise Wrong("make test-programs has not been run")
    return run_case(make(), BIN)


def tests(run_case):
    return {name: (200, lambda make=make: run(make, run_case)) for name, make in (
        ("real-shared", shared), ("real-static", static), ("real-nvcc", nvcc_shared),
        ("real-nvcc-static", nvcc_static), ("real-python", python), ("real-cublas", blas))}
