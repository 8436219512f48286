# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Addresses of a process to files, and places in files to all the names that they have there."""

import bisect
import functools
import os
import re
import subprocess


def output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, errors="replace",
                          check=False).stdout


def base(name):
    """A function's bare name: no namespaces, parameters, template arguments, versions."""
    name = name.replace("(anonymous namespace)::", "").split("@")[0]
    while re.search(r"<[^<>]*>", name):
        name = re.sub(r"<[^<>]*>", "", name)
    name = name.split("(")[0].split("::")[-1].strip()
    return re.sub(r"\.(cold|part|constprop|isra)(\.\d+)?$", "", name).split(" ")[-1]


class File:
    """An ELF file's segments and symbols, its separate debug file's too."""

    def __init__(self, path):
        self.segments = [tuple(int(x, 16) for x in row) for row in re.findall(
            r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", output("readelf", "-lW", path))]
        entry = re.search(r"Entry point address: +0x(\w+)", output("readelf", "-hW", path))
        self.entry = int(entry[1], 16) if entry else 0
        build_id = re.search(r"Build ID: (\w\w)(\w+)", output("readelf", "-nW", path))
        tables = [("-D", path), ("-a", path)]
        if build_id:
            debug = f"/usr/lib/debug/.build-id/{build_id[1]}/{build_id[2]}.debug"
            if os.path.exists(debug):
                tables.append(("-a", debug))
        rows = set()
        for option, table in tables:
            for line in output("nm", option, "-S", "-C", "--defined-only", table).splitlines():
                match = re.match(r"(\w{16})( \w{16})? [tTwWiIuU] (.*)", line)
                if match:
                    rows.add((int(match[1], 16), int(match[2] or "0", 16), match[3]))
        self.symbols = sorted(rows)
        self.starts = [row[0] for row in self.symbols]

    def address(self, offset):
        for at, to, n in self.segments:
            if at <= offset < at + n:
                return offset - at + to
        return offset

    def names(self, offset):
        """All symbols that hold this place; where they have no size, the nearest before it."""
        address = self.address(offset)
        place = bisect.bisect_right(self.starts, address)
        found = {name for start, size, name in self.symbols[max(0, place - 64):place]
                 if start <= address < start + size}
        if not found and place:
            start = self.starts[place - 1]
            found = {n for s, _, n in self.symbols[max(0, place - 64):place] if s == start}
        return found

    def is_start(self, offset):
        """In _start, which needs no name: the entry point."""
        return self.entry <= self.address(offset) < self.entry + 0x40


@functools.lru_cache(maxsize=None)
def file(path):
    return File(path)


class Process:
    """What is mapped where in a live process."""

    def __init__(self, pid):
        self.maps = []
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
            for line in f:
                fields = line.split(maxsplit=5)
                start, end = (int(x, 16) for x in fields[0].split("-"))
                path = fields[5].strip() if len(fields) > 5 else ""
                self.maps.append((start, end, int(fields[2], 16), path))

    def place(self, address):
        """(path, offset in the file), None where no file is."""
        for start, end, offset, path in self.maps:
            if start <= address < end:
                return (path, address - start + offset) if path.startswith("/") else None
        return None

    def names(self, pc, exact):
        """The bare names that a frame may bear. exact: not a return address."""
        names = set()
        for address in (pc,) if exact else (pc - 1, pc):
            place = self.place(address)
            if place:
                path, offset = place
                names |= {base(n) for n in file(path).names(offset)}
                names |= {f"[{os.path.basename(path)}+0x{offset:x}]",
                          f"[{os.path.basename(path)}+0x{file(path).address(offset):x}]"}
        return names
