/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The JSON contract of docs/json.md. One object at a time is built and written, each on a line of its
 * own: a host with 20,000 threads would else make a tree of tens of megabytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "json_part.h"
#include "output.h"
#include "text.h"

#define JSON_CONTRACT 1

/* --- fields --- */

int json_set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new_nocheck(object, key, value) ? -ENOMEM : 0;
}

/* JSON's integers are jansson's: signed, 64 bits. Beyond is nothing that was measured. */
int json_set_number(json_t *object, const char *key, uint64_t n)
{
	return json_set(object, key, n > INT64_MAX ? json_null() : json_integer((json_int_t)n));
}

/* NULL: no memory. */
static json_t *new_string(const char *s)
{
	const size_t size = TEXT_UTF8_SIZE(strlen(s));
	char *buf = malloc(size);
	json_t *string;

	if (!buf)
		return NULL;
	text_utf8(s, buf, size);
	string = json_string_nocheck(buf);
	free(buf);
	return string;
}

int json_set_string(json_t *object, const char *key, const char *s)
{
	return json_set(object, key, s ? new_string(s) : json_null());
}

int json_set_strings(json_t *object, const char *key, const char *const *strings, size_t n)
{
	json_t *array = json_array();
	int err = array ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++)
		err = json_array_append_new(array, new_string(strings[i])) ? -ENOMEM : 0;
	if (err) {
		json_decref(array);
		return err;
	}
	return json_set(object, key, array);
}

int json_set_numbers(json_t *object, const struct json_number *numbers, size_t n)
{
	int err = 0;

	for (size_t i = 0; !err && i < n; i++)
		err = json_set_number(object, numbers[i].key, numbers[i].n);
	return err;
}

int json_set_texts(json_t *object, const struct json_text *texts, size_t n)
{
	int err = 0;

	for (size_t i = 0; !err && i < n; i++)
		err = json_set_string(object, texts[i].key, texts[i].s);
	return err;
}

int json_set_thread(json_t *o, const struct profile_thread *t)
{
	/* A row that stands for several threads has no thread number. */
	const bool one = t && t->merged <= 1;
	int err = JSON_SET_NUMBERS(o, { "pid", t ? t->pid : PROFILE_UNKNOWN },
				   { "tid", one ? t->tid : PROFILE_UNKNOWN });

	return err ? err : json_set_string(o, "comm", t ? t->comm : NULL);
}

/* --- the parts --- */

static int fill_hook(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_hook *h = &p->hooks[i];
	int err = json_set_string(o, "name", h->name);

	if (!err)
		err = json_set_string(o, "kind", h->kind);
	return err ? err : json_set_string(o, "lost", h->lost);
}

/* The causes that occurred. They sum to blocked_ns. */
static int set_causes(json_t *o, const struct profile_thread *t)
{
	json_t *by = json_object();
	int err = 0;

	for (unsigned int c = CAUSE_NONE + 1; by && !err && c < CAUSES; c++)
		if (t->blocked_by_ns[c])
			err = json_set_number(by, wait_cause_name(c), t->blocked_by_ns[c]);
	if (err) {
		json_decref(by);
		return err;
	}
	return json_set(o, "blocked_by", by);
}

static int set_queue(json_t *o, const struct profile_thread *t)
{
	json_t *by = json_object();
	const uint64_t preempted = t->state_ns[PROFILE_PREEMPTED] - t->throttled_ns;
	int err =
		by ? JSON_SET_NUMBERS(by, { "woken", t->state_ns[PROFILE_WOKEN] },
				      { "preempted", preempted }, { "throttled", t->throttled_ns })
		   : -ENOMEM;

	if (err) {
		json_decref(by);
		return err;
	}
	return json_set(o, "run_queue_by", by);
}

