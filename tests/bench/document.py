# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""docs/BENCHMARKS.md: what the last full run printed."""

import os
import time

from results import markdown_table, plain_table

HEAD = """<!-- Written by scripts/bench; do not edit. -->
# Benchmarks

What tracing with infbpf costs, measured {date} on {machine}.
Run it again with `sudo scripts/bench` (about {minutes} minutes; writes this file) or
`sudo scripts/bench --quick` (about 2 minutes; prints only).

Everything is paired: with and without, and one tool beside the other, in turn, in one run. Figures
are medians, with the least and the greatest in brackets; compare ratios, not microseconds, with
those of another machine. Probes cost more in a virtual machine than on bare metal.
"""

COLUMNS = ["what", "measured", "budget", ""]


def machine():
    cpus = len(os.sched_getaffinity(0))
    release = ".".join(os.uname().release.split("-")[0].split(".")[:2])
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        virtual = "hypervisor" in f.read()
    return f"{cpus} CPUs, Linux {release}" + (", virtual machine" if virtual else "")


def verdicts(sections):
    return [v.row() for s in sections for v in s.verdicts]


def plain_section(section):
    lines = [section.title, plain_table(section.columns, section.rows)]
    lines += ["  " + note for note in section.notes]
    return "\n".join(lines)


def plain_verdicts(sections):
    return plain_table(COLUMNS, verdicts(sections))


def body(section, more=()):
    parts = [f"## {section.title}\n\n{section.how}",
             markdown_table(section.columns, section.rows), *section.notes, *more]
    return "\n\n".join(p.strip() for p in parts)


def write(path, sections, seconds):
    parts = [HEAD.format(date=time.strftime("%Y-%m-%d"), machine=machine(),
                         minutes=max(1, round(seconds / 60)))]
    parts.append(markdown_table(COLUMNS, verdicts(sections)))
    parts += [body(s) for s in sections]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n\n".join(p.strip() for p in parts) + "\n")


def place(rows, row):
    """Where a row of the verdicts goes: over the one it renews, or behind its like."""
    like = [i for i, r in enumerate(rows) if r[0].split(":")[0] == row[0].split(":")[0]]
    same = [i for i in like if rows[i][0] == row[0]]
    if same:
        rows[same[0]] = row
    else:
        rows.insert(like[-1] + 1 if like else len(rows), row)


def renew(path, sections):
    """Puts sections that were measured alone into the document in place of what they renew."""
    with open(path, encoding="utf-8") as f:
        head, *old = f.read().split("\n\n## ")
    head, table = head.rsplit("\n\n", 1)
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    for row in verdicts(sections):
        place(rows, [str(c) for c in row])
    texts = {t.split("\n", 1)[0]: "## " + t.strip() for t in old}
    when = f"This section was measured by itself, {time.strftime('%Y-%m-%d')}, on {machine()}."
    for s in sections:
        texts[s.title] = body(s, (when,))
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n\n".join([head, markdown_table(COLUMNS, rows), *texts.values()]) + "\n")
