/* SPDX-License-Identifier: Zlib */
/* What may be mended (`run`, `hook`, `install`, `exec --install`): one row a finding. The mending is done
 * by a process of its own that is root, or becomes it by sudo; afterwards the finding's probe runs once
 * more. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/finding.h"
#include "agent/strbuf.h"

struct channel;
struct context;
struct contract;
struct error;
struct job;
struct plan;
struct run;

enum repair_end {
	REPAIR_DONE,
	REPAIR_NOT_OURS, /* it is the host's, or somebody else's: the finding stays as it is */
	REPAIR_IN_VAIN,  /* tried; ERROR says what went wrong */
};

/* What root's process works with: nothing of the job. */
struct mending {
	const struct context *context;
	const struct contract *contract;
	struct channel *channel; /* gets findings and the step that comes next */
	int64_t end_us;          /* run_clock_us() when time is over */
	bool is_store_verified;  /* --verify-store */
	bool is_cache_wanted;    /* the contract's cache is among what is to be mended */
	struct strbuf said;      /* what was done, where the row's own words do not say it */
};

struct repair {
	enum finding_id cures;
	const char *probes;   /* those that must see it mended, blanks between them */
	unsigned int promise; /* enum lane_promise bit without which nothing is mended; 0: always */
	const char *what;     /* "gave /dev/kvm mode 0666" */
	/* Trusts nothing that a probe said: looks again, and changes the machine. */
	enum repair_end (*mend)(struct mending *mending, struct error *error);
};

/* NULL-probes-terminated, in the order in which they are tried. */
extern const struct repair repair_table[];

/* The row of a finding's name, or NULL. */
const struct repair *repair_find(const char *id);

/* Tries the rows that IS_ASKED[index] names, in the table's order, and tells how each ended. Sets the umask. */
void repair_rows(struct mending *mending, const bool *is_asked);

/* Tries every repair whose finding RUN has, and has its probe prove it again; and once more for what
 * then shows. Where this user is not root and may not become it, a finding says so. */
void repair_all(struct run *run, const struct job *job, const struct plan *plan);

/* How many rows the table has. */
#define REPAIR_MAX_ROWS 32u
size_t repair_count(void);

/* ---- the rows' own functions */

/* Lets others read and write /dev/kvm, where the container runtime made it for this pod. */
enum repair_end repair_kvm_mode(struct mending *mending, struct error *error);

/* repair_nix.c: /nix itself; absent or half installed; a profile that leads to nothing; a receipt that
 * lies; build users; the configuration. */
enum repair_end repair_nix_directory(struct mending *mending, struct error *error);
enum repair_end repair_nix_absent(struct mending *mending, struct error *error);
enum repair_end repair_nix_profile(struct mending *mending, struct error *error);
enum repair_end repair_nix_receipt(struct mending *mending, struct error *error);
enum repair_end repair_nix_builders(struct mending *mending, struct error *error);
enum repair_end repair_nix_conf(struct mending *mending, struct error *error);
enum repair_end repair_nix_cache(struct mending *mending, struct error *error);
enum repair_end repair_nix_links(struct mending *mending, struct error *error);

/* --verify-store: holds what spinup has installed against its hashes, and installs what differs anew. */
enum repair_end repair_nix_store(struct mending *mending, struct error *error);

/* repair_daemon.c: no daemon; one that is frozen; one that is to be started anew, which must be
 * spinup's own and serve nobody; rights on the way to its socket. */
enum repair_end repair_daemon_absent(struct mending *mending, struct error *error);
enum repair_end repair_daemon_frozen(struct mending *mending, struct error *error);
enum repair_end repair_daemon_anew(struct mending *mending, struct error *error);
enum repair_end repair_daemon_socket(struct mending *mending, struct error *error);

/* Whether a daemon runs that spinup started and that serves nobody else now, or none runs. */
bool repair_daemon_may_restart(const struct mending *mending);
