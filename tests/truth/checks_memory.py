# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks of allocations (tests/truth/cuda/cuda_memory.c): exact."""

from harness import expect
from traced import total

KINDS = ("device", "pool", "managed", "pinned", "registered")
FIELDS = ("allocations", "frees", "bytes", "live", "live_bytes", "peak_bytes")


def rows_of(t, kind):
    return [r for r in t.json["memory"] if r["pid"] == t.truth["pid"] and r["kind"] == kind]


def check_memory(t):
    """Each kind: what was allocated, freed, is left, and was the most at a time."""
    for kind in KINDS:
        rows = rows_of(t, kind)
        expect(len(rows) == 1, f"{len(rows)} rows of {kind}: {t.json['memory']}")
        for field in FIELDS:
            got, want = rows[0][field], t.truth[f"memory.{kind}.{field}"]
            expect(got == want, f"{kind}: {field} {got}, expected {want}")
    expect(t.json["lost"]["memory"] == 0, f"lost: {t.json['lost']['memory']}")
    return f"{len(KINDS)} kinds"


def check_unknown_frees(t):
    """Frees of what was allocated before the trace; a free of NULL, or one that fails, is none."""
    got = total([r for r in t.json["memory"] if r["pid"] == t.truth["pid"]], "unknown_frees")
    expect(got == t.truth["unknown_frees"], f"{got} of {t.truth['unknown_frees']}")
    return str(got)


def check_stacks(t):
    """Allocations by stack: the leaks are where they are, churn is visible, nothing is missing."""
    rows = [r for r in t.json["allocations"] if r["pid"] == t.truth["pid"]]
    for function, kind, call, n, live in (
            ("leaks_weights", "device", "cudaMalloc", 3, t.truth["leaks_weights"]),
            ("leaks_staging", "pinned", "cudaMallocHost", 1, t.truth["leaks_staging"]),
            ("churns", "device", "cudaMalloc", t.truth["churned"], 0)):
        mine = [r for r in rows if function in r["frames"]]
        expect(mine, f"no allocation by {function}: {[r['frames'] for r in rows][:8]}")
        for r in mine:
            expect((r["kind"], r["call"]) == (kind, call), f"{function}: {r['kind']}, {r['call']}")
            order = [r["frames"].index(f) for f in ("main", function, "take")]
            expect(order == sorted(order), f"outermost first: {r['frames']}")
        expect(total(mine, "allocations") == n, f"{function}: {total(mine, 'allocations')} of {n}")
        expect(total(mine, "live_bytes") == live,
               f"{function}: {total(mine, 'live_bytes')} bytes left of {live}")
    for kind in KINDS:
        for field in ("allocations", "bytes", "live", "live_bytes"):
            got = total([r for r in rows if r["kind"] == kind], field)
            want = total(rows_of(t, kind), field)
            expect(got == want, f"{kind}: stacks sum to {got} {field} of {want}")
    return f"{len(rows)} stacks"


def check_leaks(t):
    """--leaks: folded stacks, the values in bytes."""
    expect(t.has("leaks"), "no file")
    lines = []
    for text in t.text("leaks").splitlines():
        stack, value = text.rsplit(" ", 1)
        lines.append((stack.split(";"), int(value)))
    for function in ("leaks_weights", "leaks_staging"):
        got = sum(value for frames, value in lines if function in frames)
        expect(got == t.truth[function], f"{function}: {got} bytes of {t.truth[function]}")
    want = sum(t.truth[f"memory.{kind}.live_bytes"] for kind in KINDS)
    got = sum(value for _, value in lines)
    expect(got == want, f"all lines: {got} bytes of {want}")
    expect(not any("churns" in frames for frames, _ in lines), "what was freed is in it")
    return f"{len(lines)} lines, {got} bytes"


def check_no_memory(t):
    expect(not t.json["memory"], f"memory: {t.json['memory']}")
    return ""
