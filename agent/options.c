/* SPDX-License-Identifier: Zlib */
/* Flags and SPINUP_* variables, from one table. */
#include "agent/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define DEFAULT_DEADLINE_MS 10000u
#define DEFAULT_INSTALL_DEADLINE_MS 300000u
#define MAX_DEADLINE_S 3600ul
#define HELP_COLUMN 30

enum option_type {
	OPTION_STRING,
	OPTION_SWITCH,
	OPTION_TRUE, /* a variable of others: only "true" counts, anything else is ignored */
	OPTION_NAMES,
	OPTION_SECONDS,
	OPTION_MODE,
	OPTION_FORMAT,
};

struct option_row {
	const char *flag;     /* NULL: a variable only */
	const char *argument; /* how the help names it; NULL for a switch */
	const char *variable; /* NULL: a flag only */
	const char *help;     /* NULL: hidden */
	unsigned int commands;
	enum option_type type;
	size_t offset;
	size_t source_offset; /* 0: the source is not kept */
};

#define WRITES (COMMAND_RUN | COMMAND_HOOK)
#define MENDS (WRITES | COMMAND_INSTALL)
#define JUDGES (WRITES | COMMAND_DOCTOR | COMMAND_PROBE | COMMAND_ENV)
#define PROVES (JUDGES | COMMAND_EXEC)
#define SHOWS (JUDGES | COMMAND_PLAN)
#define JOBS (SHOWS | COMMAND_EXEC)
#define LANES (JOBS | COMMAND_INSTALL)
#define EVERY (~0u)
#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
	{"--label", "LABEL", "SPINUP_LABEL", "the job's runs-on label, instead of finding it out",
	 LANES, OPTION_STRING, AT(label), AT(label_source)},
	{"--contract", "FILE", "SPINUP_CONTRACT", "a platform contract instead of the built-in one",
	 LANES | COMMAND_CONTRACT | COMMAND_REPAIR, OPTION_STRING, AT(contract_path), 0},
	{"--expect", "FILE", "SPINUP_EXPECT",
	 "the repository's expectations (a step reads .github/spinup.json)",
	 LANES | COMMAND_CONTRACT, OPTION_STRING, AT(expect_path), 0},
	{"--attic", "URL", "SPINUP_ATTIC", "the Attic server, instead of the job's or the lane's",
	 JOBS, OPTION_STRING, AT(attic_url), AT(attic_url_source)},
	{"--attic-cache", "NAME", "SPINUP_ATTIC_CACHE", "the cache on that server", JOBS,
	 OPTION_STRING, AT(attic_cache), AT(attic_cache_source)},
	{"--attic-public-key", "KEY", "SPINUP_ATTIC_PUBLIC_KEY", "the key to trust, NAME:BASE64",
	 JOBS, OPTION_STRING, AT(attic_public_key), AT(attic_key_source)},
	{"--attic-public-read", NULL, "SPINUP_ATTIC_PUBLIC_READ",
	 "outside the cluster: read from the public cache, without a token", JOBS, OPTION_SWITCH,
	 AT(is_attic_public_read), 0},
	{"--attic-push", NULL, "SPINUP_ATTIC_PUSH", "the job will push: prove that the token may",
	 JOBS, OPTION_SWITCH, AT(is_attic_push_wanted), 0},
	{"--bazel", "URL", "SPINUP_BAZEL",
	 "the Bazel remote cache, instead of the job's or the lane's", JOBS, OPTION_STRING,
	 AT(bazel_url), AT(bazel_url_source)},
	{"--bazel-upload", NULL, "SPINUP_BAZEL_UPLOAD",
	 "let Bazel upload results (never for a pull request from a fork)", JOBS, OPTION_SWITCH,
	 AT(is_bazel_upload_wanted), 0},
	{NULL, NULL, "GF_BAZEL_REMOTE_UPLOAD", NULL, JOBS, OPTION_TRUE, AT(is_bazel_upload_wanted),
	 0},
	{"--bazel-home-rc", NULL, "SPINUP_BAZEL_HOME_RC", "also add the flags to ~/.bazelrc",
	 WRITES | COMMAND_EXEC, OPTION_SWITCH, AT(is_bazel_home_rc), 0},
	{"--require", "NAME", "SPINUP_REQUIRE",
	 "a promise beyond the lane's (nix, attic-push, …); may be repeated", JOBS, OPTION_NAMES,
	 AT(require), 0},
	{"--all", NULL, "SPINUP_ALL", "also prove devices that the lane does not promise",
	 COMMAND_DOCTOR | COMMAND_PLAN, OPTION_SWITCH, AT(is_all), 0},
	{"--allow-software-gpu", NULL, "SPINUP_ALLOW_SOFTWARE_GPU",
	 "let a CPU that speaks Vulkan pass for a GPU", JOBS, OPTION_SWITCH,
	 AT(is_software_gpu_allowed), 0},
	{"--skip", "NAME", "SPINUP_SKIP", "leave a probe out; may be repeated", JOBS, OPTION_NAMES,
	 AT(skip), 0},
	{"--mode", "MODE", "SPINUP_MODE", "enforce: a failed lane fails the job; warn: it does not",
	 WRITES | COMMAND_DOCTOR, OPTION_MODE, AT(mode), 0},
	{"--strict", NULL, "SPINUP_STRICT", "degraded counts as failed", JUDGES | COMMAND_INSTALL,
	 OPTION_SWITCH, AT(is_strict), 0},
	{"--deadline", "SECONDS", "SPINUP_DEADLINE",
	 "bound of all proofs together (default 10); a promised GPU has 45",
	 PROVES | COMMAND_INSTALL, OPTION_SECONDS, AT(deadline_ms), 0},
	{"--no-repair", NULL, "SPINUP_NO_REPAIR", "mend and install nothing: prove what is there",
	 WRITES, OPTION_SWITCH, AT(is_repair_off), 0},
	{"--install", NULL, "SPINUP_INSTALL",
	 "mend what is broken, and install Nix where it is absent", COMMAND_EXEC, OPTION_SWITCH,
	 AT(is_install), 0},
	{"--install-deadline", "SECONDS", "SPINUP_INSTALL_DEADLINE",
	 "bound of mending and installing (default 300)", MENDS | COMMAND_EXEC, OPTION_SECONDS,
	 AT(install_deadline_ms), 0},
	{"--verify-store", NULL, "SPINUP_VERIFY_STORE",
	 "hold every store path that spinup installs, or has installed, against its hash",
	 MENDS | COMMAND_EXEC, OPTION_SWITCH, AT(is_store_verified), 0},
	{"--install-deadline", "SECONDS", NULL, NULL, COMMAND_REPAIR, OPTION_SECONDS,
	 AT(install_deadline_ms), 0},
	{"--verify-store", NULL, NULL, NULL, COMMAND_REPAIR, OPTION_SWITCH, AT(is_store_verified),
	 0},
	{"--uninstall", NULL, NULL, "take back what spinup itself has installed, and nothing else",
	 COMMAND_INSTALL, OPTION_SWITCH, AT(is_uninstall), 0},
	{"--force", NULL, NULL, "with --uninstall: also a store that has grown other paths",
	 COMMAND_INSTALL, OPTION_SWITCH, AT(is_force), 0},
	{"--format", "FORMAT", "SPINUP_FORMAT", "sh (default), github, dotenv or json", COMMAND_ENV,
	 OPTION_FORMAT, AT(env_format), 0},
	{"--write-files", "DIR", "SPINUP_WRITE_FILES",
	 "write the files that variables stand for into DIR, and name them", COMMAND_ENV,
	 OPTION_STRING, AT(write_files), 0},
	{"--report", "FILE", "SPINUP_REPORT", "also write the JSON report to FILE",
	 PROVES | COMMAND_INSTALL, OPTION_STRING, AT(report_path), 0},
	{"--json", NULL, "SPINUP_JSON", "one JSON document on stdout, nothing else",
	 SHOWS | COMMAND_INSTALL | COMMAND_CONTRACT | COMMAND_EXPLAIN | COMMAND_VERSION,
	 OPTION_SWITCH, AT(is_json), 0},
	{"--runner-root", "DIR", "SPINUP_RUNNER_ROOT",
	 "the runner's root, instead of the directory of CMD", COMMAND_EXEC, OPTION_STRING,
	 AT(runner_root), 0},
	{"--root", "DIR", NULL, NULL, SHOWS | COMMAND_CONTRACT, OPTION_STRING, AT(root), 0},
	{"--help", NULL, NULL, "this page", EVERY, OPTION_SWITCH, AT(is_help), 0},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static int store_names(struct options *options, const struct option_row *row, const char *value,
		       struct error *error)
{
	const char **names = (const char **)((char *)options + row->offset);
	size_t count = 0;
	char *list, *name;

