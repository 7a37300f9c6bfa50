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
#include "agent/error.h"
#include "agent/install.h"
#include "agent/install_source.h"
#include "agent/install_store.h"
#include "agent/mem.h"
#include "agent/new_file.h"
#include "agent/nix_receipt.h"
#include "agent/words.h"

#define BLOCK_BYTES (256u << 10)
#define OWN_COPY "/nix/nix-installer"

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

/* What is there before the first try is not the installer's; the tries after a kill know it from there. */
static int announce(struct installation *installation, const struct install_source *source,
		    struct error *error)
{
	struct manifest *manifest = &installation->manifest;
	CLEANUP_WORDS struct words paths = {0};

	manifest_add(manifest, MANIFEST_SOURCE, source->name);
	if (manifest_has(manifest, MANIFEST_INSTALLER, OWN_COPY))
		return 0;
	if (install_store_list(installation->state.nix, &paths, error) < 0)
		return -1;
	for (size_t i = 0; i < paths.count; i++)
		if (!manifest_has(manifest, MANIFEST_PATH, paths.items[i]))
			manifest_add(manifest, MANIFEST_KEPT, paths.items[i]);
	manifest_add(manifest, MANIFEST_INSTALLER, OWN_COPY);
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

int install_installer_undo(struct installation *installation, struct error *error)
{
	const char *const arguments[] = {OWN_COPY, "uninstall", "--no-confirm", NULL};

	return install_run(installation, arguments, 0, error);
}
