/* SPDX-License-Identifier: Zlib */
/* What GitLab reads: sections of a job's log (docs.gitlab.com/ci/jobs/job_logs) and dotenv reports
 * (docs.gitlab.com/ci/yaml/artifacts_reports; Ci::ParseDotenvArtifactService). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct strbuf;

#define GITLAB_DOTENV_MAX_BYTES 5120u /* of a whole report, as GitLab comes */

/* A part of the log that a reader may fold. */
struct gitlab_section {
	const char *name;   /* [a-z_]+, once in a log */
	const char *title;  /* what stands where it is folded */
	bool is_folded;     /* as the log is opened */
	int64_t start, end; /* seconds since the epoch: the log shows the difference */
};
void gitlab_section_start(struct strbuf *out, const struct gitlab_section *section);
void gitlab_section_end(struct strbuf *out, const struct gitlab_section *section);

/* What keeps VALUE from reaching a later job as it is ("it has several lines"), or NULL. GitLab takes
 * a line as it stands: no quotes, no escapes. */
const char *gitlab_dotenv_problem(const char *value);

/* Appends NAME=VALUE, one line. Returns 0, or -1 with ERROR where the report would be too large. */
int gitlab_dotenv_add(struct strbuf *out, const char *name, const char *value, struct error *error);
