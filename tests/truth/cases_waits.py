# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every kind of wait, by the program tests/truth/waits: one thread each, all at once."""

import re
from collections import defaultdict

from case import command
from harness import expect

MS = 1_000_000

# The program's name for a wait: the kind and the cause it has to be put down to.
KINDS = {
    "futex": ("futex", "lock"),
    "flock": ("file lock", "lock"),
    "record-lock": ("file lock", "lock"),
    "semaphore": ("semaphore", "lock"),
    "nanosleep": ("nanosleep", "sleep"),
    "timerfd": ("timer", "sleep"),
    "sigtimedwait": ("signal", "sleep"),
    "signalfd": ("signal", "sleep"),
    "poll": ("poll", "poll"),
    "select": ("select", "poll"),
    "epoll": ("epoll", "poll"),
    "inotify": ("inotify", "poll"),
    "io_uring": ("io_uring", "poll"),
    "pipe-read": ("pipe", "pipe"),
    "pipe-write": ("pipe", "pipe"),
    "eventfd": ("eventfd", "pipe"),
    "message-queue": ("message queue", "pipe"),
    "tty": ("tty", "pipe"),
    "tcp-receive": ("TCP receive", "network"),
    "tcp-send": ("TCP send", "network"),
    "tcp-accept": ("TCP accept", "network"),
    "tcp-connect": ("TCP connect", "network"),
    "udp": ("UDP", "network"),
    "unix": ("unix socket", "network"),
    "disk-read": ("disk read", "disk"),
    "disk-write": ("disk write", "disk"),
    "page-cache": ("page cache", "disk"),
    "fsync": ("fsync", "disk"),
    "writeback": ("writeback", "disk"),
    "page-fault": ("page fault", "page fault"),
    "userfaultfd": ("userfaultfd", "page fault"),
    "child": ("child", "child"),
    "stopped": ("stopped", "stopped"),
}
# Of each cause, the kind that has no frame of its own.
PLAIN = {"lock": "futex", "disk": "disk", "network": "socket", "poll": "poll", "pipe": "pipe",
         "sleep": "nanosleep", "page fault": "page fault", "GPU driver": "GPU driver",
         "child": "child", "stopped": "stopped", "GPU call": "GPU call", "other": "other"}
# Frames that look like a kind's.
NO_KIND = {"[unknown]", "[not sampled]", "[truncated]", "[incomplete]"}
# What a machine may lack.
MAY_LACK = {"io_uring", "userfaultfd", "tty", "disk-read", "disk-write"}
# Every one of the others' waits is counted, and told by the system call and its descriptor. (A file that
# is opened or run may have to be read, too, and that the stack tells.)
SAMPLED = {"disk-write", "page-cache", "page-fault", "io_uring", "userfaultfd"}


def folded_kinds(t):
    """{tid: {(kind, cause): ns}}, from the graph's frames."""
    sums = defaultdict(lambda: defaultdict(int))
    for line in t.folded:
        if not line.frames[-1].startswith("[blocked: "):
            continue
        cause = line.frames[-1][len("[blocked: "):-1]
        before = line.frames[-2]
        kind = before[1:-1] if re.match(r"\[[A-Za-z_ ]+\]$", before) and before not in NO_KIND \
            else PLAIN[cause]
        sums[line.tid][kind, cause] += line.value
    return sums


def check_kinds(t):
    """Of the time that each thread waited by its own clock, 95 % and more is put down to its kind, and
    nothing else to speak of."""
    sums = folded_kinds(t)
    missing = []
    for name, (kind, cause) in KINDS.items():
        if f"tid:{name}" not in t.truth:
            missing.append(name)
            continue
        want = t.truth[f"waited:{name}"]
        of_thread = sums[t.truth[f"tid:{name}"]]
        got = of_thread[kind, cause]
        # What the hypervisor took is in the program's clock, and in no account of the kernel's. Its time
        # busy, taken off, is schedstat's: on a busy machine, where that is most of it, off by as much as
        # a short wait lasts.
        busy = t.truth[f"busy:{name}"]
        expect(got >= 0.95 * want - 0.03 * busy - MS - t.steal_ns,
               f"{name}: waited {want} ns, {got} of them by {kind}, {cause}: {dict(of_thread)}; busy {busy} ns")
    expect(set(missing) <= MAY_LACK, f"not done here: {missing}: {t.errors}")
    return f"{len(KINDS) - len(missing)} kinds" + (f", not {', '.join(missing)}" if missing else "")


def check_rows(t):
    """The part "waits" of the JSON: the same time once more, by process, and the exact kinds are
    counted."""
    rows = [w for w in t.json["waits"] if w["pid"] == t.truth["pid"]]
    blocked = sum(r["blocked_ns"] for r in t.threads if r["pid"] == t.truth["pid"])
    expect(sum(w["blocked_ns"] for w in rows) == blocked,
           f"waits sum to {sum(w['blocked_ns'] for w in rows)} of {blocked} ns blocked")
    for name, (kind, cause) in KINDS.items():
        if f"tid:{name}" not in t.truth or name == "stopped":
            continue
        # A disk may be done before a thread that wants to wait for it has a CPU: there was no wait.
        if t.truth[f"waited:{name}"] <= MS:
            continue
        # (What its process did before its exec is in rows of another name.)
        of_kind = [w for w in rows if w["kind"] == kind and w["process"] == "waits"]
        expect(len(of_kind) == 1 and of_kind[0]["cause"] == cause, f"{kind}: {of_kind}")
        expect(name in SAMPLED or of_kind[0]["waits"], f"{kind} is not counted: {of_kind}; "
               f"lost {t.json['lost']}; {[x for x in t.folded if kind in x.frames[-1]]}")
        expect(of_kind[0]["frame"] is None, f"{of_kind}")
    others = [w for w in rows if w["kind"] == "other"]
    other = sum(w["blocked_ns"] for w in others)
    expect(other <= 0.02 * blocked, f"{other} of {blocked} ns are others: {others}")
    # A wait shorter than the stack period (10 ms) goes without a stack by chance.
    unnamed = sum(w["blocked_ns"] for w in others if not w["frame"])
    expect(unnamed <= 20 * MS, f"no frame named: {others}")
    return f"{len(rows)} rows, other {other} of {blocked} ns"


WAITS_CASES = [
    command("waits", "waits ms=400", ("kinds", check_kinds), ("rows", check_rows)),
]
