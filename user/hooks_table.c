// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of hooks: a row each, its rungs best first. */
#include "hooks_private.h"

#define TP_BTF(program, where)                                      \
	{                                                           \
		RUNG_TP_BTF, { { program, where, false } }, NULL, 0 \
	}

const struct hook hooks_table[] = {
	/* --- threads: every trace --- */
	{ "switch", HOOK_ALWAYS, NULL, 0, { TP_BTF("handle_switch", "sched_switch") } },
	{ "wake-up", HOOK_ALWAYS, NULL, 0, { TP_BTF("handle_wakeup", "sched_wakeup") } },
	{ "first wake-up", HOOK_ALWAYS, NULL, 0, { TP_BTF("handle_wakeup_new", "sched_wakeup_new") } },
	{ "new thread", HOOK_ALWAYS, NULL, 0, { TP_BTF("handle_newtask", "task_newtask") } },
	{ "rename", HOOK_ALWAYS, NULL, 0, { TP_BTF("handle_rename", "task_rename") } },
	{ "exec", HOOK_ALWAYS, NULL, 0, { TP_BTF("handle_exec", "sched_process_exec") } },
	{ .name = "after switch",
	  .part = HOOK_ALWAYS,
	  .learns = LEARNS(cfg_after_switch),
	  .rungs = {
		  /* 6.16 and later. */
		  { .kind = RUNG_TP_BTF,
		    .sites = { { "handle_exit_tp", "sched_exit_tp", false } },
		    .learned = 1 },
		  /* gcc calls it finish_task_switch.isra.0, which is not in BTF: no fentry. */
		  { .kind = RUNG_KPROBE,
		    .sites = { { "handle_finish_switch", "finish_task_switch", false } },
		    .learned = 1 },
		  { .kind = RUNG_SWITCH_OUT,
		    .sites = { { NULL, "sched_switch", false } },
		    .lost = "stacks of waits are picked by time, not by the wait's length" },
	  } },
	{ .name = "on-CPU clock",
	  .part = HOOK_ALWAYS,
	  .rungs = { { .kind = RUNG_PERF, .sites = { { "handle_clock", "cpu-clock", false } } } } },
};
const size_t hooks_table_n = sizeof(hooks_table) / sizeof(hooks_table[0]);

_Static_assert(sizeof(hooks_table) / sizeof(hooks_table[0]) <= HOOKS_MAX, "raise HOOKS_MAX");
