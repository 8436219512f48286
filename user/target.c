// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "target.h"

#define CGROUP_ROOT  "/sys/fs/cgroup"
#define CGROUP_DEPTH 16 /* nesting followed; deeper folders are left out */

int target_pids_add(struct target_pids *t, pid_t pid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->pids[i] == pid)
			return 0;
	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 16;
		pid_t *pids = reallocarray(t->pids, room, sizeof(*pids));

		if (!pids)
			return -ENOMEM;
		t->pids = pids;
		t->room = room;
	}
	t->pids[t->n++] = pid;
	return 1;
}

void target_pids_free(struct target_pids *t)
{
	free(t->pids);
	*t = (struct target_pids){ 0 };
}

int target_parse_pids(const char *text, struct target_pids *out, struct fault *f)
{
	const char *at = text;
	char *end;
	long pid;

	do {
		errno = 0;
		pid = strtol(at, &end, 10);
		if (end == at || errno || pid <= 0 || pid > INT_MAX || (*end && *end != ',') ||
		    !isdigit((unsigned char)*at))
			return fault_set(
				f, EXIT_USAGE, EINVAL,
				"--pid: '%s' is not a list of process ids (try 4242 or 4242,4243)",
				text);
		if (target_pids_add(out, pid) < 0)
			return fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
		at = end + 1;
	} while (*end);
	return 0;
}

/* The value of a line "Key:\tN" of /proc/PID/status, -errno when there is no such process or key. */
static long status_number(pid_t pid, const char *key)
{
	char path[64], line[256];
	size_t len = strlen(key);
	long value = -ENOENT;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		value = strtol(line + len + 1, NULL, 10);
		break;
	}
	fclose(file);
	return value;
}

int target_check_pid(pid_t *pid, struct fault *f)
{
	long tgid = status_number(*pid, "Tgid");

	if (tgid <= 0)
		return fault_set(f, EXIT_NO_TARGET, ESRCH, "no process %d", *pid);
	*pid = tgid;
	return 0;
}

bool target_is_kthread(pid_t pid)
{
	return status_number(pid, "VmSize") == -ENOENT && status_number(pid, "Kthread") != 0;
}

void target_name(pid_t pid, char *buf, size_t len)
{
	char path[64];
	FILE *file;

	snprintf(buf, len, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(buf, len, file))
		buf[strcspn(buf, "\n")] = 0;
	fclose(file);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Where a relative cgroup path may lie: the v2 mount, the hybrid set-up's v2 mount, v1 controllers. */
static const char *const cgroup_roots[] = {
	CGROUP_ROOT,
	CGROUP_ROOT "/unified",
	CGROUP_ROOT "/cpu",
	CGROUP_ROOT "/cpu,cpuacct",
	CGROUP_ROOT "/memory",
	CGROUP_ROOT "/systemd",
	CGROUP_ROOT "/pids",
	CGROUP_ROOT "/freezer",
	CGROUP_ROOT "/cpuset",
	CGROUP_ROOT "/blkio",
	CGROUP_ROOT "/devices",
};

int target_cgroup_open(const char *path, char *folder, size_t len, struct fault *f)
{
	char procs[PATH_MAX + 16];
	size_t i;

	if (path[0] == '/' && !strncmp(path, CGROUP_ROOT, strlen(CGROUP_ROOT))) {
		snprintf(folder, len, "%s", path);
		goto check;
	}
	for (i = 0; i < sizeof(cgroup_roots) / sizeof(cgroup_roots[0]); i++) {
		snprintf(folder, len, "%s/%s", cgroup_roots[i], path + (path[0] == '/'));
		if (is_folder(folder))
			goto check;
	}
	return fault_set(f, EXIT_NO_TARGET, ENOENT,
			 "no cgroup %s under " CGROUP_ROOT " (v2, or a v1 controller's folder)",
			 path);
check:
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", folder);
	if (access(procs, R_OK))
		return fault_set(f, EXIT_NO_TARGET, errno, "no cgroup %s: %s", folder,
				 strerror(errno));
	return 0;
}

static int cgroup_scan(const char *folder, struct target_pids *out, int depth)
{
	char path[PATH_MAX];
	int pid, err, added = 0;
	struct dirent *e;
	FILE *file;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", folder) >= (int)sizeof(path))
		return 0;
	file = fopen(path, "re");
	if (!file)
		return 0; /* removed meanwhile */
	while (fscanf(file, "%d", &pid) == 1) {
		err = target_pids_add(out, pid);
		if (err < 0) {
			fclose(file);
			return err;
		}
		added += err;
	}
	fclose(file);
	dir = depth ? opendir(folder) : NULL;
	if (!dir)
		return added;
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || e->d_type != DT_DIR ||
		    snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= (int)sizeof(path))
			continue;
		err = cgroup_scan(path, out, depth - 1);
		if (err < 0) {
			added = err;
			break;
		}
		added += err;
	}
	closedir(dir);
	return added;
}

int target_cgroup_scan(const char *folder, struct target_pids *out)
{
	return cgroup_scan(folder, out, CGROUP_DEPTH);
}

int target_all_scan(struct target_pids *out)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	int err, added = 0;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		err = target_pids_add(out, atoi(e->d_name));
		if (err < 0) {
			added = err;
			break;
		}
		added += err;
	}
	closedir(dir);
	return added;
}

/* The child's side: waits for the word, then becomes the command. Async-signal-safe only. */
static void __attribute__((noreturn)) command_child(char *const argv[], int go_fd, int failed_fd)
{
	sigset_t none;
	char byte;
	int err;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* infbpf died or gave up: end without having run anything. */
	if (read(go_fd, &byte, 1) != 1)
		_exit(1);
	execvp(argv[0], argv);
	err = errno;
	if (write(failed_fd, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

int target_command_start(struct target_command *c, char *const argv[], struct fault *f)
{
	int go[2] = { -1, -1 }, failed[2] = { -1, -1 };

	if (pipe2(go, O_CLOEXEC) || pipe2(failed, O_CLOEXEC))
		goto fail;
	c->pid = fork();
	if (c->pid < 0)
		goto fail;
	if (!c->pid) {
		/* Its own copy of the writing end would keep it from seeing infbpf's death. */
		close(go[1]);
		command_child(argv, go[0], failed[1]);
	}
	close(go[0]);
	close(failed[1]);
	c->go_fd = go[1];
	c->failed_fd = failed[0];
	return 0;
fail:
	fault_set(f, EXIT_FAILED, errno, "cannot start %s: %s", argv[0], strerror(errno));
	for (int i = 0; i < 2; i++) {
		if (go[i] >= 0)
			close(go[i]);
		if (failed[i] >= 0)
			close(failed[i]);
	}
	return -EAGAIN;
}

int target_command_go(struct target_command *c, const char *name, struct fault *f)
{
	int err = 0;

	if (write(c->go_fd, "g", 1) != 1)
		err = errno;
	close(c->go_fd);
	c->go_fd = -1;
	if (!err && read(c->failed_fd, &err, sizeof(err)) != sizeof(err))
		err = 0; /* closed by exec */
	close(c->failed_fd);
	c->failed_fd = -1;
	if (!err)
		return 0;
	/* As the shell: 127 not found, 126 found but not to be run. */
	return fault_set(f, err == ENOENT ? 127 : 126, err, "%s: %s", name, strerror(err));
}
