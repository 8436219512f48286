/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The legend's entries: what each class is called and what colour it has. */
#ifndef FLAME_CLASSES_H
#define FLAME_CLASSES_H

#include <stdio.h>
#include "flame/tree.h"

#define FLAME_CLASS_NAME_SIZE 48
/* "blocked: lock". Returns buf. */
const char *flame_class_name(enum flame_class class, char buf[FLAME_CLASS_NAME_SIZE]);

/* Neighbours in one colour are told apart by shade, which a frame gets by its name. */
#define FLAME_SHADES 3

/* The fills, light and dark: ".c3" is class 3; with "a", "b" a shade; with "k" a kernel frame, with
 * "m" a frame that holds more than one class. ".u": no stack known. */
void flame_classes_css(FILE *f);
/* percent of b in a. */
uint32_t flame_mix(uint32_t a, uint32_t b, unsigned int percent);

#endif /* FLAME_CLASSES_H */
