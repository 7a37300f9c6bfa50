/* SPDX-License-Identifier: Zlib */
/* Nix from nothing. */
#include "agent/install.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/daemon_conf.h"
#include "agent/error.h"
#include "agent/fetch_url.h"
#include "agent/finding.h"
#include "agent/install_archive.h"
#include "agent/install_builders.h"
#include "agent/install_installer.h"
#include "agent/install_source.h"
#include "agent/install_stream.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/nix_profile.h"
#include "agent/nix_receipt.h"
#include "agent/nix_tree.h"
#include "agent/record.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/talk.h"
#include "agent/text.h"
#include "agent/tree.h"
#include "agent/unpack.h"

#define DEFAULT_NIX NIX_PROFILE_DEFAULT_BIN "/nix"
#define REASONS_MAX_BYTES 900u
#define MIN_SHARE_US 10000000

bool install_is_whole(const struct context *context)
{
	CLEANUP_STRBUF struct strbuf program = STRBUF_INIT(PATH_MAX);
	struct stat status;

	return root_resolve(&context->root, DEFAULT_NIX, &program) == 0 &&
	       text_starts_with(program.data, NIX_STORE_DIRECTORY "/") &&
	       root_stat(&context->root, program.data, &status) == 0 && S_ISREG(status.st_mode);
}

/* ---- one source */

/* What an installer of Determinate's would trip over or believe: the traces of a run before. A receipt
 * may be the only thing by which its owner can take that back, so it is kept where root alone reads it. */
static int clear_the_way(struct installation *installation, struct error *error)
{
	struct install_state *state = &installation->state;

	if (renameat(state->nix, strrchr(NIX_RECEIPT, '/') + 1, state->directory.fd,
		     "receipt.json.old") < 0 &&
	    errno != ENOENT)
		return error_set(error, ERROR_AGENT, NIX_RECEIPT ": %s", strerror(errno));
	return tree_remove(state->nix, "temp-install-dir", error);
}

/* Users and directories; an installer makes its own. */
static int prepare(struct installation *installation, struct error *error)
{
	gid_t group;
	int nix;

	if (install_builders(installation, &group, error) < 0)
		return -1;
	nix = nix_tree_make(&installation->context->root, group, error);
	if (nix < 0)
		return -1;
	close(nix);
	return 0;
}

/* From here on something is in its place. */
static int place(struct installation *installation, const struct install_source *source,
		 struct error *error)
{
	installation->is_begun = true;
	if (install_journal_write(&installation->state, INSTALL_STAGE_STORE, error) < 0)
		return -1;
	switch (source->kind) {
	case INSTALL_ARCHIVE:
		if (prepare(installation, error) < 0)
			return -1;
		return install_archive_place(installation, source, error);
	case INSTALL_INSTALLER:
		if (clear_the_way(installation, error) < 0)
			return -1;
		if (install_installer_run(installation, source, error) == 0)
			return 0;
		(void)clear_the_way(installation, NULL);
		return -1;
	}
	return -1;
}

static int unpack_archive(int fd, int staging, struct error *error)
{
	struct unpack_counts counts;

	return unpack(fd, staging, &counts, error);
}

/* Downloads into a fresh staging directory. */
static int download(struct installation *installation, const struct install_source *source,
		    const struct install_file *file, struct install_stream_end *end,
		    struct error *error)
{
	struct install_stream stream = {
		.context = installation->context,
		.file = file,
		.first = end->mirror,
		.consume =
			source->kind == INSTALL_ARCHIVE ? unpack_archive : install_installer_save,
		.end_us = installation->end_us,
	};

	if (installation->staging >= 0)
		close(installation->staging);
	installation->staging = install_staging_open(&installation->state, error);
	if (installation->staging < 0)
		return -1;
	stream.staging = installation->staging;
	return install_stream(&stream, end, error);
}

/* What lies in the way is here: another mirror, or source, would meet it too. */
static bool is_machines_fault(const struct error *error)
{
	static const int reasons[] = {ENOSPC, EDQUOT, EROFS};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strstr(error->message, strerror(reasons[i])))
			return true;
	return false;
}

