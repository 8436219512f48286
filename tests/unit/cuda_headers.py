# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of CUDA calls against NVIDIA's headers and libraries, where a toolkit is installed.

Every row's argument numbers are held against the prototypes, every exported call of the kinds that
matter has to have a row or a reason, every error code its name. Nothing of NVIDIA's is run.
"""

import collections
import glob
import os
import re
import struct
import subprocess

from harness import BUILD, Report, Skip, expect, need_tool, run

PROGRAM = os.path.join(BUILD, "tests", "unit", "test_cuda_api")
# CUDART_VERSION that the table is of. Older headers lack names, newer ones have more.
VERSION = 13000
STREAM_DEFAULT = 15
DEFAULT = 5  # cudaMemcpyDefault + 1
PLAIN, LAUNCH, COPY, ASYNC_COPY, SYNC, ALLOC, FREE, NAMED, REGISTER = range(9)
REGISTERED, HANDLE = 5, 6
SHAPES = {1: r"(cudaLaunchConfig_t|CUlaunchConfig) ?\*", 2: r"cudaMemcpy3DParms ?\*",
          3: r"cudaMemcpy3DPeerParms ?\*", 4: r"CUDA_MEMCPY2D(_v1|_v2)? ?\*",
          5: r"CUDA_MEMCPY3D(_v1|_v2|_PEER)? ?\*"}
NCCL_TYPE, UNITS_2, UNITS_4 = 6, 7, 8

# Arguments by value that are no register each: (registers, or None: on the stack; words there).
STRUCTS = {"dim3": (2, 2), "struct cudaExtent": (None, 3), "struct cudaPitchedPtr": (None, 4),
           "ncclUniqueId": (None, 16)}
STREAMS = {"cudaStream_t", "CUstream"}
BYTE_TYPES = {"size_t", "unsigned int"}
BYTE_NAMES = {"count", "size", "bytes", "bytesize", "ByteCount", "width", "Width", "WidthInBytes", "N",
              "sendcount", "recvcount"}

# A stream among the arguments that the row does not name, and why.
NO_STREAM = {
    "(cuda|cu)StreamDestroy": "no work on it",
    "cudaMemPrefetchAsync$": "another argument in CUDA 12",
    "cudaMemcpy(3D)?BatchAsync": "another argument in CUDA 12",
}

# Names that CUDA 13 does not have any more.
OLDER = {
    "cudaLaunch": "CUDA 9", "cudaLaunch_ptsz": "CUDA 9",
    "cudaStreamGetCaptureInfo_v2": "CUDA 12", "cudaStreamGetCaptureInfo_v2_ptsz": "CUDA 12",
    "cudaStreamGetCaptureInfo_v3": "CUDA 12", "cudaStreamGetCaptureInfo_v3_ptsz": "CUDA 12",
    "cudaStreamUpdateCaptureDependencies_v2": "CUDA 12",
    "cudaStreamUpdateCaptureDependencies_v2_ptsz": "CUDA 12",
    "cudaSignalExternalSemaphoresAsync_v2": "CUDA 11.2 to 12",
    "cudaSignalExternalSemaphoresAsync_v2_ptsz": "CUDA 11.2 to 12",
    "cudaWaitExternalSemaphoresAsync_v2": "CUDA 11.2 to 12",
    "cudaWaitExternalSemaphoresAsync_v2_ptsz": "CUDA 11.2 to 12",
    "cudaMemPrefetchAsync_v2": "CUDA 12", "cudaMemPrefetchAsync_v2_ptsz": "CUDA 12",
    "cudaMemAdvise_v2": "CUDA 12", "cudaGetDeviceProperties_v2": "CUDA 12",
    "cudaEventElapsedTime_v2": "CUDA 12.8", "cudaLaunchCooperativeKernelMultiDevice": "CUDA 9 to 12",
    "cudaThreadSynchronize": "until CUDA 12",
}

# What of the calls that matter has no row, and why.
MATTERS = re.compile(r"Launch|Memcpy|Memset|Malloc|MemAlloc|Free|Synchronize|Query|Prefetch|^nccl")
LEFT_OUT = {
    r"(cuda|cu)Graph\w*Node\w*": "building a graph: no work for a device",
    r"cuMemGetAllocation\w*": "looks something up",
    r"cuda(GL|EGL|VDPAU)\w*": "graphics",
    r"cudaFuncGetName|cuFuncGetName": "looks something up",
    r"ncclGet(Version|ErrorString|LastError)|ncclComm(Count|CuDevice|UserRank|GetAsyncError)":
        "looks something up",
    r"ncclRedOp\w+|ncclGroupSimulateEnd|ncclResetDebugInit\w*": "no work and no memory",
    r"ncclTeam\w+|ncclDevComm\w+|ncclLLA2A\w+|nccl(Lsa|Gin)Barrier\w+":
        "prepares communication from kernels",
}


def toolkit():
    found = [d for pattern in ("/usr/local/cuda", "/usr/local/cuda-*", "/opt/cuda")
             for d in sorted(glob.glob(pattern), reverse=True)
             if os.path.exists(os.path.join(d, "include", "cuda_runtime_api.h"))]
    if not found:
        raise Skip("no CUDA toolkit: no cuda_runtime_api.h in /usr/local/cuda*/include or /opt/cuda")
    return found[0]


def header(name):
    path = os.path.join(toolkit(), "include", name)
    if not os.path.exists(path):
        raise Skip(f"no {path}")
    with open(path, encoding="utf-8", errors="replace") as f:
        return re.sub(r"/\*.*?\*/|//[^\n]*", " ", f.read(), flags=re.S)


def version():
    match = re.search(r"#define\s+CUDART_VERSION\s+(\d+)", header("cuda_runtime_api.h"))
    return int(match.group(1)) if match else 0


def need_version():
    if version() < VERSION:
        raise Skip(f"the headers are of CUDA {version()}, the table of {VERSION}")


def complete(missing, what):
    """What is new in a newer CUDA is not wrong here."""
    if missing and version() > VERSION:
        raise Skip(f"CUDA {version()} is newer than the table. {what}: {missing}")
    expect(not missing, f"{what}: {missing}")


def preprocessed(name, *flags):
    header(name)
    p = subprocess.run([need_tool("cc"), "-E", "-x", "c", "-I", os.path.join(toolkit(), "include"),
                        *flags, "-"], input=f"#include <{name}>\n", capture_output=True, text=True,
                       timeout=60, check=False)
    expect(p.returncode == 0, f"cc -E: {p.stderr[-500:]}")
    return p.stdout


# One parameter and the number of its first argument, as the table counts them.
Parameter = collections.namedtuple("Parameter", "type name number")


def parameters(text):
    found, register, word = [], 1, 7
    for part in [] if text.strip() in ("", "void") else text.split(","):
        part = part.split("=")[0].strip()
        match = re.match(r"(.*[\s*])(\w+)(\[\d*\])?$", part)
        kind, name = (match.group(1).strip(), match.group(2)) if match else (part, "")
        # "dim3" alone, or "unsigned int": a type without a name.
        if name in ("int", "char", "dim3"):
            kind, name = part, ""
        kind = re.sub(r"\s*\*", " *", kind).replace("* *", "**").replace(" * ", " *")
        registers, words = STRUCTS.get(kind, (1, 1))
        if registers and register + registers <= 7:
            number, register = register, register + registers
        else:
            number, word = word, word + words
        found.append(Parameter(kind, name, number))
    return found


def prototypes(text):
    """{name: parameters} of the functions that a preprocessed header declares."""
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", "", text)
    text = re.sub(r"\s+", " ", text)
    found = {}
    for statement in re.split(r"[;{}]", text):
        match = re.search(r"\b((?:__)?(?:cuda|cu|nccl)\w+) ?\(((?:[^()]|\([^()]*\))*)\) ?$", statement)
        if match and not re.search(r"\b(typedef|return)\b|=", statement[:match.start()]):
            found.setdefault(match.group(1), parameters(match.group(2)))
    return found


def all_prototypes():
    found = {}
    for name in ("crt/host_runtime.h", "crt/device_functions.h"):
        try:
            found.update((k, v) for k, v in prototypes(header(name)).items()
                         if re.match(r"__cuda(RegisterFunction|GetKernel|LaunchKernel)", k))
        except Skip:
            pass
    found.update(prototypes(preprocessed("cuda_runtime_api.h")))
    found.update(prototypes(preprocessed("cuda.h", "-D__CUDA_API_VERSION_INTERNAL")))
    try:
        found.update((k, v) for k, v in prototypes(preprocessed("nccl.h")).items()
                     if k.startswith("nccl"))
    except Skip:
        pass
    expect(len(found) > 900, f"only {len(found)} prototypes")
    return found


def exports(api):
    """Names that the toolkit's library of this API exports; None: there is none."""
    where = {"runtime": "lib64/libcudart.so.*", "driver": "lib64/stubs/libcuda.so",
             "nccl": "lib64/libnccl.so.*"}[api]
    paths = sorted(glob.glob(os.path.join(toolkit(), where)))
    if not paths:
        return None
    status, out, err = run([need_tool("nm", "binutils"), "-D", "--defined-only", paths[0]])
    expect(status == 0, err)
    names = {re.sub(r"@.*", "", line.split()[-1]) for line in out.splitlines() if " " in line}
    return {n for n in names if re.match(r"(__)?cu(da)?[A-Z]|nccl", n)}


