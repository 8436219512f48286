/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flame graphs: sums that are exact, bounds that lose detail only, readers and writers of hostile
 * text. What a browser makes of them: tests/graph. */
#define _GNU_SOURCE
#include "flame/flame.h"
#include "flame/layout.h"
#include "flame/name.h"
#include "folded_read.h"
#include "output.h"
#include "random_profile.h"

#define STACKS 400

/* Random stacks, kept as they came, to hold the tree against. */
struct stacks {
	char text[STACKS][200];
	uint64_t value[STACKS];
	enum flame_class class[STACKS];
};

static int add(struct flame_tree *t, const char *stack, uint64_t value, enum flame_class class)
{
	flame_tree_begin(t);
	for (const char *s = stack; s; s = strchr(s, ';') ? strchr(s, ';') + 1 : NULL)
		assert_int_equal(flame_tree_frame(t, s, strcspn(s, ";")), 0);
	return flame_tree_end(t, value, class);
}

static struct flame_tree *random_tree(struct stacks *s, uint64_t seed, bool reverse)
{
	struct flame_tree *t = flame_tree_new(reverse);

	seed = seed * 0x9e3779b97f4a7c15ULL + 1;
	assert_non_null(t);
	for (size_t i = 0; i < STACKS; i++) {
		size_t n = 0;

		for (uint64_t depth = 1 + rnd_below(&seed, 12); depth; depth--)
			n += (size_t)sprintf(s->text[i] + n, "%sf%u", n ? ";" : "",
					     (unsigned int)rnd_below(&seed, 4));
		s->value[i] = rnd_ns(&seed, 40);
		s->class[i] = (enum flame_class)rnd_below(&seed, FLAME_CLASSES);
		assert_int_equal(add(t, s->text[i], s->value[i], s->class[i]), 0);
	}
	return t;
}

/* The path of a frame, as the stacks have it; from the leaf in a reversed tree. */
static void path_of(const struct flame_tree *t, const struct flame_layout *l, size_t frame,
		    char *path)
{
	const struct flame_frame *f = &l->frames[frame];

	*path = '\0';
	if (f->parent == FLAME_NONE)
		return;
	path_of(t, l, f->parent, path);
	if (*path)
		strcat(path, ";");
	strcat(path, t->names[t->nodes[f->node].name].text);
}

static bool begins_with(const char *stack, const char *path)
{
	const size_t n = strlen(path);

	return !n || (!strncmp(stack, path, n) && (stack[n] == ';' || !stack[n]));
}

static void turn(const char *stack, char *turned)
{
	char copy[200], *last;

	strcpy(copy, stack);
	*turned = '\0';
	while ((last = strrchr(copy, ';'))) {
		strcat(strcat(turned, last + 1), ";");
		*last = '\0';
	}
	strcat(turned, copy);
}

/* Every frame against all stacks; children within their parents, side by side. */
static void check_layout(const struct flame_tree *t, const struct flame_layout *l,
			 const struct stacks *s)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct flame_frame *f = &l->frames[i];
		uint64_t split[FLAME_CLASSES] = { 0 }, sum = 0, children = 0;
		char path[200], turned[200];

		path_of(t, l, i, path);
		for (size_t k = 0; k < STACKS; k++) {
			turn(s->text[k], turned);
			if (begins_with(t->reverse ? turned : s->text[k], path))
				split[s->class[k]] += s->value[k];
		}
		for (unsigned int c = 0; c < FLAME_CLASSES; c++) {
			assert_int_equal(l->split[i][c], split[c]);
			assert_true(split[c] <= split[f->class]);
			sum += split[c];
		}
		assert_int_equal(f->value, sum);
		for (size_t k = i + 1; k < l->n && l->frames[k].depth > f->depth; k++) {
			if (l->frames[k].parent != i)
				continue;
			assert_int_equal(l->frames[k].x, f->x + children);
			assert_int_equal(l->frames[k].depth, f->depth + 1);
			children += l->frames[k].value;
		}
		assert_true(children <= f->value);
	}
}

/* Time of the stacks of which some frame is narrower. */
static uint64_t cut_time(const struct stacks *s, uint64_t least, bool reverse)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < STACKS; i++) {
		char stack[200], other[200], path[200] = "";
		bool cut = false;

		strcpy(stack, s->text[i]);
		if (reverse)
			turn(s->text[i], stack);
		for (char *save, *frame = strtok_r(stack, ";", &save); frame && !cut;
		     frame = strtok_r(NULL, ";", &save)) {
			uint64_t total = 0;

			strcat(strcat(path, *path ? ";" : ""), frame);
			for (size_t k = 0; k < STACKS; k++) {
				strcpy(other, s->text[k]);
				if (reverse)
					turn(s->text[k], other);
				total += begins_with(other, path) ? s->value[k] : 0;
			}
			cut = total < least;
		}
		sum += cut ? s->value[i] : 0;
	}
	return sum;
}

