# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of hooks, and what infbpf doctor says of them."""

import os
import re
from collections import namedtuple

from harness import BUILD, expect, run

Site = namedtuple("Site", "hook necessary rung kind program where")
Rung = namedtuple("Rung", "hook necessary number kind sites")

MODES = ("auto", "btf", "fentry", "kprobe", "tracepoint")
# Columns of doctor's table.
LABEL, NAME = 14, 15


def read_table():
    """The rungs of all hooks, in order, as user/hooks_table.c has them."""
    status, out, err = run([os.path.join(BUILD, "tests", "unit", "test_hooks"), "--table"])
    expect(status == 0, f"test_hooks --table: {status}: {err}")
    rungs = []
    for line in out.splitlines():
        site = Site(*line.split("\t"))
        if not rungs or (rungs[-1].hook, rungs[-1].number) != (site.hook, site.rung):
            rungs.append(Rung(site.hook, site.necessary == "yes", site.rung, site.kind, []))
        rungs[-1].sites.append(site)
    expect(rungs, "test_hooks --table: no rungs")
    return rungs


class Doctor:
    """What one run of it said: release, whether all programs were loaded, {hook: State}."""

    State = namedtuple("State", "kind where refused lost")

    def __init__(self, text):
        text = re.sub(r"\n {%d}(?=\S)" % (LABEL + NAME + 2), " ", text)
        release = re.search(r"^kernel +(\S+),", text, re.M)
        expect(release, f"doctor names no kernel: {text[:200]!r}")
        self.release = release[1]
        self.loaded = bool(re.search(r"^programs +all accepted by the verifier$", text, re.M))
        self.hooks = {}
        inside, name = False, None
        for line in text.splitlines():
            label, rest = line[:LABEL].strip(), line[LABEL:]
            inside = label == "hooks" or (inside and not label)
            if not inside:
                continue
            if rest[:1].strip():
                name, place = rest[:NAME].strip(), rest[NAME:]
                kind, _, where = place.partition("/")
                self.hooks[name] = self.State(kind, where, [], [])
            elif name and (note := re.match(r" +(not|loses): (.*)", rest)):
                self.hooks[name].refused.append(note[2]) if note[1] == "not" else \
                    self.hooks[name].lost.append(note[2])
        expect(self.hooks, f"doctor shows no hooks: {text!r}")

    @property
    def version(self):
        return ".".join(self.release.split(".")[:2])


# Where a ladder has two rungs of a kind, the place tells them apart.
def is_rung(rung, state):
    places = [re.sub(r"#\d+", "", s.where).split("|") for s in rung.sites]
    return state.kind == rung.kind and (
        kind_of_function(rung.kind) or
        all(any(p in state.where.split(", ") for p in names) for names in places))


def kind_of_function(kind):
    """gcc's variants have other names."""
    return kind in ("kprobe", "fentry")


def outcome(rung, doctors):
    """What came of a rung on a kernel; doctors: {mode: Doctor}."""
    if is_rung(rung, doctors["auto"].hooks[rung.hook]):
        return "**taken**"
    if any(d.loaded and is_rung(rung, d.hooks[rung.hook]) for d in doctors.values()):
        return "loads"
    for doctor in doctors.values():
        for why in doctor.hooks[rung.hook].refused:
            kind, _, reason = why.partition(": ")
            name, _, place = kind.partition(" ")
            if name != rung.kind or reason.startswith("--hooks"):
                continue
            if not place or place == rung.sites[0].where or \
                    any(place.startswith(s.where[:80]) for s in rung.sites):
                return reason
    return "a better one is there"


def place_of(rung):
    places = []
    for site in rung.sites:
        name = re.sub(r"#(\d+)", r" (\1 arguments)", site.where).replace("|", " or ")
        if name not in places:
            places.append(name)
    return f"{rung.kind} {', '.join(places)}"
