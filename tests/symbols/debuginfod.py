# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Debug files from a server: one that answers, one that does not have it, one that hangs."""

import contextlib
import ctypes
import http.server
import os
import tempfile
import threading
import time

from harness import INFBPF, Skip, expect, need_root
from files import NAMES, report
from traced import build_id, call, expect_frames, expect_nowhere, folder, running, split, trace_pid


def need_library():
    need_root()
    try:
        ctypes.CDLL("libdebuginfod.so.1")
    except OSError:
        raise Skip("no libdebuginfod.so.1 (package libdebuginfod1)") from None
    if "INTERP" not in call("readelf", "-l", INFBPF):
        raise Skip("this infbpf is static: it cannot load libdebuginfod")


class Handler(http.server.BaseHTTPRequestHandler):
    files = {}     # path: file
    hang = None    # an event: answer only then
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        if self.hang:
            self.hang.wait(60)
        # Whoever asked may have left by now.
        with contextlib.suppress(OSError):
            self.answer()

    def answer(self):
        if self.path not in self.files:
            self.send_error(404)
            return
        with open(self.files[self.path], "rb") as f:
            data = f.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def server(files, hang=None):
    handler = type("Asked", (Handler,), {"files": files, "hang": hang, "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as s:
        s.daemon_threads = True
        threading.Thread(target=s.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{s.server_port}", handler.asked
        finally:
            if hang:
                hang.set()
            s.shutdown()


def traced(where, program, url):
    cache = tempfile.mkdtemp(dir=where)  # what is not there is remembered too
    with running(program) as p:
        start = time.monotonic()
        lines, err = trace_pid(where, p.pid, env={"DEBUGINFOD_URLS": url,
                                                  "DEBUGINFOD_CACHE_PATH": cache,
                                                  "DEBUGINFOD_TIMEOUT": "60", "no_proxy": "*"})
        return lines, err, time.monotonic() - start


def fetched():
    need_library()
    where = folder("debuginfod")
    program, debug = split(where)
    with server({f"/buildid/{build_id(program)}/debuginfo": debug}) as (url, asked):
        lines, _, took = traced(where, program, url)
    expect(asked, "the server was not asked")
    return expect_frames(lines, *NAMES) + f", {took:.1f} s"


def not_there():
    need_library()
    where = folder("debuginfod-404")
    program, _ = split(where)
    with server({}) as (url, asked):
        lines, _, took = traced(where, program, url)
    expect(asked, "the server was not asked")
    expect_nowhere(lines, "hidden_")
    return f"{took:.1f} s"


def another_file():
    """What the server sends is another program's: it is not used."""
    need_library()
    where = folder("debuginfod-wrong")
    program, debug = split(where)
    of = bytes.fromhex(build_id(program))
    with open(debug, "rb") as f:
        data = f.read().replace(of, bytes(reversed(of)))
    with open(debug, "wb") as f:
        f.write(data)
    with server({f"/buildid/{of.hex()}/debuginfo": debug}) as (url, asked):
        lines, _, _ = traced(where, program, url)
    expect(asked, "the server was not asked")
    expect_nowhere(lines, "hidden_")


def hangs():
    """A server that never answers costs its names, and 3 seconds at the end."""
    need_library()
    where = folder("debuginfod-hangs")
    program, _ = split(where)
    with server({}) as (url, _):
        _, _, quick = traced(where, program, url)
    with server({}, threading.Event()) as (url, asked):
        lines, _, took = traced(where, program, url)
    expect(asked, "the server was not asked")
    expect_nowhere(lines, "hidden_")
    expect(took - quick < 6, f"{took:.1f} s, with a server that answers {quick:.1f} s")
    return f"{took:.1f} s, with a server that answers {quick:.1f} s"


TESTS = {
    "debuginfod": (120, report([
        ("fetched", fetched),
        ("not-there", not_there),
        ("another-file", another_file),
        ("server-hangs", hangs),
    ])),
}
