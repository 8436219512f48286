# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The fuzz targets: where they and their inputs are, and how to run one. For tests/fuzz/run (a few
seconds each) and scripts/fuzz (the long run)."""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from harness import BUILD, Skip, Wrong  # noqa: E402

HERE = os.path.join(ROOT, "tests", "fuzz")
OUT = os.path.join(BUILD, "tests", "fuzz")
CRASHES = os.path.join(OUT, "crashes")
# Targets whose input is an ELF file share a dictionary.
ELF = ("cuda_find", "elf", "lines", "unwind")
# Memory and seconds for one input. ASan's quarantine counts as memory, so it is kept small.
LIMITS = ["-rss_limit_mb=512", "-timeout=5"]
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=16",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def names():
    return sorted(os.path.basename(p)[len("fuzz_"):-len(".c")]
                  for p in glob.glob(os.path.join(HERE, "fuzz_*.c")))


def program(name):
    """The target's program, which is only built where clang can."""
    path = os.path.join(OUT, f"fuzz_{name}")
    if not os.access(path, os.X_OK):
        raise Skip("not built: clang has no fuzzer runtime (package libclang-rt-dev), or no "
                   "make test-programs")
    return path


def relative(path):
    return os.path.relpath(path, ROOT)


def dictionary(name):
    for stem in [name] + ["elf"] * (name in ELF):
        path = os.path.join(HERE, f"{stem}.dict")
        if os.path.exists(path):
            return [f"-dict={path}"]
    return []


def split_lines(name):
    """Seeds of one line without its end are kept together in one file of the tree."""
    path, to = os.path.join(HERE, "seeds", f"{name}.lines"), os.path.join(OUT, "seeds-lines", name)
    shutil.rmtree(to, ignore_errors=True)
    if os.path.exists(path):
        os.makedirs(to)
        with open(path, "rb") as f:
            seeds_of = [line for line in f.read().splitlines() if not line.startswith(b"#")]
        for n, line in enumerate(seeds_of):
            with open(os.path.join(to, str(n)), "wb") as f:
                f.write(line)
    return to


def seeds(name):
    """Folders of inputs to begin from: the tree's and the compiled ones."""
    folders = [os.path.join(HERE, "seeds", name), os.path.join(OUT, "seeds", name),
               split_lines(name)]
    return [f for f in folders if os.path.isdir(f) and os.listdir(f)]


def decode_hex(text):
    return bytes.fromhex(re.sub(r"#.*", "", text))


def encode_hex(data, comment):
    lines = ["# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause", f"# {comment}"]
    lines += [data[at:at + 32].hex(" ") for at in range(0, len(data), 32)]
    return "\n".join(lines) + "\n"


def regressions(name):
    """Inputs of past crashes, as files: the tree has those that are no text in hex."""
    found = []
    to = os.path.join(OUT, "regressions", name)
    shutil.rmtree(to, ignore_errors=True)
    for path in sorted(glob.glob(os.path.join(HERE, "regressions", name, "*"))):
        if path.endswith(".hex"):
            os.makedirs(to, exist_ok=True)
            with open(path, encoding="ascii") as f:
                data = decode_hex(f.read())
            path = os.path.join(to, os.path.basename(path)[:-len(".hex")])
            with open(path, "wb") as f:
                f.write(data)
        found.append(path)
    return found


def keep(path):
    """Makes a crash's input one that every run tries again."""
    name = next(n for n in sorted(names(), key=len, reverse=True)
                if os.path.basename(path).startswith(n + "-"))
    with open(path, "rb") as f:
        data = f.read()
    to = os.path.join(HERE, "regressions", name, hashlib.sha1(data).hexdigest()[:8] + ".hex")
    os.makedirs(os.path.dirname(to), exist_ok=True)
    with open(to, "w", encoding="ascii") as f:
        f.write(encode_hex(data, "(what was wrong)"))
    return relative(to)


def execute(name, arguments, log, seconds):
    """Runs a target. Returns what it printed; a crash raises Wrong, which says how to see it again."""
    os.makedirs(CRASHES, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix=f"{name}-", dir=OUT)
    argv = [program(name), *LIMITS, f"-artifact_prefix={CRASHES}/{name}-", *arguments]
    with open(log, "wb") as out:
        try:
            status = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=subprocess.STDOUT, cwd=ROOT, timeout=seconds,
                                    env=dict(os.environ, TMPDIR=scratch, **SANITIZERS)).returncode
        except subprocess.TimeoutExpired as e:
            raise Wrong(f"still running after {seconds} s: see {relative(log)}") from e
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    if status:
        raise Wrong(crash_text(name, text, log))
    return text


def crash_text(name, text, log):
    written = re.search(r"Test unit written to (\S+)", text)
    running = re.findall(r"^Running: (\S+)", text, re.M)
    told = re.search(r"^(SUMMARY: .*|.*: not so: .*|.*: runtime error: .*)$", text, re.M)
    crash = written[1] if written else running[-1] if running else None
    lines = [f"{told[1] if told else 'failed'}: see {relative(log)}"]
    if crash:
        where = relative(os.path.join(ROOT, crash))
        options = " ".join(f"{k}={v}" for k, v in SANITIZERS.items())
        lines += [f"again: {options} {relative(program(name))} {' '.join(LIMITS)} {where}"]
        if written:
            lines += [f"keep:  scripts/fuzz --keep {where}"]
    return "\n    ".join(lines)


def replay(name, seconds):
    """Every past crash again. Returns how many there were."""
    inputs = regressions(name)
    if inputs:
        execute(name, inputs, os.path.join(OUT, f"{name}.regressions.log"), seconds)
    return len(inputs)


class Run:
    """What libFuzzer says of a run."""

    def __init__(self, text):
        done = re.search(r"^Done (\d+) runs in (\d+) second", text, re.M)
        if not done:
            raise Wrong("libFuzzer did not say how many runs it made")
        self.runs, self.seconds = int(done[1]), int(done[2])
        states = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)/", text)
        self.coverage, self.corpus = (int(states[-1][0]), int(states[-1][2])) if states else (0, 0)

    def __str__(self):
        return (f"{self.runs} runs in {self.seconds} s, {self.coverage} edges, "
                f"{self.corpus} inputs kept")


def fuzz(name, seconds, seed=None, corpus=None):
    """Fuzzes for so long from the seeds. corpus: a folder that is added to, else a new one."""
    # A short run may come while a long one is under way.
    log = os.path.join(OUT, f"{name}{'.long' if corpus else ''}.log")
    if not corpus:
        corpus = os.path.join(OUT, "corpus-short", name)
        shutil.rmtree(corpus, ignore_errors=True)
    os.makedirs(corpus, exist_ok=True)
    arguments = [f"-max_total_time={seconds}", "-print_final_stats=1", *dictionary(name)]
    if seed is not None:
        arguments.append(f"-seed={seed}")
    # What it does after its time: finishes an input, looks for leaks.
    return Run(execute(name, [*arguments, corpus, *seeds(name)], log, seconds + 60))
