// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "out_file.h"

int out_open(struct out_file *o, const char *path, struct fault *f)
{
	struct stat st;
	int fd;

	snprintf(o->path, sizeof(o->path), "%s", path);
	if (!strcmp(o->path, "-")) {
		snprintf(o->path, sizeof(o->path), "stdout");
		o->standard = true;
		o->f = stdout;
		return 0;
	}
	o->created = stat(o->path, &st);
	/* Not truncated until there is something to write. */
	fd = open(o->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	o->f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!o->f)
		return fault_set(f, EXIT_FAILED, errno, "cannot write %s: %s", o->path,
				 strerror(errno));
	return 0;
}

void out_discard(struct out_file *o)
{
	if (!o->f || o->standard)
		return;
	fclose(o->f);
	o->f = NULL;
	if (o->created)
		unlink(o->path);
}

bool out_begin(struct out_file *o)
{
	struct stat st;

	if (!o->f)
		return false;
	if (!o->standard && !fstat(fileno(o->f), &st) && S_ISREG(st.st_mode) &&
	    ftruncate(fileno(o->f), 0))
		message_print("cannot empty %s: %s", o->path, strerror(errno));
	return true;
}

int out_end(struct out_file *o, int err)
{
	long written = ftell(o->f);
	int flushed;

	if (!err && fflush(o->f))
		err = -errno;
	flushed = o->standard ? 0 : fclose(o->f);
	o->f = NULL;
	if (!err && flushed)
		err = -errno;
	if (!err)
		return EXIT_DONE;
	/* The reader of a pipe has seen enough: no failure of ours. */
	if (err == -EPIPE)
		return EXIT_DONE;
	if (written > 0)
		message_print("%s: %s after %ld bytes; the other outputs are not affected", o->path,
			      strerror(-err), written);
	else
		message_print("%s: %s; the other outputs are not affected", o->path,
			      strerror(-err));
	return EXIT_FAILED;
}
