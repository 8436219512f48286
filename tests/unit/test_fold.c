/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Folded stacks: lines that any reader takes, and sums that are right in every unit. */
#define _GNU_SOURCE
#include "output.h"
#include "random_profile.h"

static char *fold(const struct profile *p, enum fold_unit unit, enum fold_filter filter,
		  size_t *lines)
{
	const struct fold_options o = { .unit = unit, .filter = filter };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(fold_write(p, &o, f, lines), 0);
	fclose(f);
	return text;
}

/* One line, taken apart as flamegraph.pl does: the value is what follows the last space. */
static uint64_t split_line(char *line, char **process, char **thread, char **leaf)
{
	char *value = strrchr(line, ' '), *end;
	uint64_t n;

	assert_non_null(value);
	assert_true(value[1] >= '1' && value[1] <= '9');
	n = strtoull(value + 1, &end, 10);
	assert_int_equal(*end, '\0');
	*value = '\0';
	*process = strtok_r(line, ";", &end);
	*thread = strtok_r(NULL, ";", &end);
	assert_non_null(*process);
	assert_non_null(*thread);
	*leaf = NULL;
	for (char *frame; (frame = strtok_r(NULL, ";", &end)); *leaf = frame) {
		const char *last = strrchr(frame, ' ');

		/* " 12" at a frame's end would be read as another value. */
		assert_false(last && strspn(last + 1, "0123456789") == strlen(last + 1));
		for (const char *c = frame; *c; c++)
			assert_true((unsigned char)*c >= 0x20);
	}
	assert_non_null(*leaf);
	return n;
}

/* The label a thread must have, without its process. */
static bool is_label_of(const struct profile_thread *t, const char *process, const char *thread)
{
	char end[48];

	snprintf(end, sizeof(end), "(%u)", t->pid);
	if (strlen(process) < strlen(end) || strcmp(process + strlen(process) - strlen(end), end))
		return false;
	if (t->merged > 1) {
		const char clean = t->comm[0] == 'a' ? 'a' : t->comm[0] ? t->comm[0] : '[';

		snprintf(end, sizeof(end), "(x %u ended)", t->merged);
		if (thread[0] != clean)
			return false;
	} else {
		snprintf(end, sizeof(end), "(%u)", t->tid);
	}
	return strlen(thread) >= strlen(end) && !strcmp(thread + strlen(thread) - strlen(end), end);
}

static void sums_in_every_unit(void **unused)
{
	static const uint64_t unit_ns[] = { [UNIT_US] = 1000, [UNIT_NS] = 1, [UNIT_MS] = 1000000 };

	(void)unused;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct profile *p = random_profile(seed).p;

		for (int unit = UNIT_US; unit <= UNIT_MS; unit++) {
			uint64_t *sums = calloc(p->threads_n, sizeof(*sums)), n = 0;
			size_t lines;
			char *text = fold(p, unit, FOLD_ALL, &lines), *save, *process, *thread,
			     *leaf;

			assert_non_null(sums);
			for (char *line = strtok_r(text, "\n", &save); line;
			     line = strtok_r(NULL, "\n", &save), n++) {
				const uint64_t value = split_line(line, &process, &thread, &leaf);
				size_t i = 0;

				while (i < p->threads_n &&
				       !is_label_of(&p->threads[i], process, thread))
					i++;
				assert_true(i < p->threads_n);
				sums[i] += value;
			}
			assert_int_equal(n, lines);
			for (size_t i = 0; i < p->threads_n; i++)
				assert_int_equal(sums[i],
						 (p->threads[i].wall_ns + unit_ns[unit] / 2) /
							 unit_ns[unit]);
			free(sums);
			free(text);
		}
		profile_free(p);
	}
}

static uint64_t total(char *text)
{
	uint64_t sum = 0;
	char *save, *process, *thread, *leaf;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		sum += split_line(line, &process, &thread, &leaf);
	free(text);
	return sum;
}

