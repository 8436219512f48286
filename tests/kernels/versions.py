# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""With which Linux what infbpf's BPF programs use came into the kernel. Helpers, map and program types:
iovisor/bcc, docs/kernel-versions.md. Tracepoints: the commits that added them."""

# "4.0": that or older; nothing here is asked about kernels before that.
HELPERS = {
    "bpf_map_lookup_elem": "4.0", "bpf_map_update_elem": "4.0", "bpf_map_delete_elem": "4.0",
    "bpf_ktime_get_ns": "4.1", "bpf_get_prandom_u32": "4.1", "bpf_get_smp_processor_id": "4.1",
    "bpf_get_current_pid_tgid": "4.2", "bpf_get_current_comm": "4.2",
    "bpf_get_current_task": "4.8", "bpf_get_stackid": "4.6", "bpf_get_stack": "4.18",
    "bpf_probe_read_user": "5.5", "bpf_probe_read_kernel": "5.5", "bpf_probe_read_user_str": "5.5",
    "bpf_probe_read_kernel_str": "5.5", "bpf_seq_write": "5.7", "bpf_seq_printf": "5.7",
    "bpf_ringbuf_output": "5.8", "bpf_ringbuf_reserve": "5.8", "bpf_ringbuf_submit": "5.8",
    "bpf_ringbuf_discard": "5.8", "bpf_ringbuf_query": "5.8", "bpf_get_task_stack": "5.9",
    "bpf_get_current_task_btf": "5.11", "bpf_task_storage_get": "5.11",
    "bpf_task_storage_delete": "5.11", "bpf_ktime_get_coarse_ns": "5.11",
    "bpf_for_each_map_elem": "5.13", "bpf_get_attach_cookie": "5.15", "bpf_get_func_ip": "5.15",
    "bpf_task_pt_regs": "5.15", "bpf_get_func_arg": "5.17", "bpf_get_func_ret": "5.17",
    "bpf_loop": "5.17", "bpf_map_lookup_percpu_elem": "5.19", "bpf_ktime_get_tai_ns": "6.1",
}

KFUNCS = {"bpf_rdonly_cast": "6.2"}

MAP_TYPES = {
    "BPF_MAP_TYPE_HASH": "4.0", "BPF_MAP_TYPE_ARRAY": "4.0", "BPF_MAP_TYPE_PERCPU_HASH": "4.6",
    "BPF_MAP_TYPE_PERCPU_ARRAY": "4.6", "BPF_MAP_TYPE_STACK_TRACE": "4.6",
    "BPF_MAP_TYPE_LRU_HASH": "4.10", "BPF_MAP_TYPE_LRU_PERCPU_HASH": "4.10",
    "BPF_MAP_TYPE_RINGBUF": "5.8", "BPF_MAP_TYPE_TASK_STORAGE": "5.11",
    "BPF_MAP_TYPE_CGRP_STORAGE": "6.2",
}

# By the section's name up to its "/": program type and attach type in one.
PROGRAM_TYPES = {
    "kprobe": "4.1", "kretprobe": "4.1", "uprobe": "4.1", "uretprobe": "4.1", "tp": "4.7",
    "tracepoint": "4.7", "perf_event": "4.9", "raw_tp": "4.17", "tp_btf": "5.5", "fentry": "5.5",
    "fexit": "5.5", "iter": "5.8",
}

# Compare-and-swap and its like: instructions of their own.
ATOMICS = "5.12"

# "name#N": since when it has N arguments, where infbpf asks for that.
TRACEPOINTS = {
    "sched_switch": "4.0", "sched_wakeup": "4.0", "sched_wakeup_new": "4.0",
    "sched_process_exec": "4.0", "task_newtask": "4.0", "task_rename": "4.0",
    "block_rq_issue": "4.0", "block_rq_complete": "4.0", "block_getrq": "4.0", "sys_enter": "4.0",
    "sys_exit": "4.0", "mm_filemap_add_to_page_cache": "4.0",
    "sched_waking": "4.3",          # fbd705a0c618
    "io_uring_complete": "5.5",     # c826bd7a743f
    "io_uring_submit_sqe": "5.5",   # c826bd7a743f
    "io_uring_submit_sqe#2": "6.0",
    "io_uring_complete#7": "6.0",
    "io_uring_submit_req": "6.4",   # 2ad57931db64
    "block_io_start": "6.5",        # 5a80bd075f3b
    "io_uring_complete#3": "6.15",
    "sched_exit_tp": "6.16",        # adcc3bfa8806
}


def number(version):
    return tuple(int(n) for n in version.split("."))
