# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The checks of stages and requests against tests/truth/stages.c, which knows how long each took: its own
clocks, read outside of the marks and inside of them."""

from harness import between, expect
from traced import total

MS = 1_000_000
US = 1_000

# {stage: what it waits for}; None: nothing.
WAITS = {"sleep": "sleep", "lock": "lock", "spin": None, "part": "sleep", "launch": None}


def stage(t, name, pid=None):
    rows = [s for s in t.json["stages"]
            if s["name"] == name and s["pid"] == (t.truth["pid"] if pid is None else pid)]
    expect(len(rows) == 1, f"{len(rows)} rows of stage {name!r}: {[s['name'] for s in t.json['stages']]}")
    expect(rows[0]["source"] == "mark", f"{name}: source {rows[0]['source']}")
    return rows[0]


def known(t):
    """The stages that the program's own clocks are there of."""
    return [k.removesuffix("_outer_cpu_ns") for k in t.truth if k.endswith("_outer_cpu_ns")
            and t.truth[k]]


def check_split(t):
    """Of every stage: the states make up the wall time, the causes the blocked time."""
    for s in t.json["stages"]:
        who = f"{s['name']} of {s['pid']}"
        parts = s["on_cpu_ns"] + s["run_queue_ns"] + s["blocked_ns"]
        expect(parts == s["wall_ns"] == s["total_ns"], f"{who}: {parts} is not {s['wall_ns']}")
        by = sum(s["blocked_by"].values())
        expect(by == s["blocked_ns"], f"{who}: causes sum to {by} of {s['blocked_ns']}")
        expect(s["throttled_ns"] <= s["run_queue_ns"], f"{who}: throttled {s['throttled_ns']}")
        if s["count"]:
            expect(0 < s["p50_ns"] <= s["p95_ns"] <= s["p99_ns"] <= s["max_ns"], f"{who}: {s}")
            expect(s["max_ns"] <= s["wall_ns"] <= s["count"] * s["max_ns"], f"{who}: {s}")
    return f"{len(t.json['stages'])} stages"


def check_counts(t):
    for name in known(t):
        got, want = stage(t, name)["count"], t.truth[f"{name}_count"]
        expect(got == want, f"{name}: {got} spans, the program had {want}")
        expect(not stage(t, name)["open_at_end"], f"{name}: open at the end")
    return ", ".join(f"{n} {stage(t, n)['count']}" for n in known(t))


def check_far(t):
    """Its name had to be read by user space, the first time at least."""
    s = stage(t, "far")
    expect((s["count"], s["abandoned"]) == (5, 0), f"far: {s['count']}, abandoned {s['abandoned']}")
    expect(not [x for x in t.json["stages"] if x["name"] == "?"], "a name that was not read")
    return "5 spans"


def check_lengths(t):
    """A span lies between the program's readings around it and those within it: to the nanosecond, for
    it is the same clock."""
    for name in known(t):
        between(f"wall time of {name}", stage(t, name)["wall_ns"], t.truth[f"{name}_inner_ns"],
                t.truth[f"{name}_outer_ns"])
    return ", ".join(f"{n} {stage(t, n)['wall_ns'] / MS:.1f} ms" for n in known(t))


def check_states(t):
    """On the CPU as long as the thread's own clock says. (That clock counts interrupts and stolen time
    as the kernel's accounts do: a little off.)"""
    for name in known(t):
        s = stage(t, name)
        inner, outer = t.truth[f"{name}_inner_cpu_ns"], t.truth[f"{name}_outer_cpu_ns"]
        slack = outer // 20 + s["count"] * (1000 if t.vm else 20) * US + t.steal_ns
        between(f"on-CPU time of {name}", s["on_cpu_ns"], inner - slack, outer + slack)
    return ", ".join(f"{n} {stage(t, n)['on_cpu_ns'] / MS:.1f} ms" for n in known(t))


