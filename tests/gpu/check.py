#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""check.py DEVICE SERVER OUT PAGE SECONDS: what scripts/gpu-check does after building."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import page  # noqa: E402
import serving  # noqa: E402
import torch_part  # noqa: E402
from harness import Wrong  # noqa: E402
from parts import Host  # noqa: E402

PARTS = (("tokens", serving.tokens), ("traced", serving.traces), ("attached by pid", serving.attached),
         ("throughput", serving.throughput), ("PyTorch", torch_part.torch))


def main():
    device, server, out, path, seconds = sys.argv[1:6]
    host = Host(device, server, out, int(seconds))
    try:
        host.serve("probe", "--requests", "1")
    except Wrong as e:
        print(f"gpu-check: cannot run: the device does not work for infer-serve: {e}",
              file=sys.stderr)
        return 77
    host.say("tracing", "not run" if host.no_trace else "ok", host.no_trace or "this kernel allows it")
    wanted = os.environ.get("GPU_CHECK_PARTS", "")
    for name, part in PARTS:
        if not wanted or name in wanted.split(","):
            host.part(name, part)
    page.write(host, path)
    failed = sum(result == "FAIL" for _, result, _ in host.rows)
    print(f"gpu-check: {failed} failed of {len(host.rows)}; written: {path}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
