/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SIGFRAME_H
#define SIGFRAME_H

/* From the top of an alternate signal stack (a multiple of 64) down to the ucontext that the kernel
 * puts there for a signal's handler, in bytes; 0: could not be found out. It depends on the CPU's
 * register state (XSAVE), so it is tried: a child of this process takes a signal. */
unsigned int sigframe_bytes(void);

#endif /* SIGFRAME_H */