static void describe(const struct install_source *source, const char *url,
		     const struct install_stream_end *end, struct strbuf *said)
{
	CLEANUP_FREE char *shown = fetch_url_shown(url);

	strbuf_printf(said, "installed Nix %s (%s), %.1f MB in %.1f s from %s", source->version,
		      source->flavour, (double)end->bytes / 1e6, (double)end->took_us / 1e6, shown);
}

static void tell_begin(const struct install_source *source, const char *url)
{
	CLEANUP_FREE char *shown = fetch_url_shown(url);

	talk("installing Nix %s (%s) from %s", source->version, source->flavour, shown);
}

static void tell_next(const char *url, const char *why)
{
	CLEANUP_FREE char *shown = fetch_url_shown(url);

	talk("%s: %s; trying the next mirror", shown, why);
}

/* What a mirror sent may be wrong as a whole, which shows at the end: then the others begin anew. */
static int install_from(struct installation *installation, const struct install_source *source,
			struct strbuf *said, struct error *error)
{
	const struct install_file *file = install_source_file(source, INSTALL_SYSTEM);
	struct install_stream_end end = {0};
	size_t count = 0;

	tell_begin(source, file->urls[0]);
	while (file->urls[count])
		count++;
	for (size_t i = 0; i < count; i++) {
		*error = (struct error){0};
		if (download(installation, source, file, &end, error) == 0) {
			describe(source, file->urls[end.mirror % count], &end, said);
			return place(installation, source, error);
		}
		if (end.was_each_tried || i + 1 == count || is_machines_fault(error) ||
		    run_clock_us() >= installation->end_us)
			return -1;
		tell_next(file->urls[end.mirror % count], error->message);
		end.mirror = (end.mirror + 1) % count;
	}
	return -1;
}

static size_t count_sources(const struct contract *contract)
{
	size_t count = 0;

	for (size_t i = 0; i < contract->install_count; i++)
		count += install_source_file(&contract->install[i], INSTALL_SYSTEM) != NULL;
	return count;
}

/* A source that crawls must not eat the time of the LEFT that come after it: each has its share. */
static int install_within(struct installation *installation, const struct install_source *source,
			  size_t left, struct strbuf *said, struct error *error)
{
	int64_t end_us = installation->end_us, now_us = run_clock_us();
	int64_t share_us = (end_us - now_us) / (left ? (int64_t)left : 1);
	int status;

	if (share_us < MIN_SHARE_US)
		share_us = MIN_SHARE_US;
	if (now_us + share_us < end_us)
		installation->end_us = now_us + share_us;
	status = install_from(installation, source, said, error);
	installation->end_us = end_us;
	return status;
}

/* Returns whether one of the contract's sources worked; REASONS gets why the others did not. */
static bool try_sources(struct installation *installation, struct strbuf *said,
			struct strbuf *reasons)
{
	const struct contract *contract = installation->contract;
	size_t left = count_sources(contract);

	for (size_t i = 0; i < contract->install_count; i++) {
		const struct install_source *source = &contract->install[i];
		struct error error = {0};

		if (!install_source_file(source, INSTALL_SYSTEM))
			continue;
		strbuf_clear(said);
		if (install_within(installation, source, left--, said, &error) == 0) {
			if (source->is_unverified)
				channel_finding(
					installation->channel, FINDING_NIX_SOURCE_UNVERIFIED,
					source->name, NULL,
					"the contract says of %s that its pins have not been "
					"compared",
					source->name);
			return true;
		}
		strbuf_printf(reasons, "%s%s: %s", reasons->length ? "; " : "", source->name,
			      error.message);
		if (is_machines_fault(&error))
			break;
	}
	return false;
}

/* ---- the whole */

/* Store paths come to their place by rename, which leads to no other mount: tried before anything is
 * fetched. */
