#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A caller that nobody prepared: Python, its ctypes, and NVIDIA's libraries. Books its calls as the
programs in C do. Arguments: runtime=FILE, ready=FILE, blas=FILE (loaded and asked for a handle)."""

import ctypes
import json
import os
import sys
import time
from collections import Counter

NOT_READY = 600
book = Counter()


def call(function, *args):
    ret = function(*args)
    name = function.__name__
    book[f"{name}.calls"] += 1
    book[f"{name}.errors"] += ret not in (0, NOT_READY)
    book[f"{name}.bytes"] += 0
    if ret:
        book[f"{name}.code.{ret}"] += 1
    return ret


def wait_for_trace(ready):
    with open(ready, "w", encoding="ascii") as f:
        f.write(f"{os.getpid()}\n")
    while not os.path.exists(os.path.join(os.path.dirname(ready), "attached")):
        time.sleep(0.01)


def main():
    args = dict(a.split("=", 1) for a in sys.argv[1:])
    runtime = ctypes.CDLL(args["runtime"])
    if "blas" in args:
        blas = ctypes.CDLL(args["blas"])
    wait_for_trace(args["ready"])
    pointer, stream = ctypes.c_void_p(), ctypes.c_void_p()
    for _ in range(100):
        call(runtime.cudaStreamCreate, ctypes.byref(stream))
        call(runtime.cudaFree, None)
        call(runtime.cudaStreamSynchronize, None)
        call(runtime.cudaDeviceSynchronize)
        # Over any GPU's memory: an error in any case.
        call(runtime.cudaMalloc, ctypes.byref(pointer), ctypes.c_size_t(1 << 60))
    blas_said = blas.cublasCreate_v2(ctypes.byref(pointer)) if "blas" in args else None
    print(json.dumps({"program": "caller", "pid": os.getpid(), "blas": blas_said, **book}))


main()
