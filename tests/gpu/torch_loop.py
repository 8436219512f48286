#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A decode loop of a small transformer in PyTorch, as a target: nothing in it knows of infbpf.

Prints one line of JSON. --progress FILE: two 64-bit numbers, iterations done and the time in ns.
"""

import argparse
import json
import mmap
import struct
import sys
import time

import torch
import torch.nn.functional as F

DIM, HEADS, HIDDEN, LAYERS, BATCH, LENGTH = 256, 8, 768, 4, 8, 128
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cudaLaunchCooperativeKernel",
            "cuLaunchKernel", "cuLaunchKernelEx", "cuLaunchCooperativeKernel", "cudaGraphLaunch",
            "cuGraphLaunch")


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = torch.nn.LayerNorm(DIM), torch.nn.LayerNorm(DIM)
        self.qkv, self.out = torch.nn.Linear(DIM, 3 * DIM), torch.nn.Linear(DIM, DIM)
        self.gate, self.up = torch.nn.Linear(DIM, HIDDEN), torch.nn.Linear(DIM, HIDDEN)
        self.down = torch.nn.Linear(HIDDEN, DIM)
        self.register_buffer("k", torch.zeros(BATCH, HEADS, LENGTH, DIM // HEADS))
        self.register_buffer("v", torch.zeros(BATCH, HEADS, LENGTH, DIM // HEADS))

    def forward(self, x, position):
        q, k, v = self.qkv(self.norm1(x)).view(BATCH, 3, HEADS, DIM // HEADS).unbind(1)
        self.k.index_copy_(2, position, k.unsqueeze(2))
        self.v.index_copy_(2, position, v.unsqueeze(2))
        scores = torch.matmul(q.unsqueeze(2), self.k.transpose(2, 3)) / (DIM // HEADS) ** 0.5
        x = x + self.out(torch.matmul(scores.softmax(-1), self.v).reshape(BATCH, DIM))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Loop:
    def __init__(self, device, graphs):
        torch.manual_seed(1)
        self.cuda = device == "cuda"
        self.blocks = torch.nn.ModuleList(Block() for _ in range(LAYERS)).to(device).eval()
        self.x = torch.randn(BATCH, DIM, device=device)
        self.position = torch.zeros(1, dtype=torch.long, device=device)
        self.result = torch.empty(BATCH, DIM, device=device)
        self.host = torch.empty(BATCH, DIM, pin_memory=self.cuda)
        self.graph = None
        # What the first iterations load and choose is no part of the loop.
        for _ in range(5):
            self.iterate()
        if graphs and self.cuda:
            self.capture()

    def step(self):
        x = self.x
        for block in self.blocks:
            x = block(x, self.position)
        self.result.copy_(x)
        self.position.add_(1).remainder_(LENGTH)

    def capture(self):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.step()

    def iterate(self):
        if self.graph:
            self.graph.replay()
        else:
            self.step()
        self.host.copy_(self.result, non_blocking=True)
        if self.cuda:
            torch.cuda.current_stream().synchronize()


def profiled(loop, iterations):
    """Launches an iteration by name, as PyTorch's own profiler counts them; None: it cannot."""
    try:
        from torch.profiler import ProfilerActivity, profile
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as prof:
            for _ in range(iterations):
                loop.iterate()
        counts = {e.key: e.count / iterations for e in prof.key_averages() if e.key in LAUNCHES}
        return counts or None
    except Exception as e:  # the profiler is an extra
        print(f"torch_loop: no profiler: {e}", file=sys.stderr)
        return None


def run(loop, args):
    area = None
    if args.progress:
        with open(args.progress, "w+b") as f:
            f.write(bytes(16))
            f.flush()
            area = mmap.mmap(f.fileno(), 16)
    begin, n = time.monotonic(), 0
    while n < args.iterations if args.iterations else time.monotonic() - begin < args.seconds:
        loop.iterate()
        n += 1
        if area:
            struct.pack_into("QQ", area, 0, n, time.monotonic_ns())
    return n, time.monotonic() - begin


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    p.add_argument("--graphs", default="off", choices=("off", "on"))
    p.add_argument("--iterations", type=int, default=0)
    p.add_argument("--seconds", type=float, default=2)
    p.add_argument("--profile", type=int, default=0, help="iterations, after the others")
    p.add_argument("--progress")
    args = p.parse_args()
    torch.set_num_threads(1)
    with torch.inference_mode():
        loop = Loop(args.device, args.graphs == "on")
        iterations, seconds = run(loop, args)
        counts = profiled(loop, args.profile) if args.profile else None
    print(json.dumps({"iterations": iterations, "seconds": seconds, "profiler": counts,
                      "torch": torch.__version__, "cuda": torch.version.cuda,
                      "graph": loop.graph is not None, "sum": float(loop.host.double().sum())}))


if __name__ == "__main__":
    main()
