// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "call_programs.h"
#include "doctor_hooks.h"
#include "hooks_private.h"
#include "infbpf.skel.h"
#include "symbols/symbols.h"
#include "uprobe.h"

#define WIDTH 100 /* of the whole table */
#define NAME  15  /* of the column of hooks */

/* The text in lines of at most WIDTH, broken at spaces (commas: only after one); all but the first
 * begin at column indent. */
static void print_wrapped(FILE *out, int column, int indent, const char *text, bool commas)
{
	const char *end, *cut;

	for (;;) {
		end = text + strlen(text);
		if (end - text > WIDTH - column) {
			cut = text + WIDTH - column;
			while (cut > text && (*cut != ' ' || (commas && cut[-1] != ',')))
				cut--;
			if (cut > text)
				end = cut;
		}
		fprintf(out, "%.*s\n", (int)(end - text), text);
		if (!*end)
			return;
		text = end + 1;
		column = indent;
		fprintf(out, "%*s", column, "");
	}
}

void doctor_kernel(FILE *out, int label)
{
	struct btf *btf = btf__load_vmlinux_btf();
	enum uprobe_kind uprobes = uprobe_detect();
	int kprobes = hooks_kprobe_refused(), fentry = hooks_fentry_refused(btf);
	char line[400], kprobe[80] = "yes", trampoline[80] = "yes", uprobe[40] = "no";
	struct utsname u;

	uname(&u);
	if (uprobes != UPROBE_NONE)
		snprintf(uprobe, sizeof(uprobe), "yes (%s)", uprobe_kind_name(uprobes));
	if (kprobes == ENOENT)
		snprintf(kprobe, sizeof(kprobe), "no (CONFIG_KPROBES is not set)");
	else if (kprobes)
		snprintf(kprobe, sizeof(kprobe), "no (refused: %s)", strerror(kprobes));
	if (fentry)
		snprintf(trampoline, sizeof(trampoline), "no (refused: %s)", strerror(fentry));
	snprintf(line, sizeof(line), "%s, BTF %s, uprobes %s, kprobes %s, fentry %s", u.release,
		 btf ? "yes" : "no", uprobe, kprobe, trampoline);
	fprintf(out, "%-*s", label, "kernel");
	print_wrapped(out, label, label, line, true);
	btf__free(btf);
}

static void print_note(FILE *out, int indent, const char *word, const char *text)
{
	char line[sizeof(((struct hook_state *)0)->refused) + 16];

	snprintf(line, sizeof(line), "%s: %s", word, text);
	fprintf(out, "%*s", indent, "");
	print_wrapped(out, indent, indent + 2, line, false);
}

static void print_hook(FILE *out, int label, const char *first, const struct hook_state *h)
{
	char refused[sizeof(h->refused)], place[sizeof(h->where) + 32], *next, *at;
	const int indent = label + NAME;

	snprintf(place, sizeof(place), "%s%s%s", h->kind, h->where[0] ? "/" : "", h->where);
	fprintf(out, "%-*s%-*s", label, first, NAME, h->name);
	print_wrapped(out, indent, indent + 2, place, false);
	memcpy(refused, h->refused, sizeof(refused));
	for (at = refused; *at; at = next) {
		next = strstr(at, "; ");
		if (next) {
			*next = 0;
			next += 2;
		} else {
			next = at + strlen(at);
		}
		print_note(out, indent, "not", at);
	}
	if (h->lost)
		print_note(out, indent, "loses", h->lost);
}

/* libbpf says in its messages alone which program it was. */
static char refused_program[64];

static int listen_for_refusal(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[200];

	if (level == LIBBPF_WARN && strstr(format, "BPF program load failed")) {
		vsnprintf(text, sizeof(text), format, args);
		if (sscanf(text, "libbpf: prog '%63[^']'", refused_program) != 1)
			refused_program[0] = 0;
	}
	return 0;
}

static int load(struct infbpf_bpf *skel, struct fault *f)
{
	libbpf_print_fn_t before = libbpf_set_print(listen_for_refusal);
	int err = infbpf_bpf__load(skel);

	libbpf_set_print(before);
	if (!err)
		return 0;
	if (refused_program[0])
		return fault_set(f, EXIT_REFUSED, -err, "cannot load BPF program %s: %s",
				 refused_program, strerror(-err));
	return fault_set(f, EXIT_REFUSED, -err,
			 "cannot load BPF programs: %s. Run as root, or grant CAP_BPF and "
			 "CAP_PERFMON",
			 strerror(-err));
}

int doctor_hooks(FILE *out, int label, enum hooks_mode mode, struct fault *f)
{
	struct infbpf_bpf *skel = infbpf_bpf__open();
	struct symbols *symbols = NULL;
	struct hooks hooks = { 0 };
	int err;

	if (!skel || symbols_open(&symbols, &(struct symbols_options){ 0 })) {
		err = fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
		goto out;
	}
	call_programs_choose(skel, uprobe_detect(), CALL_PROGRAMS_ALL);
	mark_programs_choose(skel, uprobe_detect(), true);
	function_programs_choose(skel, uprobe_detect(), true);
	err = hooks_choose(&hooks, skel, symbols, mode, HOOK_ALL, f);
	for (size_t i = 0; i < hooks.n; i++)
		print_hook(out, label, i ? "" : "hooks", &hooks.states[i]);
	if (err)
		goto out;
	if (symbols_kernel_hidden(symbols))
		fprintf(out, "%-*s%s\n", label, "",
			"kernel symbols are hidden: CAP_SYSLOG or kptr_restrict");
	err = load(skel, f);
	if (!err)
		fprintf(out, "%-*s%s\n", label, "programs", "all accepted by the verifier");
out:
	symbols_close(symbols);
	if (skel)
		infbpf_bpf__destroy(skel);
	return err;
}
