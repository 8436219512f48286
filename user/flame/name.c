// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE /* putc_unlocked, fputs_unlocked */
#include <string.h>
#include "cuda.h"
#include "flame/name.h"
#include "flame/tree.h"
#include "fold_label.h"
#include "symbols/symbols.h"
#include "text.h"

static const char ellipsis[] = "\xe2\x80\xa6"; /* U+2026 */

bool flame_name_is_plain(const char *s, size_t n)
{
	if (!n || n >= FLAME_NAME_SIZE)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

size_t flame_name_clean(const char *s, size_t n, char buf[FLAME_NAME_SIZE])
{
	const size_t room = FLAME_NAME_SIZE - sizeof(ellipsis);
	size_t used = 0;

	if (!n) {
		s = "[unnamed]";
		n = strlen(s);
	}
	for (size_t i = 0, len; i < n; i += len ? len : 1) {
		uint32_t code;
		bool bad;

		len = text_char(s + i, n - i, &code);
		bad = !len || symbols_unsafe_char(code);
		if (used + (bad ? 1 : len) > room) {
			memcpy(buf + used, ellipsis, sizeof(ellipsis) - 1);
			used += sizeof(ellipsis) - 1;
			break;
		}
		if (bad)
			buf[used++] = '?';
		for (size_t k = 0; !bad && k < len; k++)
			buf[used++] = s[i + k];
	}
	buf[used] = '\0';
	return used;
}

static bool ends_with(const char *s, const char *end)
{
	const size_t n = strlen(s), m = strlen(end);

	return n > m && !memcmp(s + n - m, end, m);
}

/* Also under its other names, and as a linkage stub ("cudaMemcpy@plt"). */
static bool is_call(const char *name)
{
	const size_t n = strcspn(name, "@");
	char plain[64];

	if (!name[n])
		return cuda_call_row(name, NULL) != cuda_calls_n;
	if (n >= sizeof(plain))
		return false;
	memcpy(plain, name, n);
	plain[n] = '\0';
	return cuda_call_row(plain, NULL) != cuda_calls_n;
}

uint8_t flame_name_marks(const char *name)
{
	static const char *const no_stack[] = { PROFILE_TRUNCATED, PROFILE_INCOMPLETE,
						"[not sampled]", "[unknown]" };

	if (ends_with(name, "_[k]"))
		return FLAME_KERNEL;
	if (is_call(name))
		return FLAME_CALL;
	for (size_t i = 0; i < sizeof(no_stack) / sizeof(*no_stack); i++)
		if (!strcmp(name, no_stack[i]))
			return FLAME_NO_STACK;
	return 0;
}

bool flame_name_is_task(const char *name)
{
	const char *open = strrchr(name, '(');
	size_t digits;

	if (!open || open == name || open[-1] != ' ')
		return false;
	if (!strncmp(open, "(x ", 3)) {
		digits = strspn(open + 3, "0123456789");
		return digits && !strcmp(open + 3 + digits, " ended)");
	}
	digits = strspn(open + 1, "0123456789");
	return digits && !strcmp(open + 1 + digits, ")");
}

int flame_name_class(const char *last, bool in_call, bool labelled)
{
	const size_t blocked = sizeof(FOLD_BLOCKED_FRAME) - 1;

	if (!strcmp(last, FOLD_RUN_QUEUE_FRAME))
		return in_call ? FLAME_RUN_QUEUE_IN_CALL : FLAME_RUN_QUEUE;
	if (!strncmp(last, FOLD_BLOCKED_FRAME, blocked) && ends_with(last, "]")) {
		const char *cause = last + blocked;

		for (int i = CAUSE_NONE + 1; i < CAUSES; i++) {
			const char *name = wait_cause_name(i);

			if (!strncmp(cause, name, strlen(name)) &&
			    !strcmp(cause + strlen(name), "]"))
				return FLAME_BLOCKED + i;
		}
		return FLAME_BLOCKED + CAUSE_OTHER;
	}
	if (in_call)
		return FLAME_ON_CPU_IN_CALL;
	return labelled ? FLAME_ON_CPU : FLAME_UNSTATED;
}

/* East Asian characters and pictures take two columns. */
static size_t columns_of(uint32_t code)
{
	return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xd7a3) ||
			       (code >= 0xf900 && code <= 0xfaff) ||
			       (code >= 0xfe30 && code <= 0xfe6f) ||
			       (code >= 0xff00 && code <= 0xff60) || code >= 0x1f300
		       ? 2
		       : 1;
}

size_t flame_name_columns(const char *name)
{
	size_t columns = 0, n = strlen(name), len;

	for (; n; name += len, n -= len) {
		uint32_t code;

		len = text_char(name, n, &code);
		len = len ? len : 1;
		columns += columns_of(code);
	}
	return columns;
}

static void write_char(const char *s, size_t len, FILE *f)
{
	const char *entity = *s == '&'	 ? "&amp;"
			     : *s == '<' ? "&lt;"
			     : *s == '>' ? "&gt;"
			     : *s == '"' ? "&quot;"
					 : NULL;

	if (entity)
		fputs_unlocked(entity, f);
	else
		for (size_t i = 0; i < len; i++)
			putc_unlocked(s[i], f);
}

void flame_name_write(const char *name, size_t columns, FILE *f)
{
	const bool cut = flame_name_columns(name) > columns;
	size_t n = strlen(name), used = 0, len;

	for (; n; name += len, n -= len) {
		uint32_t code;

		len = text_char(name, n, &code);
		used += columns_of(code);
		if (cut && used > columns - 1) {
			fputs_unlocked(ellipsis, f);
			return;
		}
		/* Titles are anybody's words; names were cleaned. */
		if (!len || symbols_unsafe_char(code))
			putc_unlocked('?', f);
		else
			write_char(name, len, f);
		len = len ? len : 1;
	}
}
