/* SPDX-License-Identifier: Zlib */
/* Which hosts the next steps reach without a proxy, where the job's proxy is no way to the Attic cache. */
#pragma once

struct context;
struct environment;
struct findings;
struct job;
struct run;

/* What no_proxy and NO_PROXY are to be: the job's own lists, and what excepts the cache's host. NULL: they
 * stay as they are. The caller frees. Pure. */
char *proxy_env_list(const struct job *job, const struct run *run);

/* Sets both spellings in CONTEXT, a copy for a process of its own: what was there is not freed, and neither
 * is what is set. */
void proxy_env_apply(struct context *context, const char *list);

/* Sets both spellings; and looks, as root, whether the Nix daemon has the proxy from its own environment. */
void proxy_env_compose(struct environment *environment, const struct job *job,
		       const struct run *run, struct findings *findings);
