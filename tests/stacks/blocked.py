# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Threads of a Python interpreter, each blocked for good in another way."""

import os
import queue
import select
import socket
import threading
import time


def recurse(n, last):
    return recurse(n - 1, last) if n else last()


lock = threading.Lock()
lock.acquire()
listener = socket.create_server(("127.0.0.1", 0))
readable, _ = os.pipe()
epoll = select.epoll()
WAITS = (
    lock.acquire,
    queue.Queue().get,
    threading.Event().wait,
    listener.accept,
    lambda: os.read(readable, 1),
    lambda: select.select([readable], [], []),
    epoll.poll,
    lambda: time.sleep(1000),
    # Through a builtin that calls back.
    lambda: sorted([1, 2], key=lambda _: time.sleep(1000)),
)
for number, wait in enumerate(WAITS):
    threading.Thread(target=recurse, args=(number, wait), daemon=True).start()
time.sleep(0.3)
print("ready", flush=True)
time.sleep(1000)
