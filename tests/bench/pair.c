/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pair PID LIBRARY FUNCTION: an entry and a return probe with a program of two instructions each (one
 * for both where the kernel has sessions), at the place where infbpf puts its own: what any tracer of calls has to pay. Says "attached", and
 * ends with its stdin.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "cuda.h"
#include "symbols/elf.h"
#include "uprobe.h"

static int load_empty(enum uprobe_kind kind)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);

	if (kind == UPROBE_SESSION)
		opts.expected_attach_type = UPROBE_SESSION_ATTACH_TYPE;
	if (kind == UPROBE_MULTI)
		opts.expected_attach_type = UPROBE_MULTI_ATTACH_TYPE;
	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "empty", "GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), &opts);
}

static int find_site(const char *library, const char *function, struct uprobe_site *site)
{
	struct elf_file *f;
	uint64_t vaddr;
	uint8_t code[32];
	bool costly = true;
	int n, err = elf_file_open(&f, library);

	if (err)
		return err;
	err = elf_file_dynsym(f, function, &vaddr);
	if (!err)
		err = elf_file_vaddr_to_offset(f, vaddr, &site->offset);
	n = err ? err : elf_file_read(f, vaddr, code, sizeof(code));
	if (n > 0)
		site->offset += cuda_probe_skip(code, n, &costly);
	elf_file_close(f);
	if (n < 0)
		return n;
	if (costly)
		fprintf(stderr, "pair: %s begins with a costly instruction\n", function);
	return 0;
}

int main(int argc, char **argv)
{
	enum uprobe_kind kind = uprobe_detect();
	struct uprobe_site site = { 0 };
	int prog, fds[2], err;
	char c;

	if (argc != 4) {
		fprintf(stderr, "usage: pair PID LIBRARY FUNCTION\n");
		return 2;
	}
	err = find_site(argv[2], argv[3], &site);
	if (err) {
		fprintf(stderr, "pair: %s in %s: %s\n", argv[3], argv[2], strerror(-err));
		return 1;
	}
	prog = load_empty(kind);
	if (prog < 0 ||
	    uprobe_attach(kind, prog, argv[2], &site, 1, atoi(argv[1]), true, &fds[0]) < 0 ||
	    (kind != UPROBE_SESSION &&
	     uprobe_attach(kind, prog, argv[2], &site, 1, atoi(argv[1]), false, &fds[1]) < 0)) {
		perror("pair: cannot attach");
		return 1;
	}
	fprintf(stderr, "attached\n");
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
