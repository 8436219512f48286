/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A CPU cgroup with a quota below our own, for the server's own threads alone: those of the CUDA
 * runtime stay outside, a GPU is not throttled either. v1: controller "cpu", by thread as it is. v2:
 * a threaded cgroup; the parent's children get the controller, which is taken back at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "scenario.h"

#define PERIOD_US 100000

static int file_write(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX + 64];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Whether a list, parted by any of the separators, has the word. */
static bool list_has(const char *list, const char *separators, const char *word)
{
	while (*list) {
		size_t n = strcspn(list, separators);

		if (n == strlen(word) && !memcmp(list, word, n))
			return true;
		list += n;
		list += *list != '\0';
	}
	return false;
}

/* Where the hierarchy that has the CPU controller is mounted. */
static int mount_find(bool v2, char *out, size_t len)
{
	char line[PATH_MAX + 1024], at[PATH_MAX], type[64], how[512];
	FILE *f = fopen("/proc/self/mounts", "re");
	int err = -ENOENT;

	if (!f)
		return -errno;
	while (err == -ENOENT && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %4095s %63s %511s", at, type, how) != 3 ||
		    strcmp(type, v2 ? "cgroup2" : "cgroup") || !(v2 || list_has(how, ",", "cpu")))
			continue;
		err = snprintf(out, len, "%s", at) < (int)len ? 0 : -ENAMETOOLONG;
	}
	fclose(f);
	return err;
}

/* Our path in it. A line: "4:cpu,cpuacct:/path", of v2: "0::/path". */
static int path_find(bool v2, char *out, size_t len)
{
	char line[PATH_MAX + 1024];
	FILE *f = fopen("/proc/self/cgroup", "re");
	int err = -ENOENT;

	if (!f)
		return -errno;
	while (err == -ENOENT && fgets(line, sizeof(line), f)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		controllers++;
		if (v2 ? *controllers : !list_has(controllers, ",", "cpu"))
			continue;
		err = snprintf(out, len, "%s", strcmp(path, "/") ? path : "") < (int)len
			      ? 0
			      : -ENAMETOOLONG;
	}
	fclose(f);
	return err;
}

static bool v2_has_cpu(const char *folder, const char *file)
{
	char path[PATH_MAX + 64], text[1024] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	return list_has(text, " \n", "cpu");
}

static int own_find(bool v2, char *out, size_t len)
{
	char mount[PATH_MAX], path[PATH_MAX];
	int err = mount_find(v2, mount, sizeof(mount));

	if (!err)
		err = path_find(v2, path, sizeof(path));
	if (err)
		return err;
	if (snprintf(out, len, "%s%s", mount, path) >= (int)len)
		return -ENAMETOOLONG;
	return v2 && !v2_has_cpu(out, "cgroup.controllers") ? -ENOENT : 0;
}

static int quota_set_v1(struct scenario *c, int quota_us)
{
	char text[32];
	int err;

	c->cgroup_threads = "tasks";
	snprintf(text, sizeof(text), "%d", PERIOD_US);
	err = file_write(c->cgroup, "cpu.cfs_period_us", text);
	snprintf(text, sizeof(text), "%d", quota_us);
	return err ? err : file_write(c->cgroup, "cpu.cfs_quota_us", text);
}

static int quota_set_v2(struct scenario *c, const char *own, int quota_us)
{
	char text[32];
	int err = file_write(c->cgroup, "cgroup.type", "threaded");

	c->cgroup_threads = "cgroup.threads";
	if (!err && !v2_has_cpu(own, "cgroup.subtree_control")) {
		err = file_write(own, "cgroup.subtree_control", "+cpu");
		if (!err)
			snprintf(c->cgroup_parent, sizeof(c->cgroup_parent), "%s", own);
	}
	snprintf(text, sizeof(text), "%d %d", quota_us, PERIOD_US);
	return err ? err : file_write(c->cgroup, "cpu.max", text);
}

int cgroup_make(struct scenario *c, double percent)
{
	int quota_us = (int)(percent / 100 * PERIOD_US), err;
	char own[PATH_MAX - 64];
	bool v2 = false;

	err = own_find(false, own, sizeof(own));
	if (err == -ENOENT) {
		v2 = true;
		err = own_find(true, own, sizeof(own));
	}
	if (err)
		return err;
	snprintf(c->cgroup, sizeof(c->cgroup), "%s/infer-serve-%d", own, (int)getpid());
	if (mkdir(c->cgroup, 0755)) {
		c->cgroup[0] = '\0';
		return -errno;
	}
	err = v2 ? quota_set_v2(c, own, quota_us) : quota_set_v1(c, quota_us);
	if (err)
		cgroup_remove(c);
	return err;
}

int cgroup_join(const struct scenario *c)
{
	char tid[32];

	snprintf(tid, sizeof(tid), "%ld", syscall(SYS_gettid));
	return file_write(c->cgroup, c->cgroup_threads, tid);
}

/* The threads that were in it have been joined, which is a little before they leave it. */
void cgroup_remove(struct scenario *c)
{
	int err = c->cgroup[0] ? rmdir(c->cgroup) : 0;

	for (int i = 0; i < 200 && err && errno == EBUSY; i++) {
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
		err = rmdir(c->cgroup);
	}
	if (err)
		fprintf(stderr, "infer-serve: %s: %s\n", c->cgroup, strerror(errno));
	if (c->cgroup_parent[0])
		file_write(c->cgroup_parent, "cgroup.subtree_control", "-cpu");
	c->cgroup[0] = c->cgroup_parent[0] = '\0';
}
