# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs of packages that would start a service when installed: unpacked under build/, not
installed, with what they need and this machine lacks."""

import os
import re
import shutil
import subprocess

from harness import BUILD, Skip

ROOT = os.path.join(BUILD, "tests", "packages")


def quietly(argv, cwd, seconds):
    try:
        return subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds, check=True).stdout
    except (OSError, subprocess.SubprocessError) as e:
        said = getattr(e, "stderr", "") or ""
        raise Skip(f"{argv[0]}: {(str(said).strip().splitlines() or [e])[-1]}") from e


def unpacked(package):
    """The folder where a package's files lie."""
    folder = os.path.join(ROOT, package)
    if os.path.isdir(folder):
        return folder
    part = folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    try:
        out = quietly(["apt-get", "-s", "install", "--no-install-recommends", package], part, 30)
        names = re.findall(r"^Inst (\S+)", out, re.M)
        if not names:
            raise Skip(f"{package} is installed, but not where it is looked for")
        quietly(["apt-get", "-q", "download", *names], part, 60)
        for name in os.listdir(part):
            if name.endswith(".deb"):
                quietly(["dpkg-deb", "-x", name, "."], part, 30)
                os.unlink(os.path.join(part, name))
        os.rename(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def program(name, package, *places):
    """(path, environment to run it in): where it is installed, else out of its package. places:
    folders to look in besides the usual ones."""
    for folder in (*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin", *places):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path, dict(os.environ)
    folder = unpacked(package)
    for place in ("usr/sbin", "usr/bin", *(p.lstrip("/") for p in places)):
        path = os.path.join(folder, place, name)
        if os.access(path, os.X_OK):
            libraries = ":".join(os.path.join(folder, p) for p in
                                 ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))
            return path, dict(os.environ, LD_LIBRARY_PATH=libraries)
    raise Skip(f"no {name} in package {package}")
