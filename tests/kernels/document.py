# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/KERNELS.md: written from what kernels said, read back to be held against them."""

import os
import re

import hooks
import list515
from harness import ROOT, expect

PATH = os.path.join(ROOT, "docs", "KERNELS.md")
LIST = "## Linux 5.15 (not run)"

HEAD = """# Kernels

Written by `tests/kernels/run --write`; `scripts/test kernels` holds every kernel's column against
what that kernel says. No line of this file is written by hand.

## Hooks

The rows are the rungs of each hook's ladder, best first. **taken**: what a trace uses there by
itself. loads: a worse rung, or one that `--hooks` asks for; the verifier accepts its programs. Else
why it cannot be had. 6.1 and 6.12 are Debian 12's kernels, in QEMU; the other is the host that wrote
this.

"""


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def hooks_part(rungs, columns):
    rows, last = [], None
    for rung in rungs:
        rows.append([rung.hook if rung.hook != last else "", f"`{hooks.place_of(rung)}`",
                     *(hooks.outcome(rung, rungs, d) for d in columns.values())])
        last = rung.hook
    return table(["hook", "rung", *columns], rows)


def lost_part(columns):
    """What the rungs that are taken lose."""
    rows = {}
    for version, doctors in columns.items():
        for name, state in doctors["auto"].hooks.items():
            for text in state.lost:
                rows.setdefault((name, text), []).append(version)
    return "\n## What is lost\n\n" + table(
        ["hook", "without its best rung a trace loses", "on"],
        [[name, text, ", ".join(on)] for (name, text), on in rows.items()])


def list_part(rungs):
    rows = [[what, f"`{name}`", version,
             ", ".join(sorted(programs)) if list515.newer(version) else ""]
            for (what, name), (version, programs) in sorted(list515.used().items())]
    text = f"\n{LIST}\n\n" + (
        "By list only, no such kernel was run: what the BPF object uses, with the kernel that brought "
        "it. What is\nnewer than 5.15 is only in programs of rungs that 5.15 refuses by itself, or "
        "behind a question whether\nthe kernel knows it.\n\n")
    text += table(["", "used", "since", "newer than 5.15: in"], rows)
    rows = [[r.hook, f"`{hooks.place_of(r)}`", "can be had" if list515.on_oldest(r) else "newer"]
            for r in rungs]
    notes = list515.check(rungs)
    return text + "\n" + table(["hook", "rung", "5.15"], rows) + (
        "\nWithout a hook there: " + ", ".join(n.partition(":")[0] for n in notes) + ".\n"
        if notes else "")


def write(rungs, columns):
    with open(PATH, "w", encoding="utf-8") as f:
        f.write(HEAD + hooks_part(rungs, columns) + lost_part(columns) + list_part(rungs))


def read():
    with open(PATH, encoding="utf-8") as f:
        return f.read()


def read_columns():
    """{version: {(hook, rung): outcome}}"""
    part = read().split("\n## ")[1]
    lines = [[c.strip() for c in line.strip("|").split("|")]
             for line in part.splitlines() if line.startswith("|")]
    expect(len(lines) > 2, f"{PATH}: no table of hooks")
    found, hook = {version: {} for version in lines[0][2:]}, ""
    for cells in lines[2:]:
        hook = cells[0] or hook
        for version, cell in zip(lines[0][2:], cells[2:]):
            found[version][(hook, cells[1].strip("`"))] = cell
    return found


def check_list(rungs):
    text = read()
    expect(LIST in text, f"{PATH}: no part '{LIST}'")
    committed = re.split(re.escape(LIST), text)[1]
    expect(committed.strip() == list_part(rungs).split(LIST)[1].strip(),
           "docs/KERNELS.md is not what the object uses now (tests/kernels/run --write)")