def rows():
    expect(os.access(PROGRAM, os.X_OK), f"no {PROGRAM}: make test-programs")
    status, out, err = run([PROGRAM, "rows"])
    expect(status == 0, err)
    titles, *lines = [line.split(" ") for line in out.splitlines()]
    Row = collections.namedtuple("Row", titles)
    found = []
    for line in lines:
        row = Row(*[int(v) if re.fullmatch(r"-?\d+", v) else v for v in line])
        found.append(row._replace(variants=[v for v in row.variants.split(",") if v]))
    return found


def names_exist():
    need_version()
    known, wrong, unused = set(all_prototypes()), [], set(OLDER)
    for api in ("runtime", "driver", "nccl"):
        known.update(exports(api) or ())
    for row in rows():
        for name in [row.name, *row.variants]:
            unused.discard(name)
            if name not in known and name not in OLDER and (row.api != "nccl" or exports("nccl")):
                wrong.append(name)
    expect(not wrong, f"neither declared nor exported: {wrong}")
    expect(not unused, f"listed as older names, but in no row: {sorted(unused)}")


def check_stream(row, by_number, given):
    streams = [p for p in given if p.type in STREAMS]
    if row.stream == STREAM_DEFAULT:
        yield not streams, f"works on {streams}, not on the default stream"
    elif row.stream:
        yield streams and streams[0].number == row.stream, f"stream: {streams}"
    elif streams:
        yield (any(re.match(pattern, row.name) for pattern in NO_STREAM),
               f"{streams[0]}: the row has no stream")
    else:
        yield (row.what not in (COPY, ASYNC_COPY) and row.group != "set",
               "works on the default stream, and the row does not say so")


