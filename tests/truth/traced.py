# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tests/truth/collect left in a folder: the trace and the truth, read."""

import os

from harness import Skip, Wrong, expect, read_folded, read_json


# What tests/truth/collect and the programs say when something cannot be had here (status 77).
CANNOT = ("cannot create that many threads", "no O_DIRECT", "no cgroup with a CPU controller",
          "no namespaces of its own")


def read_tasks(path):
    """{tid: (cpu_ns, run_queue_ns)}"""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="ascii") as f:
        rows = [line.split() for line in f]
    return {int(r[0]): (int(r[1]), int(r[2])) for r in rows if len(r) >= 3}


def read_steal_ns(path):
    """Time the hypervisor took from this machine, all CPUs together."""
    with open(path, encoding="ascii") as f:
        for line in f:
            fields = line.split()
            if fields and fields[0] == "cpu":
                return int(fields[8]) * 10_000_000  # USER_HZ is 100
    return 0


class Traced:
    def __init__(self, case, folder, vm):
        self.case = case
        self.folder = folder
        # No call was under way when the probes came.
        self.from_first_call = case.mode in ("direct", "attach", "namespace")
        self.counts_switches = "--count switches" in case.options
        self.vm = vm  # in a virtual machine nothing is hidden from the kernel: exactness
        # Emulation is some 20 times slower. CPU time of a thread's death, and of what the main thread
        # does after its account of itself: print and end the process. Generously.
        self.exit_ns = 300_000 if vm else 15_000
        self.tail_ns = 25_000_000 if vm else 2_000_000
        if not os.path.isdir(folder):
            raise Wrong(f"{folder}: the run left nothing")
        self.status = self.text("trace.status").strip()
        self.errors = self.text("trace.err")
        if not self.text("truth.json").strip():
            said = self.text("truth.err") or self.errors
            if any(why in said for why in CANNOT):
                raise Skip(said.strip().splitlines()[-1])
            raise Wrong(f"the program said nothing; infbpf ended with {self.status}: "
                        f"{said.strip()[-300:]}")
        self.truth = read_json(self.path("truth.json"))
        if self.has("pid"):
            self.truth["pid"] = int(self.text("pid"))
        expect(os.path.exists(self.path("trace.json")),
               f"no trace.json; infbpf ended with {self.status}: {self.errors.strip()[-300:]}")
        self.json = read_json(self.path("trace.json"))
        self.folded = read_folded(self.path("trace.folded"))
        self.measure = read_json(self.path("measure.json")) if self.has("measure.json") else None
        # The kernel tells stolen time in hundredths of a second, and only where there is any.
        steal = [read_steal_ns(self.path(f"stat.{when}")) for when in ("before", "after")]
        self.steal_ns = max(0, steal[1] - steal[0]) + (10_000_000 if steal[1] else 0)
        self.tasks = (read_tasks(self.path("tasks.before")), read_tasks(self.path("tasks.after")))
        self.pid = self.measure["pid"] if self.measure else self.truth["pid"]

    def path(self, name):
        return os.path.join(self.folder, name)

    def has(self, name):
        return os.path.exists(self.path(name))

    def text(self, name):
        if not self.has(name):
            return ""
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    # --- rows of the JSON ---
    @property
    def threads(self):
        return self.json["threads"]

    def of(self, pid=None, tid=None, comm=None):
        """The rows of a process, of a thread, of a name; an exec leaves several rows of one tid."""
        return [t for t in self.threads if (pid is None or t["pid"] == pid) and
                (tid is None or t["tid"] == tid) and (comm is None or t["comm"] == comm)]

    def tree(self):
        """The rows of the program and its children: all but those of the program measure."""
        rows = self.threads
        if self.measure:
            outer = {t["pid"] for t in rows if t["comm"] == "measure"} - {self.pid}
            # A child of the program is called "measure" nowhere: only the program itself, between
            # its fork and its exec.
            rows = [t for t in rows if t["pid"] not in outer]
        expect(rows, "no threads in the JSON")
        return rows

    @property
    def lost_events(self):
        return self.json["lost"]["events"]

    def calls(self, pid=None):
        """The rows of calls that count: not those of a driver call inside another one (--driver)."""
        return [c for c in self.json["gpu_calls"] if c.get("inside") is None and
                (pid is None or c["pid"] == pid)]

    def call(self, name):
        """The program's; on this host others may make calls, too."""
        rows = [c for c in self.calls(self.truth["pid"]) if c["name"] == name]
        expect(len(rows) == 1, f"{len(rows)} rows of {name} in gpu_calls")
        return rows[0]


def total(rows, field):
    return sum(r[field] for r in rows)


def cause_ns(rows, cause):
    """Blocked time by a cause; a name's case and separators do not matter."""
    def plain(name):
        return name.lower().replace("_", " ")
    return sum(ns for r in rows for name, ns in r["blocked_by"].items()
               if plain(name) == plain(cause))
