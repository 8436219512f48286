/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A finished profile as the JSON that is written of it, read back: whole, and no key twice. */
#ifndef PROFILE_JSON_H
#define PROFILE_JSON_H

#include <jansson.h>
#include <stdlib.h>
#include "output.h"

/* json_decref() it. */
static json_t *profile_json(const struct profile *p)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	json_error_t error;
	json_t *root;

	assert_non_null(f);
	assert_int_equal(json_write(p, f), 0);
	fclose(f);
	root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		print_message("%s at line %d\n%s", error.text, error.line, text);
	assert_non_null(root);
	free(text);
	return root;
}

#endif /* PROFILE_JSON_H */
