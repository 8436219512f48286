/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Computes cpu_ms in a group with a CPU quota, once the trace is there: what the group's cpu.stat says
 * at its end was throttled within the trace. */
#include "truth.h"

int main(int argc, char **argv)
{
	long cpu_ms;

	truth_init("throttled", argc, argv);
	cpu_ms = truth_arg("cpu_ms", 300);
	truth_pin(0);
	truth_ready();
	truth_attached();
	truth_spin_cpu((uint64_t)cpu_ms * 1000000);
	/* The trace goes on for a moment: the last throttled wait is over. */
	truth_sleep(300000000);
	truth_thread();
	truth_print();
	return 0;
}
