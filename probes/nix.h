/* SPDX-License-Identifier: Zlib */
/* What the nix probe sees of the machine, before anything of it is judged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/nix_conf.h"
#include "agent/nix_daemon.h"
#include "agent/nix_profile.h"
#include "agent/words.h"

struct channel;
struct context;
struct job;
struct root;

/* Which store a nix command of this user opens (Nix's openStore with "auto"). */
enum nix_route {
	NIX_ROUTE_DAEMON,
	NIX_ROUTE_LOCAL,  /* the store is opened directly */
	NIX_ROUTE_CHROOT, /* silently a store of its own below the home directory */
	NIX_ROUTE_OTHER,  /* NIX_REMOTE or "store" names something else */
};

enum nix_builders {
	NIX_BUILDERS_NOT_NEEDED, /* nobody but this user builds, or user ids are made up as needed */
	NIX_BUILDERS_UNKNOWN,    /* /etc/group or /etc/passwd could not be read */
	NIX_BUILDERS_READY,
	NIX_BUILDERS_NO_GROUP,
	NIX_BUILDERS_EMPTY_GROUP,
	NIX_BUILDERS_MISSING_USER,
	NIX_BUILDERS_ROOT, /* build-users-group is empty */
};

struct nix_evidence {
	/* the program */
	bool has_nix_directory;
	char *program; /* as found: "/nix/var/nix/profiles/default/bin/nix"; NULL: none */
	struct nix_profile profile;
	char *dangling;        /* a link to a profile or program that leads to nothing, or NULL */
	char *dangling_target; /* what it names */
	bool will_be_found;    /* on PATH, or in a job, whose steps get it there */

	/* how it came here */
	bool is_interrupted;      /* spinup's own installation has begun and not ended */
	int64_t journal_age_s;    /* of that installation */
	bool has_partial_receipt; /* Determinate's installer has failed here */
	bool has_determinate_nixd;

	/* the store */
	bool is_root;
	bool has_state_directory; /* /nix/var/nix */
	bool is_state_writable;   /* access(2) with R_OK | W_OK, as Nix asks */
	bool has_database;        /* its database begins as one of SQLite */
	char *store_setting;      /* as set; NULL: automatic */
	const char *store_source; /* "NIX_REMOTE" or "the setting store" */
	enum nix_route route;

	/* whose it is */
	char *foreign; /* the first place of it that others than root and this user can change, or NULL */
	uid_t foreign_owner;
	mode_t foreign_mode;

	/* the daemon */
	char *socket;
	bool was_asked;
	int connect_errno;      /* 0: connected */
	bool is_daemon_foreign; /* neither root's nor this user's; it is not listened to */
	uid_t daemon_uid;
	struct nix_daemon daemon;
	int path_validity; /* of the profile's store path: 1, 0, -1 not answered, -2 not asked */

	/* the user and its builders */
	const char *user;
	const char *home;    /* HOME, else passwd's, or NULL */
	bool is_at_home;     /* Nix of today finds a home directory */
	struct words groups; /* names of the user's groups */
	bool are_groups_known;
	enum nix_builders builders;
	char *builders_name; /* of the group, or of the missing user */
	unsigned int builder_count;

	/* the configuration */
	struct nix_conf conf;
	bool is_build_group_set; /* build-users-group, in the system's own files */
	char *netrc;
	int netrc_errno;  /* 0: readable; ENOENT: none there */
	char *ca_bundle;  /* readable, and not named by a variable already */
	char *ca_missing; /* NIX_SSL_CERT_FILE, which cannot be read */
	bool has_ca;
	bool has_kvm;
	const char *wanted_key; /* the cache's key that this job is to trust, or NULL */
};

/* Looks at the machine, and asks the daemon. Borrows texts from JOB. */
void nix_collect(struct nix_evidence *ret, const struct job *job, struct channel *channel);
void nix_evidence_release(struct nix_evidence *evidence);

/* The user's groups, and whether the daemon has users to build with. */
void nix_collect_users(struct nix_evidence *evidence, const struct context *context);

/* Looks who could change the program, and what lies around it. */
void nix_collect_owners(struct nix_evidence *evidence, const struct root *root);

/* Says what all this means. Pure, but for speaking. */
void nix_judge(const struct nix_evidence *evidence, struct channel *channel);

/* Whether the daemon greeted, and answered what it was asked. */
bool nix_daemon_works(const struct nix_evidence *evidence);

/* The parts of it: a daemon that does not work; one that does. */
void nix_judge_failure(const struct nix_evidence *evidence, struct channel *channel);
void nix_judge_daemon(const struct nix_evidence *evidence, struct channel *channel);

/* The part of it that is about the configuration: problems, keys, trust; and its facts. */
void nix_judge_conf(const struct nix_evidence *evidence, struct channel *channel);

/* Whether the daemon heeds this user: its own word, else what its configuration says. */
enum nix_trust nix_trust_of(const struct nix_evidence *evidence);
