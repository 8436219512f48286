/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* As known.c, in C++: exceptions above all. */
#include <algorithm>
#include <functional>
#include <stdexcept>
#include <sys/prctl.h>
#include <csignal>
#include "known.h"

namespace
{

/* --- thrown and caught, three frames apart, with something to clean up between them --- */
struct guard {
	FRAME ~guard()
	{
		ping(2);
		BACK();
	}
};

/* While the unwinder jumps to a handler nobody can tell the callers: it has overwritten them. Hence some
 * other work with each throw. */
FRAME void throw_c(int n)
{
	spin();
	if (n >= 0)
		throw std::runtime_error("known");
	BACK();
}

FRAME void throw_b(int n)
{
	guard g;

	throw_c(n);
	BACK();
}

FRAME void throw_a(int n)
{
	throw_b(n);
	BACK();
}

FRAME void caught(const std::exception &e)
{
	if (!e.what())
		abort();
	ping(2);
	BACK();
}

FRAME void throw_phase()
{
	while (slice_left()) {
		try {
			throw_a(1);
		} catch (const std::exception &e) {
			caught(e);
		}
		BACK();
	}
}

/* --- caught and thrown on --- */
FRAME void again_b()
{
	spin();
	throw std::runtime_error("again");
}

FRAME void again_a()
{
	try {
		again_b();
	} catch (const std::runtime_error &) {
		spin();
		throw;
	}
	BACK();
}

FRAME void again_phase()
{
	while (slice_left()) {
		try {
			again_a();
		} catch (...) {
			spin();
		}
		BACK();
	}
}

/* --- in try blocks that nothing is thrown in --- */
FRAME void quiet_b(int n)
{
	guard g;

	if (n < 0)
		throw n;
	spin();
	BACK();
}

FRAME void quiet_a(int n)
{
	try {
		quiet_b(n);
	} catch (int) {
		abort();
	}
	BACK();
}

FRAME void quiet_phase()
{
	while (slice_left())
		quiet_a(1);
}

/* --- virtual calls, templates, std::function, a library's algorithm --- */
struct shape {
	virtual ~shape() = default;
	virtual void area() = 0;
};

struct circle : shape {
	FRAME void area() override
	{
		spin();
		BACK();
	}
};

FRAME void virtual_a(shape &s)
{
	s.area();
	BACK();
}

FRAME void virtual_phase()
{
	circle c;

	while (slice_left())
		virtual_a(c);
}

FRAME bool less(int a, int b)
{
	for (volatile int n = 0; n < 50; n++)
		;
	return a < b;
}

FRAME void sort_phase()
{
	int numbers[64];
	unsigned int seed = 1;

	while (slice_left()) {
		for (int &n : numbers) {
			seed = seed * 1103515245 + 12345;
			n = static_cast<int>(seed >> 16);
		}
		std::sort(numbers, numbers + 64, less);
		BACK();
	}
}

FRAME void function_b()
{
	spin();
	BACK();
}

FRAME void function_phase()
{
	std::function<void()> f = function_b;

	while (slice_left())
		f();
	BACK();
}

FRAME void sleep_a()
{
	sleep_ns(10000000);
	BACK();
}

FRAME void sleep_phase()
{
	sleep_a();
	BACK();
}

void (*const phases[])() = {throw_phase, again_phase,	 quiet_phase, virtual_phase,
			    sort_phase,	 function_phase, sleep_phase};

} // namespace

int main()
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	puts("ready");
	fflush(stdout);
	for (;;)
		for (auto phase : phases) {
			slice_begin(SLICE_NS);
			phase();
		}
}
