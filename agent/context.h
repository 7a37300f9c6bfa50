/* SPDX-License-Identifier: Zlib */
/* The job's surroundings, read once at the start. Reads only, judges nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/root.h"

struct error;
struct options;

enum surface { SURFACE_LOCAL, SURFACE_STEP, SURFACE_HOOK, SURFACE_ENTRYPOINT, SURFACE_GITLAB };
enum audience { AUDIENCE_CLUSTER, AUDIENCE_HOSTED, AUDIENCE_PERSON };
enum privilege { PRIVILEGE_ROOT, PRIVILEGE_SUDO, PRIVILEGE_NONE };

struct context {
	struct root root;
	char **environment; /* NAME=value copies, NULL-terminated; an empty value counts as unset */
	enum surface surface;
	enum audience audience;
	enum privilege privilege;
	bool is_act;                 /* nektos/act, not a real runner */
	bool is_container_job;       /* the step runs in a job container, not on the runner */
	bool is_kube_container_mode; /* the runner pod's proofs do not hold for the job's pod */
	bool has_no_new_privs;       /* sudo cannot work */
	bool is_in_cluster;        /* a Kubernetes service account or service variables are there */
	bool has_checkout;         /* GITHUB_WORKSPACE holds a .git */
	bool is_fork_pull_request; /* pull or merge request from another repository: no uploads */
	uid_t uid;
	gid_t gid;
	char *user_name; /* from passwd, else the uid in decimal, as nix-daemon does */
	gid_t *groups;
	size_t group_count;
	char *home;     /* HOME, else passwd's, else NULL */
	char *nix_home; /* as Nix takes it: HOME unless it is another user's, else passwd's */
	char *host_name;
	char *workspace;      /* GITHUB_WORKSPACE, else CI_PROJECT_DIR, else NULL */
	char *temp;           /* RUNNER_TEMP (not of an entrypoint), else TMPDIR, else "/tmp" */
	char *scale_set_name; /* downward API: environment or /etc/podinfo/annotations; may be NULL */
	char *scale_set_source; /* where scale_set_name came from */
	char *attic_token; /* ATTIC_TOKEN, else the content of ATTIC_TOKEN_FILE; secret; may be NULL */
};

/* Reads everything once. Returns 0, or -1 with ERROR (a --root that cannot be opened, a token file
 * that cannot be read). */
int context_read(struct context *context, const struct options *options, char *const *environment,
		 struct error *error);
void context_release(struct context *context);

/* A variable of the job's environment, or NULL when it is unset or empty. */
const char *context_env(const struct context *context, const char *name);

/* Whether this user is in the group: its own, or one of the others. */
bool context_has_group(const struct context *context, gid_t gid);

/* Whether the job's own checkout may be in the workspace by now: in a step, and in a script of GitLab's,
 * whose runner checks out before. */
bool context_is_behind_checkout(const struct context *context);

/* Whether the surface itself hands what was proven to whatever runs next; elsewhere somebody takes it
 * from `spinup env`. */
bool context_hands_over(const struct context *context);

/* "local", "step", "hook", "entrypoint", "gitlab"; "in-cluster", "github-hosted", "person"; "root", … */
const char *surface_name(enum surface surface);
const char *audience_name(enum audience audience);
const char *privilege_name(enum privilege privilege);
