# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""bpftrace counts the entries of functions of a library while something runs."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile

from harness import Skip, Wrong, need_tool, wait_until


@contextlib.contextmanager
def counting(library, names, where):
    """with counting(...) as counts: run; afterwards counts is {name: entries}."""
    bpftrace = need_tool("bpftrace", "bpftrace")
    # By a name that needs no quoting in its language, wherever the checkout lies.
    short = tempfile.mkdtemp(prefix="infbpf-")
    link = os.path.join(short, os.path.basename(library))
    os.symlink(os.path.realpath(library), link)
    script = 'BEGIN { printf("counting\\n"); } ' + \
        " ".join(f'uprobe:{link}:{n} {{ @calls["{n}"] = count(); }}' for n in names)
    path = os.path.join(where, "counts")
    with open(path, "w", encoding="ascii") as out:
        counter = subprocess.Popen([bpftrace, "-e", script], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT)

    def said():
        with open(path, encoding="utf-8") as f:
            return f.read()

    def attached():
        if counter.poll() is not None:
            raise Skip(f"bpftrace cannot here: {said().strip()[-200:]}")
        return "counting" in said()

    counts = {}
    try:
        wait_until(60, attached, "bpftrace attached")
        yield counts
    finally:
        counter.terminate()
        try:
            counter.wait(60)
        except subprocess.TimeoutExpired:
            counter.kill()
            raise Wrong("bpftrace does not end") from None
        finally:
            shutil.rmtree(short)
    counts.update({n: int(c) for n, c in re.findall(r"@calls\[(\w+)\]: (\d+)", said())})
