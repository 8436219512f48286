/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules: disks and the network. */
#include <string.h>
#include "format.h"
#include "verdict_private.h"

static void say_io(struct verdict_ruling *r, const struct verdict_facts *f, const char *prefix)
{
	char n[FORMAT_SIZE], bytes[FORMAT_SIZE], p50[FORMAT_SIZE], p95[FORMAT_SIZE];

	for (size_t i = 0; i < f->p->io_n; i++) {
		const struct profile_io *io = &f->p->io[i];

		if (io->pid != f->pid || !io->calls || strncmp(io->kind, prefix, strlen(prefix)))
			continue;
		verdict_say(r, "%s%s%s: %s of %s, p50 %s, p95 %s", io->kind,
			    io->device ? " on " : "", io->device ? io->device : "",
			    format_count(n, io->calls), format_bytes(bytes, io->bytes),
			    format_duration(p50, io->whole.p50_ns),
			    format_duration(p95, io->whole.p95_ns));
	}
}

static uint64_t disk_of(const struct profile_split *s)
{
	return verdict_whole(verdict_ns(s->blocked_by_ns[CAUSE_DISK]) +
			     verdict_ns(s->blocked_by_ns[CAUSE_PAGE_FAULT]));
}

void rule_disk(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const double faults = verdict_blocked(f, CAUSE_PAGE_FAULT);
	char a[FORMAT_SIZE], b[FORMAT_SIZE];

	r->ns = verdict_blocked(f, CAUSE_DISK) + faults;
	verdict_say_share(r, f, r->ns, "waiting for a disk");
	verdict_say_worst(r, f, disk_of, "waiting for a disk");
	if (faults > 0)
		verdict_say_share(r, f, faults, "page faults that wait for a disk");
	for (size_t i = 0; i < f->p->io_n; i++) {
		const struct profile_io *io = &f->p->io[i];

		if (io->pid == f->pid && !strcmp(io->kind, "file read") && io->misses &&
		    io->misses != PROFILE_UNKNOWN)
			verdict_say(r, "%s of %s file reads missed the page cache",
				    format_count(a, io->misses), format_count(b, io->calls));
	}
	say_io(r, f, "block");
	say_io(r, f, "direct");
	say_io(r, f, "file");
}

static bool has_sockets(const struct verdict_facts *f)
{
	for (size_t i = 0; i < f->p->io_n; i++)
		if (f->p->io[i].pid == f->pid && f->p->io[i].calls &&
		    (!strncmp(f->p->io[i].kind, "TCP", 3) || !strncmp(f->p->io[i].kind, "UDP", 3)))
			return true;
	return false;
}

static uint64_t network_of(const struct profile_split *s)
{
	return verdict_whole(verdict_ns(s->blocked_by_ns[CAUSE_NETWORK]) +
			     verdict_ns(s->blocked_by_ns[CAUSE_POLL]));
}

void rule_network(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const double network = verdict_blocked(f, CAUSE_NETWORK);
	const double poll = has_sockets(f) ? verdict_blocked(f, CAUSE_POLL) : 0;

	r->ns = network + poll;
	/* A request that polls within a stage most likely polls the socket that it then reads. */
	r->sure = poll > network ? "likely" : "measured";
	verdict_say_share(r, f, r->ns, "waiting for the network within a stage");
	verdict_say_worst(r, f, network_of, "waiting for the network");
	say_io(r, f, "TCP");
	say_io(r, f, "UDP");
}
