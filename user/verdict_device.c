/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules: the device's own work, and how the CPU drives it. Calls are measured, not the device: what is
 * said of the device is concluded. */
#include "format.h"
#include "verdict_private.h"

static double at_most(double a, double b)
{
	return a < b ? a : b;
}

/* --- waiting for the device --- */

double verdict_sync_claim(const struct verdict_facts *f)
{
	const struct verdict_calls *sync = &f->calls[GROUP_SYNC];
	const uint64_t ops = f->calls[GROUP_LAUNCH].calls + f->calls[GROUP_COPY].calls;

	if (!sync->calls || sync->wall <= 0 || sync->calls * OPS_A_SYNC < ops)
		return 0;
	return at_most(1, (double)sync->calls * ROUND_TRIP_NS / sync->wall);
}

bool verdict_spins(const struct verdict_facts *f)
{
	const struct verdict_calls *sync = &f->calls[GROUP_SYNC];
	const double queued = verdict_queued(f);

	if (!sync->waited || sync->spun * 2 < sync->waited)
		return false;
	return queued * f->stolen_own >= WANT_OF_CPU * f->whole ||
	       (f->others_cpu > 0 && f->behind_launchers > f->others_cpu) ||
	       f->cpus_busy > 1 - WANT_OF_CPU;
}

/* A wait for a CPU within such a call is none for the device. */
static double synchronising(const struct verdict_facts *f)
{
	return verdict_in_calls(f, GROUP_SYNC, STATE_BUSY);
}

/* In calls that wait for the device, whatever for: blocked, spinning, or in a copy that had to wait for
 * what was before it. */
static double waiting(const struct verdict_facts *f)
{
	const struct verdict_calls *copy = &f->calls[GROUP_COPY];
	const double trips = (double)f->small.calls * ROUND_TRIP_NS;
	double ns = synchronising(f) + verdict_in_calls(f, GROUP_LAUNCH, STATE_BLOCKED);

	if (copy->wall > 0 && f->small.wall > trips)
		ns += verdict_in_calls(f, GROUP_COPY, STATE_BUSY) * (f->small.wall - trips) /
		      copy->wall;
	return ns;
}

void rule_gpu_bound(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const double all = waiting(f);
	const double share = f->own.calls + f->behind.calls > 0
				     ? f->own.calls / (f->own.calls + f->behind.calls)
				     : 1;
	const double trips = verdict_sync_claim(f) * synchronising(f);
	const double spin = verdict_spins(f) ? verdict_in_calls(f, GROUP_SYNC, STATE_ON_CPU) : 0;
	char own[FORMAT_SIZE], behind[FORMAT_SIZE], padding[FORMAT_SIZE];

	r->ns = (all - (trips > spin ? trips : spin)) * (f->padded > 0 ? 1 - f->padded : 1);
	verdict_say_share(r, f, all, "waiting for the device");
	if (f->requests)
		verdict_say(r,
			    "%s of %s is that in a request's own passes, %s behind those of others",
			    verdict_percent(f, all * share, own), f->share_of,
			    verdict_percent(f, all * (1 - share), behind));
	verdict_say_call(r, f->calls[GROUP_SYNC].longest);
	if (f->calls[GROUP_SYNC].spun * 2 > f->calls[GROUP_SYNC].waited)
		verdict_say(r, "the waits spin: %s of their time on a CPU",
			    format_percent(own, verdict_whole(f->calls[GROUP_SYNC].on_cpu),
					   verdict_whole(f->calls[GROUP_SYNC].wall)));
	if (f->padded > 0)
		verdict_say(r, "%s of the passes' tokens are padding, not counted here",
			    format_percent(padding, verdict_whole(f->padded * 1000), 1000));
}

/* --- how it is driven --- */

