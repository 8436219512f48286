/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What requests cost: see cost.h for the formula. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "cost.h"

#define NS_PER_HOUR 3.6e12

int cost_parse(const char *arg, double *per_hour, struct fault *f)
{
	char *end;

	*per_hour = strtod(arg, &end);
	/* strtod() knows "inf", "nan", signs and hexadecimal, too. */
	if (!isdigit((unsigned char)*arg) || *end || arg[1] == 'x' || arg[1] == 'X' ||
	    !(*per_hour > 0 && *per_hour <= 1e9))
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--cost-per-hour: '%s' is no amount of money (try 2.5)", arg);
	return 0;
}

double cost_per_thousand(const struct profile *p, double per_hour)
{
	uint64_t requests = 0;

	for (size_t i = 0; i < p->requests_n; i++)
		requests += p->requests[i].count;
	if (!requests || !p->duration_ns)
		return -1;
	return per_hour * ((double)p->duration_ns / NS_PER_HOUR) / (double)requests * 1000;
}

double cost_of_part(double per_thousand, uint64_t wall_ns, uint64_t latency_ns)
{
	if (per_thousand < 0 || !latency_ns || wall_ns == PROFILE_UNKNOWN)
		return -1;
	return per_thousand * (double)wall_ns / (double)latency_ns;
}

const char *format_cost(char *buf, double cost)
{
	int decimals;

	if (cost < 0) {
		snprintf(buf, FORMAT_SIZE, "unknown");
	} else if (cost >= 999.5) {
		format_count(buf, cost < 1e18 ? (uint64_t)(cost + 0.5) : (uint64_t)1e18);
	} else if (cost < 1e-9) {
		snprintf(buf, FORMAT_SIZE, "0");
	} else {
		/* 0.9996 is 1.00, not 1.000. */
		decimals = 2 - (int)floor(log10(cost));
		if (decimals > 0 && cost * pow(10, decimals) >= 999.5)
			decimals--;
		snprintf(buf, FORMAT_SIZE, "%.*f", decimals > 0 ? decimals : 0, cost);
	}
	return buf;
}