/* The filters divide the whole. */
static void filters(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct profile *p = random_profile(seed).p;
		uint64_t gpu = 0, state[PROFILE_STATES] = { 0 };

		for (size_t i = 0; i < p->lines_n; i++) {
			gpu += p->lines[i].call ? p->lines[i].value_ns : 0;
			state[p->lines[i].state] += p->lines[i].value_ns;
		}
		assert_int_equal(total(fold(p, UNIT_NS, FOLD_ON_CPU, NULL)), state[PROFILE_ON_CPU]);
		assert_int_equal(total(fold(p, UNIT_NS, FOLD_RUN_QUEUE, NULL)),
				 state[PROFILE_WOKEN] + state[PROFILE_PREEMPTED]);
		assert_int_equal(total(fold(p, UNIT_NS, FOLD_BLOCKED, NULL)),
				 state[PROFILE_BLOCKED]);
		assert_int_equal(total(fold(p, UNIT_NS, FOLD_OFF_CPU, NULL)),
				 state[PROFILE_WOKEN] + state[PROFILE_PREEMPTED] +
					 state[PROFILE_BLOCKED]);
		assert_int_equal(total(fold(p, UNIT_NS, FOLD_GPU, NULL)), gpu);
		profile_free(p);
	}
}

/* A profile of one thread, with one stack a state. */
static struct profile *small_profile(const char *process, const char *comm, uint64_t ns)
{
	static const char *const frames[] = { "main", "read", "vfs_read_[k]", "pipe_read_[k]" };
	struct profile_thread t = make_thread(1, 10, 11, process, comm);
	struct profile_stack s = { .serial = 1, .frames = frames, .weight_ns = 1 };
	struct profile *p = profile_new();

	assert_non_null(p);
	for (int state = 0; state < PROFILE_STATES; state++) {
		s.state = (uint8_t)state;
		s.syscall = SYS_read;
		s.user_n = 2;
		s.frames_n = state == PROFILE_BLOCKED ? 4 : 2;
		t.state_ns[state] = ns;
		assert_int_equal(profile_add_stack(p, &s), 0);
	}
	assert_int_equal(profile_add_wait(p, 1, SYS_read, 0, ns, 1), 0);
	assert_int_equal(profile_add_thread(p, &t, 10), 0);
	return p;
}

static void the_text(void **unused)
{
	struct profile *p = small_profile("serve", "worker", 2000);
	char *text;
	size_t lines;

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	text = fold(p, UNIT_US, FOLD_ALL, &lines);
	/* Woken and preempted are one run queue. */
	assert_string_equal(
		text,
		"serve (10);worker (11);main;read 2\n"
		"serve (10);worker (11);main;read;[run queue] 4\n"
		"serve (10);worker (11);main;read;vfs_read_[k];pipe_read_[k];[blocked: pipe] 2\n");
	assert_int_equal(lines, 3);
	free(text);
	profile_free(p);
}

/* A wait's kind is a frame where it says more than the cause. */
static void the_kind_of_a_wait(void **unused)
{
	const char *frames[] = { "main", "read", "vfs_read_[k]" };
	struct profile_thread t = make_thread(1, 10, 11, "serve", "worker");
	const struct profile_stack s = { .serial = 1,
					 .state = PROFILE_BLOCKED,
					 .syscall = SYS_read,
					 .flags = FD_TCP << WAIT_FD_SHIFT,
					 .frames = frames,
					 .frames_n = 3,
					 .user_n = 2,
					 .weight_ns = 1 };
	struct profile *p = profile_new();
	size_t lines;
	char *text;

	(void)unused;
	assert_non_null(p);
	t.state_ns[PROFILE_BLOCKED] = 12000;
	assert_int_equal(profile_add_thread(p, &t, 10), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_read, s.flags, 7000, 1), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_epoll_pwait, 0, 5000, 1), 0);
	assert_int_equal(profile_add_stack(p, &s), 0);
	assert_int_equal(profile_finish(p), 0);
	text = fold(p, UNIT_US, FOLD_ALL, &lines);
	assert_string_equal(text,
			    "serve (10);worker (11);main;read;vfs_read_[k];[TCP receive];"
			    "[blocked: network] 7\n"
			    "serve (10);worker (11);[not sampled];[epoll];[blocked: poll] 5\n");
	free(text);
	profile_free(p);
}

