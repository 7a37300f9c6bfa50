/* SPDX-License-Identifier: Zlib */
/* Determinate's own installer. Its habits are known: it leaves /nix's mode alone, believes a receipt,
 * writes one when it fails too, and starts no daemon without an init system. */
#include "agent/install_installer.h"
#include "agent/install_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/digest.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/install_source.h"
#include "agent/install_store.h"
#include "agent/mem.h"
#include "agent/new_file.h"
#include "agent/nix_receipt.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/trusted_path.h"
#include "agent/words.h"

#define BLOCK_BYTES (256u << 10)
#define OWN_COPY "/nix/nix-installer"
#define DIGEST_TEXT_BYTES (2 * DIGEST_SHA256_BYTES)

int install_installer_save(int fd, int staging, struct error *error)
{
	CLEANUP_FREE char *block = mem_alloc(BLOCK_BYTES, 1);
	CLEANUP_CLOSE int to = openat(staging, INSTALL_INSTALLER_NAME,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t count;

	if (to < 0)
		return error_set(error, ERROR_AGENT, "the installer cannot be saved: %s",
				 strerror(errno));
	while ((count = read(fd, block, BLOCK_BYTES)) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 || new_file_write(to, block, (size_t)count) < 0)
			return error_set(error, ERROR_AGENT, "the installer cannot be saved: %s",
					 strerror(errno));
	}
	return 0;
}

static int check_receipt(const struct context *context, struct error *error)
{
	switch (nix_receipt_read(&context->root)) {
	case NIX_RECEIPT_COMPLETE:
		return 0;
	case NIX_RECEIPT_NONE:
		return error_set(error, ERROR_AGENT,
				 "the installer ended well and left no receipt");
	case NIX_RECEIPT_PARTIAL:
	case NIX_RECEIPT_UNREADABLE:
		break;
	}
	return error_set(error, ERROR_AGENT,
			 "the installer ended well, and its receipt says that not all was done");
}

static bool was_run_before(const struct manifest *manifest)
{
	CLEANUP_WORDS struct words digests = {0};

	manifest_values(manifest, MANIFEST_INSTALLER, &digests);
	return digests.count > 0;
}

/* What is there before the first try is not the installer's; the tries after a kill know it from there. */
static int announce(struct installation *installation, const struct install_source *source,
		    struct error *error)
{
	const struct install_file *file = install_source_file(source, INSTALL_SYSTEM);
	struct manifest *manifest = &installation->manifest;
	CLEANUP_STRBUF struct strbuf digest = STRBUF_INIT(DIGEST_TEXT_BYTES);
	CLEANUP_WORDS struct words paths = {0};

	if (!was_run_before(manifest)) {
		if (install_store_list(installation->state.nix, &paths, error) < 0)
			return -1;
		for (size_t i = 0; i < paths.count; i++)
			if (!manifest_has(manifest, MANIFEST_PATH, paths.items[i]))
				manifest_add(manifest, MANIFEST_KEPT, paths.items[i]);
	}
	encoding_base16_encode(file->sha256, sizeof(file->sha256), &digest);
	manifest_add(manifest, MANIFEST_INSTALLER, digest.data);
	manifest_add(manifest, MANIFEST_SOURCE, source->name);
	return manifest_write(manifest, &installation->state.directory, error);
}

static int note_paths(struct installation *installation, struct error *error)
{
	struct manifest *manifest = &installation->manifest;
	CLEANUP_WORDS struct words paths = {0};

	if (install_store_list(installation->state.nix, &paths, error) < 0)
		return -1;
	for (size_t i = 0; i < paths.count; i++)
		if (!manifest_has(manifest, MANIFEST_KEPT, paths.items[i]))
			manifest_add(manifest, MANIFEST_PATH, paths.items[i]);
	return 0;
}

int install_installer_run(struct installation *installation, const struct install_source *source,
			  struct error *error)
{
	CLEANUP_FREE char *program = mem_format("%s/staging/" INSTALL_INSTALLER_NAME,
						installation->state.directory.path);
	const char *const arguments[] = {program,
					 "install",
					 "linux",
					 "--determinate",
					 "--init",
					 "none",
					 "--no-modify-profile",
					 "--no-confirm",
					 NULL};

	if (announce(installation, source, error) < 0)
		return -1;
	if (fchmodat(installation->staging, INSTALL_INSTALLER_NAME, 0500, 0) < 0)
		return error_set(error, ERROR_AGENT, "the installer: %s", strerror(errno));
	if (install_run(installation, arguments, 0, error) < 0 ||
	    check_receipt(installation->context, error) < 0)
		return -1;
	return note_paths(installation, error);
}

/* ---- taking its work back */

static int hash(int fd, struct strbuf *ret)
{
	struct digest_sha256 *digest = digest_sha256_new();
	CLEANUP_FREE char *block = mem_alloc(BLOCK_BYTES, 1);
	uint8_t sum[DIGEST_SHA256_BYTES];
	ssize_t count;

	while ((count = read(fd, block, BLOCK_BYTES)) > 0 || (count < 0 && errno == EINTR))
		if (count > 0)
			digest_sha256_add(digest, block, (size_t)count);
	if (!digest_sha256_finish(digest, sum) || count < 0)
		return -1;
	encoding_base16_encode(sum, sizeof(sum), ret);
	return 0;
}

/* Whether it is a program that root may run; else WHY. */
static bool is_own_copy(const struct installation *installation, int fd, struct strbuf *why)
{
	CLEANUP_STRBUF struct strbuf digest = STRBUF_INIT(DIGEST_TEXT_BYTES);
	struct error error = {0};
	struct stat status;

	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		strbuf_puts(why, "it is no file");
		return false;
	}
	if (trusted_path_check(&installation->context->root, OWN_COPY, 0, &error) < 0) {
		strbuf_puts(why, error.message);
		return false;
	}
	if (hash(fd, &digest) < 0) {
		strbuf_puts(why, "it cannot be read");
		return false;
	}
	if (manifest_has(&installation->manifest, MANIFEST_INSTALLER, digest.data))
		return true;
	strbuf_printf(why, "its SHA-256 is %s, which spinup has not run", digest.data);
	return false;
}

int install_installer_undo(struct installation *installation, struct strbuf *why,
			   struct error *error)
{
	const char *const arguments[] = {OWN_COPY, "uninstall", "--no-confirm", NULL};
	CLEANUP_CLOSE int fd = root_open(&installation->context->root, OWN_COPY,
					 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);

	if (!was_run_before(&installation->manifest) || (fd < 0 && errno == ENOENT))
		return 0;
	if (fd < 0) {
		strbuf_puts(why, strerror(errno));
		return 1;
	}
	if (!is_own_copy(installation, fd, why))
		return 1;
	return install_run(installation, arguments, 0, error);
}