static void sums(void **unused)
{
	static const double shares[] = { 0, 0.001, 0.03, 0.9 };
	struct stacks *s = malloc(sizeof(*s));

	(void)unused;
	assert_non_null(s);
	for (uint64_t seed = 1; seed <= 6; seed++) {
		const bool reverse = seed % 2;
		struct flame_tree *t = random_tree(s, seed, reverse);
		size_t all = 0;

		for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
			struct flame_layout l;

			assert_int_equal(flame_layout(t, shares[i], &l), 0);
			check_layout(t, &l, s);
			all = i ? all : l.n;
			assert_int_equal(l.n + l.left_out, all);
			assert_int_equal(l.left_out_value, cut_time(s, l.least, reverse));
			assert_true(i || !l.left_out);
			assert_true(i < 3 || l.left_out);
			flame_layout_free(&l);
		}
		flame_tree_free(t);
	}
	free(s);
}

/* Frames in the order of the file: "depth x value name". */
static char *frames_of(const char *svg)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (const char *g = svg; (g = strstr(g, "<g class=\"f ")); g++) {
		unsigned long long x, value;
		unsigned int depth;
		const char *title = strstr(g, "<title>") + 7;

		assert_int_equal(sscanf(strstr(g, "data-x="),
					"data-x=\"%llu\" data-v=\"%llu\" data-d=\"%u\"", &x, &value,
					&depth),
				 3);
		fprintf(f, "%u %llu %llu %.*s\n", depth, x, value, (int)strcspn(title, "\n"),
			title);
	}
	fclose(f);
	return text;
}

static char *draw(const struct flame_tree *t, const struct flame_options *o)
{
	char *svg = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&svg, &size);

	assert_non_null(f);
	assert_int_equal(flamegraph_draw(t, o, f), 0);
	fclose(f);
	return svg;
}

static struct flame_tree *read_text(const char *text, size_t n, uint64_t scale,
				    struct folded_count *count, struct fault *fault)
{
	struct flame_tree *t = flame_tree_new(false);
	FILE *in = n ? fmemopen((void *)text, n, "r") : fopen("/dev/null", "r");

	assert_non_null(t);
	assert_non_null(in);
	if (folded_read(in, "x.folded", scale, t, count, fault)) {
		flame_tree_free(t);
		t = NULL;
	}
	fclose(in);
	return t;
}

/* A profile drawn is its folded stacks drawn: the same frames, the same sums. */
static void profile_and_folded_agree(void **unused)
{
	static const struct flame_options o = { .title = "t", .subtitle = "", .min_share = -1 };
	static const struct fold_options fold = { .unit = UNIT_NS };

	(void)unused;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct profile *p = random_profile(seed).p;
		char *text = NULL, *svg = NULL, *of_folded, *one, *other;
		struct folded_count count;
		struct fault fault = { 0 };
		struct flame_tree *t;
		uint64_t all = 0;
		char root[64];
		size_t size;
		FILE *f = open_memstream(&text, &size);

		for (size_t i = 0; i < p->lines_n; i++)
			all += p->lines[i].value_ns;
		assert_int_equal(fold_write(p, &fold, f, NULL), 0);
		fclose(f);
		f = open_memstream(&svg, &size);
		if (all) {
			assert_int_equal(flamegraph_write(p, &o, f), 0);
			fclose(f);
			t = read_text(text, strlen(text), 1, &count, &fault);
			assert_non_null(t);
			assert_int_equal(count.skipped, 0);
			of_folded = draw(t, &o);
			one = frames_of(svg);
			other = frames_of(of_folded);
			assert_string_equal(one, other);
			snprintf(root, sizeof(root), "0 0 %llu all\n", (unsigned long long)all);
			assert_int_equal(strncmp(one, root, strlen(root)), 0);
			free(one);
			free(other);
			free(of_folded);
			flame_tree_free(t);
		} else {
			fclose(f);
		}
		free(text);
		free(svg);
		profile_free(p);
	}
}

