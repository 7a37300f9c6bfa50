/* SPDX-License-Identifier: Zlib */
/* spinup hook started: run, where the runner calls its hook before the job. */
#include <string.h>

#include "agent/command.h"
#include "agent/error.h"
#include "agent/options.h"

int command_hook(const struct command *command, const struct options *options,
		 char *const *environment, struct error *error)
{
	const char *event = options->arguments[0];

	if (!event || strcmp(event, "started") != 0)
		return error_set(error, ERROR_USAGE,
				 "hook %.64s: there is one hook, `spinup hook started`",
				 event ? event : "without a name");
	return command_run(command, options, environment, error);
}
