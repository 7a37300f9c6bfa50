/* SPDX-License-Identifier: Zlib */
/* What spinup has installed, held against its registration. */
#include "agent/install_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/mem.h"
#include "agent/nar.h"
#include "agent/narinfo.h"
#include "agent/nix_tree.h"
#include "agent/private_dir.h"
#include "agent/registration.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define NAME "registration"

int install_verify_keep(const struct installation *installation,
			const struct registration *registration, struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(REGISTRATION_MAX_BYTES);

	registration_print(registration, &text);
	return private_dir_write(&installation->state.directory, NAME, text.data, text.length,
				 error);
}

/* Returns 1 and RET, 0 where none was kept, -1 with ERROR. */
static int read_kept(const struct installation *installation, struct registration *ret,
		     struct error *error)
{
	const struct private_dir *directory = &installation->state.directory;
	CLEANUP_CLOSE int fd =
		openat(directory->fd, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(REGISTRATION_MAX_BYTES);
	CLEANUP_FREE char *source = mem_format("%s/" NAME, directory->path);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || root_read_open(fd, &text) < 0)
		return error_set(error, ERROR_AGENT, "%s: %s", source, strerror(errno));
	return registration_parse(text.data, text.length, source, ret, error) < 0 ? -1 : 1;
}

static bool is_whole(int store, const struct registered_path *path)
{
	struct nar_digest digest;

	return nar_hash(store, path->path + strlen(NIX_STORE_DIRECTORY "/"), &digest, NULL) == 0 &&
	       digest.size == path->nar_size &&
	       memcmp(digest.sha256, path->nar_hash, sizeof(digest.sha256)) == 0;
}

int install_verify(const struct installation *installation, struct install_verdict *ret,
		   struct error *error)
{
	CLEANUP_REGISTRATION struct registration registration = {0};
	CLEANUP_CLOSE int store = nix_tree_open(installation->state.nix, "store", error);
	int found = read_kept(installation, &registration, error);

	if (store < 0 || found < 0)
		return -1;
	*ret = (struct install_verdict){.is_known = found, .count = registration.count};
	for (size_t i = 0; i < registration.count; i++) {
		const struct registered_path *path = &registration.paths[i];

		ret->bytes += path->nar_size;
		if (is_whole(store, path))
			continue;
		ret->damaged++;
		if (!ret->first)
			ret->first = mem_strdup(path->path);
	}
	return 0;
}
