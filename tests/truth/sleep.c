/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One thread that sleeps count times sleep_us and does nothing else. */
#include <stdio.h>
#include "truth.h"

int main(int argc, char **argv)
{
	uint64_t begin, slept_ns = 0;
	long count, us, done = 0;

	truth_init("sleep", argc, argv);
	count = truth_arg("count", 20);
	us = truth_arg("sleep_us", 50000);
	truth_ready();
	while (!truth_stopped() && (!count || done < count)) {
		begin = truth_now_ns();
		truth_sleep((uint64_t)us * 1000);
		slept_ns += truth_now_ns() - begin;
		done++;
	}
	truth_number("sleeps", (uint64_t)done);
	truth_number("slept_ns", slept_ns);
	truth_thread();
	truth_print();
	return 0;
}
