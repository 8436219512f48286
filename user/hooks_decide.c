// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which rung of a ladder: the first that this kernel accepts, or the kind that --hooks asks for. */
#include <stdio.h>
#include <string.h>
#include <bpf/btf.h>
#include "hooks_private.h"
#include "symbols/symbols.h"

static const char *const mode_names[] = {
	[HOOKS_AUTO] = "auto",
	[HOOKS_BTF] = "btf",
	[HOOKS_FENTRY] = "fentry",
	[HOOKS_KPROBE] = "kprobe",
	[HOOKS_TRACEPOINT] = "tracepoint",
};

/* The first of "a|b|c" that this kernel has. */
static bool site_find(const struct hooks_kernel *k, const struct rung_way *way, const char *where,
		      char *found, size_t len)
{
	const char *p = where;
	char name[64];
	size_t n;

	for (;; p += n + 1) {
		n = strcspn(p, "|");
		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		if (!way->find)
			snprintf(found, len, "%s", name);
		if (!way->find || way->find(k, name, found, len))
			return true;
		if (!p[n])
			return false;
	}
}

/* Whether a rung can be had; the reason when not. all: nothing can be had that way. */
static bool rung_possible(const struct rung *r, struct hooks_kernel *k,
			  char where[RUNG_SITES][HOOK_WHERE], char *why, bool *all)
{
	const struct rung_way *way = &rung_ways[r->kind];
	int used = snprintf(why, HOOK_WHY, "%s", way->name);

	*all = false;
	if (way->refused) {
		memcpy(why + used, ": ", 3);
		if (way->refused(k, why + used + 2, HOOK_WHY - used - 2)) {
			*all = true;
			return false;
		}
	}
	for (size_t i = 0; i < RUNG_SITES && r->sites[i].where; i++) {
		if (site_find(k, way, r->sites[i].where, where[i], HOOK_WHERE))
			continue;
		snprintf(why + used, HOOK_WHY - used, " %.80s: %s%s", r->sites[i].where,
			 way->missing,
			 r->kind == RUNG_KPROBE && symbols_kernel_hidden(k->symbols)
				 ? " (hidden: CAP_SYSLOG is missing)"
				 : "");
		return false;
	}
	if (r->wants && btf__find_by_name_kind(k->btf, r->wants, BTF_KIND_FUNC) < 0) {
		snprintf(why + used, HOOK_WHY - used, ": no %s in this kernel", r->wants);
		return false;
	}
	why[0] = 0;
	return true;
}

static void append(char *text, size_t len, const char *between, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, len - used, "%s%s", used ? between : "", more);
}

/* "vfs_read, vfs_write": an entry and a return are one place. */
static void state_where(struct hook_state *s, const struct rung *r,
			char where[RUNG_SITES][HOOK_WHERE])
{
	bool known;

	s->where[0] = 0;
	for (size_t i = 0; i < RUNG_SITES && r->sites[i].where; i++) {
		known = false;
		for (size_t j = 0; j < i; j++)
			known |= !strcmp(where[j], where[i]);
		if (!known)
			append(s->where, sizeof(s->where), ", ", where[i]);
	}
}

/* Why the rung that was taken is not another: of each better one, and of what was asked for. */
static void state_refused(struct hook_state *s, const struct hook *hook, int taken,
			  char why[HOOK_RUNGS][HOOK_WHY], enum hooks_mode mode)
{
	char text[64];

	for (int i = 0; i < HOOK_RUNGS && hook->rungs[i].kind; i++) {
		if (i != taken && why[i][0]) {
			append(s->refused, sizeof(s->refused), "; ", why[i]);
		} else if (i < taken) {
			snprintf(text, sizeof(text), "%s: --hooks %s",
				 rung_ways[hook->rungs[i].kind].name, mode_names[mode]);
			append(s->refused, sizeof(s->refused), "; ", text);
		}
	}
}

int hook_decide(const struct hook *hook, struct hooks_kernel *k, enum hooks_mode mode,
		struct hook_state *s, char where[RUNG_SITES][HOOK_WHERE], bool *forced)
{
	char why[HOOK_RUNGS][HOOK_WHY] = { "" };
	bool all, refused = false;
	int taken = -1;

	*s = (struct hook_state){ .name = hook->name,
				  .kind = rung_ways[RUNG_NONE].name,
				  .lost = hook->without };
	*forced = false;
	/* What --hooks asks for, then, where this kernel does that but not here, the ladder. */
	for (int pass = mode == HOOKS_AUTO; pass < 2 && taken < 0 && !*forced; pass++) {
		for (int i = 0; i < HOOK_RUNGS && hook->rungs[i].kind && taken < 0; i++) {
			const struct rung *r = &hook->rungs[i];

			if ((!pass && rung_ways[r->kind].mode != mode) || why[i][0])
				continue;
			if (rung_possible(r, k, where, why[i], &all))
				taken = i;
			else if (!pass)
				refused |= all;
		}
		*forced = refused && taken < 0;
	}
	if (taken >= 0) {
		s->kind = rung_ways[hook->rungs[taken].kind].name;
		s->lost = hook->rungs[taken].lost;
		state_where(s, &hook->rungs[taken], where);
	}
	state_refused(s, hook, taken, why, mode);
	return taken;
}