def check_causes(t):
    for name, cause in WAITS.items():
        s = stage(t, name)
        if cause is None:
            expect(s["blocked_ns"] <= s["wall_ns"] // 50 + MS, f"{name}: blocked {s['blocked_by']}")
            continue
        expect(s["blocked_by"].get(cause, 0) >= 0.95 * s["blocked_ns"] > 0,
               f"{name}: blocked by {s['blocked_by']}")
        # Each waits a millisecond or more.
        expect(s["blocked_by"][cause] >= s["count"] * MS // 2, f"{name}: {s['blocked_by']}")
    return ", ".join(f"{n} {c}" for n, c in WAITS.items())


def check_abandoned(t):
    want = {"left": 10, "dies": 1, "dies too": 1}
    for name, n in want.items():
        s = stage(t, name)
        expect((s["count"], s["abandoned"]) == (0, n), f"{name}: {s['count']}, abandoned "
               f"{s['abandoned']}")
        expect(s["wall_ns"] == 0 and s["p50_ns"] is None, f"{name}: has a length: {s}")
    for name in known(t):
        expect(stage(t, name)["abandoned"] == 0, f"{name}: abandoned {stage(t, name)['abandoned']}")
    expect(not [s for s in t.json["stages"] if s["name"] == "never"], "a stage without a begin")
    return str(want)


def check_child(t):
    pid = t.truth["child"]
    child = stage(t, "child", pid)
    expect(child["count"] == 3, f"child: {child['count']} spans")
    expect(child["blocked_by"].get("sleep", 0) >= 2 * MS, f"child: {child['blocked_by']}")
    s = stage(t, "before exec", pid)
    expect((s["count"], s["abandoned"]) == (0, 1), f"before exec: {s['count']}, {s['abandoned']}")
    expect(stage(t, "after exec", pid)["count"] == 1, "after exec")
    expect(stage(t, "parent")["count"] == 1, "parent")
    expect(not [s for s in t.json["stages"] if s["pid"] == pid and s["name"] == "parent"],
           "the child has its parent's stage")
    return f"process {pid}"


def check_frames(t):
    """Open stages stand between the thread and its functions, outermost first. (The times of the graph
    are sampled: the sleeps are 3 of some 7 ms a round, and each has its stack by chance.)"""
    lines = [line for line in t.folded if line.tid == line.pid == t.truth["pid"]
             and "one_round" in line.frames]
    # Where it reads its clocks and comes and goes, before the begin and after the end.
    outside = sum(line.value for line in lines if "[round]" not in line.frames)
    within = [line for line in lines if "[round]" in line.frames]
    expect(outside <= 0.1 * sum(line.value for line in lines), f"{outside} ns outside of [round]")
    seen = set()
    for line in within:
        expect(line.frames.index("[round]") == 0, f"[round] is not the first of {line.frames[:4]}")
        seen.update(f for f in line.frames[1:2] if f.startswith("["))
    expect({"[sleep]", "[spin]", "[lock]"} <= seen, f"frames after [round]: {sorted(seen)}")
    for line in lines:
        if "[sleep]" in line.frames:
            expect(line.frames[1] == "[sleep]" and "truth_sleep" in line.frames, str(line.frames))
    return ", ".join(sorted(seen))


def check_requests(t):
    rows = [r for r in t.json["requests"] if r["pid"] == t.truth["pid"]]
    expect(len(rows) == 1, f"{len(rows)} rows of requests")
    r, n = rows[0], t.truth["requests"]
    for field, want in (("count", n), ("dropped", 1), ("tokens_in", 5 * n), ("tokens_out", n),
                        ("open_at_end", 0), ("open_at_start", 0)):
        expect(r[field] == want, f"{field}: {r[field]}, not {want}")
    between("latencies", r["latency_ns"], t.truth["latency_inner_ns"], t.truth["latency_outer_ns"])
    parts = {p["name"]: p for p in r["parts"]}
    for name in ("queue", "work", "part", "launch"):
        expect(name in parts and parts[name]["requests"] == n, f"part {name}: {parts.get(name)}")
    expect(sum(p["wall_ns"] for p in r["parts"]) == r["latency_ns"],
           f"parts sum to {sum(p['wall_ns'] for p in r['parts'])} of {r['latency_ns']}")
    # The wait begins a moment after the request, and ends where the server takes it.
    expect(parts["queue"]["wall_ns"] >= 2 * MS * n, f"queue: {parts['queue']['wall_ns']}")
    passes = {p["name"]: p for p in r["passes"]}
    expect(list(passes) == ["pass"], f"passes {list(passes)}")
    p = passes["pass"]
    expect((p["count"], p["requests"], p["tokens"], p["padded"], p["sizes"]) ==
           (n, n, 5 * n, 8 * n, {"1": n}), f"pass: {p}")
    return f"{n} requests, {r['latency_ns'] / MS:.1f} ms"


def check_window(t):
    """Spans that lie within the window: there are about as many of each, and all of one thread."""
    rows = {n: stage(t, n) for n in ("round", "sleep", "spin", "lock")}
    for name, s in rows.items():
        expect(s["count"] > (0 if t.vm else 10), f"{name}: {s['count']} spans")
        # Of the rounds at the window's edges, some of the stages within are whole.
        expect(0 <= s["count"] - rows["round"]["count"] <= 2, f"{name}: {s['count']}, round "
               f"{rows['round']['count']}")
    expect(rows["round"]["open_at_end"] == 1, f"round: open at the end {rows['round']['open_at_end']}")
    expect(rows["round"]["wall_ns"] <= t.json["duration_ns"], "more than the window")
    inside = sum(total([rows[n]], "wall_ns") for n in ("sleep", "spin", "lock"))
    expect(inside <= rows["round"]["wall_ns"] + t.json["duration_ns"] // 10, f"{inside} within rounds")
    return f"{rows['round']['count']} rounds"


def check_semaphores(t):
    expect(t.truth["semaphores"] == 0, f"semaphores still at {t.truth['semaphores']}")
    return "let go"


def check_off(t):
    """--marks off: nobody knows of any, and no semaphore was raised."""
    expect(t.json["stages"] is None, f"stages: {t.json['stages']}")
    expect(t.json["requests"] is None, f"requests: {t.json['requests']}")
    return "none"
