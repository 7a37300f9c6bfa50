/* SPDX-License-Identifier: Zlib */
/* spinup repair ID…: the one entry by which spinup becomes root. It believes nothing of the caller's but
 * a closed list of words: no variable, no home, no workspace, and no contract that somebody else than
 * root could have written. */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/error.h"
#include "agent/options.h"
#include "agent/record.h"
#include "agent/repair.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/trusted_path.h"

#define ALARM_SLACK_S 5u

static int ask(const struct options *options, bool *ret_asked, struct error *error)
{
	if (options->argument_count == 0)
		return error_set(error, ERROR_USAGE, "repair: which finding is to be mended?");
	for (size_t i = 0; i < options->argument_count; i++) {
		const struct repair *row = repair_find(options->arguments[i]);

		if (!row)
			return error_set(error, ERROR_USAGE,
					 "%.64s: there is no repair for it; nothing was changed",
					 options->arguments[i]);
		ret_asked[row - repair_table] = true;
	}
	return 0;
}

static int read_contract(struct contract *ret, const struct root *root, const char *path,
			 struct error *error)
{
	CLEANUP_STRBUF struct strbuf resolved = STRBUF_INIT(PATH_MAX);

	if (path && trusted_path_resolve(root, path, &resolved, error) < 0) {
		error->code = ERROR_USAGE;
		return error_prefix(error, "--contract: nothing was changed");
	}
	return contract_read(ret, root, path ? resolved.data : NULL, error);
}

static void mend(const struct options *options, const struct context *context,
		 const struct contract *contract, const bool *is_asked)
{
	struct channel channel = {.fd = STDOUT_FILENO};
	struct mending mending = {
		.context = context,
		.contract = contract,
		.channel = &channel,
		.end_us = run_clock_us() + options->install_deadline_ms * INT64_C(1000),
		.is_store_verified = options->is_store_verified,
	};

	/* The caller, who is not root, cannot end it. */
	(void)alarm(options->install_deadline_ms / 1000 + ALARM_SLACK_S);
	repair_rows(&mending, is_asked);
}

int command_repair(const struct command *command, const struct options *options,
		   char *const *environment, struct error *error)
{
	static char *const nothing[] = {NULL};
	bool is_asked[REPAIR_MAX_ROWS] = {false};
	struct contract contract = {0};
	struct context context = {0};
	int status;

	(void)command;
	(void)environment;
	(void)clearenv();
	(void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	(void)!chdir("/");
	if (geteuid() != 0 || isatty(STDOUT_FILENO))
		return error_set(error, ERROR_USAGE,
				 "repair is how spinup calls itself as root; use `spinup run` or "
				 "`spinup install`");
	status = ask(options, is_asked, error);
	if (status == 0)
		status = context_read(&context, options, nothing, error);
	if (status == 0)
		status = read_contract(&contract, &context.root, options->contract_path, error);
	if (status == 0)
		mend(options, &context, &contract, is_asked);
	contract_release(&contract);
	context_release(&context);
	return status;
}