static int fill_thread(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_thread *t = &p->threads[i];
	int err = json_set_thread(o, t);

	if (!err)
		err = json_set_string(o, "process", t->process);
	if (!err)
		err = JSON_SET_NUMBERS(o, { "merged", t->merged }, { "start_ns", t->start_ns },
				       { "wall_ns", t->wall_ns },
				       { "on_cpu_ns", t->state_ns[PROFILE_ON_CPU] },
				       { "run_queue_ns", t->state_ns[PROFILE_WOKEN] +
								 t->state_ns[PROFILE_PREEMPTED] },
				       { "blocked_ns", t->state_ns[PROFILE_BLOCKED] });
	if (!err)
		err = set_queue(o, t);
	if (!err)
		err = set_causes(o, t);
	if (!err)
		err = JSON_SET_NUMBERS(
			o, { "gpu_call_ns", t->call_ns }, { "voluntary_switches", t->voluntary },
			{ "involuntary_switches", t->involuntary }, { "migrations", t->migrations },
			{ "major_faults", t->major_faults },
			{ "preempted_most_ns", t->stolen_by ? t->stolen_ns : PROFILE_UNKNOWN });
	if (!err)
		err = json_set_string(o, "preempted_most_by", t->stolen_by);
	if (!err)
		err = json_set(o, "kthread", json_boolean(t->kthread));
	return err ? err : json_set(o, "ended", json_boolean(t->ended));
}

static int fill_not_measured(const struct profile *p, size_t i, json_t *o)
{
	const int err = json_set_string(o, "what", p->not_measured[i].what);

	return err ? err : json_set_string(o, "why", p->not_measured[i].why);
}

static int fill_lost(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_lost *l = &p->lost;

	(void)i;
	return JSON_SET_NUMBERS(
		o, { "events", l->events }, { "stacks", l->stacks }, { "ring", l->ring },
		{ "map_full", l->map_full }, { "missed_runs", l->missed_runs },
		{ "uncovered_ns", l->uncovered_ns }, { "threads", l->threads },
		{ "returns", l->returns }, { "memory", l->memory }, { "spans", l->spans });
}

/* Stacks walked by frame pointers do not tell whether they are whole. */
static int fill_reach(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_reach *r = &p->reach;

	(void)i;
	return JSON_SET_NUMBERS(
		o, { "whole_ns", p->unwound ? r->whole_ns : PROFILE_UNKNOWN },
		{ "truncated_ns", p->unwound ? r->truncated_ns : PROFILE_UNKNOWN },
		{ "incomplete_ns", p->unwound ? r->incomplete_ns : PROFILE_UNKNOWN },
		{ "none_ns", r->none_ns });
}

static int fill_events(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_events *e = &p->events;

	(void)i;
	return JSON_SET_NUMBERS(o, { "switches", e->switches }, { "booked", e->booked },
				{ "idle", e->idle }, { "wakeups", e->wakeups });
}

static int fill_overhead(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_overhead *c = &p->overhead;

	(void)i;
	return JSON_SET_NUMBERS(o, { "bpf_ns", c->bpf_ns }, { "bpf_runs", c->bpf_runs },
				{ "trap_ns", c->trap_ns }, { "trap_hits", c->trap_hits },
				{ "user_cpu_ns", c->user_cpu_ns },
				{ "start_cpu_ns", c->start_cpu_ns }, { "rss_bytes", c->rss_bytes },
				{ "map_bytes", c->map_bytes });
}

static int fill_head(const struct profile *p, size_t i, json_t *o)
{
	int err = JSON_SET_NUMBERS(o, { "version", JSON_CONTRACT },
				   { "duration_ns", p->duration_ns });

	(void)i;
	if (!err)
		err = json_set_string(o, "host", p->host);
	if (!err)
		err = json_set_string(o, "kernel", p->kernel);
	if (!err)
		err = json_set_string(o, "runtime", p->runtime);
	if (!err)
		err = json_set_string(o, "runtime_version", p->runtime_version);
	if (!err)
		err = json_set_string(o, "target", p->target);
	if (!err)
		err = json_set_io_parts(p, o);
	return err ? err
		   : JSON_SET_NUMBERS(o, { "period_ns", p->period_ns }, { "stacks", p->stacks });
}

/* --- the whole --- */

/* An object; flags JSON_EMBED: without its braces. */
static int write_object(const struct profile *p, json_fill fill, size_t i, size_t flags, FILE *f)
{
	json_t *o = json_object();
	int err = o ? fill(p, i, o) : -ENOMEM;

	errno = 0;
	if (!err && json_dumpf(o, f, JSON_COMPACT | flags))
		err = errno ? -errno : -EIO;
	json_decref(o);
	return err;
}

