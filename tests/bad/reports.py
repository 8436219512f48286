# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Files that are no traces' JSON, for infbpf report: one line that says what is wrong with which."""

import json
import os
import sys

import harness
from harness import INFBPF, expect, one_line, run
from tool import fails, folder

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "report"))
import made  # noqa: E402


def put(where, name, text):
    path = os.path.join(where, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text if isinstance(text, str) else json.dumps(text))
    return path


def changed(change):
    found = made.profile(1, threads=2)
    change(found)
    return found


def test_report_files():
    where = folder("report_files")
    whole = json.dumps(made.profile(1, threads=2))
    fails(["report", os.path.join(where, "none.json")], 1, "No such file")
    fails(["report", where], 1, where)
    for name, text, needle in (
            ("empty", "", "no JSON"), ("text", "hello\n", "no JSON"), ("cut", whole[:len(whole) // 2], "no JSON"),
            ("array", "[]", "no profile"), ("other", '{"version": 1}', "no profile"),
            ("deep", "[" * 100000, "no JSON"), ("nul", '{"a":"\\u0000"}', "no JSON"),
            ("later", changed(lambda p: p.update(version=2)), "version 2"),
            ("negative", changed(lambda p: p["threads"][1].update(on_cpu_ns=-1)), "threads[1].on_cpu_ns"),
            ("huge", changed(lambda p: p.update(duration_ns=2**63 - 1)), "duration_ns"),
            ("beyond", whole.replace('"duration_ns": 1', '"duration_ns": 99999999999999999999991'), "no JSON"),
            ("fraction", changed(lambda p: p.update(stacks=1.5)), "stacks"),
            ("sum", changed(lambda p: p["threads"][0].update(wall_ns=1)), "threads[0].wall_ns"),
            ("type", changed(lambda p: p.update(waits={})), "waits"),
            ("nobody", changed(lambda p: p["launch_threads"][0].update(tid=7)), "launch_threads[0]"),
            ("share", changed(lambda p: p["requests"][0]["parts"][1].update(share_p95=1e300)),
             "requests[0].parts[1].share_p95"),
            ("slices", changed(lambda p: p["timeline"]["threads"][1]["blocked_ns"].pop()),
             "timeline.threads[1].blocked_ns"),
            ("escape", changed(lambda p: p.update(waits=[{"pid": "\x1b[31m"}])), "waits[0].")):
        path = put(where, name + ".json", text)
        fails(["report", path], 1, f"{name}.json: ")
        status, out, err = run([INFBPF, "report", path])
        expect(needle in err, f"{name}: no {needle!r} in {err!r}")
        expect(status == 1 and not out, f"{name}: {status}, {out[:80]!r}")


def test_report_usage():
    where = folder("report_usage")
    path = put(where, "made.json", made.profile(1, threads=2))
    for args, needle in ((["report"], "report what"), (["report", path, path], "not expected"),
                         (["report", path, "--cost-per-hour", "much"], "much"),
                         (["report", path, "--cost-per-hour", "-1"], "-1"),
                         (["report", path, "--folded", "x"], "--html"), (["report", path, "--no-such"], "unknown"),
                         (["report", path, "--fail-if", "?"], "?")):
        fails(args, 2, needle)
    page = os.path.join(where, "made.html")
    fails(["report", path, "--html", os.path.join(where, "no", "made.html")], 1, "cannot write")
    fails(["report", path, "-o", os.path.join(where, "no", "made.txt")], 1, "cannot write")
    fails(["report", path, "--html", page, "--folded", os.path.join(where, "none.folded")], 1, "cannot read")
    expect(not os.path.exists(page), "a page was left behind")
    status, _, err = run([INFBPF, "report", path, "-o", "/dev/full"])
    expect(status == 1, f"exit status {status}")
    one_line(err, "space")
    harness.expect(run(["sh", "-c", f"{INFBPF} report {path} | head -1"])[0] == 0, "a pipe that ends is no failure")


TESTS = {
    "report_files": (60, test_report_files),
    "report_usage": (60, test_report_usage),
}
