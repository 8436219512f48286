# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of truth tests: what runs, how it is traced, what is checked. Run on this host by
tests/truth/run, in virtual machines by tests/vm/run."""

import checks as c
import checks_cuda as g
import checks_sched as s
from case import attach, command, direct, pid
from cases_cuda import CUDA_CASES
from cases_io import IO_CASES, IO_FORCED
from cases_stage_functions import STAGE_FUNCTIONS_CASES
from cases_stages import STAGES_CASES
from cases_switches import SWITCH_CASES
from cases_timeline import TIMELINE_CASES
from cases_waits import WAITS_CASES

CASES = [
    command("spin", "spin cpu_ms=500", *c.KERNEL, ("threads", c.check_threads),
            ("never-blocks", c.check_never_blocks, "spinner")),
    command("two-on-one-cpu", "spin cpu_ms=500 threads=2 pin=0", *c.KERNEL,
            ("threads", c.check_threads)),
    command("sleep", "sleep count=20 sleep_us=50000", *c.KERNEL, ("threads", c.check_threads),
            ("cause", c.check_cause, "sleep", 0.95, "sleep"),
            ("slept", c.check_cause_ns, "sleep", "slept_ns", 3),
            ("waker", s.check_waker, "sleep", None, 0.9, True)),
    command("futex", "futex rounds=5000", *c.KERNEL, ("threads", c.check_threads),
            ("cause-ping", c.check_cause, "lock", 0.99, "ping"),
            ("cause-pong", c.check_cause, "lock", 0.99, "pong"),
            ("waker-ping", s.check_waker, "ping", "pong", 0.9),
            ("waker-pong", s.check_waker, "pong", "ping", 0.9)),
    command("wakers", "futex rounds=2000 work_us=100",
            ("waker-ping", s.check_waker, "ping", "pong", 0.9, False, "wakers",
             ("play", "futex_wake")),
            ("waker-pong", s.check_waker, "pong", "ping", 0.9, False, "wakers",
             ("play", "futex_wake")), options="--wakers"),
    command("rival", "rival cpu_ms=500", ("switches", c.check_switches), ("rival", s.check_rival),
            ("behind", s.check_behind)),
    command("pipe", "pipe rounds=1500 work_us=200", ("switches", c.check_switches),
            ("wall", c.check_wall), ("threads", c.check_threads),
            ("cause-echo", c.check_cause, "pipe", 0.98, "echo"),
            ("cause-pipe", c.check_cause, "pipe", 0.90, "pipe")),
    command("disk", "disk count=500", *c.KERNEL, ("cause", c.check_cause, "disk", 0.85, "disk"),
            ("reads", c.check_reads)),
    command("stopped", "stopped stop_ms=1000", ("switches", c.check_switches),
            ("stopped", c.check_cause_ns, "stopped", "stopped_ns", 5, "victim"),
            ("parent", c.check_cause, "sleep", 0.9, "stopped"),
            ("waker", s.check_waker, "victim", "stopped", 0.9)),
    command("storm", "storm count=3000 cpu_us=100", *c.KERNEL, ("born", c.check_born, 0),
            events_in_vm=100),
    command("forks", "forks count=30 cpu_us=5000 sleep_us=5000", ("switches", c.check_switches),
            ("children", c.check_children, "children", "child", 5, 5),
            ("cause", c.check_cause, "child", 0.95, "forks")),
    command("execs", "execs left=10 cpu_us=5000", ("execs", c.check_execs)),
    direct("cuda", "cuda rounds=100 threads=2 jumps=50", ("threads", c.check_threads),
           ("counts", g.check_counts), ("kinds", g.check_kinds), ("parts", g.check_parts),
           ("lengths", g.check_lengths), ("states", g.check_states),
           ("call-switches", g.check_call_switches), ("blocked-by", g.check_blocked_by_gpu), ("left", g.check_left),
           ("frames", g.check_frames), ("callers", g.check_callers)),
    # A child of the command maps the library: probed a little later, and that is told.
    command("cuda-child", "cuda rounds=400 threads=2", ("cpu", c.check_cpu),
            ("parts", g.check_parts), ("uncovered", g.check_uncovered)),

    pid("spin-window", "spin cpu_ms=0 threads=2 pin=0", 2, ("window", c.check_window, 3),
        ("never-blocks", c.check_never_blocks, "spinner"),
        ("share", c.check_share_cpu, "spinner", "preempted"),
        ("schedstat", c.check_schedstat_shares)),
    pid("sleep-window", "sleep count=0 sleep_us=3000", 1, ("window", c.check_window, 1),
        ("cause", c.check_cause, "sleep", 0.99)),
    # Longer than the window: a wait open at its start and at its end.
    pid("one-long-sleep", "sleep count=1 sleep_us=20000000", 1, ("window", c.check_window, 1),
        ("cause", c.check_cause, "sleep", 1.0)),
    pid("futex-window", "futex rounds=0 work_us=50", 1, ("window", c.check_window, 3),
        ("cause", c.check_cause, "lock", 0.99)),
    pid("pipe-window", "pipe rounds=0 work_us=100", 1, ("window", c.check_window, 1),
        ("cause", c.check_cause, "pipe", 0.99)),
    pid("storm-window", "storm count=0 cpu_us=100", 1, ("window", c.check_window, 1),
        events_in_vm=100),
    pid("forks-window", "forks count=0 cpu_us=3000 sleep_us=3000", 1, ("window", c.check_window, 1),
        ("cause", c.check_cause, "child", 0.95, "forks"), events_in_vm=20),
    pid("5000-threads", "many idle=5000 active=3", 2, ("window", c.check_window, 5004),
        ("idle", c.check_cause, "lock", 0.99, "idle"),
        ("active", c.check_cause, "sleep", 0.98, "active"), events_in_vm=20),
    pid("cuda-window", "cuda rounds=0 threads=2", 2, ("parts", g.check_parts),
        ("calls", g.check_window_calls)),

    pid("two-pids", "spin cpu_ms=0 threads=2", 1, ("only", c.check_only, 1),
        ("window", c.check_window, 6), mode="pids"),
    pid("whole-host", "spin cpu_ms=0 threads=1", 1, ("all", c.check_all),
        ("window", c.check_window, 20), ("never-blocks", c.check_never_blocks, "spinner"),
        mode="all", events_in_vm=20),
    pid("cgroup", "spin cpu_ms=0 threads=2", 1, ("only", c.check_only), ("window", c.check_window, 3),
        mode="cgroup"),
    pid("cgroup-throttled", "spin cpu_ms=0 threads=1", 2, ("only", c.check_only),
        ("throttled", c.check_throttled, "spinner"), mode="quota"),
    attach("throttled", "throttled cpu_ms=300", ("cpu-stat", s.check_cpu_stat, "throttled"),
           mode="throttle"),
    pid("cuda-throttled", "cuda rounds=0 threads=2", 2, ("parts", g.check_parts),
        ("some", s.check_throttled_some), mode="quota"),
    pid("cpus", "spin cpu_ms=0 threads=1 pin=0", 3, ("proc-stat", s.check_proc_stat, 0)),
] + WAITS_CASES + SWITCH_CASES + TIMELINE_CASES + CUDA_CASES + IO_CASES + STAGES_CASES + \
    STAGE_FUNCTIONS_CASES


# Each way of attaching is forced once, with a program that any of them has to get right; the one that
# no kernel here takes by itself, with more.
FORCED = [case._replace(name=f"{case.name}-{hooks}", options=f"--hooks {hooks}")
          for hooks, names in (("btf", ("sleep",)), ("kprobe", ("sleep",)),
                               ("tracepoint", ("sleep", "futex", "two-on-one-cpu")))
          for case in CASES if case.name in names] + IO_FORCED
