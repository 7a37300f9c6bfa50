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

static int place(struct installation *installation, const struct install_source *source,
		 struct error *error)
{
	installation->is_begun = true;
	switch (source->kind) {
	case INSTALL_ARCHIVE:
		return install_archive_place(installation, source, error);
	case INSTALL_INSTALLER:
		return install_installer_run(installation, source, error);
	}
	return -1;
}

static int unpack_archive(int fd, int staging, struct error *error)
{
	struct unpack_counts counts;

	return unpack(fd, staging, &counts, error);
}

/* Downloads into a fresh staging directory; RET_MIRROR is the mirror for the next try. */
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

/* What a mirror sent may be wrong as a whole, which shows at the end: then the others begin anew. */
static int install_from(struct installation *installation, const struct install_source *source,
			const struct install_file *file, struct error *error)
{
	struct install_stream_end end = {0};
	size_t count = 0;

	talk("installing %s %s from %s", source->flavour, source->version, file->urls[0]);
	while (file->urls[count])
		count++;
	for (size_t i = 0; i < count; i++) {
		*error = (struct error){0};
		if (download(installation, source, file, &end, error) == 0)
			return place(installation, source, error);
		if (end.was_each_tried || run_clock_us() >= installation->end_us)
			return -1;
		talk("%s: %s", file->urls[end.mirror < count ? end.mirror : 0], error->message);
		end.mirror = (end.mirror + 1) % count;
	}
	return -1;
}

/* What a failed or killed installer of Determinate's leaves: its next run would believe the one, and
 * trip over the other. */
static int clear_leftovers(struct installation *installation, struct error *error)
{
	if (unlinkat(installation->state.nix, strrchr(NIX_RECEIPT, '/') + 1, 0) < 0 &&
	    errno != ENOENT)
		return error_set(error, ERROR_AGENT, NIX_RECEIPT ": %s", strerror(errno));
	return tree_remove(installation->state.nix, "temp-install-dir", error);
}

static void report_source(const struct installation *installation,
			  const struct install_source *source, const struct error *error)
{
	talk("%s: %s", source->name, error->message);
	channel_finding(installation->channel, FINDING_NIX_SOURCE_FAILED, source->name, NULL, "%s",
			error->message);
}

static void describe(const struct install_source *source, struct strbuf *said)
{
	strbuf_printf(said, "installed Nix (%s %s) from the source %s", source->flavour,
		      source->version, source->name);
}

/* Returns whether one of the contract's sources worked. */
static bool try_sources(struct installation *installation, struct strbuf *said)
{
	for (size_t i = 0; i < installation->contract->install_count; i++) {
		const struct install_source *source = &installation->contract->install[i];
		const struct install_file *file = install_source_file(source, INSTALL_SYSTEM);
		struct error error = {0};

		if (!file)
			continue;
		if (install_from(installation, source, file, &error) == 0) {
			if (source->is_unverified)
				channel_finding(
					installation->channel, FINDING_NIX_SOURCE_UNVERIFIED,
					source->name, NULL,
					"the contract says of %s that its pins have not been "
					"compared",
					source->name);
			describe(source, said);
			return true;
		}
		report_source(installation, source, &error);
		if (source->kind == INSTALL_INSTALLER)
			(void)clear_leftovers(installation, NULL);
	}
	return false;
}

static bool has_source(const struct contract *contract)
{
	for (size_t i = 0; i < contract->install_count; i++)
		if (install_source_file(&contract->install[i], INSTALL_SYSTEM))
			return true;
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

/* Users, directories and the journal: what comes before the first byte. */
static int prepare(struct installation *installation, struct error *error)
{
	gid_t group;
	int nix;

	if (manifest_read(&installation->manifest, &installation->state.directory, error) < 0 ||
	    clear_leftovers(installation, error) < 0 ||
	    install_builders(installation, &group, error) < 0)
		return -1;
	nix = nix_tree_make(&installation->context->root, group, error);
	if (nix < 0)
		return -1;
	close(nix);
	return install_journal_write(&installation->state, INSTALL_STAGE_STORE, error);
}

static int give_up(struct installation *installation, bool was_interrupted, struct error *error)
{
	(void)install_staging_remove(&installation->state, error);
	if (!was_interrupted && !installation->is_begun)
		(void)install_journal_remove(&installation->state, error);
	return error_set(error, ERROR_AGENT, "%s",
			 has_source(installation->contract)
				 ? "none of the contract's sources of Nix could be used"
				 : "the contract names no source of Nix for " INSTALL_SYSTEM);
}

static int install_all(struct installation *installation, bool was_interrupted, struct strbuf *said,
		       struct error *error)
{
	if (prepare(installation, error) < 0)
		return -1;
	if (!try_sources(installation, said))
		return give_up(installation, was_interrupted, error);
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

	if (stage == INSTALL_STAGE_NONE && install_is_whole(installation->context)) {
		strbuf_puts(said, "another process has installed Nix meanwhile");
		return 0;
	}
	if (stage == INSTALL_STAGE_DAEMON && install_is_whole(installation->context)) {
		strbuf_puts(said, "all of an earlier installation was in its place");
		return 0;
	}
	return install_all(installation, stage != INSTALL_STAGE_NONE, said, error);
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
