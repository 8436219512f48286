# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real programs at work, each as a context: the processes to trace."""

import contextlib
import glob
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from harness import Skip, Wrong, expect, need_tool, wait_until
from packages import program
from traced import running

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(x) for x in f.read().split()]


def end(process):
    """Ended gently, so that it ends its own; killed if it does not."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def started(argv, **more):
    more.setdefault("stdout", subprocess.DEVNULL)
    more.setdefault("stderr", subprocess.DEVNULL)
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **more)
    try:
        yield process
    finally:
        end(process)


@contextlib.contextmanager
def script(*argv, cwd=None):
    with running([list(argv)], cwd) as (process,):
        time.sleep(0.5)
        yield [process.pid]


def python():
    if not os.access(PYTHON, os.X_OK):
        raise Skip(f"no {PYTHON}")
    return script(PYTHON, os.path.join(HERE, "busy.py"))


@contextlib.contextmanager
def node(*options):
    path = need_tool("node", "nodejs")
    # It leaves a log where it is started.
    with tempfile.TemporaryDirectory() as where, \
            script(path, *options, os.path.join(HERE, "busy.js"), cwd=where) as pids:
        yield pids
    for pid in pids:
        with contextlib.suppress(OSError):
            os.unlink(f"/tmp/perf-{pid}.map")


@contextlib.contextmanager
def java():
    need_tool("javac", "default-jdk-headless")
    path = need_tool("java", "default-jre-headless")
    with tempfile.TemporaryDirectory() as where:
        subprocess.run(["javac", "-d", where, os.path.join(HERE, "Busy.java")], check=True,
                       timeout=60)
        # Its compiler's code has frames only if asked for.
        with script(path, "-XX:+PreserveFramePointer", "-cp", where, "Busy") as pids:
            time.sleep(1)
            yield pids


@contextlib.contextmanager
def nginx():
    path, env = program("nginx", "nginx")
    wrk, wrk_env = program("wrk", "wrk")
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with tempfile.TemporaryDirectory() as where:
        os.chmod(where, 0o755)
        with open(os.path.join(where, "page.html"), "w", encoding="ascii") as f:
            f.write("hello " * 2000)
        config = os.path.join(where, "nginx.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(f"daemon off; worker_processes 2; pid {where}/pid; error_log {where}/error.log;\n"
                    "events { worker_connections 256; }\n"
                    f"http {{ access_log {where}/access.log; gzip on; gzip_types *; "
                    f"client_body_temp_path {where}; proxy_temp_path {where}; "
                    f"fastcgi_temp_path {where}; uwsgi_temp_path {where}; scgi_temp_path {where};\n"
                    f"server {{ listen 127.0.0.1:{port}; root {where}; }} }}\n")
        url = f"http://127.0.0.1:{port}/page.html"

        def answers():
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
                return True
            return False
        with started([path, "-p", where, "-e", f"{where}/error.log", "-c", config],
                     env=env) as server:
            wait_until(10, answers, "nginx answers")
            with started([wrk, "-t1", "-c8", "-d60", "-H", "Accept-Encoding: gzip", url],
                         env=wrk_env):
                time.sleep(0.5)
                yield [server.pid, *children(server.pid)]


@contextlib.contextmanager
def postgres(fsync="off"):
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        raise Skip("no PostgreSQL (package postgresql)")
    tools = found[-1]
    if not os.path.exists(os.path.join(tools, "pgbench")):
        raise Skip("no pgbench (package postgresql-contrib)")
    try:
        user = pwd.getpwnam("postgres")
    except KeyError as e:
        raise Skip("no user postgres") from e
    where = tempfile.mkdtemp(prefix="infbpf-pg-")
    os.chown(where, user.pw_uid, user.pw_gid)
    data = os.path.join(where, "data")
    more = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": where,
            "env": {"PATH": f"{tools}:/usr/bin:/bin", "HOME": where, "LC_ALL": "C"}}
    client = ["-h", where, "-U", "postgres", "postgres"]

    def call(name, *args):
        p = subprocess.run([os.path.join(tools, name), *args], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=60, check=False, **more)
        if p.returncode:
            raise Wrong(f"{name}: {p.stderr.strip()[-300:]}")
    try:
        call("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
        with started([os.path.join(tools, "postgres"), "-D", data, "-k", where, "-c",
                      "listen_addresses=", "-c", f"fsync={fsync}"], **more) as server:
            wait_until(20, lambda: subprocess.run(
                [os.path.join(tools, "pg_isready"), "-q", "-h", where], check=False,
                **more).returncode == 0, "PostgreSQL answers")
            call("pgbench", "-i", "-q", "-s", "2", *client)
            bench = os.path.join(tools, "pgbench")
            with started([bench, "-S", "-c", "2", "-T", "60", *client], **more), \
                    started([bench, "-N", "-n", "-c", "2", "-T", "60", *client], **more):
                time.sleep(1)
                pids = children(server.pid)
                expect(len(pids) >= 4, f"PostgreSQL has {len(pids)} processes")
                yield [server.pid, *pids]
    finally:
        shutil.rmtree(where, ignore_errors=True)


if __name__ == "__main__":
    sys.exit("this is a part of tests/stacks/run")