def check_lengths(row, by_number, given):
    nothing = Parameter("nothing", "", 0)
    if row.bytes:
        p = by_number.get(row.bytes, nothing)
        yield p.type in BYTE_TYPES and p.name in BYTE_NAMES, f"bytes: {p}"
        heights = [p for p in given if p.name in ("height", "Height")]
        yield row.times or not heights, f"{heights}: the row multiplies with nothing"
    elif (row.what in (COPY, ASYNC_COPY, ALLOC) or row.group == "set") and "Batch" not in row.name:
        told = [p for p in given if p.type in BYTE_TYPES and p.name in BYTE_NAMES]
        yield not told, f"{told[:1]}: the row has no bytes"
    yield (row.shape == NCCL_TYPE or row.api != "nccl" or
           not any(p.type == "ncclDataType_t" for p in given)), "has a type"
    if row.times:
        p = by_number.get(row.times, nothing)
        if row.shape == NCCL_TYPE:
            yield p.type == "ncclDataType_t", f"type: {p}"
        else:
            yield p.type in BYTE_TYPES and p.name in ("height", "Height"), f"times: {p}"
    if row.kind:
        yield by_number.get(row.kind, nothing).type == "enum cudaMemcpyKind", \
            f"kind: {by_number.get(row.kind)}"
    else:
        yield not any(p.type == "enum cudaMemcpyKind" for p in given), "has a kind"
    if row.shape in SHAPES:
        yield re.search(SHAPES[row.shape], given[0].type), f"shape {row.shape}: {given[0]}"
    if row.group == "set":
        unit = {UNITS_2: "16", UNITS_4: "32"}.get(row.shape, "8")
        yield (re.search(rf"D{unit}(Async)?$", row.name) or (row.name[:6] == "cudaMe" and unit == "8"),
               f"units of {unit} bits")


