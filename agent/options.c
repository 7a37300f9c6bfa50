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
#include "agent/options_rows.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define DEFAULT_DEADLINE_MS 10000u
#define DEFAULT_INSTALL_DEADLINE_MS 300000u
#define MAX_DEADLINE_S 3600ul
#define HELP_COLUMN 30

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
	for (size_t i = 0; i < option_row_count(); i++)
		if (option_rows[i].flag && strlen(option_rows[i].flag) == length &&
		    strncmp(option_rows[i].flag, text, length) == 0 &&
		    (option_rows[i].commands & commands))
			return &option_rows[i];
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
	seen[row - option_rows] = true;
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
	for (size_t i = 0; i < option_row_count(); i++)
		if (seen[i] && option_rows[i].offset == row->offset)
			return true;
	return false;
}

static int take_variables(struct options *options, const struct command *command,
			  char *const *environment, bool *seen, struct error *error)
{
	for (size_t i = 0; i < option_row_count(); i++) {
		const struct option_row *row = &option_rows[i];
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
	bool seen[OPTION_ROWS_MAX] = {false};

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
	for (size_t i = 0; i < option_row_count(); i++) {
		if (!option_rows[i].variable)
			continue;
		if (index-- == 0)
			return option_rows[i].variable;
	}
	return NULL;
}

void options_print_help(const struct command *command)
{
	for (size_t i = 0; i < option_row_count(); i++) {
		const struct option_row *row = &option_rows[i];
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