static int try_rename(struct installation *installation, struct error *error)
{
	static const char name[] = ".spinup-rename";
	int state = installation->state.directory.fd;
	CLEANUP_CLOSE int store = openat(installation->state.nix, "store",
					 O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int reason = 0;

	if (store < 0)
		return 0; /* it will be made there */
	(void)unlinkat(store, name, AT_REMOVEDIR);
	if ((mkdirat(state, name, 0700) < 0 && errno != EEXIST) ||
	    renameat(state, name, store, name) < 0)
		reason = errno;
	(void)unlinkat(store, name, AT_REMOVEDIR);
	(void)unlinkat(state, name, AT_REMOVEDIR);
	if (reason == EXDEV)
		return error_set(error, ERROR_AGENT,
				 NIX_STORE_DIRECTORY
				 " is a mount of its own: whoever runs the pool "
				 "mounts the volume at /nix instead");
	return reason ? error_set(error, ERROR_AGENT, NIX_STORE_DIRECTORY ": %s", strerror(reason))
		      : 0;
}

/* A store that outlives the pod must outlive a crash of its node as well; memory and a pod's own layer
 * do neither. */
static void settle(const struct installation *installation)
{
	struct statfs status;

	if (fstatfs(installation->state.nix, &status) == 0 && status.f_type != TMPFS_MAGIC &&
	    status.f_type != OVERLAYFS_SUPER_MAGIC)
		(void)syncfs(installation->state.nix);
}

static int configure(struct installation *installation, struct error *error)
{
	const struct root *root = &installation->context->root;
	bool is_changed = false;

	if (daemon_conf_add(root, installation->contract,
			    DAEMON_CONF_BUILDERS | DAEMON_CONF_FEATURES, &is_changed, error) < 0)
		return -1;
	if (is_changed)
		manifest_add(&installation->manifest, MANIFEST_CONF, daemon_conf_path(root));
	return manifest_write(&installation->manifest, &installation->state.directory, error);
}

static int install_all(struct installation *installation, struct strbuf *said, struct error *error)
{
	CLEANUP_STRBUF struct strbuf reasons = STRBUF_INIT(REASONS_MAX_BYTES);

	if (manifest_read(&installation->manifest, &installation->state.directory, error) < 0 ||
	    try_rename(installation, error) < 0)
		return -1;
	if (!try_sources(installation, said, &reasons)) {
		(void)install_staging_remove(&installation->state, NULL);
		if (reasons.length)
			return error_set(error, ERROR_AGENT, "Nix could not be installed: %s",
					 reasons.data);
		return error_set(error, ERROR_AGENT,
				 "Nix could not be installed: the contract names no source of it "
				 "for " INSTALL_SYSTEM);
	}
	if (reasons.length)
		channel_finding(installation->channel, FINDING_NIX_SOURCE_FAILED, "", NULL, "%s",
				reasons.data);
	if (configure(installation, error) < 0 ||
	    install_staging_remove(&installation->state, error) < 0)
		return -1;
	settle(installation);
	return install_journal_write(&installation->state, INSTALL_STAGE_DAEMON, error);
}

static int install_locked(struct installation *installation, struct strbuf *said,
			  struct error *error)
{
	enum install_stage stage = install_journal_read(&installation->state);
	bool is_whole = install_is_whole(installation->context);

	if (is_whole && stage != INSTALL_STAGE_STORE && !installation->is_anew) {
		strbuf_puts(said, stage == INSTALL_STAGE_NONE
					  ? "another process has installed Nix meanwhile"
					  : "an installation was in its place, but for its daemon");
		return 0;
	}
	return install_all(installation, said, error);
}

int install_nix(struct installation *installation, struct strbuf *said, struct error *error)
{
	int status;

	installation->staging = -1;
	installation->is_begun = false;
	installation->manifest = (struct manifest){0};
	status = install_state_open(&installation->state, &installation->context->root, error);
	if (status == 0)
		status = install_state_lock(&installation->state, installation->end_us, error);
	if (status == 0)
		status = install_locked(installation, said, error);
	if (installation->staging >= 0)
		close(installation->staging);
	manifest_release(&installation->manifest);
	install_state_close(&installation->state);
	return status;
}

int install_finish(struct installation *installation, struct error *error)
{
	int status = install_state_open(&installation->state, &installation->context->root, error);

	if (status == 0)
		status = install_journal_remove(&installation->state, error);
	install_state_close(&installation->state);
	return status;
}