	while (names[count])
		count++;
	if (options->owned_count == OPTIONS_MAX_NAMES)
		return error_set(error, ERROR_USAGE, "%s is given too often", row->flag);
	list = options->owned[options->owned_count++] = mem_strdup(value);
	while ((name = strsep(&list, ", "))) {
		if (!*name)
			continue;
		if (count + 1 >= OPTIONS_MAX_NAMES)
			return error_set(error, ERROR_USAGE, "%s: more than %u names", row->flag,
					 OPTIONS_MAX_NAMES - 1);
		names[count++] = name;
	}
	return 0;
}

/* The index of VALUE in a NULL-terminated list of words, or -1. */
static int index_of(const char *value, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	return -1;
}

static int store_switch(bool *target, const char *name, const char *value, struct error *error)
{
	static const char *const words[] = {"false", "true", "0", "1", "no", "yes", NULL};
	int index = index_of(value, words);

	if (index < 0)
		return error_set(error, ERROR_USAGE, "%s: '%.40s' is neither true nor false", name,
				 value);
	*target = index % 2 == 1;
	return 0;
}

static int store(struct options *options, const struct option_row *row, const char *name,
		 const char *value, struct error *error)
{
	static const char *const modes[] = {"enforce", "warn", NULL};
	static const char *const formats[] = {"sh", "github", "dotenv", "json", NULL};
	void *target = (char *)options + row->offset;
	unsigned long seconds;
	int index;

	switch (row->type) {
	case OPTION_STRING:
		*(const char **)target = value;
		return 0;
	case OPTION_SWITCH:
		return store_switch(target, name, value, error);
	case OPTION_TRUE:
		*(bool *)target = strcmp(value, "true") == 0;
		return 0;
	case OPTION_NAMES:
		return store_names(options, row, value, error);
	case OPTION_SECONDS:
		if (!text_to_number(value, 1, MAX_DEADLINE_S, &seconds))
			return error_set(error, ERROR_USAGE,
					 "%s: '%.40s' is no number of seconds from 1 to %lu", name,
					 value, MAX_DEADLINE_S);
		*(unsigned int *)target = (unsigned int)seconds * 1000;
		return 0;
	case OPTION_MODE:
		index = index_of(value, modes);
		*(enum mode *)target = index == 1 ? MODE_WARN : MODE_ENFORCE;
		return index >= 0
			       ? 0
			       : error_set(error, ERROR_USAGE,
					   "%s: '%.40s' is neither enforce nor warn", name, value);
	case OPTION_FORMAT:
		index = index_of(value, formats);
		*(enum env_format *)target = (enum env_format)(index < 0 ? 0 : index);
		return index >= 0 ? 0
				  : error_set(error, ERROR_USAGE,
					      "%s: '%.40s' is none of sh, github, dotenv and json",
					      name, value);
	}
	return error_set(error, ERROR_AGENT, "%s: no such kind of option", name);
}

