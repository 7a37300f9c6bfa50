/* SPDX-License-Identifier: Zlib */
/* no_proxy and NO_PROXY for the next steps. */
#include "agent/proxy_env.h"

#include <string.h>
#include <strings.h>

#include "agent/cleanup.h"
#include "agent/daemon_process.h"
#include "agent/environment.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_daemon.h"
#include "agent/no_proxy.h"
#include "agent/proxy.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/url.h"
#include "agent/words.h"

#define SOURCE "probe attic"
#define ENVIRON_MAX_BYTES 262144u

/* The host is the endpoint's own, not what a probe's process says. */
char *proxy_env_list(const struct job *job, const struct run *run)
{
	CLEANUP(url_release) struct url url = {0};
	CLEANUP_FREE char *entry = NULL;

	if (facts_boolean(&run->facts, FACT_ATTIC_DIRECT_ONLY) != 1 ||
	    environment_cache_fate(job, run, LANE_ATTIC) != CACHE_PROVEN ||
	    url_parse(job->endpoints.attic.url, &url, NULL) < 0)
		return NULL;
	entry = no_proxy_entry(url.host);
	return no_proxy_with(&job->context, entry);
}

void proxy_env_apply(struct context *context, const char *list)
{
	static const char *const names[] = {"no_proxy", "NO_PROXY"};
	struct words variables = {0};

	for (char **entry = context->environment; entry && *entry; entry++)
		if (strncasecmp(*entry, "no_proxy=", strlen("no_proxy=")) != 0)
			words_add(&variables, *entry);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CLEANUP_FREE char *variable = mem_format("%s=%s", names[i], list);

		words_add(&variables, variable);
	}
	words_end(&variables);
	context->environment = variables.items;
}

/* ---- the daemon's own */

/* proc_pid_environ(5): as it was when the program began. */
static bool read_environment(const struct root *root, const struct daemon_process *process,
			     struct words *ret)
{
	CLEANUP_FREE char *path = mem_format("/proc/%d/environ", (int)process->pid);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(ENVIRON_MAX_BYTES);

	if (root_read(root, path, &text) < 0)
		return false;
	for (size_t at = 0; at < text.length; at += strlen(text.data + at) + 1)
		words_add(ret, text.data + at);
	words_end(ret);
	return true;
}

/* Only root may read another's environment; for others, nothing is known of the daemon's. */
static void look_at_daemon(const struct job *job, const struct run *run, struct findings *findings)
{
	const char *state = facts_string(&run->facts, FACT_NIX_STATE);
	CLEANUP(url_release) struct url url = {0};
	CLEANUP(proxy_release) struct proxy proxy = {0};
	CLEANUP_WORDS struct words variables = {0};
	struct context context = {0};
	struct daemon_process daemon;
	struct error why = {0};

	if (job->context.uid != 0 || !state || strcmp(state, "daemon") != 0 ||
	    url_parse(job->endpoints.attic.url, &url, NULL) < 0 ||
	    !daemon_process_find(&job->context.root, NIX_DAEMON_SOCKET, &daemon) ||
	    !read_environment(&job->context.root, &daemon, &variables))
		return;
	context.environment = variables.items;
	if (proxy_for(&context, &url, &proxy, &why) < 0)
		findings_note(findings, FINDING_NIX_DAEMON_PROXY, url.host, "process %d: %s",
			      (int)daemon.pid, why.message);
	else if (proxy.text)
		findings_note(findings, FINDING_NIX_DAEMON_PROXY, url.host,
			      "process %d goes through the proxy %s", (int)daemon.pid, proxy.shown);
}

void proxy_env_compose(struct environment *environment, const struct job *job,
		       const struct run *run, struct findings *findings)
{
	CLEANUP_FREE char *list = proxy_env_list(job, run);

	if (!list)
		return;
	environment_set(environment, "no_proxy", list, SOURCE);
	environment_set(environment, "NO_PROXY", list, SOURCE);
	look_at_daemon(job, run, findings);
}
