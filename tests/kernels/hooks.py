# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of hooks, and what infbpf doctor says of them."""

import os
import re
from collections import namedtuple

from harness import BUILD, expect, run

Site = namedtuple("Site", "hook necessary rung kind wants program where")
Rung = namedtuple("Rung", "hook necessary number kind wants sites")

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
            rungs.append(Rung(site.hook, site.necessary == "yes", site.rung, site.kind,
                              site.wants if site.wants != "-" else None, []))
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


def is_rung(rung, state):
    """Where a ladder has two rungs of a kind, the place tells them apart, or what one was refused
    for."""
    places = [re.sub(r"#\d+", "", s.where).split("|") for s in rung.sites]
    if state.kind != rung.kind or (rung.wants and lacks(rung, state)):
        return False
    return kind_of_function(rung.kind) or \
        all(any(p in state.where.split(", ") for p in names) for names in places)


def lacks(rung, state):
    return f"{rung.kind}: no {rung.wants} in this kernel" in state.refused


def kind_of_function(kind):
    """gcc's variants have other names."""
    return kind in ("kprobe", "fentry")


def refusal(rung, state):
    """Why a kernel does not have the rung; None: it says nothing of it."""
    if rung.wants and lacks(rung, state):
        return f"no {rung.wants} in this kernel"
    for why in state.refused:
        kind, _, reason = why.partition(": ")
        name, _, place = kind.partition(" ")
        if name == rung.kind and not reason.startswith(("--hooks", "no ")) and \
                (not place or any(place == s.where[:80] for s in rung.sites)):
            return reason
    return None


def taken(rungs, state):
    return next((r for r in rungs if is_rung(r, state) and not refusal(r, state)), None)


def outcome(rung, rungs, doctors):
    """What came of a rung on a kernel; rungs: of all hooks, doctors: {mode: Doctor}."""
    own = [r for r in rungs if r.hook == rung.hook]
    if taken(own, doctors["auto"].hooks[rung.hook]) is rung:
        return "**taken**"
    if any(d.loaded and taken(own, d.hooks[rung.hook]) is rung for d in doctors.values()):
        return "loads"
    reasons = [refusal(rung, d.hooks[rung.hook]) for d in doctors.values()]
    return next((r for r in reasons if r), "a better one is there")


def place_of(rung):
    places = []
    for site in rung.sites:
        name = re.sub(r"#(\d+)", r" (arguments: \1)", site.where).replace("|", " or ")
        if name not in places:
            places.append(name)
    return f"{rung.kind} {', '.join(places)}" + (f" with {rung.wants}" if rung.wants else "")
