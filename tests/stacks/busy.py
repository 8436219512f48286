# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Keeps a Python interpreter busy in many of its parts: one thread computes, one uses a database, one
sleeps between small tasks."""

import hashlib
import json
import random
import re
import sqlite3
import threading
import time
import zlib

TEXT = "The quick brown fox jumps over the lazy dog, 1234 times; " * 40


def as_json():
    return json.loads(json.dumps({"list": list(range(300)), "text": TEXT[:500]}))


def expressions():
    return re.findall(r"(\w+)\s+(\w+),\s*(\d+)", TEXT)


def sorting():
    return sorted((random.random() for _ in range(500)), key=lambda x: -x)


def compressed():
    return hashlib.sha256(zlib.decompress(zlib.compress(TEXT.encode()))).hexdigest()


def recursion(n=14):
    return n if n < 2 else recursion(n - 1) + recursion(n - 2)


def compute():
    while True:
        for work in (as_json, expressions, sorting, compressed, recursion):
            work()


def database():
    db = sqlite3.connect(":memory:")
    db.execute("create table t (a integer primary key, b text)")
    n = 0
    while True:
        db.executemany("insert into t (b) values (?)", [(TEXT[:40],) for _ in range(50)])
        db.execute("select count(*), max(b) from t where b like '%fox%'").fetchall()
        n += 1
        if n % 20 == 0:
            db.execute("delete from t")
        time.sleep(0.005)


def naps():
    done = threading.Event()
    while True:
        done.wait(0.02)
        sorting()


for run in (database, naps):
    threading.Thread(target=run, daemon=True).start()
print("ready", flush=True)
compute()