static void store_source(struct options *options, const struct option_row *row, const char *source)
{
	if (row->source_offset)
		*(const char **)((char *)options + row->source_offset) = source;
}

static const struct option_row *find_flag(const char *text, size_t length, unsigned int commands)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].flag && strlen(rows[i].flag) == length &&
		    strncmp(rows[i].flag, text, length) == 0 && (rows[i].commands & commands))
			return &rows[i];
	return NULL;
}

/* Takes one flag and its value; moves *CURSOR beyond them. */
static int take_flag(struct options *options, const struct command *command, char ***cursor,
		     bool *seen, struct error *error)
{
	const char *text = **cursor;
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : strlen(text);
	const struct option_row *row = find_flag(text, length, command->bit);
	const char *value = equals ? equals + 1 : NULL;

	(*cursor)++;
	if (!row)
		return error_set(error, ERROR_USAGE, "%.*s: unknown here; see `spinup %s --help`",
				 length > 64 ? 64 : (int)length, text, command->name);
	if (!value && !row->argument) {
		value = "true";
	} else if (!value) {
		value = **cursor;
		if (!value)
			return error_set(error, ERROR_USAGE, "%s needs its %s", row->flag,
					 row->argument);
		(*cursor)++;
	}
	if (!*value)
		return 0; /* an empty input is an input that was not given */
	seen[row - rows] = true;
	store_source(options, row, row->flag);
	return store(options, row, row->flag, value, error);
}

