# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs that read folded stacks, on every folded file that the tests have left: they read each line,
and their totals are the file's."""

import os
import re
import subprocess

import harness
from harness import BUILD, OUT, Skip, Wrong, expect, need_tool
from traced import STACKS, folder, running, trace

HERE = os.path.dirname(os.path.abspath(__file__))
FLAMEGRAPH = "/usr/share/perl5/Devel/NYTProf/flamegraph.pl"
SPEEDSCOPE = os.path.join(BUILD, "tests", "speedscope")
AT_MOST = 64 << 20  # bytes of one file


def files():
    """Those with stacks in them, and some made now: of threads, of switches, of names that are hard to
    read."""
    strange = os.path.join(BUILD, "tests", "bad", "strange_names")
    harness.need_root()
    with running([[os.path.join(STACKS, "waits-gcc-O2")]]) as (process,):
        trace(folder("readers-threads"), [process.pid], 1)
        trace(folder("readers-switches"), [process.pid], 1, "--count", "switches")
    if os.path.exists(strange):
        with subprocess.Popen([strange], stdin=subprocess.DEVNULL) as process:
            try:
                trace(folder("readers-names"), [process.pid], 1)
            finally:
                process.kill()
    found = []
    for top, _, names in os.walk(OUT):
        found += [os.path.join(top, n) for n in names if n.endswith(".folded")]
    found = [f for f in found if 0 < os.path.getsize(f) <= AT_MOST]
    expect(found, f"no folded files under {OUT}")
    return sorted(found)


def own_total(path):
    """(sum of the values, lines, distinct stacks); None: it is no folded file, as after a test of broken
    input."""
    total = n = 0
    stacks = set()
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            stack, _, value = line.rstrip("\n").rpartition(" ")
            if not value.isdigit():
                return None
            total += int(value)
            n += 1
            stacks.add(stack)
    return total, n, len(stacks)


def flamegraph(path):
    p = subprocess.run(["perl", FLAMEGRAPH, "--countname=ns", path], capture_output=True, text=True,
                       errors="replace", timeout=120, check=False)
    if p.returncode:
        raise Wrong(f"{path}: {p.stderr.strip()[-300:]}")
    match = re.search(r"<title>all \(([\d,]+) ns, 100%\)", p.stdout)
    expect(match, f"{path}: no total in the picture")
    ignored = re.search(r"Ignored (\d+) lines", p.stderr)
    return int(match[1].replace(",", "")), int(ignored[1]) if ignored else 0


def check_flamegraph():
    if not os.path.exists(FLAMEGRAPH):
        raise Skip(f"no {FLAMEGRAPH} (package libdevel-nytprof-perl)")
    read = 0
    for path in files():
        own = own_total(path)
        if not own or not own[0]:
            continue
        total, ignored = flamegraph(path)
        expect(not ignored, f"{path}: flamegraph.pl leaves {ignored} lines out")
        # Its numbers are floating point.
        expect(abs(total - own[0]) <= own[0] * 1e-12, f"{path}: {total}, the lines sum to {own[0]}")
        read += 1
    expect(read, "no file with stacks")
    print(f"flamegraph.pl read {read} files")


def speedscope_package():
    package = os.path.join(SPEEDSCOPE, "node_modules", "speedscope")
    if os.path.isdir(package):
        return package
    npm = need_tool("npm", "npm")
    os.makedirs(SPEEDSCOPE, exist_ok=True)
    try:
        p = subprocess.run([npm, "install", "--prefix", SPEEDSCOPE, "--no-audit", "--no-fund",
                            "--ignore-scripts", "speedscope"], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired as e:
        raise Skip("npm did not get speedscope within 90 s") from e
    if p.returncode or not os.path.isdir(package):
        raise Skip("npm could not get speedscope: " +
                   (p.stderr.strip().splitlines() or ["no reason given"])[-1])
    return package


def check_speedscope():
    node = need_tool("node", "nodejs")
    package = speedscope_package()
    paths = [path for path in files() if (own_total(path) or (0, 0))[0]]
    expect(paths, "no file with stacks")
    p = subprocess.run([node, os.path.join(HERE, "speedscope.js"), package, *paths],
                       capture_output=True, text=True, timeout=120, check=False)
    if p.returncode:
        raise Wrong(p.stderr.strip()[-600:])
    for path, line in zip(paths, p.stdout.splitlines(), strict=True):
        total, stacks = map(int, line.split())
        own, lines, distinct = own_total(path)
        # Equal stacks that follow each other become one: a thread before and after an exec.
        expect(total == own and distinct <= stacks <= lines,
               f"{path}: total {total}, {stacks} stacks; in the file {own}, {lines} lines")
    print(f"speedscope read {len(paths)} files")


TESTS = {
    "read-flamegraph": (300, check_flamegraph),
    "read-speedscope": (300, check_speedscope),
}