OBJECTS = {
    LAUNCH: r"const void \*|cudaKernel_t|CUfunction|cudaGraphExec_t|CUgraphExec",
    ALLOC: r"void \*\*|CUdeviceptr(_v1)? \*|CUmemGenericAllocationHandle \*|struct cudaPitchedPtr \*",
    FREE: r"void \*|CUdeviceptr(_v1)?|CUmemGenericAllocationHandle",
    NAMED: r"(cudaKernel_t|cudaFunction_t|CUfunction|CUkernel) \*",
    REGISTER: r"const char \*",
}


def check_objects(row, by_number, given):
    nothing = Parameter("nothing", "", 0)
    if row.object:
        p = by_number.get(row.object, nothing)
        allowed = r"void \*" if row.memory == REGISTERED else OBJECTS.get(row.what, "")
        yield re.fullmatch(allowed, p.type), f"object: {p}"
    if row.memory == HANDLE:
        yield "CUmemGenericAllocationHandle" in by_number.get(row.object, nothing).type, "handle"
    if row.name_arg > 0:
        p = by_number.get(row.name_arg, nothing)
        yield re.fullmatch(r"(const )?char \*", p.type) and p.name in ("name", "deviceName"), \
            f"name: {p}"
    if row.name_arg < 0:
        p = by_number.get(-row.name_arg, nothing)
        yield re.fullmatch(r"CUkernel|const void \*", p.type), f"the named object: {p}"
    if row.kind or row.fixed == DEFAULT:
        ends = [p for p in given if p.name in ("dst", "src") and
                re.fullmatch(r"(const )?void \*|CUdeviceptr", p.type)]
        yield len(ends) < 2 or (row.dst and row.src), f"{ends}: the row has no ends"
    for number, start in ((row.dst, "dst"), (row.src, "src")):
        p = by_number.get(number, nothing)
        yield (not number or (p.name.startswith(start) and
                              re.fullmatch(r"(const )?void \*|CUdeviceptr", p.type))), f"{start}: {p}"


def arguments_fit():
    known, wrong, seen = all_prototypes(), [], 0
    for row in rows():
        for name in [row.name, *row.variants]:
            if name not in known:
                continue
            seen += 1
            given = known[name]
            by_number = {p.number: p for p in given}
            for check in (check_stream, check_lengths, check_objects):
                wrong += [f"{name}: {text}" for so, text in check(row, by_number, given) if not so]
    expect(not wrong, "\n" + "\n".join(wrong))
    expect(seen > 400, f"only {seen} prototypes of calls in the table")
    return f"{seen} prototypes"


def without_prototype():
    """Rows that could not be held against one: none but those of older CUDA."""
    need_version()
    known = all_prototypes()
    left = [r.name for r in rows() if not any(n in known for n in [r.name, *r.variants])]
    if not any(n.startswith("nccl") for n in known):
        left = [n for n in left if not n.startswith("nccl")]
    expect(set(left) <= set(OLDER), f"no prototype: {sorted(set(left) - set(OLDER))}")


def calls_are_complete():
    have = {n for r in rows() for n in [r.name, *r.variants]}
    missing, unused = [], dict.fromkeys(LEFT_OUT, True)
    libraries = [exports(api) for api in ("runtime", "driver", "nccl")]
    for library in libraries:
        for name in sorted(library or ()):
            reasons = [p for p in LEFT_OUT if re.fullmatch(p, name)]
            unused.update(dict.fromkeys(reasons, False))
            if name not in have and MATTERS.search(name) and not reasons:
                missing.append(name)
    complete(missing, "no row")
    expect(version() != VERSION or not all(libraries) or not any(unused.values()),
           f"reasons of no use: {[p for p, u in unused.items() if u]}")
    if not all(libraries):
        raise Skip("not all of libcudart, libcuda's stub and libnccl are here; what is, is complete")


