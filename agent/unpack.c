/* SPDX-License-Identifier: Zlib */
/* The rules of a closure archive, entry by entry. */
#include "agent/unpack.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/archive.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/tar.h"
#include "agent/text.h"
#include "agent/unpack_name.h"
#include "agent/unpack_tree.h"
#include "agent/words.h"

#define MAX_SHOWN_NAME 200u

struct unpacking {
	struct tar_reader *reader;
	struct unpack_tree tree;
	struct unpack_layout layout;
	struct words store_paths; /* their base names, in the order in which they came */
	struct unpack_counts counts;
	bool has_registration;
	bool is_broken; /* the archive itself: what is wrong is not wrong with this entry */
};

static int refuse(struct error *error, const char *reason)
{
	return error_set(error, ERROR_AGENT, "%s", reason);
}

static int check_type(const struct tar_item *item, struct error *error)
{
	switch (item->type) {
	case TAR_FILE:
	case TAR_DIRECTORY:
	case TAR_SYMLINK:
	case TAR_HARD_LINK:
		return 0;
	case TAR_DEVICE:
		return refuse(error, "a device is refused");
	case TAR_FIFO:
		return refuse(error, "a FIFO is refused");
	case TAR_SPARSE:
		return refuse(error, "a file with holes is refused: pack without --sparse");
	case TAR_OTHER:
	case TAR_LONG_NAME:
	case TAR_LONG_TARGET:
	case TAR_EXTENDED:
	case TAR_GLOBAL:
		break;
	}
	return error_set(error, ERROR_AGENT, "an entry of type '%c' is refused", item->letter);
}

/* Before anything of it is read or written. */
static int count_content(struct unpacking *unpacking, const struct tar_item *item,
			 struct error *error)
{
	unsigned long long size = item->size;

	if (item->size > UNPACK_MAX_FILE_BYTES)
		return error_set(error, ERROR_AGENT,
				 "a file of %llu bytes is refused; at most 4 GiB are allowed",
				 size);
	unpacking->counts.bytes += item->size;
	if (unpacking->counts.bytes > UNPACK_MAX_BYTES)
		return error_set(error, ERROR_AGENT,
				 "with this file of %llu bytes the archive has more than 8 GiB of "
				 "content",
				 size);
	return 0;
}

static bool is_last_store_path(const struct words *known, const char *path, size_t length)
{
	const char *last = known->count ? known->items[known->count - 1] : "";

	return strlen(last) == length && memcmp(last, path, length) == 0;
}

