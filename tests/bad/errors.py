# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs that cannot begin, or whose results cannot be written: one line, the right status."""

import os
import shlex
import subprocess

import harness
from harness import INFBPF, Skip, expect, need_root, need_tool, one_line, run
from tool import Trace, fails, folder, sleeper, victim


def unused_pid():
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
        pid = int(f.read()) - 1
    while os.path.exists(f"/proc/{pid}"):
        pid -= 1
    return str(pid)


def test_usage():
    with sleeper() as target:
        pid = str(target.pid)
        for args in (["trace"], ["trace", "-p"], ["trace", "--no-such-option"], ["no-such-command"],
                     ["trace", "-p", pid, "--unit", "h"], ["trace", "-p", pid, "--state", "no"],
                     ["trace", "-p", pid, "extra"], []):
            status, out, err = run([INFBPF, *args], timeout=20)
            expect(status == 2, f"{args}: ended with {status}: {err!r}")
            expect(err.startswith(("infbpf: ", "usage: ", "Usage: ")), f"{args}: {err!r}")
            expect(out == "", f"{args}: wrote to stdout")
        for args, needle in ((["--gpu-calls", "launch,lunch,copy"], "'lunch' is none of"),
                             (["--gpu-calls", ""], "is none of"),
                             (["--returns", "some"], "auto, none"),
                             (["--cost-per-hour", "much"], "'much' is no amount of money"),
                             (["--cost-per-hour=-1"], "'-1' is no amount of money"),
                             (["--timeline=soon"], "not a duration"),
                             (["--timeline=10us"], "less than 1ms"),
                             (["--returns", "none", "--driver"], "--returns none"),
                             (["--returns", "none", "--leaks", "/dev/null"], "--returns none"),
                             (["--gpu-calls", "launch", "--leaks", "/dev/null"], "launch,alloc"),
                             (["--stage", "decode"], "is not NAME=PATH:FUNCTION"),
                             (["--stage", "decode=libllama.so:"], "names no function"),
                             (["--stage", "=:f"], "names no file"),
                             (["--stage", "=./a.out:main"], "relative path"),
                             (["--stage", "100%=a:main"], "other %"),
                             (["--preset", "vllm"], "'vllm' is none of llama.cpp, "),
                             (["--preset", "triton,"], "'' is none of llama.cpp, "),
                             (["--preset", "/no/such/preset"], "/no/such/preset"),
                             (["--preset", "/dev/null"], "names no function"),
                             (["--preset", "/bin/sh"], "/bin/sh")):
            fails(["trace", "-p", pid, *args], 2, needle)


def test_durations():
    with sleeper() as target:
        for bad in ("0", "-1", "-0.5", "x", "5x", "", "1e400", "nan"):
            for option in ("-d", "--period"):
                # "=": a value that begins with a dash is a value all the same.
                args = [f"-d{bad}"] if option == "-d" and bad else \
                    [option, bad] if not bad.startswith("-") else [f"{option}={bad}"]
                fails(["trace", "-p", str(target.pid), *args], 2, option.strip("-")[:1])


def test_pid_malformed():
    for bad in ("abc", "0", "-5", "1x", "1,,2", "99999999999999999999", ""):
        fails(["trace", f"--pid={bad}", "-d", "1"], 2)


def test_no_such_pid():
    need_root()
    pid = unused_pid()
    fails(["trace", "-p", pid, "-d", "1"], 4, pid)
    fails(["trace", "-p", f"{os.getpid()},{pid}", "-d", "1"], 4, pid)
    fails(["trace", "-c", "/no/such/cgroup", "-d", "1"], 4, "/no/such/cgroup")


def test_no_such_command():
    need_root()
    status, out, err = run([INFBPF, "trace", "-o", "/dev/null", "--", "/no/such/program"])
    expect(status in (4, 127), f"ended with {status}: {err!r}")
    # That it attached comes before: the command starts only then.
    one_line("\n".join(s for s in err.splitlines() if ": attached to " not in s), "/no/such/program")


