/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Byte-pair encoding. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bpe.h"

/* Replaces every (left, right) by made. Returns the new length. */
static size_t pairs_replace(int32_t *s, size_t n, int32_t left, int32_t right, int32_t made)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && s[i] == left && s[i + 1] == right) {
			s[to++] = made;
			i++;
		} else {
			s[to++] = s[i];
		}
	}
	return to;
}

/* The pair that is seen most (the lowest, when equal). Returns how often. */
static unsigned int pair_commonest(const int32_t *s, size_t n, unsigned int *count,
				   struct bpe_merge *best)
{
	unsigned int most = 0;

	memset(count, 0, BPE_MAX_VOCAB * BPE_MAX_VOCAB * sizeof(*count));
	for (size_t i = 0; i + 1 < n; i++) {
		int32_t left = s[i], right = s[i + 1];
		unsigned int seen;

		/* A token does not reach over a space, only begin with one. */
		if (right == ' ')
			continue;
		seen = ++count[left * BPE_MAX_VOCAB + right];
		if (seen > most || (seen == most && (left < best->left || (left == best->left &&
									   right < best->right)))) {
			most = seen;
			*best = (struct bpe_merge){ left, right };
		}
	}
	return most;
}

int bpe_train(struct bpe *b, const char *text, int32_t vocab)
{
	size_t n = strlen(text);
	int32_t *s = malloc((n + 1) * sizeof(*s));
	unsigned int *count = malloc(BPE_MAX_VOCAB * BPE_MAX_VOCAB * sizeof(*count));
	int err = s && count ? 0 : -ENOMEM;

	memset(b, 0, sizeof(*b));
	b->vocab = 256;
	if (err)
		goto out;
	for (size_t i = 0; i < n; i++)
		s[i] = (unsigned char)text[i];
	while (b->vocab < vocab && b->vocab < BPE_MAX_VOCAB) {
		struct bpe_merge best = { 0, 0 };

		if (pair_commonest(s, n, count, &best) < 2)
			break;
		n = pairs_replace(s, n, best.left, best.right, b->vocab);
		b->merge[b->vocab] = best;
		b->rank[best.left][best.right] = (int16_t)b->vocab;
		b->vocab++;
	}
out:
	free(s);
	free(count);
	return err;
}

int32_t bpe_encode(const struct bpe *b, const char *text, int32_t *token, int32_t room)
{
	size_t n = strlen(text);
	int32_t s[1024];

	if (n > sizeof(s) / sizeof(s[0]))
		n = sizeof(s) / sizeof(s[0]);
	for (size_t i = 0; i < n; i++)
		s[i] = (unsigned char)text[i];
	for (;;) {
		int32_t made = INT32_MAX;

		/* The pair that was learnt first goes first. */
		for (size_t i = 0; i + 1 < n; i++) {
			int32_t r = b->rank[s[i]][s[i + 1]];

			if (r && r < made)
				made = r;
		}
		if (made == INT32_MAX)
			break;
		n = pairs_replace(s, n, b->merge[made].left, b->merge[made].right, made);
	}
	if (n > (size_t)room)
		n = (size_t)room;
	memcpy(token, s, n * sizeof(*s));
	return (int32_t)n;
}

size_t bpe_decode(const struct bpe *b, int32_t token, char *out, size_t room)
{
	size_t n;

	if (token < 0 || token >= b->vocab || token >= BPE_MAX_VOCAB) {
		int len = snprintf(out, room, "<%d>", token);

		return len < 0 ? 0 : (size_t)len < room ? (size_t)len : room;
	}
	if (token < 256) {
		if (!room)
			return 0;
		out[0] = (char)token;
		return 1;
	}
	n = bpe_decode(b, b->merge[token].left, out, room);
	return n + bpe_decode(b, b->merge[token].right, out + n, room - n);
}