/* Two store paths whose names differ by case alone cannot both be meant. */
static int count_store_path(struct unpacking *unpacking, const char *path, struct error *error)
{
	struct words *known = &unpacking->store_paths;
	size_t length = strcspn(path, "/");
	CLEANUP_FREE char *name = NULL;

	if (is_last_store_path(known, path, length))
		return 0;
	name = mem_strndup(path, length);
	for (size_t i = 0; i < known->count; i++) {
		if (strcasecmp(known->items[i], name) != 0)
			continue;
		if (strcmp(known->items[i], name) == 0)
			return 0;
		return refuse(error, "another store path differs from it by case alone");
	}
	if (known->count == UNPACK_MAX_STORE_PATHS)
		return error_set(error, ERROR_AGENT, "more than %u store paths are refused",
				 UNPACK_MAX_STORE_PATHS);
	words_add(known, name);
	return 0;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

static int write_content(struct unpacking *unpacking, int fd, struct error *error)
{
	const void *bytes;
	size_t length;
	int result;

	while ((result = tar_reader_read(unpacking->reader, &bytes, &length, error)) > 0)
		if (write_all(fd, bytes, length) < 0)
			return error_set(error, ERROR_AGENT,
					 "it cannot be written: %s; the file system needs space",
					 strerror(errno));
	unpacking->is_broken = result < 0;
	return result;
}

/* FD -1: it could not be made, and ERROR says why. */
static int fill_file(struct unpacking *unpacking, int fd, struct error *error)
{
	if (fd < 0)
		return -1;
	if (write_content(unpacking, fd, error) < 0) {
		close(fd);
		return -1;
	}
	return unpack_tree_finish_file(fd, error);
}

static int make_link(struct unpacking *unpacking, const struct tar_item *item, const char *path,
		     struct error *error)
{
	struct unpack_place target;

	if (unpack_place(&unpacking->layout, item->target, false, &target, error) < 0)
		return error_prefix(error, "a hard link's target");
	if (target.kind != UNPACK_STORE)
		return refuse(error, "a hard link out of the store is refused");
	return unpack_tree_link(&unpacking->tree, path, target.path, error);
}

static int make_symlink(struct unpacking *unpacking, const struct tar_item *item, const char *path,
			struct error *error)
{
	size_t length = strlen(item->target);

	if (length == 0 || length > UNPACK_MAX_TARGET)
		return refuse(error, "a symlink's target must have 1 to 4095 bytes");
	return unpack_tree_symlink(&unpacking->tree, path, item->target, error);
}

static int store_item(struct unpacking *unpacking, const struct tar_item *item, const char *path,
		      struct error *error)
{
	mode_t mode = item->mode & 0100 ? 0555 : 0444;

	if (count_store_path(unpacking, path, error) < 0)
		return -1;
	if (item->type == TAR_SYMLINK)
		return make_symlink(unpacking, item, path, error);
	if (item->type == TAR_HARD_LINK)
		return make_link(unpacking, item, path, error);
	if (item->type == TAR_FILE)
		return fill_file(unpacking, unpack_tree_file(&unpacking->tree, path, mode, error),
				 error);
	return unpack_tree_directory(&unpacking->tree, path, error);
}

/* The registration, or determinate-nixd. */
static int single_file(struct unpacking *unpacking, const struct tar_item *item, const char *name,
		       mode_t mode, struct error *error)
{
	if (item->type != TAR_FILE)
		return error_set(error, ERROR_AGENT, "%s must be a regular file", name);
	return fill_file(unpacking, unpack_tree_outside(&unpacking->tree, name, mode, error),
			 error);
}

static int place_item(struct unpacking *unpacking, const struct tar_item *item, struct error *error)
{
	bool is_directory = item->type == TAR_DIRECTORY;
	struct unpack_place place;

	if (check_type(item, error) < 0 || count_content(unpacking, item, error) < 0 ||
	    unpack_place(&unpacking->layout, item->name, is_directory, &place, error) < 0)
		return -1;
	if (item->mode & 07000 && !(place.kind == UNPACK_NOTHING && is_directory))
		return refuse(error, "set-id and sticky bits are refused");
	switch (place.kind) {
	case UNPACK_NOTHING:
		if (!is_directory && item->type != TAR_FILE)
			return refuse(error, "a link outside the store is refused");
		return 0;
	case UNPACK_STORE:
		return store_item(unpacking, item, place.path, error);
	case UNPACK_REGISTRATION:
		if (unpacking->has_registration)
			return refuse(error, "a second registration is refused");
		unpacking->has_registration = true;
		return single_file(unpacking, item, "registration", 0444, error);
	case UNPACK_NIXD:
		if (unpacking->counts.has_nixd)
			return refuse(error, "a second determinate-nixd is refused");
		unpacking->counts.has_nixd = true;
		return single_file(unpacking, item, "determinate-nixd", 0755, error);
	}
	return -1;
}

static int finish(struct unpacking *unpacking, struct error *error)
{
	unpacking->counts.store_paths = unpacking->store_paths.count;
	if (unpack_tree_finish(&unpacking->tree, error) < 0)
		return error_prefix(error, "the last directory");
	if (unpacking->store_paths.count == 0)
		return refuse(error, "the archive has no store path: a closure lies in nix/store, "
				     "or in NAME/store as upstream packs it");
	if (!unpacking->has_registration)
		return refuse(error,
			      "the archive has no registration: put what `nix-store --dump-db` "
			      "prints beside the store, as a file called registration");
	return 0;
}

static int unpack_entries(struct unpacking *unpacking, struct error *error)
{
	struct tar_item item;
	int result;

	while ((result = tar_reader_next(unpacking->reader, &item, error)) > 0) {
		if (++unpacking->counts.entries > UNPACK_MAX_ENTRIES)
			return error_set(error, ERROR_AGENT, "the archive has more than %u entries",
					 UNPACK_MAX_ENTRIES);
		if (place_item(unpacking, &item, error) < 0) {
			CLEANUP_FREE char *name = text_cleaned(item.name, MAX_SHOWN_NAME);

			if (unpacking->is_broken)
				return -1;
			return error_prefix(error, "archive entry \"%s\"", name);
		}
	}
	return result < 0 ? -1 : finish(unpacking, error);
}

static void release(struct unpacking *unpacking)
{
	tar_reader_free(unpacking->reader);
	unpack_tree_close(&unpacking->tree);
	words_release(&unpacking->store_paths);
}

static void close_stream(struct archive_stream **stream)
{
	archive_stream_close(*stream);
}

int unpack(int archive_fd, int staging_fd, struct unpack_counts *ret, struct error *error)
{
	CLEANUP(close_stream)
	struct archive_stream *stream = archive_stream_open(archive_fd, error);
	CLEANUP(release) struct unpacking unpacking = {.tree.store = -1};
	mode_t mask;
	int result = -1;

	if (!stream)
		return -1;
	unpacking.reader = tar_reader_new(stream);
	mask = umask(0);
	if (unpack_tree_open(&unpacking.tree, staging_fd, error) == 0)
		result = unpack_entries(&unpacking, error);
	(void)umask(mask);
	if (result == 0)
		*ret = unpacking.counts;
	return result;
}
