/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The events of each request, in time: its lives (an id may be used again), its waits, the passes that it
 * is marked a member of, how long it is in which group.
 *
 * Records may be missing. What began and has no end, or ended and has no beginning, is left out and
 * counted where it is a request; nothing is made up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_requests.h"

/* Waits of one request at a time; groups that it is in at a time. */
#define WAITS_OPEN  16
#define GROUPS_OPEN 8
/* An arrival longer ago than this was given on another clock: it counts from its beginning. */
#define ARRIVAL_MAX_NS (3600LL * 1000000000)

struct open_wait {
	uint32_t name;
	int64_t begin_ns;
};

/* The request whose events are read. */
struct reading {
	struct ways *w;
	struct way_process *process;
	uint32_t life;	   /* the open one; NONE */
	bool begun, ended; /* of whatever life */
	bool seen;	   /* in an event that is no beginning or end */
	size_t items;	   /* of w->items, where its own begin */
	struct open_wait waits[WAITS_OPEN];
	unsigned int waits_n;
	uint32_t joined[GROUPS_OPEN]; /* memberships that last */
	unsigned int joined_n;
};

static int rising(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_request(const void *a, const void *b)
{
	const struct build_event *x = *(const struct build_event *const *)a;
	const struct build_event *y = *(const struct build_event *const *)b;
	int c = rising(x->pid, y->pid);

	if (!c)
		c = rising(x->request, y->request);
	if (!c)
		c = x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
	/* As they came. */
	return c ? c : rising((uintptr_t)x, (uintptr_t)y);
}

/* --- lives and groups --- */

/* group NONE: all of them. */
static void leave(struct reading *r, uint32_t group, int64_t time_ns)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < r->joined_n; i++) {
		struct way_membership *m = &r->w->memberships[r->joined[i]];

		if (group == NONE || m->group == group)
			m->to_ns = time_ns;
		else
			r->joined[kept++] = r->joined[i];
	}
	r->joined_n = kept;
}

static void end_life(struct reading *r, enum life_state state, int64_t time_ns)
{
	struct way_life *l = &r->w->lives[r->life];

	leave(r, NONE, time_ns);
	l->memberships_n = (uint32_t)r->w->memberships_n - l->memberships;
	l->state = state;
	l->end_ns = time_ns;
	r->life = NONE;
}

static int on_begin(struct reading *r, const struct build_event *e)
{
	struct ways *w = r->w;
	int err;

	if (r->life != NONE) {
		end_life(r, LIFE_LOST, e->time_ns);
		r->process->lost++;
	}
	err = array_grow(&w->lives, &w->lives_cap, w->lives_n + 1, sizeof(*w->lives));
	if (err)
		return err;
	r->life = (uint32_t)w->lives_n++;
	w->lives[r->life] = (struct way_life){
		.pid = e->pid,
		.state = LIFE_OPEN,
		.request = e->request,
		.arrival_ns = e->value < e->time_ns && e->value > e->time_ns - ARRIVAL_MAX_NS
				      ? e->value
				      : e->time_ns,
		.begin_ns = e->time_ns,
		.end_ns = INT64_MAX,
		.memberships = (uint32_t)w->memberships_n,
		.first_pass_ns = INT64_MIN,
		.last_pass_ns = INT64_MIN,
	};
	r->begun = true;
	r->process->begun++;
	return 0;
}

static int on_end(struct reading *r, const struct build_event *e)
{
	if (r->life != NONE) {
		struct way_life *l = &r->w->lives[r->life];

		l->tokens_in = e->value;
		l->tokens_out = e->value2;
		end_life(r, LIFE_ENDED, e->time_ns);
	} else if (!r->begun && !r->ended) {
		r->process->open_at_start++;
	}
	r->ended = true;
	return 0;
}

static int on_drop(struct reading *r, const struct build_event *e)
{
	/* It need not have begun: it may have been refused at the door. */
	if (r->life != NONE)
		end_life(r, LIFE_DROPPED, e->time_ns);
	r->process->dropped++;
	r->ended = true;
	return 0;
}

