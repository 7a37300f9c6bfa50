/* SPDX-License-Identifier: Zlib */
/* The commands: one row each; the help, the flags and the dispatch are made from this table. */
#pragma once

#include <stdbool.h>

struct error;
struct options;

/* Which flags a command knows: bits of the option table's columns. */
enum command_bit {
	COMMAND_RUN = 1u << 0,
	COMMAND_DOCTOR = 1u << 1,
	COMMAND_PLAN = 1u << 2,
	COMMAND_PROBE = 1u << 3,
	COMMAND_ENV = 1u << 4,
	COMMAND_CONTRACT = 1u << 5,
	COMMAND_EXPLAIN = 1u << 6,
	COMMAND_VERSION = 1u << 7,
	COMMAND_HELP = 1u << 8,
	COMMAND_EXEC = 1u << 9,
	COMMAND_HOOK = 1u << 10,
	COMMAND_INSTALL = 1u << 11,
	COMMAND_REPAIR = 1u << 12,
};

struct command {
	const char *name;
	const char *synopsis;    /* arguments, as in "probe NAME [URL]" without the name */
	const char *summary;     /* one line for `spinup --help`; NULL: not for people */
	const char *description; /* a paragraph for `spinup NAME --help` */
	enum command_bit bit;
	unsigned int max_arguments;
	/* Returns the exit status; -1 with ERROR means that ERROR's code is the status. exec is
	 * called even when its flags are wrong: ERROR says so then. */
	int (*run)(const struct command *command, const struct options *options,
		   char *const *environment, struct error *error);
};

/* NULL-name-terminated. */
extern const struct command command_table[];

/* NULL when there is none. */
const struct command *command_find(const char *name);

/* One function each, in command_*.c. */
int command_run(const struct command *, const struct options *, char *const *, struct error *);
int command_hook(const struct command *, const struct options *, char *const *, struct error *);
int command_plan(const struct command *, const struct options *, char *const *, struct error *);
int command_probe(const struct command *, const struct options *, char *const *, struct error *);
int command_exec(const struct command *, const struct options *, char *const *, struct error *);
int command_install(const struct command *, const struct options *, char *const *, struct error *);
int command_repair(const struct command *, const struct options *, char *const *, struct error *);
int command_contract(const struct command *, const struct options *, char *const *, struct error *);
int command_explain(const struct command *, const struct options *, char *const *, struct error *);
int command_version(const struct command *, const struct options *, char *const *, struct error *);
int command_help(const struct command *, const struct options *, char *const *, struct error *);

/* The list of probes, for `spinup probe` and its help. */
void command_print_probes(void);