/* The classes of a profile's lines are their states. */
static void classes_of_a_profile(void **unused)
{
	static const struct flame_options o = { .min_share = -1 };
	struct profile_thread thread = make_thread(1, 10, 11, "serve", "worker");
	static const char *const frames[] = { "main", "cudaMemcpyAsync" };
	struct profile_stack s = {
		.serial = 1, .frames = frames, .weight_ns = 1, .user_n = 1, .frames_n = 1
	};
	static const uint64_t in_call[PROFILE_STATES] = { 100, 200, 300, 400 };
	struct profile *p = profile_new();
	char *svg = NULL;
	size_t size;
	FILE *f = open_memstream(&svg, &size);

	(void)unused;
	for (int state = 0; state < PROFILE_STATES; state++) {
		thread.state_ns[state] = 1000;
		s.state = (uint8_t)state;
		s.call = NULL;
		s.user_n = s.frames_n = 1;
		assert_int_equal(profile_add_stack(p, &s), 0);
		s.call = "cudaMemcpyAsync";
		s.user_n = s.frames_n = 2;
		assert_int_equal(profile_add_stack(p, &s), 0);
	}
	assert_int_equal(profile_add_thread(p, &thread, 10), 0);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaMemcpyAsync", in_call), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, 600, 1), 0);
	assert_int_equal(profile_finish(p), 0);
	p->target = "serve <10>";
	assert_int_equal(flamegraph_write(p, &o, f), 0);
	fclose(f);
	assert_non_null(strstr(svg, "<title>on-CPU: 900 ns, 22.5 % of the whole"));
	assert_non_null(strstr(svg, "<title>run queue: 1.50 us, 37.5 % of the whole"));
	assert_non_null(strstr(svg, "<title>blocked: lock: 600 ns, 15.0 % of the whole"));
	assert_non_null(strstr(svg, "<title>GPU call: blocked: 400 ns, 10.0 % of the whole"));
	assert_non_null(strstr(svg, "<title>GPU call: on-CPU: 100 ns, 2.5 % of the whole"));
	assert_non_null(strstr(svg, "<title>GPU call: run queue: 500 ns, 12.5 % of the whole"));
	assert_non_null(strstr(svg, "<title>GPU calls in all: 1.00 us, 25.0 % of the whole"));
	assert_non_null(strstr(svg, "<title>serve &lt;10&gt;</title>"));
	assert_non_null(strstr(svg, "lost: nothing"));
	free(svg);
	profile_free(p);
}

/* Classes that a line's frames tell. */
static void classes_of_a_line(void **unused)
{
	static const struct {
		const char *line;
		enum flame_class class;
	} lines[] = {
		{ "p (1);t (2);main", FLAME_ON_CPU },
		{ "p (1);t (x 3 ended);main", FLAME_ON_CPU },
		{ "main;step", FLAME_UNSTATED },
		{ "p (1)", FLAME_UNSTATED },
		{ "main;[run queue]", FLAME_RUN_QUEUE },
		{ "main;cudaMalloc;[run queue]", FLAME_RUN_QUEUE_IN_CALL },
		{ "main;__cudaLaunchKernel_ptsz;ioctl_[k]", FLAME_ON_CPU_IN_CALL },
		{ "main;cudaMallocNot;x", FLAME_UNSTATED },
		{ "main;[blocked: lock]", FLAME_BLOCKED + CAUSE_LOCK },
		{ "main;[blocked: page fault]", FLAME_BLOCKED + CAUSE_PAGE_FAULT },
		{ "main;cudaMalloc;[blocked: GPU call]", FLAME_BLOCKED_IN_CALL },
		{ "main;[blocked: of late]", FLAME_BLOCKED + CAUSE_OTHER },
		{ "main;[blocked: lock];x", FLAME_UNSTATED },
		{ "main;[TCP receive];[blocked: network]", FLAME_BLOCKED + CAUSE_NETWORK },
		{ "main;[TCP receive]", FLAME_UNSTATED },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct folded_count count;
		struct fault fault = { 0 };
		struct flame_layout l;
		struct flame_tree *t;
		char text[100];

		snprintf(text, sizeof(text), "%s 5\n", lines[i].line);
		t = read_text(text, strlen(text), 1, &count, &fault);
		assert_non_null(t);
		assert_int_equal(flame_layout(t, 0, &l), 0);
		assert_int_equal(l.split[0][lines[i].class], 5);
		assert_int_equal(l.frames[0].class, lines[i].class);
		flame_layout_free(&l);
		flame_tree_free(t);
	}
}

