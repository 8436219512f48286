# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What infbpf keeps in memory: its own pages and its maps, here and on a host with 128 CPUs."""

import glob
import os
import subprocess
import time

from harness import TRUTH, Wrong, wait_until
from results import Figure, Section
from tools import BENCH, SCRATCH, Infbpf, start_ready

HOW = """
Default options; two seconds of tracing. Resident memory and locked map memory as infbpf states them
(`overhead` in its JSON) at its end, the resident peak as the kernel has it. The kernel does not count
the per-thread storage among a map's memory: it is computed from its size. For 128 CPUs every per-CPU
map's memory is scaled by the number of CPUs, and preallocated hash maps get their spare elements, one
a CPU; all maps' sizes are fixed at the start, whatever the target does.
"""

MIB = 1 << 20
HASH, TASK_STORAGE = 1, 29
PER_CPU = (5, 6, 10)  # PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH
NO_PREALLOC = 1
HOST_CPUS = 128


def possible_cpus():
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as f:
        return int(f.read().strip().split("-")[-1].split(",")[-1]) + 1


def maps_of(pid):
    """The BPF maps a process holds, by id: {field: number}."""
    maps = {}
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        fields = {}
        try:
            with open(path, encoding="ascii") as f:
                for line in f:
                    name, _, value = line.partition(":")
                    fields[name] = value.strip()
        except OSError:
            continue
        if "map_type" in fields:
            maps[fields["map_id"]] = {k: int(v, 0) for k, v in fields.items()
                                      if k in ("map_type", "key_size", "value_size", "max_entries",
                                               "map_flags", "memlock")}
    if not maps:
        raise Wrong(f"no BPF maps among the descriptors of {pid}")
    return list(maps.values())


def extra_of(m, cpus, more):
    """What a map takes on top with so many CPUs more."""
    if m["map_type"] in PER_CPU:
        return m["memlock"] * more // cpus
    if m["map_type"] == HASH and not m["map_flags"] & NO_PREALLOC:
        # struct htab_elem is 48 bytes; key and value are rounded up to 8.
        return more * (48 + (m["key_size"] + 7) // 8 * 8 + (m["value_size"] + 7) // 8 * 8)
    return 0


def storage_bytes(maps):
    """Of one thread: its elements in the kernel's next allocation sizes (header 72 bytes). The smaller one
    every thread has, with the 192 bytes that hold a task's first element; the other only one with stages."""
    found = []
    for value in sorted(m["value_size"] for m in maps if m["map_type"] == TASK_STORAGE):
        size = 8
        while size < value + 72:
            size *= 2
        found.append(size)
    return found[0] + 192, found[1]


def trace(pid):
    """Returns (JSON, peak of resident memory, maps)."""
    infbpf = Infbpf("-p", str(pid)).attach()
    time.sleep(2)
    maps = maps_of(infbpf.process.pid)
    infbpf.end()
    return infbpf, maps


def small_target():
    process = start_ready([os.path.join(BENCH, "calls")], stdin=subprocess.PIPE)
    return process, process.stdin.close


def many_threads():
    ready = os.path.join(SCRATCH, "many.ready")
    if os.path.exists(ready):
        os.unlink(ready)
    process = subprocess.Popen([os.path.join(TRUTH, "many"), "idle=5000", f"ready={ready}"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_until(30, lambda: os.path.exists(ready) or process.poll() is not None, "5,000 threads")
    if process.poll() is not None:
        raise Wrong("cannot create 5,000 threads here")
    return process, process.terminate


def run(plan):
    section = Section("Memory", HOW)
    section.table("target", "threads", "resident (peak)", "maps", "thread storage", "all",
                  f"all, {HOST_CPUS} CPUs")
    cpus = possible_cpus()
    for name, start in (("one small process", small_target), ("5,000 threads", many_threads)):
        process, stop = start()
        try:
            rows = [trace(process.pid) for _ in range(plan.pick(1, 3))]
        finally:
            stop()
            process.wait()
        add_row(section, name, rows, cpus)
    return section


def add_row(section, name, rows, cpus):
    last, maps = rows[-1]
    overhead = last.json["overhead"]
    threads = len(last.json["threads"])
    storage = storage_bytes(maps)[0] * threads
    extra = sum(extra_of(m, cpus, max(0, HOST_CPUS - cpus)) for m in maps)
    fixed = overhead["map_bytes"] + storage
    here = Figure([(max(i.json["overhead"]["rss_bytes"], i.max_rss) + fixed) / MIB
                   for i, _ in rows], "MiB")
    large = Figure([v + extra / MIB for v in here.values], "MiB")
    section.row(name, threads,
                f"{overhead['rss_bytes'] / MIB:.1f} ({last.max_rss / MIB:.1f}) MiB",
                f"{overhead['map_bytes'] / MIB:.1f} MiB", f"{storage / MIB:.2f} MiB", here, large)
    section.verdict(f"memory, {name}", here, 64, "<= 64 MiB")
    section.verdict(f"memory, {name}, on {HOST_CPUS} CPUs", large)
