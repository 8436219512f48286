# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a BPF object asks of the kernel: programs by section, the helpers and kernel functions that
they call, atomic instructions, map types. Read from the ELF file; its BTF by bpftool."""

import json
import os
import re
import struct

from harness import BUILD, expect, need_tool, run

OBJECT = os.path.join(BUILD, "bpf", "infbpf.linked.o")
INSN = struct.Struct("<BBhi")
SHT_SYMTAB, SHT_REL, SHF_EXECINSTR, STT_FUNC = 2, 9, 4, 2
CALL, ATOMIC = 0x85, 0xc3
PSEUDO_CALL = 1
SHN_UNDEF = 0
# Encodings of atomic instructions (their imm) that came with -mcpu=v3: all but plain add.
ATOMIC_ADD = 0


class Section:
    def __init__(self, name, kind, flags, data, link, info):
        self.name, self.kind, self.flags, self.data = name, kind, flags, data
        self.link, self.info = link, info


def read_sections(path):
    with open(path, "rb") as f:
        data = f.read()
    expect(data[:6] == b"\x7fELF\x02\x01", f"{path}: no 64-bit little-endian ELF file")
    offset, = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    heads = [struct.unpack_from("<IIQQQQII", data, offset + i * size) for i in range(count)]
    start = heads[names][4]
    found = []
    for name, kind, flags, _, at, length, link, info in heads:
        end = data.index(b"\0", start + name)
        found.append(Section(data[start + name:end].decode(), kind, flags, data[at:at + length],
                             link, info))
    return found


def symbols(sections):
    """[(name, type, section, value, size)]"""
    table = next(s for s in sections if s.kind == SHT_SYMTAB)
    strings = sections[table.link].data
    found = []
    for at in range(0, len(table.data), 24):
        name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", table.data, at)
        found.append((strings[name:strings.index(b"\0", name)].decode(), info & 15, section, value,
                      size))
    return found


class Function:
    """A program, or a function that programs call."""

    def __init__(self, name, section, number):
        self.name, self.section, self.number = name, section, number
        self.helpers, self.kfuncs, self.callees, self.atomics = set(), set(), set(), set()

    def read(self, code, base, relocated, offsets):
        for at in range(0, len(code), INSN.size):
            op, registers, _, imm = INSN.unpack_from(code, at)
            source = registers >> 4
            if op == CALL and source == 0:
                self.helpers.add(imm)
            elif op == CALL and relocated.get(base + at, ("", -1))[1] == SHN_UNDEF:
                self.kfuncs.add(relocated[base + at][0])
            elif op == CALL and source == PSEUDO_CALL:
                self.callees.add(callee(relocated, offsets, self.number, base + at, imm))
            elif op in (ATOMIC, ATOMIC | 0x18) and imm != ATOMIC_ADD:
                self.atomics.add(imm)


def callee(relocated, offsets, own, at, imm):
    """Name of a called function; of a static one the relocation names only the section, and within its
    own section a call has none: it is relative."""
    if at not in relocated:
        return offsets[(own, at + (imm + 1) * INSN.size)]
    name, section = relocated[at]
    return name or offsets[(section, (imm + 1) * INSN.size)]


def read_functions(path=OBJECT):
    """{name: Function}"""
    sections = read_sections(path)
    table = symbols(sections)
    offsets = {(section, value): name for name, kind, section, value, _ in table
               if kind == STT_FUNC}
    found = {}
    for number, section in enumerate(sections):
        if not section.flags & SHF_EXECINSTR:
            continue
        relocated = {}
        for r in sections:
            if r.kind == SHT_REL and r.info == number:
                for at in range(0, len(r.data), 16):
                    where, info = struct.unpack_from("<QQ", r.data, at)
                    name, _, home, _, _ = table[info >> 32]
                    relocated[where] = (name, home)
        for name, kind, home, value, size in table:
            if kind == STT_FUNC and home == number:
                found[name] = Function(name, section.name, number)
                found[name].read(section.data[value:value + size], value, relocated, offsets)
    return found


def read_programs(path=OBJECT):
    """{name: Function} of the programs, each with what the functions that it calls ask for."""
    functions = read_functions(path)

    def gather(function, seen):
        for name in function.callees - seen:
            seen.add(name)
            gather(functions[name], seen)
        return seen

    for function in [f for f in functions.values() if f.section != ".text"]:
        for name in gather(function, set()):
            for what in ("helpers", "kfuncs", "atomics"):
                getattr(function, what).update(getattr(functions[name], what))
    return {f.name: f for f in functions.values() if f.section != ".text"}


def read_maps(path=OBJECT):
    """{name: type's number}"""
    status, out, err = run([need_tool("bpftool", "bpftool"), "-j", "btf", "dump", "file", path])
    expect(status == 0, f"bpftool btf dump: {err}")
    types = {t["id"]: t for t in json.loads(out)["types"]}
    maps = [t for t in types.values() if t["kind"] == "DATASEC" and t["name"] == ".maps"]
    found = {}
    for variable in maps[0]["vars"] if maps else ():
        variable = types[variable["type_id"]]
        members = {m["name"]: m["type_id"] for m in types[variable["type_id"]]["members"]}
        # __uint(type, N) is a pointer to an array of N.
        found[variable["name"]] = types[types[members["type"]]["type_id"]]["nr_elems"]
    return found


def enum_names(prefix, header="/usr/include/linux/bpf.h"):
    """{number: name} of a kernel enum such as bpf_map_type, from the header's text."""
    with open(header, encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    body = re.search(r"enum " + prefix + r" \{(.*?)\}", text, re.S)
    names, n = {}, 0
    for word in (w.strip() for w in body[1].split(",") if w.strip()):
        name, _, value = (p.strip() for p in word.partition("="))
        if value:
            n = int(value, 0) if value.isdigit() else next(k for k, v in names.items() if v == value)
        names.setdefault(n, name)
        n += 1
    return names