/* Lines of any kind: what is read, and what is said of the others. */
static void lines_read(void **unused)
{
	static const char nul[] = "a;b\0c 5\n";
	static const struct {
		const char *text;
		size_t n; /* 0: strlen */
		uint64_t total, skipped, first;
		const char *why; /* of the first, or of the whole file */
	} files[] = {
		{ "a;b 1\na;c 2\n", 0, 3000, 0, 0, NULL },
		{ "a;b 1\r\na;c 2\r\n", 0, 3000, 0, 0, NULL },
		{ "a;b 1\n\n \t\r\na 2", 0, 3000, 0, 0, NULL },
		{ "a;b 1.5\na 0.0625 \n", 0, 1562, 0, 0, NULL },
		{ "a b;c d 7\n", 0, 7000, 0, 0, NULL },
		{ "a;b\t7\n;;;x 1\n", 0, 8000, 0, 0, NULL },
		{ "a;b 1\na;b\na;b -1\na 1e5\n", 0, 1000, 3, 2, "no value at its end" },
		{ "12\na 1\n", 0, 1000, 1, 1, "no stack before its value" },
		{ "a 99999999999999999999999\na 1\n", 0, 1000, 1, 1, "its value is too large" },
		{ "a 4000000000000000\na 4000000000000000\n", 0, 4000000000000000000, 1, 2,
		  "the sum of the values is too large" },
		{ nul, sizeof(nul) - 1, 5000, 0, 0, NULL },
		{ "", 0, 0, 0, 0, "it is empty" },
		{ "\n\n", 0, 0, 0, 0, "it is empty" },
		{ "\n<svg>\n", 0, 0, 0, 0, "line 2: no value at its end" },
		{ "a 0\n", 0, 0, 0, 0, "all values are 0" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const size_t n = files[i].n ? files[i].n : strlen(files[i].text);
		struct folded_count count;
		struct fault fault = { 0 };
		struct flame_tree *t = read_text(files[i].text, n, 1000, &count, &fault);

		if (!files[i].total) {
			assert_null(t);
			assert_int_equal(fault.code, EXIT_FAILED);
			assert_int_equal(strncmp(fault.text, "x.folded: ", 10), 0);
			assert_non_null(strstr(fault.text, files[i].why));
			continue;
		}
		assert_non_null(t);
		assert_int_equal(t->nodes[0].total, files[i].total);
		assert_int_equal(count.skipped, files[i].skipped);
		assert_int_equal(count.first_skipped, files[i].first);
		if (files[i].why)
			assert_string_equal(count.why, files[i].why);
		flame_tree_free(t);
	}
}

/* Lines around the buffer's size, whole and in pieces; the ones beyond are skipped, the next read. */
static void long_lines(void **unused)
{
	static const size_t lengths[] = { 100,	   (1 << 20) - 3, (1 << 20) - 2, (1 << 20) - 1,
					  1 << 20, (1 << 20) + 1, (2 << 20) - 1, 5 << 20 };

	(void)unused;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		for (int newline = 0; newline < 2; newline++) {
			const size_t n = lengths[i];
			char *text = malloc(n + 20);
			struct folded_count count;
			struct fault fault = { 0 };
			struct flame_tree *t;
			size_t used = 0;
			const bool fits = n + 2 < 1 << 20;

			assert_non_null(text);
			used += (size_t)sprintf(text, "a 1\n");
			memset(text + used, 'x', n);
			used += n;
			used += (size_t)sprintf(text + used, " 2%s", newline ? "\nb 4\n" : "");
			t = read_text(text, used, 1, &count, &fault);
			assert_non_null(t);
			assert_int_equal(count.lines, newline ? 3 : 2);
			/* Right at the bound either is right. */
			if (n + 2 != 1 << 20) {
				assert_int_equal(count.skipped, !fits);
				assert_int_equal(t->nodes[0].total,
						 1 + (fits ? 2 : 0) + (newline ? 4 : 0));
			}
			flame_tree_free(t);
			free(text);
		}
	}
}

/* A stack deeper than any picture: its time and its state are kept. */
static void deep_stack(void **unused)
{
	static const struct flame_options o = { .title = "t", .subtitle = "", .min_share = -1 };
	const size_t depth = 100000;
	char *text = malloc(2 * depth + 50), *svg;
	struct folded_count count;
	struct fault fault = { 0 };
	struct flame_tree *t;
	size_t n = 0;

	(void)unused;
	assert_non_null(text);
	for (size_t i = 0; i < depth; i++)
		n += (size_t)sprintf(text + n, "f;");
	n += (size_t)sprintf(text + n, "[run queue] 7\n");
	t = read_text(text, n, 1, &count, &fault);
	assert_non_null(t);
	assert_int_equal(t->nodes[0].total, 7);
	assert_int_equal(t->cut, 1);
	assert_int_equal(t->cut_value, 7);
	assert_int_equal(t->nodes_n, 1 + FLAME_DEPTH_MAX);
	svg = draw(t, &o);
	assert_non_null(strstr(svg, "<title>run queue: 7 ns, 100 % of the whole"));
	assert_non_null(strstr(svg, "cut short: 1 stacks (7 ns)"));
	free(svg);
	flame_tree_free(t);
	free(text);
}

