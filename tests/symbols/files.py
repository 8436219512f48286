# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs whose symbols are elsewhere, or that are not where they were."""

import contextlib
import lzma
import os
import shutil

import harness
from harness import Report, expect, need_root, need_tool
from traced import (PROGRAMS, build_id, call, expect_frames, expect_nowhere, folder, running, split,
                    trace, trace_pid)

NAMES = ("main", "hidden_caller", "hidden_leaf")
STATIC = "victim_static"


def run_traced(where, program, *args, **more):
    with running(program) as p:
        return trace_pid(where, p.pid, *args, **more)[0]


def is_named(where, program):
    return expect_frames(run_traced(where, program), *NAMES)


def is_not_named(where, program):
    lines = run_traced(where, program)
    expect_nowhere(lines, "hidden_")
    return expect_frames(lines, least=0)


def stripped():
    where = folder("stripped")
    program, debug = split(where)
    os.unlink(debug)
    return is_not_named(where, program)


@contextlib.contextmanager
def installed(source, target):
    """A file where the system has such; afterwards all is as it was."""
    made = []
    at = os.path.dirname(target)
    while not os.path.isdir(at):
        made.append(at)
        at = os.path.dirname(at)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)
    try:
        yield
    finally:
        os.unlink(target)
        for path in made:
            os.rmdir(path)


def host_build_id():
    need_root()
    where = folder("host-build-id")
    program, debug = split(where)
    of = build_id(program)
    with installed(debug, f"/usr/lib/debug/.build-id/{of[:2]}/{of[2:]}.debug"):
        os.unlink(debug)
        return is_named(where, program)


def link_beside(keep_id=True):
    where = folder(f"link-beside-{keep_id}")
    program, _ = split(where, link=True, keep_id=keep_id)
    return is_named(where, program)


def link_in_debug():
    where = folder("link-in-debug")
    program, debug = split(where, link=True)
    os.mkdir(os.path.join(where, ".debug"))
    os.rename(debug, os.path.join(where, ".debug", os.path.basename(debug)))
    return is_named(where, program)


def link_in_tree():
    need_root()
    where = folder("link-in-tree")
    program, debug = split(where, link=True)
    with installed(debug, f"/usr/lib/debug{os.path.dirname(program)}/{os.path.basename(debug)}"):
        os.unlink(debug)
        return is_named(where, program)


def changed(path):
    """The file with another name for a function, of the same length."""
    with open(path, "r+b") as f:
        data = f.read()
        expect(b"hidden_leaf\0" in data, "no name to change")
        f.seek(0)
        f.write(data.replace(b"hidden_leaf\0", b"hidden_liar\0"))


def wrong_checksum():
    where = folder("wrong-checksum")
    program, debug = split(where, link=True, keep_id=False)
    changed(debug)
    return is_not_named(where, program)


def wrong_build_id():
    where = folder("wrong-build-id")
    program, debug = split(where, link=True)
    of = bytes.fromhex(build_id(program))
    with open(debug, "r+b") as f:
        data = f.read()
        f.seek(0)
        f.write(data.replace(of, bytes(reversed(of))))
    return is_not_named(where, program)


def odd_file(kind):
    """Where the debug file should be is something else: it is not opened, and nothing waits."""
    where = folder(f"odd-{kind}")
    program, debug = split(where, link=True)
    os.unlink(debug)
    if kind == "fifo":
        os.mkfifo(debug)
    elif kind == "folder":
        os.mkdir(debug)
    elif kind == "loop":
        os.symlink(os.path.basename(debug), debug)
    else:
        os.symlink("/dev/zero", debug)
    return is_not_named(where, program)


def root_folder(name):
    """A root with a static program in it, and a debug folder."""
    need_root()
    where = folder(name)
    root = os.path.join(where, "root")
    os.makedirs(os.path.join(root, "usr/lib/debug/.build-id"))
    program, debug = split(where, source=STATIC)
    os.rename(program, os.path.join(root, "victim"))
    of = build_id(os.path.join(root, "victim"))
    place = os.path.join(root, "usr/lib/debug/.build-id", of[:2])
    os.mkdir(place)
    return where, root, debug, os.path.join(place, of[2:] + ".debug")


def in_root(where, root):
    with running(need_tool("chroot"), root, "/victim") as p:
        return trace_pid(where, p.pid)[0]


def container():
    where, root, debug, place = root_folder("container")
    os.rename(debug, place)
    return expect_frames(in_root(where, root), *NAMES)


def container_link():
    """An absolute link means the container's root, not the host's."""
    where, root, debug, place = root_folder("container-link")
    os.rename(debug, os.path.join(root, "real.debug"))
    os.symlink("/real.debug", place)
    return expect_frames(in_root(where, root), *NAMES)


def container_escape():
    """A link that leads out of the root finds nothing there."""
    where, root, debug, place = root_folder("container-escape")
    os.symlink("../../../../../../../.." + os.path.abspath(debug), place)
    lines = in_root(where, root)
    expect_nowhere(lines, "hidden_")
    return "not followed"


