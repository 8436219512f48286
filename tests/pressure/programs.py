# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs of others under load, each as a context: the processes that it begins with."""

import contextlib
import os
import subprocess
import tempfile

import servers
from harness import BUILD, Skip, expect, need_tool
from servers import started

SERVERS = [os.path.join(BUILD, n) for n in ("infer-serve-emu", "infer-serve")]


def below(pid):
    """A process and all its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for tid in os.listdir(f"/proc/{parent}/task"):
                with contextlib.suppress(OSError), \
                        open(f"/proc/{parent}/task/{tid}/children", encoding="ascii") as f:
                    found += [int(x) for x in f.read().split()]
    return found


@contextlib.contextmanager
def tool(argv, **more):
    """A program that loads the machine by itself."""
    with started(argv, **more) as process:
        yield [process.pid]


@contextlib.contextmanager
def fio(*options):
    path = need_tool("fio", "fio")
    # On a file system with a disk below: /tmp may be memory.
    with tempfile.TemporaryDirectory(dir=BUILD) as where, \
            tool([path, "--name=load", f"--directory={where}", "--size=16m", "--time_based",
                  "--runtime=60", "--bs=4k", "--group_reporting", "--output=/dev/null",
                  *options]) as pids:
        yield pids


@contextlib.contextmanager
def sysbench(test, *options):
    path = need_tool("sysbench", "sysbench")
    with tempfile.TemporaryDirectory(dir=BUILD) as where:
        if test == "fileio":
            options += ("--file-total-size=64M", "--file-num=8")
            done = subprocess.run([path, test, *options, "prepare"], cwd=where, timeout=60,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
            expect(done.returncode == 0, f"sysbench prepare: {done.stderr[-300:]}")
        with tool([path, test, *options, "--time=60", "run"], cwd=where) as pids:
            yield pids


@contextlib.contextmanager
def infer_serve():
    server = next((s for s in SERVERS if os.access(s, os.X_OK)), None)
    if not server:
        raise Skip("build/infer-serve is not built")
    with tool([server, "--device", "emu", "--model", "tiny", "--requests", "100000", "--rate", "40",
               "--seed", "1"]) as pids:
        yield pids


# name: what runs
PROGRAMS = {
    "infer-serve": infer_serve,
    "fio-direct": lambda: fio("--direct=1", "--rw=randrw", "--numjobs=2"),
    "fio-buffered": lambda: fio("--rw=randrw", "--numjobs=2", "--invalidate=1"),
    "fio-fsync": lambda: fio("--rw=randwrite", "--fsync=1", "--numjobs=2"),
    "fio-libaio": lambda: fio("--ioengine=libaio", "--direct=1", "--rw=randread", "--iodepth=16"),
    "fio-uring": lambda: fio("--ioengine=io_uring", "--direct=1", "--rw=randrw", "--iodepth=16"),
    "fio-uring-fsync": lambda: fio("--ioengine=io_uring", "--rw=randwrite", "--fsync=4",
                                   "--iodepth=16"),
    "fio-write": lambda: fio("--rw=write", "--bs=128k", "--numjobs=4", "--end_fsync=1",
                             "--fallocate=none", "--overwrite=0"),
    "fio-threads": lambda: fio("--rw=randrw", "--thread", "--numjobs=8", "--fdatasync=8"),
    "fio-mmap": lambda: fio("--ioengine=mmap", "--rw=randread"),
    "sysbench-async": lambda: sysbench("fileio", "--file-test-mode=rndrw", "--file-io-mode=async",
                                       "--file-extra-flags=direct"),
    "sysbench-fileio": lambda: sysbench("fileio", "--file-test-mode=rndrw", "--threads=4"),
    "sysbench-threads": lambda: sysbench("threads", "--threads=16"),
    "sysbench-mutex": lambda: sysbench("mutex", "--threads=8", "--mutex-num=1",
                                       "--mutex-loops=100", "--mutex-locks=100000000"),
    "nginx": servers.nginx,
    "postgres": lambda: servers.postgres("on"),
}
