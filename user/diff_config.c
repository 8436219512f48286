// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How the runs were made, as far as a profile holds it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "diff.h"
#include "format.h"
#include "text.h"

#define VALUE_SIZE 200
#define SET_SIZE   600

static void say(char *buf, const char *s)
{
	snprintf(buf, VALUE_SIZE, "%s", s ? s : "unknown");
}

static void get_host(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	say(buf, p->host);
}

static void get_kernel(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	say(buf, p->kernel);
}

static void get_runtime(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	snprintf(buf, VALUE_SIZE, "%s%s%s", p->runtime ? p->runtime : "unknown",
		 p->runtime_version ? " " : "", p->runtime_version ? p->runtime_version : "");
}

/* "infer-serve (4242)": the number is another each time. */
static void get_target(const struct profile *p, const char *arg, char *buf)
{
	char *at;

	(void)arg;
	say(buf, p->target);
	for (char *open = buf; (at = strstr(open, " (")) != NULL; open = at + 1) {
		const size_t digits = strspn(at + 2, "0123456789");

		if (digits && at[2 + digits] == ')')
			memmove(at, at + 3 + digits, strlen(at + 3 + digits) + 1);
	}
}

/* To a tenth: no two windows are of the same nanosecond. */
static void get_window(const struct profile *p, const char *arg, char *buf)
{
	uint64_t step = 1;

	(void)arg;
	while (p->duration_ns / step >= 100)
		step *= 10;
	format_duration(buf, (p->duration_ns + step / 2) / step * step);
}

static void get_cpus(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	snprintf(buf, VALUE_SIZE, "%zu", p->cpus_n);
}

static void get_period(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	format_duration(buf, p->period_ns);
}

static void get_io(const struct profile *p, const char *arg, char *buf)
{
	size_t n = 0;

	(void)arg;
	say(buf, "none");
	for (unsigned int i = 0; profile_io_part_name(i); i++)
		if (p->io_parts >> i & 1)
			n += (size_t)snprintf(buf + n, VALUE_SIZE - n, "%s%s", n ? "," : "",
					      profile_io_part_name(i));
}

static void get_returns(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	say(buf, p->entries_only ? "none" : "auto");
}

static void get_unwind(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	say(buf, p->unwound ? "to the thread's start" : "by frame pointers");
}

static void get_wakers(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	say(buf, p->wakers_sampled ? "yes" : "no");
}

static void get_stages(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	say(buf, p->stages_known ? "yes" : "no");
}

static void get_timeline(const struct profile *p, const char *arg, char *buf)
{
	(void)arg;
	say(buf, p->timeline_known ? "yes" : "no");
}

static void get_hook(const struct profile *p, const char *arg, char *buf)
{
	say(buf, "not there");
	for (size_t i = 0; i < p->hooks_n; i++)
		if (!strcmp(p->hooks[i].name, arg))
			say(buf, p->hooks[i].kind);
}

typedef void (*getter)(const struct profile *p, const char *arg, char *buf);

static const struct {
	const char *what;
	getter get;
} rows[] = {
	{ "host", get_host },
	{ "kernel", get_kernel },
	{ "runtime", get_runtime },
	{ "target", get_target },
	{ "window", get_window },
	{ "CPUs", get_cpus },
	{ "--period", get_period },
	{ "--io", get_io },
	{ "--returns", get_returns },
	{ "--wakers", get_wakers },
	{ "--timeline", get_timeline },
	{ "stacks unwound", get_unwind },
	{ "stages probed", get_stages },
};

/* All values that the set's runs have. */
static void join(const struct diff_set *s, getter get, const char *arg, char *buf)
{
	char value[VALUE_SIZE], seen[VALUE_SIZE];
	size_t n = 0;

	*buf = '\0';
	for (size_t i = 0; i < s->n; i++) {
		bool known = false;

		get(s->profiles[i], arg, value);
		for (size_t k = 0; k < i && !known; k++) {
			get(s->profiles[k], arg, seen);
			known = !strcmp(value, seen);
		}
		if (!known && n < SET_SIZE)
			n += (size_t)snprintf(buf + n, SET_SIZE - n, "%s%s", n ? " | " : "", value);
	}
}

static int compare_row(struct diff *d, const char *what, getter get, const char *arg)
{
	char values[2][SET_SIZE];
	struct diff_config *grown, *c;

	for (int k = 0; k < 2; k++)
		join(&d->sets[k], get, arg, values[k]);
	/* One that differs among the runs of a set is told as well: the set is none. */
	if (!strcmp(values[0], values[1]) && !strstr(values[0], " | "))
		return 0;
	grown = realloc(d->config, (d->config_n + 1) * sizeof(*d->config));
	if (!grown)
		return -ENOMEM;
	d->config = grown;
	c = &d->config[d->config_n];
	*c = (struct diff_config){ what, { strdup(values[0]), strdup(values[1]) } };
	d->config_n++;
	return c->values[0] && c->values[1] ? 0 : -ENOMEM;
}

int diff_compare_config(struct diff *d)
{
	const struct profile *p = d->sets[0].profiles[0];
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(rows) / sizeof(*rows); i++)
		err = compare_row(d, rows[i].what, rows[i].get, NULL);
	for (size_t i = 0; !err && i < p->hooks_n; i++)
		err = compare_row(d, p->hooks[i].name, get_hook, p->hooks[i].name);
	return err;
}
