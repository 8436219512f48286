# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Second opinions: other tools measure the same run."""

import os

import bpftrace
import harness
from harness import Skip, between, expect, need_root, need_tool, within
from traced import total

MS = 1_000_000


def folder(name):
    return harness.folder("opinions", name)


def need_perf():
    for path in ["/usr/bin/perf"] + [os.path.join("/usr/lib/linux-tools", d, "perf")
                                     for d in (os.listdir("/usr/lib/linux-tools")
                                               if os.path.isdir("/usr/lib/linux-tools") else [])]:
        if os.access(path, os.X_OK) and harness.run([path, "--version"])[0] == 0:
            return path
    raise Skip("no working perf (package linux-perf, or linux-tools-generic)")


def trace_command(where, *command):
    """infbpf trace -- COMMAND. Returns the JSON and what the command said on stdout."""
    j = os.path.join(where, "trace.json")
    status, out, err = harness.run([harness.INFBPF, "trace", "-o", os.path.join(where, "trace.folded"),
                                    "--json", j, "--", *command], timeout=60)
    expect(status == 0, f"ended with {status}: {err[-400:]}")
    return harness.read_json(j), out


def rows_of(j, name):
    rows = [r for r in j["threads"] if r["comm"] == name]
    expect(rows, f"no thread {name}")
    pids = {r["pid"] for r in rows}
    return [r for r in j["threads"] if r["pid"] in pids]


def test_time():
    """/usr/bin/time -v: the kernel's rusage of the whole program."""
    need_root()
    time = need_tool("time", "time")
    where = folder("time")
    report = os.path.join(where, "time")
    j, _ = trace_command(where, time, "-v", "-o", report, os.path.join(harness.TRUTH, "futex"),
                         "rounds=5000")
    with open(report, encoding="ascii") as f:
        said = dict(line.strip().rsplit(": ", 1) for line in f if ": " in line)
    rows = rows_of(j, "ping")
    lost = j["lost"]["events"]
    for field, label in (("voluntary_switches", "Voluntary context switches"),
                         ("involuntary_switches", "Involuntary context switches")):
        want = int(said[label])
        # The switch into death counts there, for the main thread, and not in the trace.
        low = want - 1 if field == "voluntary_switches" else want
        between(label, total(rows, field), low - lost, want + len(rows) + lost)
        print(f"{label}: {total(rows, field)}, time says {want}, lost events {lost}")
    cpu = float(said["User time (seconds)"]) + float(said["System time (seconds)"])
    # It shows hundredths. What the trace has as woken may be CPU time there: see checks.compare_cpu.
    woken = sum(r["run_queue_by"]["woken"] for r in rows) / 1e9
    got = total(rows, "on_cpu_ns") / 1e9
    between("CPU seconds", got, cpu - woken - 0.02 - 0.02 * cpu, cpu + 0.02 + 0.02 * cpu)


def perf_counts(path):
    with open(path, encoding="ascii") as f:
        rows = [line.strip().split(",") for line in f]
    return {r[2].split(":")[0]: float(r[0]) for r in rows if len(r) > 3 and r[0][:1].isdigit()}


def test_perf_stat():
    """perf stat of the same program: switches of either kind, migrations, CPU time."""
    need_root()
    perf = need_perf()
    where = folder("perf-stat")
    report = os.path.join(where, "perf")
    j, _ = trace_command(where, perf, "stat", "-x,", "-o", report,
                         "-e", "context-switches,task-clock,cpu-migrations", "--",
                         os.path.join(harness.TRUTH, "futex"), "rounds=5000", "work_us=20")
    said = perf_counts(report)
    # perf counts from the exec; before it the process still is called perf.
    rows = [r for r in rows_of(j, "ping") if not r["comm"].startswith("perf")]
    lost = j["lost"]["events"]
    got = total(rows, "voluntary_switches") + total(rows, "involuntary_switches")
    want = int(said["context-switches"])
    between("context switches", got, want - lost - 2, want + len(rows) + 2 + lost)
    cpu = said["task-clock"] * MS  # milliseconds
    woken = sum(r["run_queue_by"]["woken"] for r in rows)
    between("on-CPU", total(rows, "on_cpu_ns"), cpu - woken - max(4 * MS, cpu * 0.02),
            cpu + max(4 * MS, cpu * 0.02))
    print(f"switches {got} of {want}, on-CPU {total(rows, 'on_cpu_ns') / MS:.1f} ms of "
          f"{cpu / MS:.1f}, migrations {total(rows, 'migrations')} of {said['cpu-migrations']:.0f}")


def test_perf_stat_window():
    """perf stat -p and infbpf trace -p side by side: rates of a steady program."""
    need_root()
    perf = need_perf()
    where = folder("perf-stat-window")
    report, j = os.path.join(where, "perf"), os.path.join(where, "trace.json")
    target = harness.start([os.path.join(harness.TRUTH, "futex"), "rounds=0", "work_us=200"])
    try:
        tracer = harness.start([harness.INFBPF, "trace", "-p", str(target.pid), "-d", "2",
                                "-o", "/dev/null", "--json", j])
        stat = harness.start([perf, "stat", "-x,", "-o", report, "-p", str(target.pid),
                              "-e", "context-switches,task-clock", "--", "sleep", "2"])
        _, err = tracer.communicate(timeout=60)
        expect(tracer.returncode == 0, f"infbpf ended with {tracer.returncode}: {err[-300:]}")
        stat.communicate(timeout=60)
    finally:
        target.kill()
        target.communicate()
    trace, said = harness.read_json(j), perf_counts(report)
    seconds = trace["duration_ns"] / 1e9
    switches = (total(trace["threads"], "voluntary_switches") +
                total(trace["threads"], "involuntary_switches")) / seconds
    within("switches a second", switches, said["context-switches"] / 2,
           said["context-switches"] / 2 * 0.1)
    cpu = total(trace["threads"], "on_cpu_ns") / trace["duration_ns"]
    within("CPUs used", cpu, said["task-clock"] / 2000, 0.05)
    print(f"{switches:.0f} switches/s of {said['context-switches'] / 2:.0f}; {cpu:.3f} CPUs of "
          f"{said['task-clock'] / 2000:.3f}")


def test_bpftrace():
    """bpftrace counts the entries of the same functions in the same run."""
    need_root()
    where = folder("bpftrace")
    names = ("cudaMalloc", "cudaFree", "cudaMemcpy", "cudaMemcpyAsync", "cudaLaunchKernel",
             "cudaStreamSynchronize", "cudaDeviceSynchronize")
    library = os.path.join(harness.TRUTH, "libcudart.so.13")
    with bpftrace.counting(library, names, where) as counts:
        j, _ = trace_command(where, os.path.join(harness.TRUTH, "cuda"), "rounds=100", "threads=2")
    got = {c["name"]: c for c in j["gpu_calls"]}
    for n in names:
        want = got[n]["calls"] + got[n]["abandoned"] + got[n]["open_at_end"]
        if n == "cudaStreamSynchronize":
            # The runtime calls it inside cudaDeviceSynchronize too: infbpf counts the outer one.
            want += got["cudaDeviceSynchronize"]["calls"]
        expect(counts.get(n) == want, f"{n}: bpftrace {counts.get(n)}, infbpf {want}")
    print(f"{sum(counts.values())} entries, all accounted for")


TESTS = {"opinion-time": (60, test_time), "opinion-perf-stat": (60, test_perf_stat),
         "opinion-perf-stat-window": (60, test_perf_stat_window),
         "opinion-bpftrace": (150, test_bpftrace)}
