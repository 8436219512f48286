/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A byte-pair tokenizer: tokens 0 to 255 are bytes, the others pairs of tokens. */
#ifndef SERVE_BPE_H
#define SERVE_BPE_H

#include <stddef.h>
#include <stdint.h>

#define BPE_MAX_VOCAB 512

struct bpe_merge {
	int32_t left, right;
};

struct bpe {
	int32_t vocab;				    /* tokens there are */
	struct bpe_merge merge[BPE_MAX_VOCAB];	    /* from token 256 on */
	int16_t rank[BPE_MAX_VOCAB][BPE_MAX_VOCAB]; /* of a pair: the token it makes, 0: none */
};

/* Learns up to vocab tokens from a text. Negative errno. */
int bpe_train(struct bpe *b, const char *text, int32_t vocab);
/* Returns how many tokens, at most room. */
int32_t bpe_encode(const struct bpe *b, const char *text, int32_t *token, int32_t room);
/* Appends a token's bytes; returns how many. Tokens that were never learnt print as <N>. */
size_t bpe_decode(const struct bpe *b, int32_t token, char *out, size_t room);

#endif /* SERVE_BPE_H */
