/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Works before main(), in it and after it: 400 ms of CPU time each. */
#include "known.h"

namespace
{

FRAME void work()
{
	uint64_t end = cpu_now_ns() + 400000000;

	while (cpu_now_ns() < end)
		spin();
	BACK();
}

struct whole_run {
	FRAME whole_run()
	{
		work();
		BACK();
	}
	FRAME ~whole_run()
	{
		work();
		BACK();
	}
};

whole_run run;

} // namespace

int main()
{
	work();
	BACK();
	return 0;
}
