# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The waits of the C and C++ libraries, as the distribution built them: the chain from the thread's
function to the library's is there nearly all of the blocked time."""

import collections
import os
import re

from chains import user_frames
from harness import Report, expect
from known import RIGHT, programs, reaches_start
from traced import folder, repeated, running, share_text, trace, worst

SECONDS = 4
NO_NAME = r"\[libc\.so\.6\+0x\w+\]"
# What the thread of that name calls: the name it is called by, after perhaps some of libstdc++'s.
# The C library's functions have several names at one address.
WAITS = {
    "cond_timed": "pthread_cond_timedwait",
    "cond": "pthread_cond_wait",
    "mutex": "pthread_mutex_lock",
    "rwlock": "pthread_rwlock_rdlock",
    "barrier": "pthread_barrier_wait",
    "poll": "poll",
    "ppoll": "ppoll",
    "read": "read",
    "eventfd": "read",
    "nanosleep": "nanosleep|clock_nanosleep",
    "usleep": "usleep",
    "epoll": "epoll_wait",
    "cv_for": "pthread_cond_clockwait",
    # These end in a jump to the next function, which may have no name.
    "cv": "std::condition_variable::wait|pthread_cond_wait",
    "sem_timed": rf"sem_timedwait|sem_wait_slow64|{NO_NAME}",
    "sem": rf"sem_wait|sem_wait_slow64|{NO_NAME}",
    "select": "select",
    "recv": "recv",
    "recvmsg": "recvmsg",
    "accept": "accept",
    "sigwait": "sigtimedwait",
    "fgetc": "fgetc|getc|_IO_getc",
}


def pattern(name):
    own = r"(?:\(anonymous namespace\)::)?" + name
    return re.compile(rf"(?:[^;]+;)?(?:[^;]+;)?{own}_thread;{own}_a;{own}_b;(?:std::[^;]+;)*"
                      rf"(?:_IO_|_*)(?:libc_|new_|pthread_)?(?:{WAITS[name]})(?:[.@][\w.@]+)?(?:;.*)?")


def judge(name, lines):
    blocked = right = whole = 0
    wrong = collections.Counter()
    for line in lines:
        if line.thread != name or not line.state.startswith("blocked"):
            continue
        frames = user_frames(line)
        blocked += line.value
        whole += line.value * reaches_start(frames)
        if pattern(name).fullmatch(";".join(frames)):
            right += line.value
        else:
            wrong[";".join(frames)] += line.value
    expect(blocked > 0, "never blocked")
    share = right / blocked
    expect(share >= RIGHT, f"{share_text(share)} of its blocked time has the true chain; wrong: "
                           f"{worst(wrong, blocked)}")
    return f"{share_text(share)}; to the thread's start {share_text(whole / blocked)}"


def check():
    paths = programs(r"waits-.*")

    def attempt():
        with running([[p] for p in paths]) as processes:
            t = trace(folder("waits"), [p.pid for p in processes], SECONDS)
        report = Report(keep=True)
        for path, process in zip(paths, processes):
            for name in WAITS:
                report.check(f"{os.path.basename(path)} {name}", judge, name,
                             t.lines_of(process.pid))
        return report, t
    return repeated(attempt)


TESTS = {"waits": (60, check)}