/* Open stages stand before the program's frames, also before the mark of a walk that broke off. */
static void stages_come_first(void **unused)
{
	const char *frames[] = { PROFILE_TRUNCATED, "read" };
	const char *stages[] = { "[decode]", "[launch]" };
	struct profile_thread t = make_thread(1, 10, 11, "serve", "worker");
	struct profile_stack s = { .serial = 1,
				   .state = PROFILE_ON_CPU,
				   .frames = frames,
				   .frames_n = 2,
				   .user_n = 2,
				   .weight_ns = 1,
				   .stages = stages,
				   .stages_n = 2 };
	struct profile *p = profile_new();
	size_t lines;
	char *text;

	(void)unused;
	assert_non_null(p);
	t.state_ns[PROFILE_ON_CPU] = 4000;
	assert_int_equal(profile_add_thread(p, &t, 10), 0);
	assert_int_equal(profile_add_stack(p, &s), 0);
	/* The same stack without stages is another one; one without frames at all has a frame. */
	s.stages_n = 0;
	assert_int_equal(profile_add_stack(p, &s), 0);
	s.stages_n = 1;
	s.frames_n = s.user_n = 0;
	s.weight_ns = 2;
	assert_int_equal(profile_add_stack(p, &s), 0);
	assert_int_equal(profile_finish(p), 0);
	text = fold(p, UNIT_US, FOLD_ALL, &lines);
	assert_int_equal(lines, 3);
	assert_non_null(strstr(text, "serve (10);worker (11);[decode];[unknown] 2\n"));
	assert_non_null(strstr(text, "serve (10);worker (11);[truncated];read 1\n"));
	assert_non_null(
		strstr(text, "serve (10);worker (11);[decode];[launch];[truncated];read 1\n"));
	assert_int_equal(p->reach.truncated_ns, 2000);
	assert_int_equal(p->reach.whole_ns, 2000);
	for (size_t i = 0; i < p->lines_n; i++)
		assert_in_range(p->lines[i].user_n, 2, 4);
	free(text);
	profile_free(p);
}

/* Names can be anything that fits 15 bytes. */
static void hostile_names(void **unused)
{
	static const char *const names[] = { ";", "a;b 12",	  "x\ny 3",  "",	" ",
					     "7", "\xff\xfe\xfd", "caf\xc3", "\033[31m" };

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct profile *p = small_profile(names[i], names[i], 5000);
		char *text;
		size_t lines;

		assert_int_equal(profile_finish(p), 0);
		text = fold(p, UNIT_US, FOLD_ALL, &lines);
		assert_int_equal(lines, 3);
		assert_int_equal(total(text), 20);
		profile_free(p);
	}
}

/* Lines that round to nothing are not printed, and what they lack is not lost. */
static void rounding_drops_nothing(void **unused)
{
	struct profile *p = small_profile("p", "t", 300);
	size_t lines;
	char *text;

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	text = fold(p, UNIT_US, FOLD_ALL, &lines);
	assert_int_equal(lines, 1);
	assert_int_equal(total(text), 1);
	text = fold(p, UNIT_MS, FOLD_ALL, &lines);
	assert_int_equal(lines, 0);
	free(text);
	profile_free(p);
}

static void gpu_emulation_has_its_own_root(void **unused)
{
	struct profile *p = small_profile("serve", "emu-gpu/0", 1000);
	char *text;

	(void)unused;
	p->runtime = "emu";
	assert_int_equal(profile_finish(p), 0);
	text = fold(p, UNIT_US, FOLD_ALL, NULL);
	assert_int_equal(strncmp(text, "emulated GPU of serve (10);emu-gpu/0 (11);", 42), 0);
	free(text);
	p->runtime = "nvidia";
	text = fold(p, UNIT_US, FOLD_ALL, NULL);
	assert_int_equal(strncmp(text, "serve (10);", 11), 0);
	free(text);
	profile_free(p);
}

static void full_disk_is_reported(void **unused)
{
	const struct fold_options o = { .unit = UNIT_US };
	struct profile *p = small_profile("p", "t", 5000);
	FILE *f = fopen("/dev/full", "w");

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	if (!f) {
		print_message("skipped: no /dev/full here\n");
		profile_free(p);
		skip();
	}
	assert_int_equal(fold_write(p, &o, f, NULL), -ENOSPC);
	fclose(f);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_in_every_unit),
		cmocka_unit_test(filters),
		cmocka_unit_test(the_text),
		cmocka_unit_test(the_kind_of_a_wait),
		cmocka_unit_test(stages_come_first),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(rounding_drops_nothing),
		cmocka_unit_test(gpu_emulation_has_its_own_root),
		cmocka_unit_test(full_disk_is_reported),
	};

	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