void rule_tiny_kernels(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct verdict_calls *launch = &f->calls[GROUP_LAUNCH];
	const double in_calls = verdict_in_calls(f, GROUP_LAUNCH, STATE_ON_CPU);
	const double gaps = launch->on_cpu > 0 ? in_calls * f->launch_gaps / launch->on_cpu : 0;
	char n[FORMAT_SIZE], rate[FORMAT_SIZE], a[FORMAT_SIZE], b[FORMAT_SIZE];

	/* A device that is waited for longer has more to do than the CPU can hand in. */
	r->ns = in_calls + gaps > waiting(f) ? in_calls + gaps : 0;
	verdict_say_share(r, f, in_calls + gaps, "launching kernels, one after the other");
	verdict_say_share(r, f, waiting(f), "waiting for the device");
	verdict_say(r, "%s launches, %s", format_count(n, launch->calls),
		    format_per_second(rate, launch->calls, f->p->duration_ns));
	if (f->requests && f->requests->tokens_out)
		verdict_say(r, "%s launches for a token that is generated",
			    format_count(n, launch->calls / f->requests->tokens_out));
	verdict_say_call(r, launch->longest);
	if (f->launcher && f->launcher->gap_p50_ns != PROFILE_UNKNOWN)
		verdict_say(r, "between two launches: p50 %s, p95 %s",
			    format_duration(a, f->launcher->gap_p50_ns),
			    format_duration(b, f->launcher->gap_p95_ns));
}

void rule_sync_each_op(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct verdict_calls *sync = &f->calls[GROUP_SYNC];
	const uint64_t ops = f->calls[GROUP_LAUNCH].calls + f->calls[GROUP_COPY].calls;
	char n[FORMAT_SIZE], of[FORMAT_SIZE];

	r->ns = verdict_sync_claim(f) * synchronising(f);
	verdict_say_share(r, f, r->ns, "round trips to the device: the CPU waits after each op");
	verdict_say(r, "%s synchronising calls for %s launches and copies",
		    format_count(n, sync->calls), format_count(of, ops));
	verdict_say_call(r, sync->longest);
}

void rule_spinning_sync(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct verdict_calls *sync = &f->calls[GROUP_SYNC];
	const double spin = verdict_in_calls(f, GROUP_SYNC, STATE_ON_CPU);
	const double queued = verdict_queued(f) * f->stolen_own;
	char a[FORMAT_SIZE], b[FORMAT_SIZE];

	r->ns = verdict_spins(f) ? spin + queued : 0;
	verdict_say_share(r, f, spin, "waiting for the device on a CPU, spinning");
	verdict_say_share(r, f, queued, "waiting for a CPU that the process' own threads have");
	if (f->behind_launchers > 0)
		verdict_say(
			r,
			"its other threads ran for %s, and waited %s for the CPU of those that launch",
			format_duration(a, verdict_whole(f->others_cpu)),
			format_duration(b, verdict_whole(f->behind_launchers)));
	verdict_say(r, "%s of %s synchronising calls of 20 us and more spin",
		    format_count(a, sync->spun), format_count(b, sync->waited));
	verdict_say_call(r, sync->longest);
	if (f->cpus_busy >= 0)
		verdict_say(r, "the host's CPUs are %s busy",
			    format_percent(a, verdict_whole(f->cpus_busy * 1000), 1000));
}

void rule_padding(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const double passes = f->passes + f->passes_behind;
	char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];

	r->ns = f->padded > 0 ? f->padded * passes : 0;
	verdict_say_share(r, f, passes, "in passes of the model, or behind those of others");
	for (size_t i = 0; i < f->requests->passes_n; i++) {
		const struct profile_pass *pass = &f->requests->passes[i];

		if (pass->padded > pass->tokens)
			verdict_say(r, "%s: %s tokens in %s padded ones, %s waste", pass->name,
				    format_count(a, pass->tokens), format_count(b, pass->padded),
				    format_percent(c, pass->padded - pass->tokens, pass->padded));
	}
}