/* Nothing of a name is markup, nothing is a control character, and all is UTF-8. */
static void hostile_names(void **unused)
{
	static const char *const names[] = {
		"<script>alert(1)</script>",
		"a&b\"c'd",
		"]]>",
		"<!--",
		"\033]0;x\007",
		"\x9b[31m",
		"\xff\xfe",
		"caf\xc3",
		"\xef\xbf\xbe",
		"\xed\xa0\x80",
		"\xe2\x80\xae"
		"gpj.exe",
		"\xc2\x85",
		"",
		"\x7f\x01\x1f",
		"\xf0\x9f\x92\xa9 \xe6\xbc\xa2\xe5\xad\x97",
	};
	const struct flame_options o = {
		.title = names[0], .subtitle = "\033[31m<&>]]>", .unit = "<&\"\x1b", .min_share = -1
	};
	struct flame_tree *t = flame_tree_new(false);
	char long_name[5000], *svg;

	(void)unused;
	assert_non_null(t);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		flame_tree_begin(t);
		assert_int_equal(flame_tree_frame(t, names[i], strlen(names[i])), 0);
		assert_int_equal(flame_tree_end(t, 1000, FLAME_ON_CPU), 0);
	}
	memset(long_name, 'x', sizeof(long_name));
	flame_tree_begin(t);
	assert_int_equal(flame_tree_frame(t, long_name, sizeof(long_name)), 0);
	assert_true(strlen(t->names[t->last].text) < FLAME_NAME_SIZE);
	assert_int_equal(flame_tree_end(t, 1000, FLAME_ON_CPU), 0);
	svg = draw(t, &o);
	for (const char *c = svg; *c; c++)
		assert_true((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t');
	assert_null(strstr(svg, "<script>alert"));
	assert_null(strstr(svg, "\x7f"));
	assert_null(strstr(svg, "\xc2\x85"));
	assert_null(strstr(svg, "\xe2\x80\xae"));
	assert_null(strstr(svg, "\xef\xbf\xbe"));
	assert_non_null(strstr(svg, "&lt;script&gt;alert(1)&lt;/script&gt;"));
	assert_non_null(strstr(svg, "a&amp;b&quot;c'd"));
	assert_non_null(strstr(svg, "]]&gt;"));
	assert_non_null(strstr(svg, "[unnamed]"));
	assert_non_null(strstr(svg, "caf?"));
	assert_non_null(strstr(svg, "\xf0\x9f\x92\xa9 \xe6\xbc\xa2"));
	free(svg);
	flame_tree_free(t);
}

static void sums_beyond_the_largest(void **unused)
{
	struct flame_tree *t = flame_tree_new(false);

	(void)unused;
	assert_non_null(t);
	assert_int_equal(add(t, "a;b", FLAME_TOTAL_MAX, FLAME_ON_CPU), 0);
	assert_int_equal(add(t, "a;c", 1, FLAME_ON_CPU), -EOVERFLOW);
	assert_int_equal(t->nodes[0].total, FLAME_TOTAL_MAX);
	flame_tree_free(t);
}

static void full_disk_is_reported(void **unused)
{
	static const struct flame_options o = { .title = "t", .subtitle = "" };
	struct flame_tree *t = flame_tree_new(false);
	FILE *f = fopen("/dev/full", "w");

	(void)unused;
	assert_non_null(t);
	assert_int_equal(add(t, "a;b", 5, FLAME_ON_CPU), 0);
	if (!f) {
		print_message("skipped: no /dev/full here\n");
		flame_tree_free(t);
		skip();
	}
	assert_int_equal(flamegraph_draw(t, &o, f), -ENOSPC);
	fclose(f);
	flame_tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),
		cmocka_unit_test(profile_and_folded_agree),
		cmocka_unit_test(classes_of_a_profile),
		cmocka_unit_test(classes_of_a_line),
		cmocka_unit_test(lines_read),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(deep_stack),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(sums_beyond_the_largest),
		cmocka_unit_test(full_disk_is_reported),
	};

	return cmocka_run_group_tests_name("flamegraph", tests, NULL, NULL);
}
