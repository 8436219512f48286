/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frame names: made safe, and what they tell. */
#ifndef FLAME_NAME_H
#define FLAME_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Longer names are cut; C++ templates easily reach some hundred. */
#define FLAME_NAME_SIZE 1024

/* Safe to show as it is? */
bool flame_name_is_plain(const char *s, size_t n);
/* What is unsafe becomes '?', nothing becomes "[unnamed]". Returns the length. */
size_t flame_name_clean(const char *s, size_t n, char buf[FLAME_NAME_SIZE]);

uint8_t flame_name_marks(const char *name); /* enum flame_mark */
/* "name (12)", as infbpf calls a process or a thread; "name (x 3 ended)" for several. */
bool flame_name_is_task(const char *name);
/* Of a line that ends in this frame: enum flame_class. */
int flame_name_class(const char *last, bool in_call, bool labelled);

/* As XML's text or an attribute's, cut to a number of columns: the last is then an ellipsis. */
void flame_name_write(const char *name, size_t columns, FILE *f);
/* Columns that a name takes in a font of fixed width. */
size_t flame_name_columns(const char *name);

#endif /* FLAME_NAME_H */
