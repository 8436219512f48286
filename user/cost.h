/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Money (--cost-per-hour). What the machine costs an hour is given; the window cost its length of that,
 * and the requests that ended in it share that equally:
 *
 *     per thousand requests = cost per hour x window in hours / requests x 1000
 *
 * whatever the machine did besides. Of a request's cost a part has its share of the latencies' wall time:
 * waiting costs as much as working. This is no bill of a device's use, and says so where it is shown.
 */
#ifndef COST_H
#define COST_H

#include "fault.h"
#include "format.h"
#include "profile.h"

/* The option's argument: a number above 0, "2.5". 0, or a negative errno with f set. */
int cost_parse(const char *arg, double *per_hour, struct fault *f);

/* Of all processes' requests. Negative: no requests, or no window. */
double cost_per_thousand(const struct profile *p, double per_hour);
/* Of that, a part's share: wall_ns of latency_ns. Negative where that is. */
double cost_of_part(double per_thousand, uint64_t wall_ns, uint64_t latency_ns);

/* Three figures without a currency, "0.0123", "12.3", "1,230"; "unknown" if negative. */
const char *format_cost(char *buf, double cost);

#endif /* COST_H */
