/* SPDX-License-Identifier: Zlib */
/* The toolchain probe's judging half: what was found and said, into findings. Pure. */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/toolchain.h"

#define MAX_VERSION_BYTES 64u
#define MAX_QUOTE_BYTES 160u

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The words of the line that begin with a digit are versions, and perhaps a commit's hash. */
char *tool_version(const struct tool *tool, const char *output)
{
	const char *line = output, *word, *found = NULL;
	size_t length, found_length = 0;

	while (line && !text_starts_with(line, tool->prefix)) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return NULL;
	for (word = line; *word && *word != '\n'; word += strspn(word, " ,()")) {
		length = strcspn(word, " ,()\n");
		if (is_digit(*word) && (tool->is_last_number || !found)) {
			found = word;
			found_length = length;
		}
		word += length;
	}
	if (!found || found_length > MAX_VERSION_BYTES)
		return NULL;
	return mem_strndup(found, found_length);
}

static void judge_known(const struct toolchain_facts *facts, struct channel *channel)
{
	if (!facts->program)
		channel_finding(channel, FINDING_TOOLCHAIN_PINNED_ONLY, facts->tool->shown, NULL,
				"%s pins %s %s, and no %s is on PATH", facts->source,
				facts->tool->shown, facts->version, facts->tool->programs[0]);
	else if (facts->was_run)
		channel_finding(channel, FINDING_TOOLCHAIN_FOUND, facts->tool->shown, NULL,
				"%s %s, %s", facts->tool->shown, facts->version, facts->program);
	else
		channel_finding(channel, FINDING_TOOLCHAIN_FOUND, facts->tool->shown, NULL,
				"%s %s by %s, %s", facts->tool->shown, facts->version,
				facts->source, facts->program);
}

/* Why a program that is there told no version. */
static void judge_failure(const struct toolchain_facts *facts, struct channel *channel)
{
	CLEANUP_FREE char *said = text_cleaned(facts->output ? facts->output : "", MAX_QUOTE_BYTES);
	const char *shown = facts->tool->shown, *program = facts->program;
	int status = facts->end.status;

	switch (facts->end.end) {
	case SPAWN_NOT_STARTED:
		channel_finding(channel, FINDING_TOOLCHAIN_BROKEN, shown, NULL,
				"%s could not be started: %s", program, strerror(status));
		break;
	case SPAWN_KILLED:
		channel_finding(channel, FINDING_TOOLCHAIN_BROKEN, shown, NULL,
				"%s --version ended by signal %d (%s): %s", program, status,
				strsignal(status), said);
		break;
	case SPAWN_TIMEOUT:
		channel_finding(channel, FINDING_TOOLCHAIN_TIMEOUT, shown, NULL,
				"%s --version did not end within %u ms: %s", program,
				facts->timeout_ms, *said ? said : "it said nothing");
		break;
	case SPAWN_EXITED:
		if (status != 0)
			channel_finding(channel, FINDING_TOOLCHAIN_BROKEN, shown, NULL,
					"%s --version ended with %d: %s", program, status, said);
		else
			channel_finding(channel, FINDING_TOOLCHAIN_VERSION_UNREADABLE, shown, NULL,
					"%s --version said: %s", program, *said ? said : "nothing");
		break;
	}
}

void toolchain_judge(const struct toolchain_facts *facts, struct channel *channel)
{
	CLEANUP_FREE char *program_fact = mem_format("%s_program", facts->tool->fact);

	channel_string(channel, program_fact, facts->program);
	channel_string(channel, facts->tool->fact, facts->version);
	if (facts->version)
		judge_known(facts, channel);
	else if (facts->distrust)
		channel_finding(channel, FINDING_TOOLCHAIN_VERSION_UNREADABLE, facts->tool->shown,
				NULL, "root does not run it: %s", facts->distrust);
	else if (facts->program)
		judge_failure(facts, channel);
	else
		channel_finding(channel, FINDING_TOOLCHAIN_TOOL_MISSING, facts->tool->shown, NULL,
				"no %s on PATH", facts->tool->programs[0]);
}
