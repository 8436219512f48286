#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""make_seeds.py FOLDER: seeds that are no text, compiled from the small sources below into
FOLDER/TARGET/. What a compiler here cannot do is left out."""

import os
import shutil
import subprocess
import sys
import tempfile

C = r"""
typedef int (*fn)(int);
static int odd(int n);
static int even(int n) { return n ? odd(n - 1) : 1; }
static int odd(int n) { return n ? even(n - 1) : 0; }
static inline __attribute__((always_inline)) int twice(int n) { return 2 * n + even(n); }
int visible(int n, fn f) { char room[200]; room[n & 127] = (char)twice(n); return f(room[n & 63]); }
int many(int n) { int a[n & 15]; a[0] = n; return visible(a[0], even); }
void _start(void) { many(7); for (;;) ; }
"""

CXX = r"""
struct Guard { int *p; ~Guard(); };
Guard::~Guard() { *p = 0; }
namespace space { template <typename T> T pass(T t) { if (t > 3) throw t; return t; } }
int outer(int n) { int kept = n; Guard g{&kept}; try { return space::pass(n); } catch (int i) { return i; } }
"""

# As a CUDA runtime begins its functions.
CUDA = r"""
.macro entry name
.globl \name
.type \name,@function
\name:
.endm
.text
entry cudaLaunchKernel
launch: push %rbp
 mov %rsp,%rbp
 pop %rbp
 ret
entry __cudaLaunchKernel
 push %rbp
 mov %rsp,%rbp
 pop %rbp
 jmp launch
entry cudaMalloc
 endbr64
 push %rbx
 pop %rbx
 ret
entry cudaFree
 sub $8,%rsp
 add $8,%rsp
 ret
entry cudaMemcpyAsync
entry cudaMemcpyAsync_ptsz
 push %r15
 pop %r15
 ret
entry cuLaunchKernel
 push %rbp
 pop %rbp
 ret
entry ncclAllReduce
 push %rbp
 pop %rbp
 ret
entry infbpf_emu_runtime
 ret
.section .nvFatBinSegment,"aw"
.quad 0
.data
.globl cudaStreamSynchronize
cudaStreamSynchronize: .quad 0
.section .note.GNU-stack,"",@progbits
"""

# Small files: segments not padded to pages.
LINK = ["-nostdlib", "-Wl,-z,noseparate-code", "-Wl,--build-id=sha1"]
# name: (ending, compiler, flags)
ELF_FILES = {
    "static": ("c", "gcc", ["-O1", "-static", *LINK]),
    "pie": ("c", "gcc", ["-O2", "-pie", "-fPIE", *LINK]),
    "stripped": ("c", "gcc", ["-O2", "-s", "-shared", "-fPIC", *LINK]),
    "shared-debug": ("c", "gcc", ["-O2", "-g", "-shared", "-fPIC", *LINK]),
    "dwarf4": ("c", "gcc", ["-O2", "-gdwarf-4", "-static", *LINK]),
    "compressed": ("c", "gcc", ["-O2", "-g", "-gz=zlib", "-static", *LINK]),
    "debug-frame": ("c", "gcc", ["-O2", "-g", "-fno-asynchronous-unwind-tables", "-static", *LINK]),
    "no-hdr": ("c", "gcc", ["-O0", "-static", "-Wl,--no-eh-frame-hdr", *LINK]),
    "frame-pointer": ("c", "clang", ["-O1", "-fno-omit-frame-pointer", "-static", *LINK]),
    "object": ("c", "gcc", ["-O2", "-g", "-c"]),
    "clang-object": ("c", "clang", ["-O2", "-gline-tables-only", "-c"]),
    "exceptions": ("cc", "g++", ["-O2", "-c"]),
    "exceptions-shared": ("cc", "g++", ["-O2", "-g", "-shared", "-fPIC", *LINK]),
}
CUDA_FILES = {
    "runtime": ("s", "gcc", ["-shared", "-Wl,-soname,libcudart.so.13", *LINK]),
    "program": ("s", "gcc", ["-static", "-Wl,-e,cudaFree", *LINK]),
    "device-code": ("s", "gcc", ["-static", "-s", "-Wl,-e,cudaFree", *LINK]),
}
TEXTS = {"c": C, "cc": CXX, "s": CUDA}
# Which target begins from which files.
TARGETS = {
    "elf": [ELF_FILES, CUDA_FILES],
    "lines": [ELF_FILES],
    "unwind": [ELF_FILES],
    "cuda_find": [CUDA_FILES, {n: ELF_FILES[n] for n in ("stripped", "object")}],
}


def quietly(argv):
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def compile_all(work, files):
    """{name: path}"""
    made = {}
    for name, (ending, compiler, flags) in files.items():
        source, out = os.path.join(work, f"seed.{ending}"), os.path.join(work, name)
        with open(source, "w", encoding="ascii") as f:
            f.write(TEXTS[ending])
        # The source's folder is none of the debug information's business.
        if quietly([compiler, f"-ffile-prefix-map={work}=.", "-o", out, source, *flags]):
            made[name] = out
    return made


def add_mini_debug_info(work, made):
    """A stripped file with the symbol table of another, compressed, as Fedora ships them; and one that
    names a debug file."""
    whole, packed = made.get("shared-debug"), os.path.join(work, "mini.xz")
    out = os.path.join(work, "mini-debug")
    if not whole or not shutil.which("xz"):
        return
    symbols = os.path.join(work, "mini")
    if (quietly(["objcopy", "--only-keep-debug", "--remove-section=.debug*", whole, symbols]) and
            quietly(["xz", "-k", "-f", symbols]) and
            quietly(["objcopy", "-S", f"--add-section=.gnu_debugdata={packed}", whole, out])):
        made["mini-debug"] = out
    out = os.path.join(work, "debug-link")
    if quietly(["objcopy", "-S", f"--add-gnu-debuglink={whole}", whole, out]):
        made["debug-link"] = out


def main():
    folder = sys.argv[1]
    with tempfile.TemporaryDirectory() as work:
        made = compile_all(work, dict(ELF_FILES, **CUDA_FILES))
        if not made:
            sys.exit("make_seeds.py: no compiler made any seed")
        add_mini_debug_info(work, made)
        for target, sets in TARGETS.items():
            names = [n for files in sets for n in files]
            if ELF_FILES in sets:
                names += ["mini-debug", "debug-link"]
            to = os.path.join(folder, target)
            shutil.rmtree(to, ignore_errors=True)
            os.makedirs(to)
            for name in names:
                if name in made:
                    shutil.copyfile(made[name], os.path.join(to, name))


main()