def test_exited_at_once():
    """The pid is there when it is looked up, and gone, or a zombie, right after."""
    need_root()
    where = folder("exited-at-once")
    zombie = subprocess.Popen(["true"])
    try:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        fails(["trace", "-p", str(zombie.pid), "-d", "5"], 4, str(zombie.pid))
    finally:
        zombie.wait()
    for delay in ("0.001", "0.05", "0.2", "0.4"):
        target = subprocess.Popen(["sleep", delay])
        reaper = subprocess.Popen(["sh", "-c", "sleep 20"])
        with Trace(where, "-p", str(target.pid), "-d", "10") as trace:
            target.wait()
            status = trace.wait(9)
            expect(status in (0, 4), f"ended with {status}: {trace.errors}")
            if status == 0:
                trace.results()
            else:
                one_line(trace.errors, str(target.pid))
        reaper.kill()
        reaper.wait()


def test_not_root():
    need_root()
    need_tool("setpriv", "util-linux")
    # A copy where anybody can reach it: a checkout may lie in root's home.
    where = "/tmp/infbpf-not-root"
    copy = os.path.join(where, "infbpf")
    os.makedirs(where, exist_ok=True)
    try:
        subprocess.run(["cp", INFBPF, copy], check=True)
        os.chmod(where, 0o755)
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                     "--inh-caps=-all", "--bounding-set=-all"]
        p = subprocess.Popen([*as_nobody, "sleep", "30"])
        status, out, err = run([*as_nobody, copy, "trace", "-p", str(p.pid), "-d", "1", "-o",
                                "/dev/null"], timeout=30)
        p.kill()
        p.wait()
        expect(status == 3, f"ended with {status}: {err!r}")
        line = one_line(err)
        expect("root" in line or "CAP_" in line, f"does not say what is missing: {line}")
        print(line)
        # What needs no privileges works.
        for args in (["--version"], ["--help"], ["trace", "--help"]):
            status, out, err = run([*as_nobody, copy, *args], timeout=10)
            expect(status == 0 and out, f"{args}: {status} {err!r}")
    finally:
        subprocess.run(["rm", "-rf", where], check=False)


def test_no_btf():
    need_root()
    need_tool("unshare", "util-linux")
    with sleeper() as target:
        script = ("mount -t tmpfs none /sys/kernel/btf && for d in /boot /lib/modules /usr/lib/debug; "
                  "do [ ! -d $d ] || mount -t tmpfs none $d || exit 99; done; "
                  f"exec {shlex.quote(INFBPF)} trace -p {target.pid} -d 1 -o /dev/null")
        status, _, err = run(["unshare", "-m", "sh", "-c", script], timeout=30)
    if status == 99 or "mount:" in err or "unshare:" in err:
        raise Skip(f"cannot hide the kernel's BTF: {err.strip()}")
    expect(status == 3, f"ended with {status}: {err!r}")
    print(one_line(err, "BTF"))


def test_dev_full():
    """The folded file cannot be written: said once, with the rest complete."""
    need_root()
    where = folder("dev-full")
    with victim() as target:
        j = os.path.join(where, "trace.json")
        status, _, err = run([INFBPF, "trace", "-p", str(target.pid), "-d", "1", "-o", "/dev/full",
                              "--json", j])
        expect(status == 1, f"ended with {status}: {err!r}")
        errors = [line for line in err.splitlines() if "No space left" in line]
        expect(len(errors) == 1 and "/dev/full" in errors[0], f"stderr: {err!r}")
        expect(harness.read_json(j)["threads"], "no threads in the JSON")
        folded = os.path.join(where, "trace.folded")
        status, _, err = run([INFBPF, "trace", "-p", str(target.pid), "-d", "1", "-o", folded,
                              "--json", "/dev/full"])
        expect(status == 1 and "No space left" in err, f"{status}: {err!r}")
        expect(harness.read_folded(folded), "no folded lines")


def test_stdout_full():
    need_root()
    with victim() as target, open("/dev/full", "w", encoding="ascii") as full:
        p = subprocess.run([INFBPF, "trace", "-p", str(target.pid), "-d", "1"], stdout=full,
                           stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=30)
    expect(p.returncode == 1, f"ended with {p.returncode}: {p.stderr!r}")
    expect(p.stderr.count("No space left") == 1, f"stderr: {p.stderr!r}")


