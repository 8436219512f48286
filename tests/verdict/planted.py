# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Servers with a planted cause, traced: what the verdict says of them."""

import os
import signal
import subprocess
import time

import harness
from harness import Skip, Wrong, expect, need_root

# What each scenario plants: kind and rule that the verdict must name first.
PLANTED = {
    "baseline": ("none", "none"),
    "batch-wait": ("scheduling", "queue-before-batch"),
    "cpu-steal": ("scheduling", "preempted"),
    "cgroup-throttle": ("scheduling", "throttled"),
    "lock": ("scheduling", "lock"),
    "slow-disk": ("io", "disk"),
    "slow-net": ("network", "network"),
    "small-copies": ("memory", "small-copies"),
    "pageable-copies": ("memory", "pageable-copies"),
    "tiny-kernels": ("launch", "tiny-kernels"),
    "sync-each-op": ("launch", "sync-each-op"),
    "spin-sync": ("launch", "spinning-sync"),
    "alloc-churn": ("memory", "alloc-churn"),
    "gpu-bound": ("compute", "gpu-bound"),
    "padding": ("compute", "padding"),
    "slow-tokenise": ("compute", "slow-stage"),
}
SEEDS = (1, 2)
MAGNITUDES = ("middle", "high")
SECONDS = 6
# The one that is linked against the emulated runtime.
SERVERS = [os.path.join(harness.BUILD, n) for n in ("infer-serve-emu", "infer-serve")]
RUNS = 3


def server_program():
    server = next((s for s in SERVERS if os.access(s, os.X_OK)), None)
    if not server:
        raise Skip("build/infer-serve is not built")
    return server


def magnitudes():
    """{scenario: {"middle": "30 ms", "high": ...}}; what is planted is what there is."""
    status, out, err = harness.run([server_program(), "--scenario", "list"])
    expect(status == 0, f"--scenario list ended with {status}: {err}")
    rows = [line.split("\t") for line in out.splitlines()]
    expect({r[0] for r in rows} == set(PLANTED), f"scenarios: {sorted(r[0] for r in rows)}")
    return {name: {"middle": f"{middle} {unit}", "high": f"{high} {unit}"}
            for name, middle, high, unit, *_ in rows}


class Server:
    """infer-serve with a scenario, from when it is ready until it is ended."""

    def __init__(self, scenario, magnitude, seed, log):
        name = scenario if scenario == "baseline" else f"{scenario}:{magnitude}"
        self.log = log
        with open(log, "w", encoding="utf-8") as out:
            self.process = harness.start(
                [server_program(), "--device", "emu", "--seed", str(seed), "--scenario", name,
                 # An end of its own, should ours come first.
                 "--duration", "60"],
                stdout=out, stderr=subprocess.STDOUT)

    def __enter__(self):
        try:
            harness.wait_until(30, self.ready, "the server is ready")
        except Wrong:
            self.end()
            raise
        return self

    def ready(self):
        with open(self.log, encoding="utf-8") as f:
            text = f.read()
        expect(self.process.poll() is None, f"the server ended: {text[-400:]}")
        return " ready pid=" in text

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def trace(scenario, magnitude, seed, folder):
    """One run; its JSON."""
    name = f"{scenario}-{magnitude}-{seed}"
    path = os.path.join(folder, name + ".json")
    with Server(scenario, magnitude, seed, os.path.join(folder, name + ".log")) as server:
        # What comes first is slower: pages that are touched for the first time.
        time.sleep(0.5)
        status, out, err = harness.run(
            [harness.INFBPF, "trace", "-p", str(server.process.pid), "-d", str(SECONDS), "-q",
             "--json", path, "-o", os.path.join(folder, name + ".folded")], timeout=60)
    expect(status == 0, f"ended with {status}: {(out + err)[-400:]}")
    return harness.read_json(path)


def latency(run):
    """Requests and their p95 in ns."""
    rows = run["requests"]
    expect(rows, "no request was seen")
    expect(rows[0]["count"] >= 20, f"{rows[0]['count']} requests only")
    return rows[0]["count"], rows[0]["p95_ns"]


def elsewhere(run):
    """The part of the CPUs' time that went to what is not traced."""
    cpus = [c for c in run["cpus"] or [] if c["busy_ns"] is not None]
    whole = sum(c["busy_ns"] + c["idle_ns"] for c in cpus)
    return sum(c["busy_ns"] - c["target_ns"] for c in cpus) / whole if whole else 0


def shown(verdicts):
    return ", ".join(f"{v['kind']}/{v['rule']} {v['share']:.0%}"
                     for v in verdicts if v["share"] is not None) or "nothing"


def well_formed(run):
    """As the contract says, whatever they are."""
    rows = run["verdict"]
    expect(rows, "no verdict")
    last = 1.0
    for v in rows:
        expect((v["missing"] is None) == (v["sure"] != "unknown"), f"{v['rule']}: sure and missing")
        share = -1 if v["share"] is None else v["share"]
        expect((share < 0) == (v["sure"] == "unknown"), f"{v['rule']}: share {share}")
        expect(share <= last, f"{v['rule']}: after a smaller share")
        last = share
        expect(v["advice"] and v["fix_at"] in ("configuration", "runtime", "model", "host"),
               f"{v['rule']}: {v['advice']!r}, {v['fix_at']!r}")
        expect(v["missing"] or v["evidence"], f"{v['rule']}: no evidence")
        for text in v["evidence"]:
            expect(any(c.isdigit() for c in text), f"{v['rule']}: no number in {text!r}")
    expect(("none" in [v["rule"] for v in rows]) == (rows[0]["rule"] == "none"), "none and others")


def judge(scenario, run):
    """Raises Wrong, or returns the first verdict."""
    well_formed(run)
    first = run["verdict"][0]
    kind, rule = PLANTED[scenario]
    expect((first["kind"], first["rule"]) == (kind, rule),
           f"{kind}/{rule} was planted, found: {shown(run['verdict'])}")
    return first


def disturbed(scenario, run):
    """Other programs had CPUs. What a scenario itself starts has them too."""
    return scenario not in ("cpu-steal", "slow-net") and elsewhere(run) > 0.1


def planted(scenario, magnitude, seed):
    """A run that counts: verdict and JSON. What is held against other load may fail by chance."""
    need_root()
    folder = os.path.join(harness.OUT, "verdict")
    os.makedirs(folder, exist_ok=True)
    for attempt in range(1, RUNS + 1):
        run = trace(scenario, magnitude, seed, folder)
        try:
            return judge(scenario, run), run
        except Wrong as e:
            if attempt == RUNS or not disturbed(scenario, run):
                raise
            print(f"# run {attempt} of {RUNS} does not count: {elsewhere(run):.0%} of the CPUs "
                  f"went to others: {e}", flush=True)
    return None
