/* SPDX-License-Identifier: Zlib */
/* Mends Nix itself, as root: whatever is changed has been looked at here, and was told by nobody. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/daemon_conf.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/install_builders.h"
#include "agent/install_profile.h"
#include "agent/install_verify.h"
#include "agent/narinfo.h"
#include "agent/nix_links.h"
#include "agent/nix_profile.h"
#include "agent/nix_receipt.h"
#include "agent/nix_tree.h"
#include "agent/record.h"
#include "agent/repair.h"
#include "agent/root.h"

static enum repair_end end_of(int status)
{
	return status < 0 ? REPAIR_IN_VAIN : REPAIR_DONE;
}

static struct installation installation_of(const struct mending *mending)
{
	return (struct installation){
		.context = mending->context,
		.contract = mending->contract,
		.channel = mending->channel,
		.end_us = mending->end_us,
		.is_store_verified = mending->is_store_verified,
		.state = INSTALL_STATE_INIT,
		.staging = -1,
	};
}

static void installation_close(struct installation *installation)
{
	manifest_release(&installation->manifest);
	install_state_close(&installation->state);
}

/* Opens what spinup keeps, under the lock, with its manifest. */
static int open_state(struct installation *installation, struct error *error)
{
	struct install_state *state = &installation->state;

	if (install_state_open(state, &installation->context->root, error) < 0 ||
	    install_state_lock(state, installation->end_us, error) < 0)
		return -1;
	return manifest_read(&installation->manifest, &state->directory, error);
}

enum repair_end repair_nix_directory(struct mending *mending, struct error *error)
{
	struct stat status;
	CLEANUP_CLOSE int nix = -1;

	/* The finding may be about the root directory, which is nobody's to change here. */
	if (root_lstat(&mending->context->root, "/nix", &status) == 0 && status.st_uid == 0 &&
	    (status.st_mode & 07777) == 0755)
		return REPAIR_NOT_OURS;
	nix = nix_tree_mend(&mending->context->root, error);
	return end_of(nix);
}

enum repair_end repair_nix_receipt(struct mending *mending, struct error *error)
{
	if (nix_receipt_read(&mending->context->root) != NIX_RECEIPT_PARTIAL)
		return REPAIR_NOT_OURS;
	if (unlink(NIX_RECEIPT) == 0 || errno == ENOENT)
		return REPAIR_DONE;
	return end_of(error_set(error, ERROR_AGENT, NIX_RECEIPT ": %s", strerror(errno)));
}

/* ---- the daemon's configuration */

/* Returns 1 where it changed, 0 where it says so already, -1 with ERROR. */
static int add_to_conf(struct mending *mending, unsigned int parts, struct error *error)
{
	CLEANUP(installation_close) struct installation installation = installation_of(mending);
	const struct root *root = &mending->context->root;
	bool is_changed = false;

	if (open_state(&installation, error) < 0 ||
	    daemon_conf_add(root, mending->contract, parts, &is_changed, error) < 0)
		return -1;
	if (!is_changed)
		return 0;
	manifest_add(&installation.manifest, MANIFEST_CONF, daemon_conf_path(root));
	return manifest_write(&installation.manifest, &installation.state.directory, error) < 0 ? -1
												: 1;
}

enum repair_end repair_nix_conf(struct mending *mending, struct error *error)
{
	int changed = add_to_conf(mending, DAEMON_CONF_BUILDERS, error);

	return changed == 0 ? REPAIR_NOT_OURS : end_of(changed);
}

/* A daemon that is spinup's own reads it at once; another is its administrator's to restart, so that
 * nothing is changed where nothing would come of it. */
enum repair_end repair_nix_cache(struct mending *mending, struct error *error)
{
	int changed;

