// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"

#define OPTIONS_MAX 64
#define HELP_COLUMN 26

static bool is_optional(const struct option_row *row)
{
	return row->argument && row->argument[0] == '[';
}

static void print_help(const struct option_row *rows, const char *usage)
{
	int used;

	printf("%s\n\n", usage);
	for (; rows->name; rows++) {
		used = rows->letter ? printf("  -%c, --%s", rows->letter, rows->name)
				    : printf("      --%s", rows->name);
		if (rows->argument)
			used += printf("%s%s", is_optional(rows) ? "" : " ", rows->argument);
		if (used >= HELP_COLUMN)
			used = printf("\n") - 1;
		printf("%*s%s\n", HELP_COLUMN - used, "", rows->help);
	}
	printf("  -h, --help%*sthis text\n", HELP_COLUMN - 12, "");
}

int options_parse(const struct option_row *rows, int argc, char **argv, void *out,
		  const char *usage, struct fault *f)
{
	struct option longs[OPTIONS_MAX] = { { 0 } };
	char shorts[3 * OPTIONS_MAX] = "+:h", letter[2] = "";
	int n, c, index, err;

	for (n = 0; n < OPTIONS_MAX - 2 && rows[n].name; n++) {
		longs[n] = (struct option){ rows[n].name,
					    is_optional(&rows[n]) ? optional_argument
					    : rows[n].argument	  ? required_argument
								  : no_argument,
					    NULL, 256 + n };
		letter[0] = rows[n].letter;
		strcat(shorts, letter);
		if (rows[n].letter && rows[n].argument)
			strcat(shorts, ":");
	}
	longs[n] = (struct option){ "help", no_argument, NULL, 'h' };
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == 'h') {
			print_help(rows, usage);
			return -ECANCELED;
		}
		if (c == ':')
			return fault_set(f, EXIT_USAGE, EINVAL, "%s: wants a value (try --help)",
					 argv[optind - 1]);
		if (c == '?')
			return fault_set(f, EXIT_USAGE, EINVAL, "unknown option %s (try --help)",
					 argv[optind - 1]);
		index = c - 256;
		for (int i = 0; c < 256 && i < n; i++)
			if (rows[i].letter == c)
				index = i;
		err = rows[index].set(out, optarg, f);
		if (err)
			return err;
	}
	return optind;
}

int options_duration(const char *option, const char *text, uint64_t *ns, struct fault *f)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 },  { "ms", 1e6 },   { "us", 1e3 },
		      { "ns", 1 }, { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 } };
	double value;
	char *end;

	errno = 0;
	value = strtod(text, &end);
	if (end != text && isdigit((unsigned char)text[text[0] == '.']) && !errno) {
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (strcmp(end, units[i].name))
				continue;
			value *= units[i].ns;
			if (value < 1 || value > 9e18)
				return fault_set(f, EXIT_USAGE, EINVAL,
						 "%s: '%s' must be more than 0", option, text);
			*ns = value;
			return 0;
		}
	}
	return fault_set(f, EXIT_USAGE, EINVAL, "%s: '%s' is not a duration (try 5ms)", option,
			 text);
}

int options_number(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *out,
		   struct fault *f)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || value < low || value > high)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "%s: '%s' is not a number from %llu to %llu", option, text,
				 (unsigned long long)low, (unsigned long long)high);
	*out = value;
	return 0;
}

int options_choice(const char *option, const char *text, const struct option_choice *choices,
		   int *out, struct fault *f)
{
	char list[200] = "";

	for (const struct option_choice *c = choices; c->name; c++) {
		if (!strcmp(c->name, text)) {
			*out = c->value;
			return 0;
		}
		if (strlen(list) + strlen(c->name) + 3 < sizeof(list)) {
			strcat(list, c == choices ? "" : ", ");
			strcat(list, c->name);
		}
	}
	return fault_set(f, EXIT_USAGE, EINVAL, "%s: '%s' is none of %s", option, text, list);
}
