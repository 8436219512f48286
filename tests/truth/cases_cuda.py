# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Truth tests of CUDA calls: where a runtime can be, what calls can do, what is told of them."""

import checks as c
import checks_calls as k
import checks_cuda as g
import checks_launch as launch
import checks_memory as memory
import checks_streams as streams
from case import attach, direct, pid

COUNTS = (("counts", g.check_counts), ("kinds", g.check_kinds), ("parts", g.check_parts))
BOOKED = (("booked", k.check_booked), ("times", k.check_times), ("abandoned", k.check_abandoned))
MEMORY = (("memory", memory.check_memory), ("unknown-frees", memory.check_unknown_frees),
          ("by-stack", memory.check_stacks), ("copies", k.check_copies))
LAUNCHES = (("launchers", launch.check_launchers), ("gaps", launch.check_gaps),
            ("graphs", launch.check_graphs))
# What launches themselves say, without registered names.
SAID = ("saxpy", "scale<4>", "layer::rmsnorm")

# --- where the runtime is ---
PLACES = [
    # Before 6.2 a switch that interrupts a probe's look-up in task storage finds that locked.
    direct("cuda-8-threads", "cuda rounds=40 threads=8", *COUNTS, ("threads", c.check_threads),
           events_in_vm=20),
    direct("cuda-static", "cuda_static rounds=40 jumps=10", *COUNTS, ("left", g.check_left)),
    # Linked into a library that the program is linked to.
    direct("cuda-inside", "cuda_inside rounds=40 jumps=10", *COUNTS, ("left", g.check_left)),
    # Only the driver is left to be seen.
    attach("cuda-stripped", "cuda_stripped driver=1 waits=1 rounds=40",
           ("counts", k.check_driver_counts), ("kinds", g.check_kinds), ("times", k.check_times)),
    direct("cuda-late", "cuda_late rounds=20", *COUNTS, ("arrived", k.check_arrived)),
    direct("cuda-late-forked", "cuda_late_forked rounds=20", *COUNTS, ("arrived", k.check_arrived)),
    direct("cuda-ptsz", "cuda_ptsz rounds=40 jumps=10", *COUNTS, ("left", g.check_left)),
    direct("cuda-cet", "cet/cuda rounds=40 jumps=10", *COUNTS, ("left", g.check_left),
           ("lengths", g.check_lengths)),
    attach("cuda-namespace", "cuda rounds=40 waits=1", *COUNTS, mode="namespace"),
    pid("cuda-whole-host", "cuda rounds=40 waits=1", 3, *COUNTS, mode="all", events_in_vm=20),
]

# --- calls inside of calls, and calls that do not end ---
NESTED = [
    direct("cuda-nest", "cuda_nest", *BOOKED, ("copies", k.check_copies),
           ("none-inside", k.check_none_inside)),
    direct("cuda-nest-deeper", "cuda_nest deeper=1", *BOOKED),
    attach("cuda-nest-driver", "cuda_nest driver=1", *BOOKED, ("copies", k.check_copies),
           ("none-inside", k.check_none_inside)),
    attach("cuda-nest-shown", "cuda_nest driver=1", *BOOKED, ("copies", k.check_copies),
           ("inside", k.check_inside), ("inner-frames", k.check_inner_frames), options="--driver --period 1ms"),
    attach("cuda-nest-static", "cuda_nest_static driver=1", *BOOKED, ("copies", k.check_copies)),
    attach("cuda-nest-cet", "cet/cuda_nest driver=1", *BOOKED),
    direct("cuda-fork", "cuda_fork", ("forked", k.check_forked)),
    pid("cuda-span", "cuda_span", 2, ("span", k.check_span)),
    direct("cuda-alive", "cuda_alive", *BOOKED, ("alive", k.check_alive)),
    direct("cuda-alive-cet", "cet/cuda_alive", *BOOKED, ("alive", k.check_alive)),
    direct("cuda-entries", "cuda_alive inside=1", ("alive", k.check_alive),
           ("booked", k.check_booked, "errors"), ("copies", k.check_copies),
           ("entries-only", k.check_entries_only), options="--returns none"),
    attach("cuda-entries-attach", "cet/cuda_alive inside=1", ("alive", k.check_alive),
           ("booked", k.check_booked, "errors"), ("entries-only", k.check_entries_only),
           options="--returns none"),
]

# --- what is told of them ---
TOLD = [
    direct("cuda-errors", "cuda_errors", *BOOKED, ("codes", k.check_codes)),
    direct("cuda-streams", "cuda_streams", *BOOKED, ("streams", streams.check_streams),
           ("sums", streams.check_stream_sums), ("sync-time", streams.check_sync_time),
           ("waits", streams.check_waits), ("copies", k.check_copies), ("sizes", k.check_sizes)),
    direct("cuda-streams-ptsz", "cuda_streams_ptsz", *BOOKED,
           ("streams", streams.check_streams, True), ("sync-time", streams.check_sync_time, True)),
    direct("cuda-launch", "cuda_launch", *BOOKED, ("kernels", launch.check_kernels), *LAUNCHES),
    direct("cuda-launch-static", "cuda_launch_static", *BOOKED, ("kernels", launch.check_kernels),
           *LAUNCHES),
    direct("cuda-launch-ptsz", "cuda_launch_ptsz", *BOOKED, ("kernels", launch.check_kernels)),
    attach("cuda-launch-attach", "cuda_launch", *BOOKED, ("kernels", launch.check_kernels, *SAID),
           *LAUNCHES),
    direct("cuda-launch-only", "cuda_launch",
           ("only", k.check_only, "cudaLaunchKernel", "cudaLaunchKernelExC",
            "cudaLaunchCooperativeKernel", "cudaGraphLaunch"),
           ("kernels", launch.check_kernels), options="--gpu-calls launch"),
    direct("cuda-launch-entries", "cuda_launch", ("booked", k.check_booked, "errors"),
           ("entries-only", k.check_entries_only), ("lengths-unknown", launch.check_lengths_unknown),
           options="--returns none"),
    direct("cuda-memory", "cuda_memory", *BOOKED, *MEMORY, ("leaks", memory.check_leaks),
           options="--leaks @leaks"),
    direct("cuda-memory-ptsz", "cuda_memory_ptsz", *BOOKED, *MEMORY),
    attach("cuda-memory-attach", "cuda_memory before=5", *BOOKED, *MEMORY),
    attach("cuda-memory-static", "cuda_memory_static before=3", *BOOKED, *MEMORY),
    direct("cuda-memory-not", "cuda_memory", ("only", k.check_only, "cudaMemcpy", "cudaMemcpyAsync"),
           ("no-memory", memory.check_no_memory), options="--gpu-calls copy"),
]

CUDA_CASES = PLACES + NESTED + TOLD
