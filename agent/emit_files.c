/* SPDX-License-Identifier: Zlib */
/* Files of ours: what the environment's variables point at, and the report. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/bazelrc_import.h"
#include "agent/cleanup.h"
#include "agent/emit.h"
#include "agent/error.h"
#include "agent/file_cure.h"
#include "agent/mem.h"
#include "agent/private_dir.h"
#include "agent/result.h"

#define DIRECTORY_NAME "spinup"

int emit_private_file(const struct result *result, const char *name, const char *text,
		      struct error *error)
{
	const struct context *context = &result->job->context;
	CLEANUP(private_dir_close) struct private_dir directory = {.fd = -1};

	if (private_dir_open(&directory, &context->root, context->temp, DIRECTORY_NAME, error) < 0)
		return -1;
	return private_dir_write(&directory, name, text, strlen(text), error);
}

static int write_below(const char *directory, const struct environment_file *file,
		       struct error *error)
{
	CLEANUP_FREE char *path = mem_format("%s/%s", directory, file->name);

	return private_file_replace(path, 0600, file->content, strlen(file->content), error);
}

int emit_files(const struct environment *environment, const struct result *result,
	       const char *directory, struct error *error)
{
	if (directory && mkdir(directory, 0700) < 0 && errno != EEXIST)
		return error_set(error, ERROR_AGENT, "%s cannot be made: %s; %s", directory,
				 strerror(errno), file_cure(errno));
	for (size_t i = 0; i < environment->file_count; i++) {
		const struct environment_file *file = &environment->files[i];

		if (directory ? write_below(directory, file, error) < 0
			      : emit_private_file(result, file->name, file->content, error) < 0)
			return -1;
	}
	return 0;
}

static int import_into(const struct result *result, const char *rc, struct error *error)
{
	return bazelrc_import(&result->job->context.root, rc,
			      environment_find(result->environment, "SPINUP_BAZELRC_PATH")->value,
			      error);
}

int emit_home_rc(const struct result *result, struct error *error)
{
	CLEANUP_FREE char *rc = mem_format("%s/.bazelrc", result->job->context.home);

	return import_into(result, rc, error);
}

int emit_system_rc(const struct result *result, struct error *error)
{
	(void)error;
	(void)import_into(result, "/etc/bazel.bazelrc", NULL);
	return 0;
}
