// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "fault.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "trace", cmd_trace, "trace running processes, a command or the whole host" },
	{ "report", cmd_report, "a trace's JSON as a report, in text or as a page" },
	{ "flamegraph", cmd_flamegraph, "draw folded stacks as an interactive SVG" },
	{ "diff", cmd_diff, "what changed between two traces, or sets of them" },
	{ "doctor", cmd_doctor, "what this kernel and a process allow, and why not" },
};
#define COMMANDS_N (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *f)
{
	fprintf(f,
		"infbpf: where the wall time of every thread goes, and what the GPU calls have to "
		"do with it\n\n"
		"usage: infbpf COMMAND [OPTIONS]\n\n");
	for (size_t i = 0; i < COMMANDS_N; i++)
		fprintf(f, "  %-11s %s\n", commands[i].name, commands[i].help);
	fprintf(f,
		"\n  infbpf COMMAND --help   its options\n"
		"  infbpf --version        version\n\n"
		"exit status: 0 done, 1 failed, 2 usage, 3 kernel or privileges do not allow it, "
		"4 no such target, 5 a --fail-if of report holds\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("infbpf %s\n", INFBPF_VERSION);
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < COMMANDS_N; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	message_print("'%s' is no command (try infbpf --help)", argv[1]);
	return EXIT_USAGE;
}