static int join(struct reading *r, uint32_t group, int64_t time_ns)
{
	struct ways *w = r->w;
	int err;

	for (unsigned int i = 0; i < r->joined_n; i++)
		if (w->memberships[r->joined[i]].group == group)
			return 0;
	if (r->joined_n == GROUPS_OPEN)
		return 0;
	err = array_grow(&w->memberships, &w->memberships_cap, w->memberships_n + 1,
			 sizeof(*w->memberships));
	if (err)
		return err;
	r->joined[r->joined_n++] = (uint32_t)w->memberships_n;
	w->memberships[w->memberships_n++] =
		(struct way_membership){ r->life, group, time_ns, INT64_MAX };
	return 0;
}

static int add_item(struct ways *w, const struct way_item *item)
{
	int err = array_grow(&w->items, &w->items_cap, w->items_n + 1, sizeof(*item));

	if (!err)
		w->items[w->items_n++] = *item;
	return err;
}

static int on_member(struct reading *r, const struct build_event *e)
{
	struct ways *w = r->w;
	const uint32_t pass = ways_find_pass(w, e);
	uint32_t group = ways_find_group(w, e->pid, e->group);
	int err = 0;

	if (pass != NONE) {
		const struct way_span *s = &w->spans[w->passes[pass].span];

		w->passes[pass].marked++;
		if (r->life != NONE)
			err = add_item(w, &(struct way_item){ .life = r->life,
							      .begin_ns = s->begin_ns,
							      .end_ns = s->end_ns,
							      .span = w->passes[pass].span });
		if (!e->group)
			group = w->passes[pass].group;
	}
	r->seen = true;
	return err || r->life == NONE || group == NONE ? err : join(r, group, e->time_ns);
}

static int on_leave(struct reading *r, const struct build_event *e)
{
	const uint32_t group = ways_find_group(r->w, e->pid, e->group);

	if (r->life != NONE && group != NONE)
		leave(r, group, e->time_ns);
	r->seen = true;
	return 0;
}

/* --- waits --- */

static unsigned int find_wait(const struct reading *r, uint32_t name)
{
	unsigned int i = 0;

	while (i < r->waits_n && r->waits[i].name != name)
		i++;
	return i;
}

static int on_wait(struct reading *r, const struct build_event *e)
{
	const unsigned int i = find_wait(r, e->name);

	r->seen = true;
	/* One of the same name that is still open has lost its end. */
	if (i < WAITS_OPEN)
		r->waits[i] = (struct open_wait){ e->name, e->time_ns };
	if (i == r->waits_n && i < WAITS_OPEN)
		r->waits_n++;
	return 0;
}

static int on_waited(struct reading *r, const struct build_event *e)
{
	const unsigned int i = find_wait(r, e->name);
	int64_t begin_ns;

	r->seen = true;
	if (i == r->waits_n)
		return 0;
	begin_ns = r->waits[i].begin_ns;
	r->waits[i] = r->waits[--r->waits_n];
	/* Until all of the request's lives are known: no life, and the name. */
	return add_item(r->w, &(struct way_item){ .life = NONE,
						  .begin_ns = begin_ns,
						  .end_ns = e->time_ns,
						  .span = NONE,
						  .part = e->name });
}

/* --- all of them --- */

static int (*const handlers[])(struct reading *r, const struct build_event *e) = {
	[EVENT_REQUEST_BEGIN] = on_begin, [EVENT_REQUEST_END] = on_end,
	[EVENT_WAIT_BEGIN] = on_wait,	  [EVENT_WAIT_END] = on_waited,
	[EVENT_PASS_MEMBER] = on_member,  [EVENT_GROUP_LEAVE] = on_leave,
	[EVENT_REQUEST_DROP] = on_drop,
};

static int begin_process(struct reading *r, uint32_t pid)
{
	struct ways *w = r->w;
	int err;

	if (r->process && r->process->pid == pid)
		return 0;
	err = array_grow(&w->processes, &w->processes_cap, w->processes_n + 1,
			 sizeof(*w->processes));
	if (err)
		return err;
	r->process = &w->processes[w->processes_n++];
	*r->process = (struct way_process){ .pid = pid, .lives = (uint32_t)w->lives_n };
	return 0;
}