def test_closed_pipe():
    """infbpf trace | head -c0: the reader has seen enough, which is no failure; but no death by
    SIGPIPE before the rest is written."""
    need_root()
    where = folder("closed-pipe")
    with victim() as target:
        j = os.path.join(where, "trace.json")
        read_end, write_end = os.pipe()
        os.close(read_end)
        p = subprocess.run([INFBPF, "trace", "-p", str(target.pid), "-d", "1", "--json", j],
                           stdout=write_end, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                           text=True, timeout=30)
        os.close(write_end)
    expect(p.returncode == 0, f"ended with {p.returncode}: {p.stderr!r}")
    expect(harness.read_json(j)["threads"], "no threads in the JSON")


def test_unwritable():
    """Found before anything is traced: an hour of tracing must not end in this."""
    need_root()
    with sleeper() as target:
        for option in ("-o", "--json"):
            for path in ("/no/such/folder/x", "/proc/x", "/"):
                fails(["trace", "-p", str(target.pid), "-d", "20", option, path], 1, path,
                      timeout=10)


def test_diff():
    """What cannot be compared: files that are missing, empty, no profiles, of two kinds; sets that are none."""
    where = folder("diff")

    def write(name, text):
        path = os.path.join(where, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    good = write("good.folded", "a;b 10\n")
    profile = write("good.json", '{"version":1,"duration_ns":10,"period_ns":5,"stacks":0,"threads":[]}')
    for args, status, words in (
            ([], 2, ["compare what"]), ([good], 2, ["compare what"]), ([good, good, good], 2, ["3 files", "'--'"]),
            ([good, "--", good, "--", good], 2, ["second"]), ([good, "--"], 2, ["compare what"]),
            ([good, profile], 2, [good, profile]), ([good, good, "--wide"], 2, ["--wide"]),
            ([profile, profile, "--svg", "x.svg"], 2, ["--svg"]), ([profile, profile, "--per", "hour"], 2, ["second, request"]),
            ([profile, profile, "--per", "request"], 1, ["no requests", profile]),
            ([profile, profile, "--min-effect", "x"], 2, ["--min-effect"]), ([good, good, "--unit", ""], 2, ["--unit"]),
            ([good, "--", good, good], 2, ["two files"]), ([profile] * 201, 2, ["200"]),
            (["/no/such.folded", good], 1, ["/no/such.folded"]), ([profile, "/no/such.json"], 1, ["/no/such.json"]),
            ([good, write("empty.folded", "")], 1, ["empty.folded", "empty"]),
            ([good, write("no.folded", "nothing\n")], 1, ["no.folded", "line 1"]),
            ([profile, write("empty.json", "")], 1, ["empty.json"]), ([profile, write("cut.json", '{"version":1,"dura')], 1, ["cut.json"]),
            ([profile, write("other.json", '{"a":1}')], 1, ["other.json"]), ([good, where], 1, ["directory"]),
            ([profile, profile, "-o", "/no/such/x"], 1, ["/no/such/x"]),
            ([good, good, "--svg", "/no/such/x.svg"], 1, ["/no/such/x.svg"])):
        fails(["diff", *args], status, *words)
    for option in (["-o", "/dev/full"], ["-o", "/dev/null", "--json", "/dev/full"]):
        fails(["diff", profile, profile, *option], 1, "No space left")
    fails(["diff", good, good, "--svg", "/dev/full"], 1, "No space left")


def test_fail_if():
    """Conditions that are none, and what was not measured: never a pass in silence."""
    where = folder("fail-if")
    profile = os.path.join(where, "good.json")
    with open(profile, "w", encoding="utf-8") as f:
        f.write('{"version":1,"duration_ns":10,"period_ns":5,"stacks":0,"threads":[]}')
    for condition, status, word in (("", 2, "no condition"), ("request.p95 > 50", 2, "50ms"), ("nothing.p95 > 5ms", 2, "no such section"),
                                    ("request.p42 > 5ms", 2, "p50 p95"), ("stage:x.p95 > 5ms", 1, "not measured"),
                                    ("call:cudaMalloc.rate > 5", 1, "not measured"), ("request.p95 > 5ms", 1, "not measured"),
                                    ("stage:\x1b[31m.p95 > 5ms", 1, "?[31m"), ("x" * 500, 2, "too long")):
        fails(["report", profile, "-o", "/dev/null", "--fail-if", condition], status, word)


TESTS = {name[5:].replace("_", "-"): (150, function) for name, function in list(globals().items())
         if name.startswith("test_")}
