/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions that are stages (--stage), each left in a way of its own. They note
 * their calls, and how long each took by their own clock, from its first line to its last. */
#ifndef SUBJECTS_H
#define SUBJECTS_H

#include <setjmp.h>
#include <stdint.h>

/* What a function notes of its calls. */
struct note {
	const char *name;
	uint64_t calls, ns;
};
extern struct note notes[];
extern const unsigned long notes_n;
void work(uint64_t ns);	     /* on the CPU */
void pause_for(uint64_t ns); /* off it */

extern "C" {
int stage_plain(int n);
int stage_sleeps(int n);
int stage_rets(int n);
int stage_recurses(int n);
int stage_tail(int n);
int stage_tail_to(int n);
int stage_tail_if(int n);
int stage_tail_pointer(int (*to)(int), int n);
int stage_tail_table(unsigned int which, int n);
int stage_switch(unsigned int n);
int stage_protected(int n);
int stage_cold(int n);
int stage_throws(int n);
int stage_longjmps(jmp_buf *to);
int stage_waits_for_cancel(void);
int stage_yields(void (*yield)(void));
int stage_loops(const char *text);
}

namespace ops
{
struct add {
	static int call(int n);
};
struct mul {
	static int call(int n);
};
template <class T> struct cast {
	static int call(T n);
};
extern template struct cast<float>;
int uncalled(int n);
} // namespace ops

#endif /* SUBJECTS_H */
