/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A test program's own folder: "static char dir[] = ..." before this is included, made and removed as
 * cmocka's group set-up and tear-down. */
#ifndef TEMP_DIR_H
#define TEMP_DIR_H

#include <stdio.h>
#include <stdlib.h>

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

#endif /* TEMP_DIR_H */