def mini_debug(where, program, debug):
    """As Fedora's find-debuginfo does it: the functions that .dynsym lacks, packed by xz."""
    def functions(path, *args):
        out = call("nm", "--format=posix", "--defined-only", *args, path)
        return {line.split()[0] for line in out.splitlines() if line.split()[1] in "tT"}
    keep = os.path.join(where, "keep")
    with open(keep, "w", encoding="ascii") as f:
        f.write("\n".join(sorted(functions(debug) - functions(program, "-D"))) + "\n")
    mini = os.path.join(where, "mini")
    call("objcopy", "-S", "--remove-section=.comment", f"--keep-symbols={keep}", debug, mini)
    with open(mini, "rb") as f:
        packed = lzma.compress(f.read(), format=lzma.FORMAT_XZ)
    with open(mini + ".xz", "wb") as f:
        f.write(packed)
    call("objcopy", "--add-section", f".gnu_debugdata={mini}.xz", program)


def mini():
    where = folder("mini")
    program, debug = split(where)
    mini_debug(where, program, debug)
    os.unlink(debug)
    return is_named(where, program)


def bomb():
    """A section that unpacks to gigabytes costs its own file's names."""
    where = folder("bomb")
    program, debug = split(where)
    os.unlink(debug)
    path = os.path.join(where, "bomb.xz")
    packer = lzma.LZMACompressor(format=lzma.FORMAT_XZ, preset=1)
    with open(path, "wb") as f:
        for _ in range(512):
            f.write(packer.compress(bytes(1 << 20)))
        f.write(packer.flush())
    call("objcopy", "--add-section", f".gnu_debugdata={path}", program)
    return is_not_named(where, program)


def ends():
    """Named though its process has exited and all of its files are gone."""
    where = folder("ends")
    program, debug = split(where, link=True)
    with running(program, "3000") as p:
        with harness.start([harness.INFBPF, "trace", "--unit", "ns", "-p", str(p.pid), "-o",
                            os.path.join(where, "trace.folded")]) as t:
            while "attached" not in t.stderr.readline():
                expect(t.poll() is None, "infbpf ended")
            harness.wait_until(10, lambda: p.poll() is not None, "the victim ends")
            for path in (program, debug):
                if os.path.exists(path):
                    os.unlink(path)
            t.communicate(timeout=30)
    return expect_frames(harness.read_folded(os.path.join(where, "trace.folded")), *NAMES)


def replaced(how):
    where = folder(how)
    program = os.path.join(where, "victim")
    shutil.copy(os.path.join(PROGRAMS, "victim"), program)
    with running(program) as p:
        if how == "replaced":
            shutil.copy("/bin/true", program + ".new")
            os.rename(program + ".new", program)
        else:
            os.unlink(program)
        return expect_frames(trace_pid(where, p.pid)[0], *NAMES)


def source_lines():
    where = folder("lines")
    lines = run_traced(where, os.path.join(PROGRAMS, "victim"), "--lines")
    with open(os.path.join(harness.ROOT, "tests/symbols/victim.c"), encoding="ascii") as f:
        source = f.read().splitlines()

    def at(text):
        return source.index(text) + 1
    return expect_frames(lines, f"main (victim.c:{at('		hidden_caller(1000000);')})",
                         f"hidden_caller (victim.c:{at('	hidden_leaf(n);')})",
                         f"hidden_leaf (victim.c:{at('	hidden_inlined(n);')})", least=0.7)


def source_inlined():
    where = folder("lines-inlined")
    lines = run_traced(where, os.path.join(PROGRAMS, "victim"), "--lines")
    inlined = sum(line.value for line in lines if line.state == "on-CPU" and
                  any(f.startswith("hidden_inlined (victim.c:") and f.endswith(")_[i]")
                      for f in line.frames))
    total = sum(line.value for line in lines if line.state == "on-CPU")
    expect(inlined > 0.7 * total, f"{inlined} of {total} ns in the inlined function")
    return f"{inlined / total:.1%} in the inlined function"


def source_lines_apart():
    """From a separate debug file, its sections packed."""
    where = folder("lines-apart")
    program, debug = split(where, link=True)
    call("objcopy", "--compress-debug-sections=zlib", debug)
    lines = run_traced(where, program, "--lines")
    with open(os.path.join(harness.ROOT, "tests/symbols/victim.c"), encoding="ascii") as f:
        line = f.read().splitlines().index("	hidden_inlined(n);") + 1
    return expect_frames(lines, f"hidden_leaf (victim.c:{line})", least=0.7)


def report(checks):
    def test():
        need_root()
        r = Report()
        for name, function, *args in checks:
            r.check(name, function, *args)
        return 1 if r.failed else 0
    return test


TESTS = {
    "debug-files": (200, report([
        ("stripped-is-not-named", stripped),
        ("build-id-on-the-host", host_build_id),
        ("link-beside", link_beside),
        ("link-beside-by-checksum", link_beside, False),
        ("link-in-.debug", link_in_debug),
        ("link-in-usr-lib-debug", link_in_tree),
        ("wrong-checksum", wrong_checksum),
        ("wrong-build-id", wrong_build_id),
        ("fifo", odd_file, "fifo"),
        ("folder", odd_file, "folder"),
        ("link-loop", odd_file, "loop"),
        ("device", odd_file, "device"),
    ])),
    "containers": (90, report([
        ("debug-file-in-the-root", container),
        ("absolute-link", container_link),
        ("link-out-of-the-root", container_escape),
    ])),
    "mini-debug": (90, report([("named", mini), ("bomb", bomb)])),
    "gone": (90, report([
        ("exited-and-deleted", ends),
        ("replaced", replaced, "replaced"),
        ("deleted", replaced, "deleted"),
    ])),
    "lines": (90, report([
        ("lines", source_lines),
        ("inlined", source_inlined),
        ("separate-and-packed", source_lines_apart),
    ])),
}
