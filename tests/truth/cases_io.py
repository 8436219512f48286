# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of truth tests about I/O: one kind of it, of known number and size."""

import checks as c
import checks_io as i
from case import attach

W, O = "worker", "other"


def io(name, program, *checks, options="--io all"):
    checks = (("io-sums", i.check_sums),) + checks
    return attach("io-" + name, "io " + program, *checks, options=options)


def calls(kind, who=W, each=1):
    return (f"{who}-{kind}".replace(" ", "-"), i.check_calls, who, kind, each)


DIRECT = (calls("direct read"), ("most", i.check_most, W, "direct read"),
          ("cause", c.check_cause, "disk", 0.8, W))
BLOCK = (("block", i.check_block, "block read"), ("requests", i.check_requests, "block read"))
MISS = (calls("file read"), ("cache", i.check_cache, 1, 1))
HIT = (calls("file read"), ("cache", i.check_cache, 0, 0))
TCP = (calls("TCP send"), calls("TCP receive"), calls("TCP send", O), calls("TCP receive", O))
PIPE = (calls("pipe write"), ("other-pipe-read", i.check_bytes, O, "pipe read"))
WRITE = (calls("file write"), ("block", i.check_block, "block write", 4 << 20))

IO_CASES = [
    io("direct", "work=direct count=500", *DIRECT, *BLOCK),
    io("direct-large", "work=direct count=50 size=65536", *DIRECT,
       ("block", i.check_block, "block read")),
    io("direct-write", "work=direct-write count=200", calls("direct write"),
       ("block", i.check_block, "block write", 4 << 20)),
    io("hit", "work=hit count=2000", *HIT),
    io("miss", "work=miss count=300", *MISS, *BLOCK, ("cause", c.check_cause, "disk", 0.8, W)),
    io("ahead", "work=ahead count=1000", calls("file read"), ("cache", i.check_cache, 0.001, 0.25)),
    io("readv", "work=readv count=100 size=8192", calls("file read"), ("cache", i.check_cache, 1, 1)),
    io("write", "work=write count=200", *WRITE, calls("fsync", each=10)),
    io("errors", "work=errors count=100", ("errors", i.check_errors, "direct read")),
    io("fault", "work=fault count=300", ("faults", i.check_major_faults), *BLOCK),
    io("pipe", "work=pipe count=500", *PIPE),
    io("unix", "work=unix count=300", calls("unix send"), calls("unix receive"),
       calls("unix send", O), calls("unix receive", O)),
    io("tcp", "work=tcp count=300 size=16384", *TCP),
    io("udp", "work=udp count=300 size=512", calls("UDP send"), calls("UDP receive"),
       calls("UDP send", O), calls("UDP receive", O)),
    io("uring", "work=uring count=300", calls("io_uring read"), *BLOCK,
       ("most", i.check_most, W, "io_uring read")),
    # What there is without being asked for: block requests, nothing of calls.
    io("default", "work=direct count=200", *BLOCK, options=""),
    attach("io-none", "io work=direct count=50", ("none", i.check_none), options="--io none"),
]

FUNCTIONS = {"miss": MISS, "write": WRITE, "tcp": TCP}

# Calls seen as kernel functions. The way to block requests is forced with them.
IO_FORCED = [
    case._replace(name=f"{case.name}-{hooks}", options=f"--io all --hooks {hooks}",
                  checks=c.ALWAYS + (("io-sums", i.check_sums),) + FUNCTIONS[case.name[3:]] +
                  (("hook", i.check_hook, "file calls", hooks),))
    for hooks in ("fentry", "kprobe") for case in IO_CASES if case.name[3:] in FUNCTIONS]