static int write_array(const struct profile *p, const char *key, json_fill fill, size_t n, FILE *f)
{
	int err = 0;

	fprintf(f, ",\n\"%s\":[", key);
	for (size_t i = 0; !err && i < n; i++) {
		fputs(i ? ",\n" : "\n", f);
		err = write_object(p, fill, i, 0, f);
	}
	fputc(']', f);
	return err;
}

/* An object around an array: rows of hundreds of numbers, one at a time as elsewhere. */
static int write_timeline(const struct profile *p, FILE *f)
{
	int err;

	if (!p->timeline_known) {
		fputs(",\n\"timeline\":null", f);
		return 0;
	}
	fprintf(f, ",\n\"timeline\":{\"slice_ns\":%llu", (unsigned long long)p->slice_ns);
	err = write_array(p, "threads", json_fill_slices, p->slice_threads_n, f);
	fputc('}', f);
	return err;
}

int json_write(const struct profile *p, FILE *f)
{
	/* Without the calls' returns nobody knows of these. */
	const bool ends = !p->entries_only;
	/* fill NULL: not measured. One: not an array. */
	const struct {
		const char *key;
		json_fill fill;
		size_t n;
		bool one;
	} parts[] = {
		{ "hooks", fill_hook, p->hooks_n, false },
		{ "threads", fill_thread, p->threads_n, false },
		{ "waits", json_fill_wait, p->waits_n, false },
		{ "preempted_by", json_fill_steal, p->steals_n, false },
		{ "woken_by", p->wakers_known ? json_fill_waker : NULL, p->wakers_n, false },
		{ "wakers", p->wakers_known && p->wakers_sampled ? json_fill_waker_stack : NULL,
		  p->waker_stacks_n, false },
		{ "cpus", json_fill_cpu, p->cpus_n, false },
		{ "gpu_calls", json_fill_call, p->calls_n, false },
		{ "gpu_errors", ends ? json_fill_error : NULL, p->errors_n, false },
		{ "streams", json_fill_stream, p->streams_n, false },
		{ "copies", json_fill_copy, p->copies_n, false },
		{ "launches", json_fill_launch, p->launches_n, false },
		{ "launch_threads", json_fill_launcher, p->launchers_n, false },
		{ "memory", ends ? json_fill_memory : NULL, p->memory_n, false },
		{ "allocations", ends ? json_fill_allocation : NULL, p->allocations_n, false },
		{ "switches", json_fill_switches, p->switches_n, false },
		{ "stages", p->stages_known ? json_fill_stage : NULL, p->stages_n, false },
		{ "requests", p->stages_known ? json_fill_requests : NULL, p->requests_n, false },
		{ "io", p->io_parts ? json_fill_io : NULL, p->io_n, false },
		{ "io_threads", p->io_parts ? json_fill_io_thread : NULL, p->io_threads_n, false },
		{ "verdict", p->verdicts_n ? json_fill_verdict : NULL, p->verdicts_n, false },
		{ "not_measured", fill_not_measured, p->not_measured_n, false },
		{ "stacks_reach", fill_reach, 1, true },
		{ "events", fill_events, 1, true },
		{ "lost", fill_lost, 1, true },
		{ "overhead", fill_overhead, 1, true },
	};
	int err;

	fputc('{', f);
	err = write_object(p, fill_head, 0, JSON_EMBED, f);
	for (size_t i = 0; !err && i < sizeof(parts) / sizeof(*parts); i++) {
		if (parts[i].fill && !parts[i].one) {
			err = write_array(p, parts[i].key, parts[i].fill, parts[i].n, f);
			continue;
		}
		fprintf(f, ",\n\"%s\":", parts[i].key);
		if (parts[i].fill)
			err = write_object(p, parts[i].fill, 0, 0, f);
		else
			fputs("null", f);
	}
	if (!err)
		err = write_timeline(p, f);
	if (err)
		return err;
	errno = 0;
	if (fputs("}\n", f) == EOF || fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return 0;
}