def variants_are_complete():
    """A call that has a row has all its exported variants in it."""
    table, have, missing = rows(), set(), []
    for row in table:
        have.update([row.name, *row.variants])
    names = {row.name for row in table}
    for api in ("runtime", "driver", "nccl"):
        for name in sorted(exports(api) or ()):
            base = re.sub(r"^__(?=cudaLaunch)", "", re.sub(r"(_v\d+)?(_pts[zd]|_ptds)?$", "", name))
            if base in names and name not in have:
                missing.append(name)
    complete(missing, "variants without a row")


def enumerators(text, start):
    """{name: value} of the enum that begins at the pattern."""
    match = re.search(start, text)
    expect(match, f"no enum {start}")
    body = text[text.index("{", match.start()) + 1:]
    found, last = {}, -1
    for part in body[:body.index("}")].split(","):
        name, _, value = (s.strip() for s in part.partition("="))
        if name:
            last = int(value, 0) if value else last + 1
            found[name] = last
    return found


def errors_are_complete():
    toolkit()
    status, out, err = run([PROGRAM, "errors"])
    expect(status == 0, err)
    have = {(api, int(code)): name for api, code, name in (line.split() for line in out.splitlines())}
    seen = []
    for api, file, start in (("runtime", "driver_types.h", r"enum \w* ?cudaError\s*\{"),
                             ("driver", "cuda.h", r"enum cudaError_enum\s*\{"),
                             ("nccl", "nccl.h", r"enum\s*\{\s*ncclSuccess")):
        try:
            text = header(file)
        except Skip:
            continue
        codes = enumerators(text, start)
        codes.pop("ncclNumResults", None)  # how many there are
        expect(len(codes) >= 8, f"{file}: {codes}")
        wrong = {n: c for n, c in codes.items() if have.get((api, c)) != n}
        complete(wrong, f"{api}: not in the table, or under another name")
        seen.append(f"{len(codes)} {api}")
    return ", ".join(seen)


def layouts_fit():
    """The offsets at which bpf/call_args.bpf.h reads structures."""
    fields = [("struct cudaMemcpy3DParms", "extent", 128), ("struct cudaMemcpy3DParms", "dstArray", 64),
              ("struct cudaMemcpy3DParms", "kind", 152), ("struct cudaMemcpy3DPeerParms", "extent", 144),
              ("struct cudaMemcpy3DPeerParms", "dstArray", 72), ("CUDA_MEMCPY2D", "WidthInBytes", 112),
              ("CUDA_MEMCPY2D", "srcMemoryType", 16), ("CUDA_MEMCPY2D", "dstMemoryType", 72),
              ("CUDA_MEMCPY3D", "WidthInBytes", 176), ("CUDA_MEMCPY3D", "srcMemoryType", 32),
              ("CUDA_MEMCPY3D", "dstMemoryType", 120), ("CUDA_MEMCPY3D_PEER", "WidthInBytes", 176),
              ("CUDA_MEMCPY3D_PEER", "srcMemoryType", 32), ("CUDA_MEMCPY3D_PEER", "dstMemoryType", 120),
              ("cudaLaunchConfig_t", "stream", 32), ("CUlaunchConfig", "hStream", 32)]
    if struct.calcsize("P") != 8:
        raise Skip("not a 64-bit machine")
    source = "#include <cuda_runtime_api.h>\n#include <cuda.h>\n#include <stddef.h>\n" + "".join(
        f'_Static_assert(offsetof({t}, {f}) == {at}, "{t}.{f} is not at {at}");\n'
        for t, f, at in fields)
    p = subprocess.run([need_tool("cc"), "-fsyntax-only", "-x", "c", "-I",
                        os.path.join(toolkit(), "include"), "-"], input=source, capture_output=True,
                       text=True, timeout=60, check=False)
    expect(p.returncode == 0, "\n".join(re.findall(r"error: (.*)", p.stderr)))


def check():
    """A result of each; 0, or 1 if one failed."""
    report = Report()
    for function in (names_exist, arguments_fit, without_prototype, calls_are_complete,
                     variants_are_complete, errors_are_complete, layouts_fit):
        report.check(function.__name__, function)
    return 1 if report.failed else 0
