/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A library whose constructor works and sleeps, and never ends: the dynamic linker is its caller. */
#define _GNU_SOURCE
#include "known.h"

static FRAME void plugin_b(void)
{
	slice_begin(SHORT_NS);
	while (slice_left())
		spin();
	sleep_ns(40000000);
	BACK();
}

static FRAME void plugin_a(void)
{
	plugin_b();
	BACK();
}

static FRAME __attribute__((constructor)) void plugin_begin(void)
{
	for (;;)
		plugin_a();
}
