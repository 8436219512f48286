// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "collect_stack.h"
#include "profile.h"
#include "stack_memory.h"
#include "stack_probes.h"
#include "symbols/symbols.h"
#include "unwind/unwind.h"

/* One walk: what struct unwind_space asks about. */
struct walk {
	const struct collect_walk *how;
	struct sym_image *im;
	const struct rec_sample *sample;
	struct unwind_file *last; /* the file asked about last: the one that a walk waits for */
	struct stack_probes probes;
	struct stack_memory *memory; /* a page: not to be cleared for each sample */
};

static uint64_t mend(void *arg, uint64_t ip)
{
	return stack_probes_return(&((struct walk *)arg)->probes, ip);
}

bool collect_stack_code(struct symbols *symbols, struct unwind *unwind, struct sym_image *im,
			uint64_t ip, struct unwind_code *out)
{
	struct symbols_code code;
	void **data;
	int fd;

	if (!symbols_code(symbols, im, ip, &code))
		return false;
	*out = (struct unwind_code){ .offset = code.offset };
	if (!code.file)
		return true;
	data = symbols_file_data(code.file);
	fd = symbols_file_fd(code.file);
	if (!*data && fd >= 0)
		*data = unwind_file_get(unwind, fd);
	out->file = *data;
	return true;
}

static bool code_at(void *arg, uint64_t ip, struct unwind_code *out)
{
	struct walk *w = arg;
	struct symbols_code code;

	if (w->how->frame_pointers) {
		*out = (struct unwind_code){ 0 };
		return symbols_code(w->how->symbols, w->im, ip, &code);
	}
	if (!collect_stack_code(w->how->symbols, w->how->unwind, w->im, ip, out))
		return false;
	if (out->file)
		w->last = out->file;
	return true;
}

static int read_stack(void *arg, uint64_t address, void *buf, size_t n)
{
	return stack_memory_read(((struct walk *)arg)->memory, address, buf, n);
}

static int read_code(void *arg, uint64_t ip, void *buf, size_t n)
{
	return stack_memory_read_code(((struct walk *)arg)->sample->tgid, ip, buf, n);
}

static int read_file(void *arg, uint64_t ip, void *buf, size_t n)
{
	struct walk *w = arg;
	struct symbols_code code;
	int fd;

	if (!symbols_code(w->how->symbols, w->im, ip, &code) || !code.file)
		return -EFAULT;
	fd = symbols_file_fd(code.file);
	return fd >= 0 && pread(fd, buf, n, (off_t)code.offset) == (ssize_t)n ? 0 : -EIO;
}

static bool is_code(void *arg, uint64_t ip)
{
	struct walk *w = arg;
	struct symbols_code code;

	return symbols_code(w->how->symbols, w->im, ip, &code);
}

/* Where the walk ended, as a frame at the root of the stack; NULL: at the thread's start. */
static const char *marker(enum unwind_end end)
{
	switch (end) {
	case UNWIND_START:
		return NULL;
	case UNWIND_CUT:
	case UNWIND_DEEP:
		return PROFILE_TRUNCATED;
	default:
		return PROFILE_INCOMPLETE;
	}
}

/* frames (leaf first) as locations, outermost first, behind the marker if there is one. */
static int locate(struct walk *w, const struct unwind_frame *frames, size_t n, const char *root,
		  struct collect_stack *out)
{
	const struct rec_sample *s = w->sample;
	size_t inside = 0, inner = 0, at = 0;

	if (root) {
		out->locations[at] = symbols_marker_location(w->how->symbols, root);
		if (!out->locations[at++])
			return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		if (s->call_ra && frames[i].ip == s->call_ra) {
			inside = i + 1; /* this one is the caller */
			break;
		}
	for (size_t i = 0; i < n && s->inner_ra; i++)
		if (frames[i].ip == s->inner_ra) {
			inner = i + 1;
			break;
		}
	for (size_t i = n; i-- > 0;)
		out->locations[at++] = symbols_user_location(
			w->how->symbols, w->im, frames[i].ip,
			frames[i].exact &&
				(i || (s->kind != SAMPLE_CALL && s->kind != SAMPLE_ALLOC)));
	out->n = at;
	/* No return address to look for: the return probe is at work, and all of the stack is callers. */
	out->outside = inside ? at + 1 - inside : s->call_ra ? !!root : at;
	out->inner_after = inner ? at + 1 - inner : out->outside;
	return 0;
}

/* By call frame information. */
static int walk_memory(struct walk *w, struct collect_stack *out)
{
	const struct unwind_space space = {
		.arg = w,
		.code = code_at,
		.read = read_stack,
		.read_code = read_code,
		.mend = mend,
	};
	struct unwind_frame frames[USER_FRAMES_MAX];
	struct user_regs regs;
	enum unwind_end end;
	size_t n;

	for (;;) {
		w->probes.mended = 0;
		regs = stack_probes_registers(&w->probes);
		n = unwind_walk(w->how->unwind, &space, &regs, frames, USER_FRAMES_MAX, &end);
		if (end != UNWIND_PENDING)
			return locate(w, frames, n, w->how->frame_pointers ? NULL : marker(end),
				      out);
		if (!w->how->wait || !w->last)
			return -EAGAIN;
		unwind_file_source(w->last); /* returns when its index is there */
	}
}

/* What the kernel walked by frame pointers: cut where it went astray, at the first address that is no
 * code, or where the outermost repeats to the end (loops at clone). Repeats further in are
 * recursion. */
static int take_walked(struct walk *w, size_t len, struct collect_stack *out)
{
	const struct rec_sample *s = w->sample;
	struct unwind_frame frames[INFBPF_MAX_STACK];
	uint64_t ips[INFBPF_MAX_STACK];
	size_t n = s->user_n, kept = 0;

	if (n > INFBPF_MAX_STACK || len < SAMPLE_STACK_AT(INFBPF_MAX_STACK) + n * sizeof(*ips))
		return -EINVAL;
	memcpy(ips, (const char *)s + SAMPLE_STACK_AT(INFBPF_MAX_STACK), n * sizeof(*ips));
	while (n > 1 && ips[n - 1] == ips[n - 2])
		n--;
	for (size_t i = 0; i < n; i++) {
		uint64_t ip = mend(w, ips[i]);

		if (i && !is_code(w, ip))
			break;
		frames[kept++] = (struct unwind_frame){ .ip = ip, .exact = i == 0 };
	}
	return locate(w, frames, kept, NULL, out);
}

int collect_stack_user(const struct collect_walk *how, struct sym_image *im,
		       const struct rec_sample *s, size_t len, struct collect_stack *out)
{
	struct stack_memory memory;
	struct walk w = { .how = how, .im = im, .sample = s, .memory = &memory };

	w.probes = (struct stack_probes){ .sample = s,
					  .arg = &w,
					  .is_code = is_code,
					  .read = read_stack,
					  .read_code = read_code,
					  .read_file = read_file };
	out->n = 0;
	out->outside = 0;
	out->inner_after = 0;
	if (s->user_n)
		return take_walked(&w, len, out);
	if (!s->regs.ip)
		return 0;
	if (s->kind == SAMPLE_OPEN_WAIT)
		stack_memory_remote(&memory, s->tgid);
	else
		stack_memory_copied(&memory, s, len);
	return walk_memory(&w, out);
}
