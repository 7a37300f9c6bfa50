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
#include "agent/finding.h"
#include "agent/install_archive.h"
#include "agent/install_builders.h"
#include "agent/install_installer.h"
#include "agent/install_source.h"
#include "agent/install_stream.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/nix_receipt.h"
#include "agent/nix_tree.h"
#include "agent/record.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/spawn.h"
#include "agent/strbuf.h"
#include "agent/talk.h"
#include "agent/text.h"
#include "agent/tree.h"
#include "agent/unpack.h"

#define DEFAULT_NIX "/nix/var/nix/profiles/default/bin/nix"
#define SAID_MAX_BYTES 65536u
#define QUOTED_MAX_BYTES 500u
#define REASONS_MAX_BYTES 900u
#define PATH_FOR_PROGRAMS "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

unsigned int install_left_ms(const struct installation *installation)
{
	int64_t left_ms = (installation->end_us - run_clock_us()) / 1000;

	return left_ms < 1 ? 1 : left_ms > INT_MAX ? INT_MAX : (unsigned int)left_ms;
}

bool install_is_whole(const struct context *context)
{
	CLEANUP_STRBUF struct strbuf program = STRBUF_INIT(PATH_MAX);
	struct stat status;

	return root_resolve(&context->root, DEFAULT_NIX, &program) == 0 &&
	       text_starts_with(program.data, NIX_STORE_DIRECTORY "/") &&
	       root_stat(&context->root, program.data, &status) == 0 && S_ISREG(status.st_mode);
}

/* ---- programs */

/* The last words of a program, which mostly say why it failed. */
static const char *end_of(const struct strbuf *said)
{
	return said->length > QUOTED_MAX_BYTES ? said->data + said->length - QUOTED_MAX_BYTES
					       : said->data;
}

static int judge_run(const struct spawn_result *result, const char *program,
		     const struct strbuf *said, struct error *error)
{
	CLEANUP_FREE char *words = text_cleaned(end_of(said), QUOTED_MAX_BYTES);
	const char *name = strrchr(program, '/') + 1;

	switch (result->end) {
	case SPAWN_EXITED:
		if (result->status == 0)
			return 0;
		return error_set(error, ERROR_AGENT, "%s ended with status %d: %s", name,
				 result->status, words);
	case SPAWN_KILLED:
		return error_set(error, ERROR_AGENT, "%s was ended by signal %d: %s", name,
				 result->status, words);
	case SPAWN_TIMEOUT:
		return error_set(error, ERROR_AGENT, "%s did not end in time: %s", name, words);
	case SPAWN_NOT_STARTED:
		break;
	}
	return error_set(error, ERROR_AGENT, "%s cannot be run: %s", name,
			 strerror(result->status));
}

int install_run(const struct installation *installation, const char *const *arguments, int input,
		struct error *error)
{
	/* Determinate's installer knows the variables; nix has none of its own here. */
	static const char *const environment[] = {PATH_FOR_PROGRAMS,
						  "HOME=/root",
						  "USER=root",
						  "DETSYS_IDS_TELEMETRY=disabled",
						  "NIX_INSTALLER_NO_CONFIRM=true",
						  NULL};
	const struct spawn_request request = {
		.path = arguments[0],
		/* execve(2) takes them without const, and changes nothing. */
		.arguments = (char *const *)arguments,
		.environment = (char *const *)environment,
		.timeout_ms = install_left_ms(installation),
		.input = input,
	};
	CLEANUP_STRBUF struct strbuf said = STRBUF_INIT(SAID_MAX_BYTES);
	struct spawn_result result;

	spawn_read(&installation->context->root, &request, &result, &said);
	return judge_run(&result, arguments[0], &said, error);
}

/* ---- one source */

/* What a failed or killed installer of Determinate's leaves: its next run would believe the one, and
 * trip over the other. */
static int clear_leftovers(struct installation *installation, struct error *error)
{
	if (unlinkat(installation->state.nix, strrchr(NIX_RECEIPT, '/') + 1, 0) < 0 &&
	    errno != ENOENT)
		return error_set(error, ERROR_AGENT, NIX_RECEIPT ": %s", strerror(errno));
	return tree_remove(installation->state.nix, "temp-install-dir", error);
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
	if (install_journal_write(&installation->state, INSTALL_STAGE_STORE, error) < 0 ||
	    clear_leftovers(installation, error) < 0)
		return -1;
	switch (source->kind) {
	case INSTALL_ARCHIVE:
		if (prepare(installation, error) < 0)
			return -1;
		return install_archive_place(installation, source, error);
	case INSTALL_INSTALLER:
		if (install_installer_run(installation, source, error) == 0)
			return 0;
		(void)clear_leftovers(installation, NULL);
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
	strbuf_printf(said, "installed Nix %s (%s), %.1f MB in %.1f s from %s", source->version,
		      source->flavour, (double)end->bytes / 1e6, (double)end->took_us / 1e6, url);
}

/* What a mirror sent may be wrong as a whole, which shows at the end: then the others begin anew. */
static int install_from(struct installation *installation, const struct install_source *source,
			struct strbuf *said, struct error *error)
{
	const struct install_file *file = install_source_file(source, INSTALL_SYSTEM);
	struct install_stream_end end = {0};
	size_t count = 0;

	talk("installing Nix %s (%s) from %s", source->version, source->flavour, file->urls[0]);
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
		talk("%s: %s; trying the next mirror", file->urls[end.mirror % count],
		     error->message);
		end.mirror = (end.mirror + 1) % count;
	}
	return -1;
}

/* Returns whether one of the contract's sources worked; REASONS gets why the others did not. */
static bool try_sources(struct installation *installation, struct strbuf *said,
			struct strbuf *reasons)
{
	const struct contract *contract = installation->contract;

	for (size_t i = 0; i < contract->install_count; i++) {
		const struct install_source *source = &contract->install[i];
		struct error error = {0};

		if (!install_source_file(source, INSTALL_SYSTEM))
			continue;
		strbuf_clear(said);
		if (install_from(installation, source, said, &error) == 0) {
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

	if (manifest_read(&installation->manifest, &installation->state.directory, error) < 0)
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
