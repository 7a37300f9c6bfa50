/* SPDX-License-Identifier: Zlib */
/* The repairs: what comes first makes the later ones possible. */
#include "agent/repair.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/error.h"
#include "agent/lane.h"
#include "agent/record.h"
#include "agent/repair_remedy.h"

#define SAID_MAX_BYTES 900u

/* Whoever looks at what an installation brings. */
#define ALL_OF_NIX "nix system toolchain substituters"

/* One row to a line, and its words below. */
/* clang-format off */
const struct repair repair_table[] = {
	{FINDING_NIX_KVM_CLOSED, "kvm", 0,
	 "gave /dev/kvm mode 0666", repair_kvm_mode},
	{FINDING_NIX_DIR_WORLD_WRITABLE, "system nix", LANE_NIX,
	 "gave /nix to root, mode 0755", repair_nix_directory},
	{FINDING_NIX_DIR_PERMISSIONS, "system nix", LANE_NIX,
	 "gave /nix to root, mode 0755", repair_nix_directory},
	{FINDING_NIX_RECEIPT_PARTIAL, "nix", LANE_NIX,
	 "removed the receipt of an installation that failed", repair_nix_receipt},
	{FINDING_NIX_PROFILE_DANGLING, ALL_OF_NIX, LANE_NIX,
	 "made the default profile lead to its newest generation that is there", repair_nix_profile},
	{FINDING_NIX_ABSENT, ALL_OF_NIX, LANE_NIX,
	 "installed Nix", repair_nix_absent},
	{FINDING_NIX_PROGRAM_MISSING, ALL_OF_NIX, LANE_NIX,
	 "installed Nix", repair_nix_absent},
	{FINDING_NIX_INSTALL_INTERRUPTED, ALL_OF_NIX, LANE_NIX,
	 "completed an installation that was interrupted", repair_nix_absent},
	{FINDING_NIX_BUILD_GROUP_MISSING, "nix", LANE_NIX,
	 "made the build users", repair_nix_builders},
	{FINDING_NIX_BUILD_GROUP_EMPTY, "nix", LANE_NIX,
	 "made the build users", repair_nix_builders},
	{FINDING_NIX_BUILD_USER_MISSING, "nix", LANE_NIX,
	 "made the build user that was missing", repair_nix_builders},
	{FINDING_NIX_BUILD_GROUP_UNSET, "nix", LANE_NIX,
	 "set build-users-group", repair_nix_conf},
	{FINDING_NIX_CACHE_NOT_ALLOWED, "nix", LANE_NIX,
	 "allowed the contract's cache in the daemon's configuration", repair_nix_cache},
	{FINDING_NIX_DAEMON_SOCKET_DENIED, "nix", LANE_NIX,
	 "opened the way to the daemon's socket", repair_daemon_socket},
	{FINDING_NIX_CHROOT_STORE, "nix", LANE_NIX,
	 "started the Nix daemon", repair_daemon_absent},
	{FINDING_NIX_DAEMON_NO_SOCKET, "nix", LANE_NIX,
	 "started the Nix daemon", repair_daemon_absent},
	{FINDING_NIX_DAEMON_STALE_SOCKET, "nix", LANE_NIX,
	 "started the Nix daemon", repair_daemon_absent},
	{FINDING_NIX_SINGLE_USER, "nix", LANE_NIX,
	 "started the Nix daemon", repair_daemon_absent},
	{FINDING_NIX_DAEMON_FROZEN, "nix", LANE_NIX,
	 "let the stopped Nix daemon go on", repair_daemon_frozen},
	{FINDING_NIX_DAEMON_REFUSES, "nix", LANE_NIX,
	 "started the Nix daemon anew", repair_daemon_anew},
	{FINDING_NIX_DAEMON_HUNG_UP, "nix", LANE_NIX,
	 "started the Nix daemon anew", repair_daemon_anew},
	{FINDING_NIX_PATH_UNPROVEN, "nix", LANE_NIX,
	 "started the Nix daemon anew", repair_daemon_anew},
	{FINDING_NIX_VERSION_DIFFERS, "nix", LANE_NIX,
	 "started the daemon that belongs to the profile", repair_daemon_anew},
	{FINDING_NIX_DAEMON_FLAVOUR_DIFFERS, "nix", LANE_NIX,
	 "started the daemon that belongs to the profile", repair_daemon_anew},
	{FINDING_NIX_NOT_LINKED, "nix", LANE_NIX,
	 "linked Nix into /usr/local/bin", repair_nix_links},
	{FINDING_NIX_STORE_DAMAGED, "nix", LANE_NIX,
	 "replaced what was damaged", repair_nix_store},
	{0},
};
/* clang-format on */

size_t repair_count(void)
{
	return sizeof(repair_table) / sizeof(repair_table[0]) - 1;
}

const struct repair *repair_find(const char *id)
{
	for (const struct repair *row = repair_table; row->probes; row++)
		if (strcmp(finding_kind(row->cures)->id, id) == 0)
			return row;
	return NULL;
}

static void try_row(struct mending *mending, const struct repair *row)
{
	const char *cured = finding_kind(row->cures)->id;
	struct error error = {0};

	strbuf_clear(&mending->said);
	channel_phase(mending->channel, cured);
	switch (row->mend(mending, &error)) {
	case REPAIR_DONE:
		channel_finding(mending->channel, FINDING_REPAIRED, cured, NULL, "%s",
				mending->said.length ? mending->said.data : row->what);
		break;
	case REPAIR_NOT_OURS:
		break;
	case REPAIR_IN_VAIN:
		channel_finding(mending->channel, FINDING_REPAIR_FAILED, cured,
				repair_remedy(error.message), "%s", error.message);
		break;
	}
}

void repair_rows(struct mending *mending, const bool *is_asked)
{
	/* What is made here is for every user of the machine, whatever the caller keeps from them. */
	(void)umask(022);
	strbuf_init(&mending->said, SAID_MAX_BYTES);
	mending->is_cache_wanted =
		is_asked[repair_find(finding_kind(FINDING_NIX_CACHE_NOT_ALLOWED)->id) -
			 repair_table];
	for (size_t i = 0; repair_table[i].probes; i++)
		if (is_asked[i])
			try_row(mending, &repair_table[i]);
	strbuf_release(&mending->said);
}