static int read_request(struct reading *r, const struct build_event *const *events, size_t n)
{
	struct ways *w = r->w;
	int err = begin_process(r, events[0]->pid);

	r->life = NONE;
	r->begun = r->ended = r->seen = false;
	r->items = w->items_n;
	r->waits_n = r->joined_n = 0;
	for (size_t i = 0; !err && i < n; i++)
		err = handlers[events[i]->kind](r, events[i]);
	if (err)
		return err;
	if (r->life != NONE) {
		end_life(r, LIFE_OPEN, INT64_MAX);
		r->process->open_at_end++;
	} else if (r->seen && !r->begun && !r->ended) {
		r->process->open_at_start++;
		r->process->open_at_end++;
	}
	r->process->lives_n = (uint32_t)w->lives_n - r->process->lives;
	for (size_t i = r->items; i < w->items_n; i++) {
		struct way_item *item = &w->items[i];

		if (item->life == NONE)
			item->life = ways_find_life(w, events[0]->pid, events[0]->request,
						    item->begin_ns, item->end_ns);
	}
	return 0;
}

int ways_lives(struct ways *w)
{
	const struct serving_build *b = w->b;
	const struct build_event **events = calloc(b->events_n + 1, sizeof(*events));
	struct reading r = { .w = w };
	size_t n = 0, first, next;
	int err = 0;

	if (!events)
		return -ENOMEM;
	for (size_t i = 0; i < b->events_n; i++)
		if (b->events[i].request && b->events[i].time_ns < b->cut_ns)
			events[n++] = &b->events[i];
	qsort(events, n, sizeof(*events), by_request);
	for (first = 0; !err && first < n; first = next) {
		next = first + 1;
		while (next < n && events[next]->pid == events[first]->pid &&
		       events[next]->request == events[first]->request)
			next++;
		err = read_request(&r, events + first, next - first);
	}
	free(events);
	return err;
}

uint32_t ways_find_life(const struct ways *w, uint32_t pid, uint64_t request, int64_t begin_ns,
			int64_t end_ns)
{
	uint32_t low = 0, high = (uint32_t)w->lives_n;

	/* The last that is not behind (pid, request, end). */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct way_life *l = &w->lives[middle];
		int c = rising(l->pid, pid);

		if (!c)
			c = rising(l->request, request);
		if (!c && l->begin_ns > end_ns)
			c = 1;
		if (c > 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (!low || w->lives[low - 1].pid != pid || w->lives[low - 1].request != request ||
	    w->lives[low - 1].end_ns < begin_ns)
		return NONE;
	return low - 1;
}

/* --- items --- */

/* What began last comes last: a span after a wait, an inner one after an outer one. */
static int by_life(const void *a, const void *b)
{
	const struct way_item *x = a, *y = b;
	int c = rising(x->life, y->life);

	if (!c)
		c = x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
	/* NONE plus 1 is 0. */
	if (!c)
		c = rising(x->span + 1, y->span + 1);
	return c ? c : rising(x->part, y->part);
}

int ways_items(struct ways *w)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < w->spans_n; i++) {
		const struct way_span *s = &w->spans[i];
		uint32_t life;

		if (!s->s->request || s->end_ns == s->begin_ns)
			continue;
		life = ways_find_life(w, s->s->pid, s->s->request, s->begin_ns, s->end_ns);
		if (life != NONE)
			err = add_item(w, &(struct way_item){ .life = life,
							      .begin_ns = s->begin_ns,
							      .end_ns = s->end_ns,
							      .span = i });
	}
	if (err)
		return err;
	if (w->items_n)
		qsort(w->items, w->items_n, sizeof(*w->items), by_life);
	for (uint32_t i = 0; i < w->items_n && w->items[i].life != NONE; i++) {
		struct way_life *l = &w->lives[w->items[i].life];

		if (!l->items_n++)
			l->items = i;
	}
	return 0;
}