static int take_flags(struct options *options, const struct command *command, char **argv,
		      bool *seen, struct error *error)
{
	bool is_rest = false;

	while (*argv) {
		const char *text = *argv;

		if (!is_rest && strcmp(text, "--") == 0) {
			is_rest = true;
			argv++;
			continue;
		}
		if (!is_rest && strcmp(text, "-h") == 0) {
			options->is_help = true;
			argv++;
			continue;
		}
		if (!is_rest && text[0] == '-' && text[1]) {
			if (take_flag(options, command, &argv, seen, error) < 0)
				return -1;
			continue;
		}
		if (command->bit == COMMAND_EXEC) {
			options->wrapped = argv;
			return 0;
		}
		if (options->argument_count == command->max_arguments)
			return error_set(error, ERROR_USAGE,
					 "%.64s: one argument too many; see `spinup %s --help`",
					 text, command->name);
		options->arguments[options->argument_count++] = text;
		argv++;
	}
	return 0;
}

static const char *variable_value(char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; environment[i]; i++)
		if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
			return environment[i][length + 1] ? environment[i] + length + 1 : NULL;
	return NULL;
}

/* Whether ROW's value was given already, also by another row that fills the same field. */
static bool is_given(const struct option_row *row, const bool *seen)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (seen[i] && rows[i].offset == row->offset)
			return true;
	return false;
}

static int take_variables(struct options *options, const struct command *command,
			  char *const *environment, bool *seen, struct error *error)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct option_row *row = &rows[i];
		const char *value;

		if (!row->variable || is_given(row, seen) || !(row->commands & command->bit))
			continue;
		value = variable_value(environment, row->variable);
		if (!value)
			continue;
		seen[i] = true;
		store_source(options, row, row->variable);
		if (store(options, row, row->variable, value, error) < 0)
			return -1;
	}
	return 0;
}

/* What is certainly the command to run, even if a flag before it cannot be understood; or NULL. */
static char **behind_dashes(char **argv)
{
	while (*argv && strcmp(*argv, "--") != 0)
		argv++;
	return *argv && argv[1] ? argv + 1 : NULL;
}

int options_parse(struct options *options, const struct command *command, char **argv,
		  char *const *environment, struct error *error)
{
	bool seen[ROW_COUNT] = {false};

	*options = (struct options){
		.command = command->bit,
		.deadline_ms = DEFAULT_DEADLINE_MS,
		.install_deadline_ms = DEFAULT_INSTALL_DEADLINE_MS,
	};
	if (command->bit == COMMAND_EXEC)
		options->wrapped = behind_dashes(argv);
	if (take_flags(options, command, argv, seen, error) < 0)
		return -1;
	if (options->is_help)
		return 0;
	return take_variables(options, command, environment, seen, error);
}

void options_release(struct options *options)
{
	for (size_t i = 0; i < options->owned_count; i++)
		free(options->owned[i]);
	options->owned_count = 0;
}

const char *options_variable(size_t index)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (!rows[i].variable)
			continue;
		if (index-- == 0)
			return rows[i].variable;
	}
	return NULL;
}

void options_print_help(const struct command *command)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct option_row *row = &rows[i];
		CLEANUP_FREE char *flag = NULL;

		if (!row->help || !row->flag || !(row->commands & command->bit))
			continue;
		flag = mem_format("%s%s%s", row->flag, row->argument ? " " : "",
				  row->argument ? row->argument : "");
		(void)printf("  %-*s %s", HELP_COLUMN, flag, row->help);
		if (row->variable)
			(void)printf("\n  %-*s [%s]", HELP_COLUMN, "", row->variable);
		(void)printf("\n");
	}
}
