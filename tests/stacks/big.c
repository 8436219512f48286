/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* 40 KiB of stack between main() and where it works and sleeps: more than is copied by default. */
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include "known.h"

static FRAME void big_c(void)
{
	slice_begin(SLICE_NS);
	while (slice_left())
		spin();
	sleep_ns(10000000);
	BACK();
}

static FRAME void big_b(void)
{
	char room[20480];

	memset(room, 1, sizeof(room));
	BACK();
	big_c();
	BACK();
}

static FRAME void big_a(void)
{
	char room[20480];

	memset(room, 1, sizeof(room));
	BACK();
	for (;;)
		big_b();
}

int main(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	puts("ready");
	fflush(stdout);
	big_a();
	BACK();
	return 0;
}
