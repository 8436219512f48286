# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Figures as user/format.c writes them, and all those that may be said of a profile."""

import itertools
import re

TIME = ((1, "ns"), (10**3, "us"), (10**6, "ms"), (10**9, "s"), (60 * 10**9, "min"), (3600 * 10**9, "h"))
BYTES = tuple((1000**i, n) for i, n in enumerate(("B", "kB", "MB", "GB", "TB", "PB")))
MEMORY = tuple((1024**i, n) for i, n in enumerate(("B", "KiB", "MiB", "GiB", "TiB")))
RATE = tuple((s, n + "/s") for s, n in BYTES)
COUNT = ((10**6, "M"), (10**9, "G"), (10**12, "T"))


def figure(n, units):
    if not n:
        return "0"
    for size, name in units:
        for decimals in (0,) if size == 1 else (2, 1, 0):
            scaled = (n * 10**decimals + size // 2) // size
            last = (size, name) == units[-1] and not decimals
            if scaled < 1000 or last:
                whole, part = divmod(scaled, 10**decimals)
                return f"{whole}.{part:0{decimals}} {name}" if decimals else f"{whole} {name}"
    raise AssertionError


def duration(n):
    return figure(n, TIME)


def count(n):
    return f"{n:,}"


def count_short(n):
    return count(n) if n < 10**6 else figure(n, COUNT)


def percent(part, whole):
    if not part or not whole:
        return "0"
    tenths = (part * 1000 + whole // 2) // whole
    if not tenths:
        return "<0.1 %"
    return f"{(tenths + 5) // 10} %" if tenths >= 1000 else f"{tenths // 10}.{tenths % 10} %"


def share(part):
    """A share of 1."""
    return percent(int(part * 1e9 + .5), 10**9)


def per_second(n, ns):
    if not n:
        return "0"
    tenths = (n * 10**10 + ns // 2) // ns
    if tenths >= 1000:
        return count_short((tenths + 5) // 10) + "/s"
    return f"{tenths // 10}.{tenths % 10}/s" if tenths else "<0.1/s"


def rate(size, ns):
    return figure(size * 10**9 // ns, RATE)


# --- what may be said ---
def of_one(n, duration_ns):
    """A number, in whatever unit it is."""
    yield from (count(n), count_short(n), str(n), duration(n), figure(n, BYTES), figure(n, MEMORY),
                per_second(n, duration_ns), percent(n, duration_ns))


def of_two(a, b):
    """A share, a mean, a rate."""
    if b:
        yield percent(a, b)
        yield duration(a // b)
        yield rate(a, b)
        yield f"{a / b:.3g}"


def numbers(o):
    return {k: v for k, v in o.items() if isinstance(v, int) and not isinstance(v, bool)}


def inner(o, key=""):
    """The objects that are not rows of an array: with the numbers of those around them."""
    flat = numbers(o)
    for k, v in o.items():
        if isinstance(v, dict):
            flat.update({f"{k}.{n}": x for n, x in inner(v, k).items()})
    return flat


def rows_of(o):
    """Every array of objects, however deep."""
    for v in o.values():
        if isinstance(v, list) and v and isinstance(v[0], dict):
            yield v
            for row in v:
                yield from rows_of(row)
        elif isinstance(v, dict):
            yield from rows_of(v)


# What is told together: rows that have all of these fields in common.
GROUPS = ((), ("pid",), ("kind",), ("cause",), ("how",), ("by_comm",), ("by_pid", "by_comm"), ("by_comm", "how"),
          ("kernel",), ("name",))


def sums(rows):
    for keys in GROUPS:
        groups = {}
        for row in rows:
            if all(k in row for k in keys):
                groups.setdefault(tuple(row[k] for k in keys), []).append(inner(row))
        for group in groups.values():
            total = {}
            for row in group:
                for k, v in row.items():
                    total[k] = total.get(k, 0) + v
            yield total


def is_emulated(found, t):
    return found["runtime"] == "emu" and t["comm"].startswith("emu-gpu/")


OWN = ("GPU call", "GPU driver", "disk", "page fault")


def busy_split(found):
    """Thinking against waiting: of the threads that were busy for a hundredth of their time or more."""
    rows = [t for t in found["threads"] if not is_emulated(found, t)]
    busy = [t for t in rows if t["wall_ns"] and t["on_cpu_ns"] + t["run_queue_ns"] +
            sum(t["blocked_by"].get(c, 0) for c in OWN) >= t["wall_ns"] // 100] or rows
    by = {}
    for t in busy:
        for cause, ns in t["blocked_by"].items():
            by[cause] = by.get(cause, 0) + ns
    wall = sum(t["wall_ns"] for t in busy)
    own = sum(by.get(c, 0) for c in OWN)
    parts = {"thinking: on a CPU": sum(t["on_cpu_ns"] for t in busy),
             "waiting for a CPU": sum(t["run_queue_ns"] for t in busy),
             "waiting for its own work": own,
             "waiting for others or for work": sum(by.values()) - own}
    queue = {k: sum(t["run_queue_by"][k] for t in busy) for k in ("woken", "preempted", "throttled")}
    return sum(t["merged"] for t in busy), wall, parts, {**by, **queue}


def derived(found):
    """Figures that are made of several fields, in their own words."""
    threads, wall, parts, details = busy_split(found)
    yield count(threads)
    yield from (duration(ns) for ns in parts.values())
    yield from (percent(ns, wall) for ns in (*parts.values(), *details.values()))
    reach = [found["stacks_reach"][k] or 0 for k in ("whole_ns", "truncated_ns", "incomplete_ns")]
    yield from (percent(n, sum(reach)) for n in reach)
    cost = found["overhead"]
    running = cost["user_cpu_ns"] - cost["start_cpu_ns"]
    yield duration(running)
    yield percent(cost["trap_ns"] + cost["bpf_ns"] + running, found["duration_ns"])
    yield figure(cost["rss_bytes"] + cost["map_bytes"], MEMORY)
    for requests in found["requests"] or []:
        yield per_second(requests["tokens_out"], found["duration_ns"]).removesuffix("/s")
        for g in requests["passes"]:
            yield percent(g["padded"] - g["tokens"], g["padded"])
            yield f"{g['requests'] / max(g['count'], 1):.3g}"
        # All but the first so many.
        slow = sorted((p["share_p95"] or 0 for p in requests["parts"]), reverse=True)
        yield from (percent(int(sum(slow[n:]) * 1e6 + .5), 10**6) for n in range(len(slow)))
    queue = sum(t["run_queue_ns"] for t in found["threads"])
    for by in sums(found["preempted_by"]):
        yield percent(by.get("wall_ns", 0), queue)
    cpus = [c for c in found["cpus"] if c["busy_ns"] is not None]
    time = sum(c["busy_ns"] + c["idle_ns"] for c in cpus)
    for key in ("busy_ns", "target_ns", "steal_ns"):
        yield percent(sum(c[key] or 0 for c in cpus), time)
    yield from (percent(c["busy_ns"], c["busy_ns"] + c["idle_ns"]) for c in cpus)
    outer = [c for c in found["gpu_calls"] if not c["inside"]]
    for c in outer:
        yield f"{((c['voluntary_switches'] or 0) + (c['involuntary_switches'] or 0)) / max(c['calls'], 1):.3g}"
    for shown in range(len(outer)):
        yield duration(sum(c["wall_ns"] or 0 for c in outer[shown:]))


def allowed(found):
    """All figures that the JSON has, or that its rows' fields and sums make by themselves."""
    window = found["duration_ns"]
    told = {"0", "100 %", *derived(found)}
    everything = [inner(found)]
    for rows in rows_of(found):
        told |= {count(len(rows)), count(sum(r.get("merged", 1) for r in rows))}
        wholes = list(sums(rows))
        everything += [inner(r) for r in rows] + wholes
        # A row's share of all.
        for row, key in itertools.product(rows, wholes[0] if wholes else ()):
            if isinstance(row.get(key), int):
                told.add(percent(row[key], wholes[0][key]))
        for part in wholes:
            for key in part:
                told.add(percent(part[key], wholes[0].get(key, 0)))
    for o in everything:
        values = set(o.values())
        for n in values:
            told.update(of_one(n, window))
        for a, b in itertools.permutations(values, 2):
            told.update(of_two(a, b))
    for rows in rows_of(found):
        for row in rows:
            told.update(share(v) for v in row.values() if isinstance(v, float))
    return told


NUMBER = re.compile(r"(?<![\w.,<\-/#+:\[])(?:<?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)"
                    r"(?:/s| (?:ns|us|ms|s|min|h|%|[kMGTP]?B(?:/s)?|[KMGT]iB|[MGT])(?:/s)?(?![\w/]))?(?![\w\-])")


def strings(o):
    if isinstance(o, str):
        yield o
    elif isinstance(o, dict):
        for k, v in o.items():
            yield from strings(v)
    elif isinstance(o, list):
        for v in o:
            yield from strings(v)


def told(text, found):
    """The figures in a text, without those that are part of a name."""
    text = re.sub(r"\s+", " ", text)
    for name in sorted({s for s in strings(found) if re.search(r"\d", s)}, key=len, reverse=True):
        name = re.escape(re.sub(r"\s+", " ", name))
        text = re.sub(rf"(?<![\w.,]){name}(?!\w)", " ", text)
    return [m.group() for m in NUMBER.finditer(text)]
