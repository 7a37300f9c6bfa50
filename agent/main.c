/* SPDX-License-Identifier: Zlib */
/* spinup: from argv to a command's exit status. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/error.h"
#include "agent/github.h"
#include "agent/inherited.h"
#include "agent/options.h"
#include "agent/signals.h"
#include "agent/strbuf.h"
#include "agent/text.h"

/* A caller that closed 0, 1 or 2 must not find our files under those numbers. Where there is no /dev,
 * something stands there that nobody can write to. */
static void fill_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			fd = open("/", O_PATH);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* The checkout's own programs, which a probe may run as the same user, must not read our
 * environment and memory through /proc. The developer's build needs what this takes away. */
static void hide_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static const struct command *choose(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0)
		name = "version";
	return command_find(name);
}

static int show_help(const struct command *command, char *const *environment, struct error *error)
{
	struct options page = {.arguments = {command->name}, .argument_count = 1};

	return command_help(command, &page, environment, error);
}

/* Whether standard output is one document for somebody else. */
static bool is_document(const struct command *command, const struct options *options)
{
	return options->is_json || command->bit == COMMAND_ENV;
}

static int dispatch(const struct command *command, char **argv, FILE **ret_talk,
		    struct error *error)
{
	char *const *environment = environ;
	struct options options;
	int status;

	if (options_parse(&options, command, argv, environment, error) < 0 && !options.wrapped)
		status = -1;
	else if (options.is_help)
		status = show_help(command, environment, error);
	else
		status = command->run(command, &options, environment, error);
	*ret_talk = is_document(command, &options) ? stderr : stdout;
	options_release(&options);
	return status;
}

/* A message repeats words of the caller's, which may come from the job: it stays one plain line. In
 * a job of GitHub's an annotation says it too, on STREAM, for no summary comes to the author's eyes. */
static int complain(const struct error *error, FILE *stream)
{
	CLEANUP_STRBUF struct strbuf line = STRBUF_INIT(4 * sizeof(error->message));
	CLEANUP_FREE char *message = text_cleaned(error->message, sizeof(error->message));
	const char *actions = getenv("GITHUB_ACTIONS");

	(void)fprintf(stderr, "spinup: %s\n", message);
	if (actions && strcmp(actions, "true") == 0)
		github_annotation(&line, "error",
				  error->code == ERROR_USAGE ? "spinup: usage" : "spinup: failure",
				  message);
	(void)fputs(line.data, stream);
	return (int)error->code;
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct error error = {0};
	FILE *talk = stdout;
	int status = -1;

	fill_stdio();
	hide_memory();
	signals_make_writes_fail();
	command = choose(argc, argv);
	if (command && command->bit != COMMAND_EXEC)
		inherited_mend();
	if (command) /* behind no argument at all, not even a name, begins the environment */
		status = dispatch(command, argv + (argc < 2 ? argc : 2), &talk, &error);
	else
		error_set(&error, ERROR_USAGE, "%.64s: there is no such command; see `spinup help`",
			  argv[1]);
	if (status < 0)
		status = complain(&error, talk);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
		(void)fputs("spinup: standard output could not be written\n", stderr);
		status = ERROR_AGENT;
	}
	return status;
}
