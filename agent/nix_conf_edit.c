/* SPDX-License-Identifier: Zlib */
/* Our lines in a Nix configuration file. */
#include "agent/nix_conf_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/marked_block.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/system_file.h"
#include "agent/text.h"

#define MAX_SHOWN_BYTES 100u

static const struct block_markers markers = {NIX_CONF_EDIT_BEGIN, NIX_CONF_EDIT_END};

/* ---- the lines */

/* "name = value"; the value may be empty. An include is no setting, and is none of ours. */
static bool is_setting(const char *line)
{
	size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!name || (!text_starts_with(line + name, " = ") && strcmp(line + name, " =") != 0))
		return false;
	for (; *line; line++)
		if ((unsigned char)*line < 0x20 || *line == 0x7f || *line == '#')
			return false;
	return true;
}

static int join_lines(const char *const *lines, struct strbuf *out, struct error *error)
{
	for (; *lines; lines++) {
		CLEANUP_FREE char *shown = NULL;

		if (is_setting(*lines)) {
			strbuf_printf(out, "%s\n", *lines);
			continue;
		}
		shown = text_cleaned(*lines, MAX_SHOWN_BYTES);
		return error_set(error, ERROR_AGENT,
				 "\"%s\" is no line for Nix's configuration: it must be \"name = "
				 "value\", without '#' and control characters",
				 shown);
	}
	return 0;
}

/* ---- the directory */

/* Makes the last directory before PATH's name; what is there stays. */
static int make_directory(const struct root *root, const char *path, struct error *error)
{
	CLEANUP_FREE char *folder = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	const char *slash = strrchr(folder, '/');
	CLEANUP_FREE char *above = slash ? mem_strndup(folder, (size_t)(slash - folder) + 1) : NULL;
	CLEANUP_CLOSE int parent = above ? root_open(root, above, O_RDONLY | O_DIRECTORY, 0) : -1;
	CLEANUP_CLOSE int fd = -1;

	if (parent >= 0 && mkdirat(parent, slash + 1, 0755) == 0)
		fd = openat(parent, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fchmod(fd, 0755) == 0) /* whatever the umask is */
		return 0;
	return error_set(error, ERROR_AGENT,
			 "%s cannot be made: %s; the directory above it must be there, and be "
			 "writable for this user",
			 folder, strerror(errno));
}

static int check_directory(const struct system_file *file, struct error *error)
{
	struct stat status;

	if (fstat(file->directory, &status) < 0)
		return error_set(error, ERROR_AGENT, "the directory of %s: %s", file->path,
				 strerror(errno));
	if ((status.st_mode & 022) == 0 && (status.st_uid == 0 || status.st_uid == geteuid()))
		return 0;
	return error_set(error, ERROR_AGENT,
			 "the directory of %s can be written by others (mode %04o, owner %u), who "
			 "could put any setting there: chown it to root and chmod it to 0755",
			 file->path, (unsigned int)status.st_mode & 07777,
			 (unsigned int)status.st_uid);
}

/* ---- the file */

static int compose(const struct system_file *file, const char *lines, struct strbuf *out,
		   struct error *error)
{
	size_t damaged;

	if (!file->is_there)
		strbuf_puts(out, NIX_CONF_EDIT_HEADER "\n");
	damaged = marked_block_strip(&markers, file->text.data, out);
	if (damaged)
		return error_set(error, ERROR_AGENT,
				 "%s: line %zu is a marker of ours without its other half (\"%s\", "
				 "\"%s\"): take out the marker, and what stands there by mistake",
				 file->path, damaged, markers.begin, markers.end);
	marked_block_add(&markers, lines, out);
	if (out->is_truncated)
		return error_set(error, ERROR_AGENT, "%s would be larger than %u MiB", file->path,
				 SYSTEM_FILE_MAX_BYTES >> 20);
	return 0;
}

static int edit(const struct system_file *file, const char *lines, bool *ret_changed,
		struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(SYSTEM_FILE_MAX_BYTES);
	bool is_changed;

	if (check_directory(file, error) < 0 || compose(file, lines, &text, error) < 0)
		return -1;
	if (strcmp(text.data, NIX_CONF_EDIT_HEADER "\n") == 0) {
		is_changed = file->is_there;
		if (is_changed && system_file_remove(file, error) < 0)
			return -1;
	} else {
		is_changed = !file->is_there || strcmp(text.data, file->text.data) != 0;
		if (is_changed && system_file_replace(file, text.data, error) < 0)
			return -1;
	}
	*ret_changed = is_changed;
	return 0;
}

int nix_conf_edit(const struct root *root, const char *path, const char *const *lines,
		  bool *ret_changed, struct error *error)
{
	CLEANUP_STRBUF struct strbuf joined = STRBUF_INIT(SYSTEM_FILE_MAX_BYTES);
	CLEANUP_SYSTEM_FILE struct system_file file = {.directory = -1};

	if (join_lines(lines, &joined, error) < 0 || system_file_open(&file, root, path, error) < 0)
		return -1;
	if (file.directory < 0) {
		if (joined.length == 0) {
			*ret_changed = false;
			return 0;
		}
		system_file_close(&file);
		if (make_directory(root, path, error) < 0 ||
		    system_file_open(&file, root, path, error) < 0)
			return -1;
	}
	return edit(&file, joined.data, ret_changed, error);
}
