# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The chains of the known programs, and how a stack is held against them.

A stack becomes words: a function of the program is its own name, everything else (the C library,
the linker, the program's clocks) is "L", however many frames of it follow each other; what infbpf
says where it does not know is "?". A chain is a pattern of words from the root on. It may stop at
any depth, since a thread is at some moments in the outer functions themselves; what it can not do
is leave a frame out."""

import re

# Said where infbpf does not know better.
UNKNOWN = ("[unknown]", "[not sampled]", "[truncated]", "[incomplete]", "[before trace]")
STATE = re.compile(r"^\[(run queue|blocked: .*)\]$")
# What a wait was for, before its state.
KIND = re.compile(r"^\[[A-Za-z_ ]+\]$")


def user_frames(line):
    """The user frames of a folded line, outermost first."""
    frames = line.frames
    if frames and STATE.match(frames[-1]):
        frames = frames[:-1]
        if frames and KIND.match(frames[-1]) and frames[-1] not in UNKNOWN:
            frames = frames[:-1]
    return [f for f in frames if not f.endswith("_[k]")]


def down(*names):
    """A chain that may stop at any depth, then perhaps be in a library."""
    text = ""
    for name in reversed(names):
        text = f"(?:;{name}{text})?"
    return text


def under_main(first, *names):
    return f"(?:L;)?main;{first}{down(*names)}(?:;L)?"


# Each calls the other only, ping() comes first.
PING_PONG = "(?:;ping;pong)*(?:;ping)?"
HANDLER = down("handler_a", "handler_b", "spin")


def interrupted(name, handler):
    """phase, a, b, ping, pong ... and anywhere below the phase the handler, on top of whatever was
    interrupted. The frame that the kernel made (a return into the C library) may have no name."""
    below = f"(?:;{name}_a(?:;{name}_b{PING_PONG})?)?"
    return f"(?:L;)?main;{name}_phase{below}(?:;L)?(?:;{handler}{HANDLER})?(?:;L)?"


C_PHASES = {
    "chain": under_main("chain_phase", "chain_a", "chain_b", "chain_c", "spin"),
    "recursion": f"(?:L;)?main;recursion_phase{PING_PONG}(?:;L)?",
    "deep": "(?:L;)?main;deep_phase(?:(?:;deep){0,90}(?:;L)?|(?:;deep){91};spin)",
    "pointer": under_main("pointer_phase", "pointer_a", "pointer_(?:even|odd)", "spin"),
    "qsort": under_main("qsort_phase", "L", "compare"),
    "signal": interrupted("signal", "on_signal"),
    "alt": interrupted("alt", "on_alt_signal"),
    "raise": f"(?:L;)?main;raise_phase(?:;L)?(?:;on_signal{HANDLER})?(?:;L)?",
    "vla": under_main("vla_phase", "vla_a", "vla_b", "touch", "spin"),
    "large": under_main("large_phase", "large_a", "large_b", "large_c", "touch", "spin"),
    "aligned": under_main("aligned_phase", "aligned_a", "touch", "spin"),
    "saver": under_main("saver_phase", "saver"),
    "padded": under_main("padded_phase", "padded"),
    "cold": under_main("cold_phase", "cold_b", "cold_c", "spin"),
    "jump": f"(?:L;)?main;jump_phase(?:;jump_a(?:;jump_b{PING_PONG})?)?(?:;L)?",
    # On a stack of its own, which begins in the C library.
    "co": f"(?:{under_main('co_phase')}|(?:L;)?co_entry{down('co_a', 'spin')}(?:;L)?)",
    "plt": under_main("plt_phase", "lib_tiny"),
    "vdso": under_main("vdso_phase"),
    "sleep": under_main("sleep_phase", "sleep_a", "sleep_b"),
}
C_THREADS = {
    "worker": "(?:L;)?worker_thread" + down("worker_a", "worker_b", "spin") + "(?:;L)?",
    "plugin": "(?:L;)?plugin_thread;L;plugin_begin" + down("plugin_a", "plugin_b", "spin") +
              "(?:;L)?",
}
CPP_PHASES = {
    # What cleans up runs with the frames below it gone.
    "throw": f"(?:L;)?main;throw_phase(?:;throw_a(?:;throw_b(?:;throw_c(?:;spin)?)?)?)?(?:;L)?"
             f"(?:;(?:~guard|caught){PING_PONG})?(?:;L)?",
    "again": "(?:L;)?main;again_phase(?:;again_a(?:;again_b)?)?(?:;L|;spin)?",
    "quiet": f"(?:L;)?main;quiet_phase(?:;quiet_a(?:;quiet_b(?:;spin|;~guard{PING_PONG})?)?)?(?:;L)?",
    # No "L" before the call: the compiler may make it a direct one.
    "virtual": under_main("virtual_phase", "virtual_a", "area", "spin"),
    # Templates of the library become functions of the program, with names of their own: "L".
    "sort": "(?:L;)?main;sort_phase(?:;L)?(?:;less)?(?:;L)?",
    "function": "(?:L;)?main;function_phase(?:;L)?(?:;function_b(?:;spin)?)?(?:;L)?",
    "sleep": under_main("sleep_phase", "sleep_a"),
}
RUST_PHASES = {
    "chain": under_main("chain_phase", "chain_a", "chain_b", "chain_c", "spin"),
    "recursion": f"(?:L;)?main;recursion_phase{PING_PONG}(?:;L)?",
    "virtual": under_main("virtual_phase", "virtual_a", "area", "spin"),
    "panic": "(?:L;)?main;panic_phase(?:;L)?(?:;panic_a(?:;panic_b(?:;spin)?)?)?(?:;L)?",
    "sleep": under_main("sleep_phase", "sleep_a"),
}
RUST_THREADS = {
    "worker": "L;worker_thread(?:;(?:worker_a(?:;spin)?|sleep_a))?(?:;L)?",
}


BETWEEN = re.compile("(?:L;)?main(?:;L)?")
# Runs to its end: see known.py.
BEGIN_PHASES = {
    "before": "L;whole_run;work(?:;spin|;L)?",
    "in": "L;main;work(?:;spin|;L)?",
    "after": "L;~whole_run;work(?:;spin|;L)?",
}


class Program:
    """kind: c, cpp, rust or begin."""

    def __init__(self, kind):
        self.phases = {"c": C_PHASES, "cpp": CPP_PHASES, "rust": RUST_PHASES,
                       "begin": BEGIN_PHASES}[kind]
        self.threads = {"c": C_THREADS, "rust": RUST_THREADS}.get(kind, {})
        self.rust = kind == "rust"
        chains = [*self.phases.values(), *self.threads.values()]
        self.words = set(re.findall(r"~?[a-z_]{2,}", " ".join(chains))) | {"pointer_even",
                                                                          "pointer_odd"}
        self.phase_patterns = {k: re.compile(v) for k, v in self.phases.items()}
        self.thread_patterns = {k: re.compile(v) for k, v in self.threads.items()}

    def word(self, frame):
        if frame in UNKNOWN:
            return "?"
        # "known::chain_a", "<known::Circle as known::Shape>::area"; a debugger adds the hash.
        if self.rust and not re.match(r"<?known::", frame):
            return "L"
        name = re.sub(r"::h[0-9a-f]{16}$", "", frame)
        # "(anonymous namespace)::circle::area"; a debugger adds parameters.
        name = name.replace("(anonymous namespace)::", "").split("(")[0]
        if name.startswith(("std::", "void std::", "bool std::")):
            return "L"
        name = name.split("::")[-1]
        # What compilers append: to the part of a function that is seldom run, and the like.
        name = re.sub(r"( \[clone )?(\.(cold|part|constprop|isra|llvm|lto_priv)(\.\d+)?)+\]?$", "", name)
        return name if name in self.words else "L"

    def chain(self, frames):
        words = []
        for frame in frames:
            word = self.word(frame)
            # The gap before a function is no place to be.
            if words[-1:] == ["padded_phase"] and frame.startswith("[known"):
                word = "?"
            if word != "L" or words[-1:] != ["L"]:
                words.append(word)
        return ";".join(words)

    def phase(self, thread, frames):
        """The phase, or thread, whose chain this is; None: no such chain."""
        chain = self.chain(frames)
        if thread in self.thread_patterns:
            return thread if self.thread_patterns[thread].fullmatch(chain) else None
        for name, pattern in self.phase_patterns.items():
            if pattern.fullmatch(chain):
                return name
        # Between two phases.
        return "main" if BETWEEN.fullmatch(chain) else None
