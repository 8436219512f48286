# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The checks of functions that are stages against tests/truth/functions."""

import fnmatch
import re

from harness import expect

MS = 1_000_000
US = 1_000

# Left for another stack and come back to, while a call on that is open: only the stack pointer tells, and
# that says of one of the two that it is gone.
SWITCHING = "stage_yields"
# What they do after their own clock was read last: the rare part once more; a call of stage_tail_to, which
# is a jump where it is optimised and no part of them then.
TAILS = ("stage_tail", "stage_tail_if", "stage_tail_pointer")
AFTER = {"stage_cold": 90 * US, **{name: 300 * US for name in TAILS}}


def told(t):
    """{name: (calls, left without a return)}, of those that were asked for."""
    asked = re.findall(r"--stage =\w+:(\S+)", t.case.options) or ["*"]
    every = {k.removeprefix("calls:"): (n, t.truth.get("left:" + k.removeprefix("calls:"), 0))
             for k, n in t.truth.items() if k.startswith("calls:")}
    return {k: v for k, v in every.items() if any(fnmatch.fnmatchcase(k, a) for a in asked)}


def rows(t):
    """{name: the stage's row}; what the program did before its exec has none."""
    found = {}
    for s in t.json["stages"]:
        expect(s["pid"] == t.truth["pid"], f"a stage of another process: {s}")
        expect(s["name"] not in found, f"two rows of {s['name']}")
        found[s["name"]] = s
    return found


def check_counts(t):
    got = rows(t)
    for name, (calls, left) in told(t).items():
        expect(name in got, f"no stage {name}: {sorted(got)}")
        if name == SWITCHING:
            continue
        expect(got[name]["count"] == calls - left,
               f"{name}: {got[name]['count']} spans of {calls} calls, {left} left without a return")
        expect(not got[name]["open_at_end"], f"{name} is open at the end")
    expect(set(got) == set(told(t)), f"stages {sorted(set(got) ^ set(told(t)))}")
    return f"{len(got)} stages, {sum(s['count'] for s in got.values())} spans"


def check_abandoned(t):
    got = rows(t)
    for name, (calls, left) in told(t).items():
        if name == SWITCHING:
            ended = got[name]["count"] + got[name]["abandoned"]
            expect(ended == calls and got[name]["count"] >= calls // 2,
                   f"{name}: {got[name]} of {calls} calls")
        else:
            expect(got[name]["abandoned"] == left,
                   f"{name}: {got[name]['abandoned']} abandoned, not {left}")
    return ", ".join(f"{n} {s['abandoned']}" for n, s in got.items() if s["abandoned"])


def check_lengths(t):
    """At least as long as by the function's own clock; longer by what the probes take, and by what the
    scheduler does in between."""
    worst = 0
    for name, s in rows(t).items():
        inside = t.truth.get(f"inside:{name}")
        if inside is None or name == SWITCHING:
            continue
        expect(s["wall_ns"] >= inside, f"{name}: {s['wall_ns']} ns, by its own clock {inside}")
        # In an emulated machine probes take as long as they like.
        if not s["count"] or t.vm:
            continue
        after = AFTER.get(name, 0)
        if "O2" in t.case.program and name in TAILS:
            after = 0
        more = (s["wall_ns"] - inside) / s["count"] - after
        worst = max(worst, more)
        busy = s["on_cpu_ns"] + s["blocked_ns"] - inside
        expect(busy <= s["count"] * (after + 60 * US) + 5 * MS,
               f"{name}: {s['wall_ns']} ns, by its own clock {inside}: {s}")
    return f"at most {worst / US:.1f} us longer a call"


def check_sources(t):
    for s in t.json["stages"]:
        expect(s["source"] == "function", f"{s}")
    expect(not t.json["not_measured"] or
           all("--stage" not in n["what"] for n in t.json["not_measured"]), t.json["not_measured"])
    return ""


def check_frames(t):
    """A stage is a frame between the thread and its functions, and the time in it is the stage's."""
    sums = {}
    for line in t.folded:
        if line.frames[0] == "[stage_sleeps]":
            sums[line.frames[-1]] = sums.get(line.frames[-1], 0) + line.value
    got = sum(sums.values())
    want = rows(t)["stage_sleeps"]["wall_ns"]
    # Scaled samples: waits of 2 ms, each of them longer than the period.
    expect(0.8 * want <= got <= 1.2 * want, f"{got} ns below [stage_sleeps], {want} in the stage: {sums}")
    return f"{got / MS:.1f} of {want / MS:.1f} ms"


def check_named(t):
    got = rows(t)
    expect(set(got) == {"one_stage_plain", "all"}, f"stages {sorted(got)}")
    for name, of in (("one_stage_plain", ["stage_plain"]),
                     ("all", ["ops::add::call", "ops::mul::call", "ops::cast<float>::call"])):
        want = sum(t.truth[f"calls:{n}"] for n in of)
        expect(got[name]["count"] == want, f"{name}: {got[name]['count']} of {want}")
    return ", ".join(f"{n} {s['count']}" for n, s in got.items())


def check_missing(t):
    why = {n["what"]: n["why"] for n in t.json["not_measured"] if n["what"].startswith("--stage")}
    expect(why == {"--stage =functions_O2:no_such": "no function of that name in 1 file",
                   "--stage =libnosuch.so:f": "no process maps such a file"}, f"{why}")
    for what, text in why.items():
        expect(f"{what}: {text}" in t.errors, f"not said at the start: {t.errors}")
    return ""
