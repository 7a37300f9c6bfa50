/* SPDX-License-Identifier: Zlib */
/* Programs that an installation runs. */
#include "agent/install_run.h"

#include <limits.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/run.h"
#include "agent/spawn.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define SAID_MAX_BYTES 65536u
#define QUOTED_MAX_BYTES 500u
#define PATH_FOR_PROGRAMS "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

unsigned int install_left_ms(const struct installation *installation)
{
	int64_t left_ms = (installation->end_us - run_clock_us()) / 1000;

	return left_ms < 1 ? 1 : left_ms > INT_MAX ? INT_MAX : (unsigned int)left_ms;
}

/* The last words of a program, which mostly say why it failed. */
static const char *end_of(const struct strbuf *said)
{
	return said->length > QUOTED_MAX_BYTES ? said->data + said->length - QUOTED_MAX_BYTES
					       : said->data;
}

static int judge_run(const struct spawn_result *result, const char *program,
		     const struct strbuf *said, struct error *error)
{
	CLEANUP_FREE char *words = text_cleaned(end_of(said), QUOTED_MAX_BYTES);
	const char *name = strrchr(program, '/') + 1;

	switch (result->end) {
	case SPAWN_EXITED:
		if (result->status == 0)
			return 0;
		return error_set(error, ERROR_AGENT, "%s ended with status %d: %s", name,
				 result->status, words);
	case SPAWN_KILLED:
		return error_set(error, ERROR_AGENT, "%s was ended by signal %d: %s", name,
				 result->status, words);
	case SPAWN_TIMEOUT:
		return error_set(error, ERROR_AGENT, "%s did not end in time: %s", name, words);
	case SPAWN_NOT_STARTED:
		break;
	}
	return error_set(error, ERROR_AGENT, "%s cannot be run: %s", name,
			 strerror(result->status));
}

int install_run(const struct installation *installation, const char *const *arguments, int input,
		struct error *error)
{
	/* Determinate's installer knows the variables; nix has none of its own here. */
	static const char *const environment[] = {PATH_FOR_PROGRAMS,
						  "HOME=/root",
						  "USER=root",
						  "DETSYS_IDS_TELEMETRY=disabled",
						  "NIX_INSTALLER_NO_CONFIRM=true",
						  NULL};
	const struct spawn_request request = {
		.path = arguments[0],
		/* execve(2) takes them without const, and changes nothing. */
		.arguments = (char *const *)arguments,
		.environment = (char *const *)environment,
		.timeout_ms = install_left_ms(installation),
		.input = input,
	};
	CLEANUP_STRBUF struct strbuf said = STRBUF_INIT(SAID_MAX_BYTES);
	struct spawn_result result;

	spawn_read(&installation->context->root, &request, &result, &said);
	return judge_run(&result, arguments[0], &said, error);
}
