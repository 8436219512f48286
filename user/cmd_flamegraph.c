// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* infbpf flamegraph: folded stacks as a picture. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmd.h"
#include "flame/flame.h"
#include "folded_read.h"
#include "format.h"
#include "options.h"
#include "screen.h"

struct graph_options {
	struct flame_options flame;
	const char *output; /* NULL or "-": stdout */
};

static int set_output(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct graph_options *)out)->output = arg;
	return 0;
}

static int set_title(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct graph_options *)out)->flame.title = arg;
	return 0;
}

static int set_subtitle(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct graph_options *)out)->flame.subtitle = arg;
	return 0;
}

static int set_unit(void *out, const char *arg, struct fault *f)
{
	if (!*arg || strlen(arg) > 32)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--unit: '%.40s' is not a word of up to 32 characters", arg);
	((struct graph_options *)out)->flame.unit = arg;
	return 0;
}

static int set_width(void *out, const char *arg, struct fault *f)
{
	uint64_t value;
	int err = options_number("--width", arg, 320, 100000, &value, f);

	if (!err)
		((struct graph_options *)out)->flame.width = (unsigned int)value;
	return err;
}

static int set_min_share(void *out, const char *arg, struct fault *f)
{
	char *end;
	double value = strtod(arg, &end);

	if (end == arg || (*end && strcmp(end, "%") != 0 && strcmp(end, " %") != 0) ||
	    !(value >= 0 && value <= 100))
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--min-share: '%s' is not a percentage (try 0.01)", arg);
	/* 0 asks for all; as an option's value it means "not given". */
	((struct graph_options *)out)->flame.min_share = value > 0 ? value / 100 : -1;
	return 0;
}

static int set_inverted(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct graph_options *)out)->flame.inverted = true;
	return 0;
}

static int set_reverse(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct graph_options *)out)->flame.reverse = true;
	return 0;
}

static const struct option_row rows[] = {
	{ "output", 'o', "FILE", "the picture goes here; without it to stdout", set_output },
	{ "title", 0, "TEXT", "instead of the file's name", set_title },
	{ "subtitle", 0, "TEXT", "below the title", set_subtitle },
	{ "unit", 0, "UNIT", "of the values: us (default), ns, ms, s, or any word", set_unit },
	{ "width", 0, "PX", "fixed; without it as wide as the window", set_width },
	{ "min-share", 0, "PERCENT", "leave out narrower frames (a tenth of a pixel; 0: none)",
	  set_min_share },
	{ "inverted", 0, NULL, "roots on top", set_inverted },
	{ "reverse", 0, NULL, "merge the stacks from the leaf", set_reverse },
	{ NULL, 0, NULL, NULL, NULL },
};

static const char usage[] =
	"usage: infbpf flamegraph [OPTIONS] FILE.folded\n\n"
	"Draws folded stacks ('-': stdin), of infbpf or any other tool, as one SVG file that needs\n"
	"nothing else: open it in a browser, click to zoom, Ctrl-F to search.";

/* The picture is written once all is read: a bad input leaves the file there was. */
static int write_file(const struct flame_tree *t, const struct graph_options *o, struct fault *f)
{
	const bool standard = !o->output || !strcmp(o->output, "-");
	const char *name = standard ? "stdout" : o->output;
	struct stat st;
	const bool created = !standard && stat(o->output, &st);
	FILE *out = standard ? stdout : fopen(o->output, "we");
	int err;

	if (!out)
		return fault_set(f, EXIT_FAILED, errno, "cannot write %s: %s", name,
				 strerror(errno));
	err = flamegraph_draw(t, &o->flame, out);
	if (!standard && fclose(out) && !err)
		err = -errno;
	/* The reader of a pipe has seen enough: no failure of ours. */
	if (!err || (standard && err == -EPIPE))
		return 0;
	if (created)
		unlink(o->output);
	return fault_set(f, EXIT_FAILED, -err, "%s: %s", name, strerror(-err));
}

static int draw(const char *path, struct graph_options *o, struct fault *f)
{
	struct flame_options *flame = &o->flame;
	const char *unit = flame->unit ? flame->unit : "us";
	const uint64_t unit_ns = flame_unit_ns(unit);
	struct flame_tree *t = flame_tree_new(flame->reverse);
	char figure[FLAME_FIGURE_SIZE], count[FORMAT_SIZE];
	struct screen_line line = { .n = 0 };
	int err;

	if (!t)
		return fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	err = folded_read_file(path, unit_ns ? unit_ns : FLAME_THOUSANDTHS, t, f);
	if (!err) {
		screen_add(&line, "%s in all" FLAME_PART "%s stacks",
			   flame_figure(unit_ns ? NULL : unit, t->nodes[0].total, figure),
			   format_count(count, t->stacks));
		flame->unit = unit;
		flame->title = flame->title ? flame->title : folded_name(path);
		flame->subtitle = flame->subtitle ? flame->subtitle : line.text;
		err = write_file(t, o, f);
	}
	flame_tree_free(t);
	return err;
}

/* Options may follow the file, too. */
static int parse(int argc, char **argv, struct graph_options *o, const char **path, struct fault *f)
{
	int next = options_parse(rows, argc, argv, o, usage, f);

	if (next < 0)
		return next;
	if (next == argc)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "draw what? FILE.folded, or - for stdin (try --help)");
	*path = argv[next];
	argc -= next;
	argv += next;
	next = options_parse(rows, argc, argv, o, usage, f);
	if (next >= 0 && next < argc)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "'%s' is not expected: one file a picture (try --help)",
				 argv[next]);
	return next < 0 ? next : 0;
}

int cmd_flamegraph(int argc, char **argv)
{
	struct graph_options o = { .output = NULL };
	struct fault f = { 0 };
	const char *path = NULL;
	int err = parse(argc, argv, &o, &path, &f);

	if (err == -ECANCELED)
		return EXIT_DONE;
	if (!err)
		draw(path, &o, &f);
	if (f.code)
		fault_print(&f);
	return f.code;
}
