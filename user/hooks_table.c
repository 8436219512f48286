// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of hooks: a row each, its rungs best first. */
#include "hooks_private.h"

#define TP_BTF(program, where)                                            \
	{                                                                 \
		RUNG_TP_BTF, { { program, where, false } }, NULL, 0, NULL \
	}

#define FUNCTIONS_LOSE                                                                    \
	"readv, writev and their like; sockets but TCP, unless by read and write; fsync " \
	"where the compiler has it in line"

const struct hook hooks_table[] = {
	/* --- threads: every trace --- */
	{ .name = "switch",
	  .part = HOOK_ALWAYS,
	  .rungs = {
		  { .kind = RUNG_TP_BTF,
		    .sites = { { "handle_switch_typed", "sched_switch", false } },
		    .wants = "bpf_rdonly_cast" },
		  /* Before 6.2. The look-up of descriptors costs 0.1 us more. */
		  { .kind = RUNG_TP_BTF, .sites = { { "handle_switch", "sched_switch", false } } },
	  } },
	{ "wake-up", HOOK_ALWAYS, NULL, 0, { TP_BTF("handle_wakeup", "sched_wakeup") } },
	{ "waking",
	  HOOK_ALWAYS,
	  "who ends waits",
	  0,
	  { TP_BTF("handle_waking", "sched_waking") } },
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

	/* --- --io block --- */
	{ .name = "block start",
	  .part = HOOK_BLOCK,
	  .without = "who asked for a block request that a kernel thread issues",
	  .learns = LEARNS(cfg_block_start),
	  .rungs = {
		  /* 6.5 and later. */
		  { .kind = RUNG_TP_BTF,
		    .sites = { { "handle_block_start", "block_io_start", false } },
		    .learned = 1 },
		  { .kind = RUNG_TP_BTF,
		    .sites = { { "handle_block_getrq", "block_getrq", false } },
		    .learned = 2,
		    .lost = "who asked for block requests that later grew at their front" },
	  } },
	{ "block issue", HOOK_BLOCK, "a block request's time in the queue, apart from the device's", 0,
	  { TP_BTF("handle_block_issue", "block_rq_issue") } },
	{ "block complete", HOOK_BLOCK, "block requests", 0,
	  { TP_BTF("handle_block_complete", "block_rq_complete") } },

	/* --- --io file, net --- */
	{ .name = "file calls",
	  .part = HOOK_FILE | HOOK_NET,
	  .without = "reads, writes and calls on sockets",
	  .rungs = {
		  { .kind = RUNG_TP_BTF,
		    .sites = { { "handle_io_exit", "sys_exit", false },
			       { "handle_io_enter", "sys_enter", false } } },
		  { .kind = RUNG_FENTRY,
		    .sites = { { "handle_read_fexit", "vfs_read", true },
			       { "handle_read_fentry", "vfs_read", false },
			       { "handle_write_fexit", "vfs_write", true },
			       { "handle_write_fentry", "vfs_write", false },
			       { "handle_sync_fexit", "vfs_fsync_range", true },
			       { "handle_sync_fentry", "vfs_fsync_range", false },
			       { "handle_send_fexit", "tcp_sendmsg", true },
			       { "handle_send_fentry", "tcp_sendmsg", false },
			       { "handle_receive_fexit", "tcp_recvmsg", true },
			       { "handle_receive_fentry", "tcp_recvmsg", false } },
		    .lost = FUNCTIONS_LOSE },
		  { .kind = RUNG_KPROBE,
		    .sites = { { "handle_read_kretprobe", "vfs_read", true },
			       { "handle_read_kprobe", "vfs_read", false },
			       { "handle_write_kretprobe", "vfs_write", true },
			       { "handle_write_kprobe", "vfs_write", false },
			       { "handle_sync_kretprobe", "vfs_fsync_range", true },
			       { "handle_sync_kprobe", "vfs_fsync_range", false },
			       { "handle_send_kretprobe", "tcp_sendmsg", true },
			       { "handle_send_kprobe", "tcp_sendmsg", false },
			       { "handle_receive_kretprobe", "tcp_recvmsg", true },
			       { "handle_receive_kprobe", "tcp_recvmsg", false } },
		    .lost = FUNCTIONS_LOSE "; calls while many threads are in the same one" },
	  } },
	{ "page cache", HOOK_FILE,
	  "file reads that brought pages in without waiting for them: they count as hits", 0,
	  { TP_BTF("handle_page_added", "mm_filemap_add_to_page_cache") } },

	/* --- --io uring --- */
	{ .name = "io_uring",
	  .part = HOOK_URING,
	  .without = "io_uring requests (6.0 and later have the hooks)",
	  .learns = LEARNS(cfg_uring_cqe),
	  .rungs = {
		  /* 6.15 and later. */
		  { .kind = RUNG_TP_BTF,
		    .sites = { { "handle_uring_complete", "io_uring_complete#3", false },
			       { "handle_uring_submit", "io_uring_submit_req#1", false } },
		    .learned = 1 },
		  { .kind = RUNG_TP_BTF,
		    .sites = { { "handle_uring_complete", "io_uring_complete#7", false },
			       { "handle_uring_submit",
				 "io_uring_submit_req#1|io_uring_submit_sqe#2", false } } },
	  } },
};
const size_t hooks_table_n = sizeof(hooks_table) / sizeof(hooks_table[0]);

_Static_assert(sizeof(hooks_table) / sizeof(hooks_table[0]) <= HOOKS_MAX, "raise HOOKS_MAX");
