// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "names.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Registered strings beyond these stay without a name. */
#define MAX_REGISTERED 65536

struct registered {
	struct registered *next;
	char name[NAME_BYTES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct registered *all;
static unsigned int all_n;

static void copy(char *to, const char *from)
{
	size_t n = from ? strnlen(from, NAME_BYTES - 1) : 0;

	/* Not in the middle of a UTF-8 character. */
	if (from && from[n])
		while (n && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	memcpy(to, from ? from : "", n);
	memset(to + n, 0, NAME_BYTES - n);
}

/* A character as UTF-8. Returns the bytes it took, 0: there was no room. */
static size_t encode(char *to, size_t room, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (n > room || c > 0x10ffff)
		return 0;
	if (n == 1) {
		to[0] = (char)c;
		return 1;
	}
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)((0xf00 >> n & 0xff) | c);
	return n;
}

static void copy_wide(char *to, const wchar_t *from)
{
	size_t n = 0, more;

	for (; from && *from; from++, n += more) {
		more = encode(to + n, NAME_BYTES - 1 - n, (uint32_t)*from);
		if (!more)
			break;
	}
	memset(to + n, 0, NAME_BYTES - n);
}

void name_ascii(char name[NAME_BYTES], const char *text)
{
	copy(name, text);
}

void name_unicode(char name[NAME_BYTES], const wchar_t *text)
{
	copy_wide(name, text);
}

void name_of(char name[NAME_BYTES], const struct abi_event *e)
{
	name[0] = '\0';
	if (!e || e->size < sizeof(*e))
		return;
	if (e->message_type == ABI_MESSAGE_ASCII)
		copy(name, e->message.ascii);
	else if (e->message_type == ABI_MESSAGE_UNICODE)
		copy_wide(name, e->message.unicode);
	else if (e->message_type == ABI_MESSAGE_REGISTERED && e->message.registered)
		memcpy(name, ((const struct registered *)e->message.registered)->name, NAME_BYTES);
}

const void *name_register(const char name[NAME_BYTES])
{
	struct registered *r;

	pthread_mutex_lock(&lock);
	for (r = all; r; r = r->next)
		if (!strcmp(r->name, name))
			break;
	if (!r && all_n < MAX_REGISTERED && (r = calloc(1, sizeof(*r)))) {
		memcpy(r->name, name, NAME_BYTES);
		r->next = all;
		all = r;
		all_n++;
	}
	pthread_mutex_unlock(&lock);
	return r;
}
