/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names that come raw from the kernel, made fit to be written. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Decodes the UTF-8 character at s, n bytes long at most. Returns its length, 0: none, or no valid one
 * (overlong, a surrogate, beyond U+10FFFF, cut short). */
size_t text_char(const char *s, size_t n, uint32_t *code);

/* A buffer this large takes text_utf8 of n bytes, however bad they are. */
#define TEXT_UTF8_SIZE(n) (3 * (n) + 1)

/* Copies s as valid UTF-8: each byte that is none becomes U+FFFD. Cut at a character when size is
 * too small. Returns the length. */
size_t text_utf8(const char *s, char *buf, size_t size);

/* A process or thread name for a frame or a screen: valid UTF-8, no ';', no control characters,
 * "[unnamed]" for an empty one. Returns buf. */
const char *text_name(const char *s, char *buf, size_t size);

/* Any name for a screen: the same, but a ';' and a number at its end stay. Returns buf. */
const char *text_shown(const char *s, char *buf, size_t size);

/* How many characters (columns, as far as one character is one column) s takes. */
size_t text_width(const char *s);
/* Cuts s to at most width characters, in place; what was cut shows as "..". */
void text_cut(char *s, size_t width);

/* The order of two names, either of which may be absent (NULL): those come first. */
int text_compare(const char *a, const char *b);

#endif /* TEXT_H */
