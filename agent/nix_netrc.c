/* SPDX-License-Identifier: Zlib */
/* Composes the netrc file for the next steps. */
#include "agent/nix_netrc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/environment.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/netrc.h"
#include "agent/nix_caches.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/url.h"

#define FILE_NAME "netrc"
#define LOGIN "attic" /* the server ignores it; libcurl 8.11 loses an entry without one */

static bool is_wanted(const struct job *job, const struct run *run)
{
	return facts_boolean(&run->facts, FACT_ATTIC_USABLE) == 1 && job->context.attic_token &&
	       facts_boolean(&run->facts, FACT_ATTIC_NEEDS_TOKEN) != 0 &&
	       !job->endpoints.attic.is_public_read;
}

/* The effective file's entries; none where there is no file. */
static int read_effective(const struct job *job, const char *path, struct netrc *ret,
			  struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(NETRC_MAX_BYTES);

	if (!path || root_read(&job->context.root, path, &text) == 0)
		return netrc_parse(ret, text.data, error);
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	return error_set(error, ERROR_AGENT, "%s", strerror(errno));
}

/* Nix cuts a value at white space and '#'. */
static bool can_stand_in_configuration(const char *path)
{
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c == '#' || *c == 0x7f)
			return false;
	return path[0] == '/';
}

static int compose(const struct job *job, const struct run *run, struct strbuf *content,
		   struct error *error)
{
	const char *effective = facts_string(&run->facts, FACT_NIX_NETRC);
	const char *server = facts_string(&run->facts, FACT_ATTIC_URL);
	CLEANUP(netrc_release) struct netrc netrc = {0};
	CLEANUP(url_release) struct url url = {0};

	if (!server || url_parse(server, &url, error) < 0)
		return error_prefix(error, "the cache's URL");
	if (read_effective(job, effective, &netrc, error) < 0)
		return error_prefix(error, "%s", effective);
	if (netrc_set(&netrc, url.host, LOGIN, job->context.attic_token, error) < 0)
		return -1;
	netrc_print(&netrc, content);
	if (content->is_truncated)
		return error_set(error, ERROR_AGENT, "larger than libcurl reads");
	return 0;
}

/* Versions in which a client's netrc-file does not reach the daemon (NixOS/nix#15408). */
static void warn_if_ignored(const struct run *run, struct findings *findings)
{
	const char *version = facts_string(&run->facts, FACT_NIX_VERSION);
	const char *determinate = facts_string(&run->facts, FACT_NIX_DETERMINATE);
	const char *state = facts_string(&run->facts, FACT_NIX_STATE);

	if (!state || strcmp(state, "daemon") != 0)
		return;
	if (determinate && version_in_range(determinate, ">=3.22") == 1)
		findings_note(findings, FINDING_NIX_NETRC_IGNORED, "netrc-file",
			      "the daemon is of Determinate Nix %s", determinate);
	else if (!determinate && version && strcmp(version, "2.34.0") == 0)
		findings_note(findings, FINDING_NIX_NETRC_IGNORED, "netrc-file",
			      "the daemon is of Nix %s", version);
}

/* The daemon reads its own file alone. */
static void note_untrusted(const struct run *run, struct findings *findings)
{
	const char *trust = facts_string(&run->facts, FACT_NIX_TRUST);

	if (facts_boolean(&run->facts, FACT_ATTIC_NEEDS_TOKEN) == 1)
		findings_note(findings, FINDING_NIX_NETRC_IGNORED, "netrc-file", "%s",
			      trust && strcmp(trust, "untrusted") == 0
				      ? "the daemon does not trust this user"
				      : "it is not known whether the daemon trusts this user");
}

void nix_netrc_compose(struct environment *environment, const struct job *job,
		       const struct run *run, struct strbuf *lines, struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf content = STRBUF_INIT(NETRC_MAX_BYTES);
	CLEANUP_FREE char *path = NULL;
	struct error error = {0};

	if (!is_wanted(job, run))
		return;
	if (!nix_caches_is_heeded(run)) {
		note_untrusted(run, findings);
		return;
	}
	path = environment_file_path(job, FILE_NAME);
	if (!path)
		return; /* the user's own netrc would be lost for a file that nobody writes */
	if (!can_stand_in_configuration(path)) {
		findings_note(findings, FINDING_NIX_NETRC_NOT_SET, path,
			      "the path %s cannot stand in Nix's configuration", path);
		return;
	}
	if (compose(job, run, &content, &error) < 0) {
		findings_note(findings, FINDING_NIX_NETRC_NOT_SET, "netrc-file", "%s",
			      error.message);
		return;
	}
	environment_add_file(environment, NULL, FILE_NAME, content.data, true, "probe attic");
	strbuf_printf(lines, "netrc-file = %s\n", path);
	warn_if_ignored(run, findings);
}
