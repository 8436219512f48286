# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/VERDICTS.md, from one run of the whole matrix."""

import os
import platform
import statistics

import harness
from harness import Skip, Wrong
from planted import (MAGNITUDES, PLANTED, SECONDS, SEEDS, elsewhere, latency, magnitudes, planted,
                     shown, trace)

PAGE = os.path.join(harness.ROOT, "docs", "VERDICTS.md")
HEAD = """<!-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause -->
# Verdicts on planted bottlenecks

Written by `tests/verdict/run --write`: every number is of that run. `infer-serve --scenario NAME:MAGNITUDE`
plants one cause; infbpf traces the server for {seconds} seconds, and what its verdict says first is in the table.
The runtime is the emulated one: times are those of a CPU that stands in for a GPU.

- **verdict**: kind and rule that are named first. **Bold**: not the planted one.
- **share**: of the latency of the slow requests (p95 and above) that the rule accounts for.
- **p95 before**: of request latency, with the cause. **removed**: of the baseline with the same seed and load.
- **gain**: how much of p95 went with the cause.

Linux {kernel}, {cpus} CPUs, of which other programs had {others} (median). Wrong: {wrong} of {all}.

| scenario | magnitude | seed | verdict | share | p95 before | removed | gain |
|---|---|---|---|---|---|---|---|
"""


def ms(ns):
    return f"{ns / 1e6:.3g} ms"


def row(scenario, magnitude, size, seed, removed):
    """The line, the run, and whether the verdict is right."""
    try:
        verdict, run = planted(scenario, magnitude, seed)
        right = True
    except Wrong as e:
        print(f"# {scenario}, {magnitude}, seed {seed}: {e}", flush=True)
        run = trace(scenario, magnitude, seed, os.path.join(harness.OUT, "verdict"))
        verdict = run["verdict"][0]
        right = (verdict["kind"], verdict["rule"]) == PLANTED[scenario]
    p95 = latency(run)[1]
    name = f"{verdict['kind']}/{verdict['rule']}"
    cells = [scenario, f"{magnitude}, {size}" if scenario != "baseline" else "", str(seed),
             name if right else f"**{name}**", f"{verdict['share']:.1%}".replace("%", " %"),
             ms(p95)]
    cells += [ms(removed), f"{1 - removed / p95:.0%}".replace("%", " %")] if removed else ["", ""]
    line = "| " + " | ".join(cells) + " |"
    print(line, "" if right else shown(run["verdict"]), flush=True)
    return line, run, right


def write():
    try:
        harness.need_root()
    except Skip as e:
        print(e)
        return 77
    os.chdir(harness.ROOT)
    lines, base, wrong, others = [], {}, 0, []
    sizes = magnitudes()
    for scenario in PLANTED:
        for magnitude in MAGNITUDES if scenario != "baseline" else MAGNITUDES[:1]:
            for seed in SEEDS:
                line, run, right = row(scenario, magnitude, sizes[scenario][magnitude], seed,
                                       base.get(seed))
                lines.append(line)
                wrong += not right
                others.append(elsewhere(run))
                if scenario == "baseline":
                    base[seed] = latency(run)[1]
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(HEAD.format(seconds=SECONDS, kernel=platform.release(), cpus=os.cpu_count(),
                            others=f"{statistics.median(others):.0%}".replace("%", " %"),
                            wrong=wrong or "none", all=len(lines)))
        f.write("\n".join(lines) + "\n")
    return 1 if wrong else 0
