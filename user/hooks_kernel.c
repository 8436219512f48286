// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What this kernel offers to attach to, and why not. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "hooks_private.h"
#include "symbols/symbols.h"

#define KPROBE_TYPE "/sys/bus/event_source/devices/kprobe/type"
/* A function that is in every kernel, global, and in BTF. */
#define SOME_FUNCTION "vfs_read"

bool hooks_has_tracepoint(const struct btf *btf, const char *name, int *args)
{
	const struct btf_type *t;
	char type[80];
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	if (id < 0)
		return false;
	t = btf__type_by_id(btf, id);
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* pointer */
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* prototype */
	if (args)
		*args = t && btf_is_func_proto(t) ? btf_vlen(t) - 1 : 0;
	return true;
}

int hooks_fentry_refused(const struct btf *btf)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int id = btf ? btf__find_by_name_kind(btf, SOME_FUNCTION, BTF_KIND_FUNC) : -ENOENT;
	int fd, link;

	if (id < 0)
		return ENOENT;
	opts.attach_btf_id = id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "infbpf_fentry", "GPL", insns, 2, &opts);
	if (fd < 0)
		return errno;
	link = bpf_raw_tracepoint_open(NULL, fd);
	id = link < 0 ? errno : 0;
	if (link >= 0)
		close(link);
	close(fd);
	return id;
}

/* A kernel that has kprobes can still refuse them: by privileges, or locked down. */
int hooks_kprobe_refused(void)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	FILE *file = fopen(KPROBE_TYPE, "re");
	int type, fd;

	if (!file)
		return ENOENT;
	if (fscanf(file, "%d", &type) != 1)
		type = -1;
	fclose(file);
	if (type < 0)
		return ENOENT;
	attr.type = type;
	attr.config1 = (__u64)(unsigned long)SOME_FUNCTION;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

void hooks_kernel_init(struct hooks_kernel *k, const struct btf *btf, struct symbols *symbols)
{
	static const char *const events[] = { "/sys/kernel/tracing/events",
					      "/sys/kernel/debug/tracing/events" };

	*k = (struct hooks_kernel){
		.btf = btf, .symbols = symbols, .kprobe_refused = -1, .fentry_refused = -1
	};
	for (size_t i = 0; i < 2 && !k->events; i++)
		if (!access(events[i], X_OK))
			k->events = events[i];
}

static bool kprobe_refused(struct hooks_kernel *k, char *why, size_t len)
{
	if (k->kprobe_refused < 0)
		k->kprobe_refused = hooks_kprobe_refused();
	if (k->kprobe_refused == ENOENT)
		snprintf(why, len, "this kernel has none (CONFIG_KPROBES is not set)");
	else if (k->kprobe_refused)
		snprintf(why, len, "refused: %s", strerror(k->kprobe_refused));
	return k->kprobe_refused;
}

static bool fentry_refused(struct hooks_kernel *k, char *why, size_t len)
{
	if (k->fentry_refused < 0)
		k->fentry_refused = hooks_fentry_refused(k->btf);
	if (k->fentry_refused)
		snprintf(why, len, "refused: %s", strerror(k->fentry_refused));
	return k->fentry_refused;
}

static bool events_refused(struct hooks_kernel *k, char *why, size_t len)
{
	if (!k->events)
		snprintf(why, len, "tracefs is not mounted, or not readable");
	return !k->events;
}

/* "name#3": only with as many arguments. Tracepoints change, and keep their names. */
static bool find_tracepoint(const struct hooks_kernel *k, const char *name, char *found, size_t len)
{
	const char *number = strchr(name, '#');
	int args = 0;

	snprintf(found, len, "%.*s", (int)strcspn(name, "#"), name);
	if (!hooks_has_tracepoint(k->btf, found, &args))
		return false;
	return !number || args == atoi(number + 1);
}

/* By its very name: gcc's variants (.isra.0) are not what BTF describes. */
static bool find_described(const struct hooks_kernel *k, const char *name, char *found, size_t len)
{
	if (btf__find_by_name_kind(k->btf, name, BTF_KIND_FUNC) < 0)
		return false;
	if (symbols_kernel_hidden(k->symbols)) {
		snprintf(found, len, "%s", name);
		return true;
	}
	return symbols_kernel_address(k->symbols, name, found, len) && !strcmp(found, name);
}

static bool find_function(const struct hooks_kernel *k, const char *name, char *found, size_t len)
{
	return symbols_kernel_address(k->symbols, name, found, len);
}

static bool find_event(const struct hooks_kernel *k, const char *name, char *found, size_t len)
{
	char path[160];

	snprintf(found, len, "%s", name);
	snprintf(path, sizeof(path), "%s/%s/id", k->events, name);
	return !access(path, F_OK);
}

const struct rung_way rung_ways[RUNG_KINDS] = {
	[RUNG_NONE] = { "none", HOOKS_AUTO, NULL, NULL, NULL },
	[RUNG_TP_BTF] = { "tp_btf", HOOKS_BTF, NULL, find_tracepoint, "not in this kernel" },
	[RUNG_FENTRY] = { "fentry", HOOKS_FENTRY, fentry_refused, find_described,
			  "not in this kernel's BTF" },
	[RUNG_KPROBE] = { "kprobe", HOOKS_KPROBE, kprobe_refused, find_function,
			  "not in kallsyms" },
	[RUNG_TRACEPOINT] = { "tracepoint", HOOKS_TRACEPOINT, events_refused, find_event,
			      "not in this kernel" },
	[RUNG_RAW_TP] = { "raw_tp", HOOKS_TRACEPOINT, NULL, find_tracepoint, "not in this kernel" },
	[RUNG_SWITCH_OUT] = { "switch_out", HOOKS_TRACEPOINT, NULL, NULL, NULL },
	[RUNG_PERF] = { "perf_event", HOOKS_AUTO, NULL, NULL, NULL },
};