	if (!repair_daemon_may_restart(mending))
		return REPAIR_NOT_OURS;
	changed = add_to_conf(mending, DAEMON_CONF_CACHE, error);
	if (changed < 0)
		return REPAIR_IN_VAIN;
	if (changed == 0)
		return REPAIR_NOT_OURS;
	return repair_daemon_anew(mending, error);
}

/* ---- Nix */

enum repair_end repair_nix_builders(struct mending *mending, struct error *error)
{
	CLEANUP(installation_close) struct installation installation = installation_of(mending);
	gid_t group;
	int made;

	if (open_state(&installation, error) < 0)
		return REPAIR_IN_VAIN;
	made = install_builders(&installation, &group, error);
	return made == 0 ? REPAIR_NOT_OURS : end_of(made);
}

enum repair_end repair_nix_absent(struct mending *mending, struct error *error)
{
	struct installation installation = installation_of(mending);
	enum repair_end end;

	if (install_nix(&installation, &mending->said, error) < 0)
		return REPAIR_IN_VAIN;
	if (mending->is_cache_wanted && add_to_conf(mending, DAEMON_CONF_CACHE, error) < 0)
		return REPAIR_IN_VAIN;
	end = repair_daemon_absent(mending, error);
	if (end == REPAIR_DONE && install_finish(&installation, error) < 0)
		return REPAIR_IN_VAIN;
	return end;
}

static int mend_profile(struct mending *mending, struct error *error)
{
	CLEANUP(installation_close) struct installation installation = installation_of(mending);

	if (open_state(&installation, error) < 0)
		return -1;
	return install_profile_mend(&installation, error);
}

/* The store may be gone with the profile's target: then it is installed. */
enum repair_end repair_nix_profile(struct mending *mending, struct error *error)
{
	int mended;

	if (install_is_whole(mending->context))
		return REPAIR_NOT_OURS;
	mended = mend_profile(mending, error);
	if (mended < 0)
		return REPAIR_IN_VAIN;
	return mended > 0 ? REPAIR_DONE : repair_nix_absent(mending, error);
}

/* ---- what is there, held against what it should be */

static int verify(struct mending *mending, struct install_verdict *ret, struct error *error)
{
	CLEANUP(installation_close) struct installation installation = installation_of(mending);

	if (open_state(&installation, error) < 0)
		return -1;
	return install_verify(&installation, ret, error);
}

static enum repair_end replace_damaged(struct mending *mending,
				       const struct install_verdict *verdict, struct error *error)
{
	struct installation installation = installation_of(mending);

	installation.is_anew = true;
	if (install_nix(&installation, &mending->said, error) < 0 ||
	    install_finish(&installation, error) < 0)
		return REPAIR_IN_VAIN;
	strbuf_printf(&mending->said, "; %zu of %zu store paths were damaged, such as %s",
		      verdict->damaged, verdict->count, verdict->first);
	return REPAIR_DONE;
}

enum repair_end repair_nix_store(struct mending *mending, struct error *error)
{
	struct install_verdict verdict = {0};
	CLEANUP_FREE char *first = NULL;

	if (verify(mending, &verdict, error) < 0)
		return REPAIR_IN_VAIN;
	first = verdict.first;
	if (verdict.damaged)
		return replace_damaged(mending, &verdict, error);
	if (verdict.is_known)
		channel_finding(mending->channel, FINDING_NIX_STORE_VERIFIED, NIX_STORE_DIRECTORY,
				NULL, "%zu store paths, %.1f MB, are as they were registered",
				verdict.count, (double)verdict.bytes / 1e6);
	else
		channel_finding(mending->channel, FINDING_NIX_STORE_UNVERIFIED, NIX_STORE_DIRECTORY,
				NULL, "no archive that spinup has installed is registered here");
	return REPAIR_NOT_OURS;
}

/* ---- programs on PATH */

enum repair_end repair_nix_links(struct mending *mending, struct error *error)
{
	return end_of(nix_links_make(&mending->context->root, NIX_PROFILE_DEFAULT_BIN, error));
}
