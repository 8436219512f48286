// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The stacks that waited longest: from the lines of a trace, or, of a profile that was read, from the
 * stacks that switch most, which the JSON has. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "report_part.h"
#include "summary_part.h"
#include "text.h"

#define SHOWN	   20
#define STACK_SIZE 1024

enum cell { C_NAME, C_PID, C_TID, C_WAITED, C_KIND, C_CELLS };

static const struct screen_column all_columns[C_CELLS] = {
	[C_NAME] = { "", 16, 20 },	  [C_PID] = { "pid", 9, 9 },	[C_TID] = { "tid", 9, 9 },
	[C_WAITED] = { "waited", 9, 10 }, [C_KIND] = { "for", 15, 17 },
};

/* One stack of a thread. */
struct stack {
	uint32_t thread;
	uint64_t ns;
	const char *kind;
	const char *const *frames;
	size_t n; /* user frames; where it has none, kernel frames */
};

static int by_time(const void *a, const void *b)
{
	const struct stack *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static struct stack of_line(const struct profile_line *l)
{
	return (struct stack){ .thread = l->thread,
			       .ns = l->value_ns,
			       .kind = wait_kind_name(l->kind),
			       .frames = l->frames,
			       .n = l->user_n ? l->user_n : l->frames_n };
}

static struct stack of_switches(const struct profile_switches *w)
{
	return (struct stack){ .thread = w->thread,
			       .ns = w->wait_ns,
			       .kind = "-",
			       .frames = w->frames,
			       .n = w->user_n ? w->user_n : w->frames_n };
}

/* Nobody knows where. */
static bool is_known(const struct stack *w)
{
	return w->ns && w->n && strcmp(w->frames[w->n - 1], PROFILE_NOT_SAMPLED) != 0;
}

/* From the leaf outward: what is cut is what matters less. */
static void put_stack(const struct stack *w, char *buf, size_t size)
{
	char name[CELL_SIZE];
	size_t n = 0;

	*buf = '\0';
	for (size_t k = w->n; k > 0 && n < size; k--)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", k < w->n ? " < " : "",
				      summary_name(w->frames[k - 1], false, name, sizeof(name)));
}

static void put_row(struct screen *s, const struct profile *p, const struct screen_column *columns,
		    const struct stack *w)
{
	const struct profile_thread *t = &p->threads[w->thread];
	char cells[C_CELLS][CELL_SIZE] = { "" }, stack[STACK_SIZE];

	text_shown(t->comm, cells[C_NAME], CELL_SIZE);
	snprintf(cells[C_PID], CELL_SIZE, "%" PRIu32, t->pid);
	if (t->merged > 1)
		snprintf(cells[C_TID], CELL_SIZE, "x %" PRIu32, t->merged);
	else
		snprintf(cells[C_TID], CELL_SIZE, "%" PRIu32, t->tid);
	format_duration(cells[C_WAITED], w->ns);
	snprintf(cells[C_KIND], CELL_SIZE, "%s", w->kind);
	put_stack(w, stack, sizeof(stack));
	screen_row(s, columns, C_CELLS, cells, stack, NOTE_BELOW);
}

int report_wait_stacks(struct screen *s, const struct profile *p)
{
	const size_t most = p->lines_n + p->switches_n;
	struct stack *stacks = calloc(most + 1, sizeof(*stacks));
	struct screen_column columns[C_CELLS];
	size_t n = 0;

	if (!stacks)
		return -ENOMEM;
	/* What a stack of the JSON's waited for is not in it. */
	memcpy(columns, all_columns, sizeof(columns));
	if (!p->lines_n)
		columns[C_KIND] = (struct screen_column){ "", 0, 0 };
	for (size_t i = 0; i < most; i++) {
		const bool line = i < p->lines_n;

		if (line ? p->lines[i].state != PROFILE_BLOCKED : p->lines_n > 0)
			continue;
		stacks[n] =
			line ? of_line(&p->lines[i]) : of_switches(&p->switches[i - p->lines_n]);
		if (is_known(&stacks[n]) && !profile_is_emulated(p, &p->threads[stacks[n].thread]))
			n++;
	}
	if (n) {
		qsort(stacks, n, sizeof(*stacks), by_time);
		screen_blank(s);
		screen_title(s, "STACKS THAT WAITED", columns, C_CELLS, s->page ? "stack" : NULL);
	}
	for (size_t i = 0; i < n && i < SHOWN; i++)
		put_row(s, p, columns, &stacks[i]);
	free(stacks);
	return 0;
}
