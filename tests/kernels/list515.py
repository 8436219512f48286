# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What infbpf would find on Linux 5.15, by list: no such kernel is run."""

import re

import bpf_object
import versions
from harness import expect

OLDEST = "5.15"
# Loaded only where the kernel has what its hook is: user/uprobe.c asks, and has perf events for what
# is left.
BY_UPROBE = {"handle_call_session": "6.13"}
# Behind bpf_core_enum_value_exists(): where the kernel does not know the helper, the verifier never
# meets the call.
GUARDED = {("handle_receive_fexit", "bpf_get_func_ret")}


def newer(version):
    return versions.number(version) > versions.number(OLDEST)


def helper_names():
    with open("/usr/include/bpf/bpf_helper_defs.h", encoding="utf-8") as f:
        return {int(n): name for name, n in
                re.findall(r"\(\*(?:const )?(bpf_\w+)\)\([^;]*\) = \(void \*\) ?(\d+);", f.read())}


def look_up(table, name, what):
    expect(name in table, f"{what} {name}: with which kernel did it come? tests/kernels/versions.py "
                          "does not say")
    return table[name]


def used():
    """{(what, name): (version, programs)}"""
    helpers, maps = helper_names(), bpf_object.enum_names("bpf_map_type")
    found = {}

    def add(what, name, version, program):
        found.setdefault((what, name), (version, set()))[1].add(program)

    for program in bpf_object.read_programs().values():
        for n in program.helpers:
            name = helpers.get(n, f"number {n}")
            add("helper", name, look_up(versions.HELPERS, name, "helper"), program.name)
        for name in program.kfuncs:
            add("kernel function", name, look_up(versions.KFUNCS, name, "kernel function"),
                program.name)
        if program.atomics:
            add("instructions", "atomic", versions.ATOMICS, program.name)
        kind = program.section.partition("/")[0]
        add("program type", kind, look_up(versions.PROGRAM_TYPES, kind, "program type"),
            program.name)
    for name, n in bpf_object.read_maps().items():
        add("map type", maps[n], look_up(versions.MAP_TYPES, maps[n], "map type"), name)
    return found


def site_version(where):
    """Of tracepoints: the earliest kernel that has any of the alternatives."""
    names = where.split("|")
    return min((look_up(versions.TRACEPOINTS, n, "tracepoint") for n in names), key=versions.number)


def on_oldest(rung):
    """Whether 5.15 can have the rung: what it then would load must be loadable there."""
    if rung.wants and newer(look_up(versions.KFUNCS, rung.wants, "kernel function")):
        return False
    if rung.kind not in ("tp_btf", "raw_tp"):
        return True
    return not any(newer(site_version(site.where)) for site in rung.sites)


def check(rungs):
    """Everything newer than 5.15 is in a rung that 5.15 refuses and that has an alternative. Returns
    the exceptions, as text."""
    programs, notes = {}, []
    for rung in rungs:
        for site in rung.sites:
            programs.setdefault(site.program, []).append(rung)
    for (what, name), (version, users) in sorted(used().items()):
        if not newer(version):
            continue
        for program in sorted(users):
            expect(what != "map type", f"{name} ({version}): a map is always created")
            if (program, name) in GUARDED:
                continue
            needs = BY_UPROBE.get(program)
            if needs:
                expect(versions.number(needs) >= versions.number(version),
                       f"{program}: {name} came with {version}")
                continue
            expect(program in programs, f"{program} uses {name} ({version}) and is always loaded")
            for rung in programs[program]:
                expect(not on_oldest(rung), f"{program} uses {name}, of {version}; {OLDEST} would "
                                            f"take '{rung.hook}' by {rung.kind} and refuse it")
    for hook in dict.fromkeys(r.hook for r in rungs):
        own = [r for r in rungs if r.hook == hook]
        if not any(on_oldest(r) for r in own):
            expect(not own[0].necessary, f"hook '{hook}': {OLDEST} has none of its rungs")
            notes.append(f"{hook}: none")
    return notes
