# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Code in no file, named by perf maps."""

import contextlib
import os
import subprocess
import sys
import time

import harness
from harness import Skip, expect, need_tool
from files import report
from traced import PROGRAMS, expect_frames, expect_nowhere, folder, running, trace_pid

JIT = os.path.join(PROGRAMS, "jit")
# As it is written, but for what would break a folded line or a terminal.
LEAF = "py::jit:leaf:/x/?[31mfile.py_12"
NAMES = ("main", "jit_caller", LEAF)


def need_jit():
    if not os.path.exists(JIT):
        raise Skip("writes x86-64 machine code")


@contextlib.contextmanager
def jit(*args, **more):
    need_jit()
    with running(JIT, *args, **more) as p:
        try:
            yield p
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"/tmp/perf-{p.pid}.map")


def plain(*args):
    with jit(*args) as p:
        return expect_frames(trace_pid(folder("jit"), p.pid)[0], *NAMES)


def trampoline():
    """The interpreter's frames above it are only found by what the trampoline's code does."""
    with jit("-p") as p:
        return expect_frames(trace_pid(folder("jit-python"), p.pid)[0], "_start", "main",
                             "py::outer:/app/serve.py", "evaluate")


def no_map():
    with jit("-n") as p:
        return expect_frames(trace_pid(folder("jit-no-map"), p.pid)[0], "main", "[anon]", "[anon]")


def exits():
    """The map is gone with the process, and its name with the folder."""
    where = folder("jit-exits")
    with jit("-t", "3000") as p:
        with harness.start([harness.INFBPF, "trace", "--unit", "ns", "-p", str(p.pid), "-o",
                            os.path.join(where, "trace.folded")]) as t:
            while "attached" not in t.stderr.readline():
                expect(t.poll() is None, "infbpf ended")
            time.sleep(0.3)
            os.unlink(f"/tmp/perf-{p.pid}.map")
            t.communicate(timeout=30)
    return expect_frames(harness.read_folded(os.path.join(where, "trace.folded")), *NAMES)


def forked():
    """The child runs what its parent compiled."""
    where = folder("jit-forked")
    with jit("-f", "-t", "2500") as p:
        lines = trace_pid(where, p.pid, duration="2")[0]
        expect(any(line.pid != p.pid for line in lines), "the child was not traced")
        return expect_frames([line for line in lines if line.pid != p.pid], *NAMES)


def namespaces():
    """Its own /tmp, and a pid that is another one outside."""
    where = folder("jit-namespaces")
    need_jit()
    unshare = need_tool("unshare", "util-linux")
    own = [unshare, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    p = subprocess.run([*own, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if p.returncode:
        raise Skip(p.stderr.strip())  # as in a chroot
    # The checkout may itself lie in /tmp.
    script = ("mount -t tmpfs none /mnt && cp $0 /mnt/jit && mount -t tmpfs none /tmp && "
              "/mnt/jit")
    with running(*own, "sh", "-c", script, JIT) as p:
        return expect_frames(trace_pid(where, innermost(p.pid))[0], *NAMES)


def innermost(pid):
    """The last of a process's line of only children."""
    while True:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = f.read().split()
        if not children:
            return pid
        pid = int(children[0])


def foreign_owner():
    """A map that another user put there is not believed."""
    with jit("-n") as p:
        path = f"/tmp/perf-{p.pid}.map"
        with open(f"/proc/{p.pid}/maps", encoding="utf-8") as f:
            at = next(line for line in f if "rwxp" in line).split("-")[0]
        with open(path, "w", encoding="ascii") as f:
            f.write(f"{at} 1000 liar\n")
        os.chown(path, 12345, 12345)
        lines = trace_pid(folder("jit-foreign"), p.pid)[0]
        expect_nowhere(lines, "liar")
        os.chown(path, 0, 0)
        expect_frames(trace_pid(folder("jit-own"), p.pid)[0], "main", "liar")
        return expect_frames(lines, "main", "[anon]")


def linked():
    """A map that is a link is not followed."""
    where = folder("jit-linked")
    other = os.path.join(where, "map")
    with jit("-o", other) as p:
        os.symlink(other, f"/tmp/perf-{p.pid}.map")
        lines = trace_pid(where, p.pid)[0]
        expect_nowhere(lines, "jit_caller")
        return expect_frames(lines, "main", "[anon]")


def huge():
    """A map of 1 GiB: the end of it counts, and infbpf stays small and quick."""
    with jit() as p:
        path = f"/tmp/perf-{p.pid}.map"
        with open(path, "r+b") as f:
            lines = f.read()
            f.truncate(1 << 30)
            f.seek(0, 2)
            f.write(b"\n" + lines)
        start = time.monotonic()
        got = trace_pid(folder("jit-huge"), p.pid)[0]
        took = time.monotonic() - start
        note = expect_frames(got, *NAMES)
        # None of its lines is any good: all that is ever read is read.
        with open(path, "r+b") as f:
            f.truncate(1 << 30)
        lines, err = trace_pid(folder("jit-huge-sparse"), p.pid)
        expect_frames(lines, "main", "[anon]")
        peak = [word for word in err.split() if word.startswith("MiB")]
        expect(took < 15, f"took {took:.1f} s")
        return f"{note}; {took:.1f} s {' '.join(peak)}"


def python():
    """CPython 3.12 and later: python3 -X perf."""
    need_jit()
    candidates = [sys.executable] + [f"/usr/bin/python3.{n}" for n in range(12, 20)]
    for exe in candidates:
        if os.path.exists(exe) and subprocess.run(
                [exe, "-X", "perf", "-c", "import sys; sys.exit(sys.version_info < (3, 12))"],
                capture_output=True, check=False).returncode == 0:
            break
    else:
        raise Skip("no Python of version 3.12 or later, with perf support")
    where = folder("jit-python")
    script = os.path.join(where, "busy.py")
    with open(script, "w", encoding="ascii") as f:
        f.write("def spin_in_python():\n    n = 0\n    while True:\n        n += 1\n"
                "print('ready', flush=True)\nspin_in_python()\n")
    with running(exe, "-X", "perf", script) as p:
        try:
            return expect_frames(trace_pid(where, p.pid)[0], f"py::spin_in_python:{script}")
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"/tmp/perf-{p.pid}.map")


TESTS = {
    "perf-maps": (200, report([
        ("anonymous-memory", plain),
        ("memfd", plain, "-m"),
        ("python's-trampoline", trampoline),
        ("no-map", no_map),
        ("exited", exits),
        ("forked", forked),
        ("namespaces", namespaces),
        ("another-user's", foreign_owner),
        ("link", linked),
        ("1-GiB", huge),
    ])),
    "python-perf": (60, python),
}
