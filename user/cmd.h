/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The subcommands: each parses its options, calls, prints, and returns the exit code. argv[0] is the
 * subcommand's name. */
#ifndef CMD_H
#define CMD_H

int cmd_trace(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_flamegraph(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

#endif /* CMD_H */
