/* SPDX-License-Identifier: Zlib */
/* What spinup itself has put on this machine. */
#include "agent/install_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/private_dir.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define MAX_BYTES (16u << 20)

static const char *const keys[] = {
	MANIFEST_SOURCE, MANIFEST_PATH,    MANIFEST_KEPT,      MANIFEST_PROGRAM,
	MANIFEST_CONF,   MANIFEST_ACCOUNT, MANIFEST_INSTALLER, MANIFEST_DIRECTORY,
};

/* The value of LINE where it begins with KEY, else NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t length = strlen(key);

	return strncmp(line, key, length) == 0 && line[length] == ' ' ? line + length + 1 : NULL;
}

static bool is_known(const char *line)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = value_of(line, keys[i]);

		if (value && *value)
			return true;
	}
	return false;
}

int manifest_read(struct manifest *ret, const struct private_dir *directory, struct error *error)
{
	CLEANUP_CLOSE int fd = openat(directory->fd, MANIFEST_NAME,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_BYTES);
	struct stat status;

	*ret = (struct manifest){0};
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &status) < 0 || root_read_open(fd, &text) < 0)
		return error_set(error, ERROR_AGENT, "%s/" MANIFEST_NAME ": %s; it must be a file",
				 directory->path, strerror(errno));
	if (status.st_uid != geteuid())
		return error_set(error, ERROR_AGENT,
				 "%s/" MANIFEST_NAME
				 " belongs to user %u, and is not believed: remove it",
				 directory->path, (unsigned int)status.st_uid);
	words_split(&ret->lines, text.data, "\n");
	for (size_t i = 0; i < ret->lines.count; i++)
		if (!is_known(ret->lines.items[i]))
			return error_set(error, ERROR_AGENT,
					 "%s/" MANIFEST_NAME ": line %zu is none of a manifest",
					 directory->path, i + 1);
	return 0;
}

void manifest_release(struct manifest *manifest)
{
	words_release(&manifest->lines);
}

bool manifest_has(const struct manifest *manifest, const char *key, const char *value)
{
	CLEANUP_FREE char *line = mem_format("%s %s", key, value);

	return words_contain(&manifest->lines, line);
}

void manifest_add(struct manifest *manifest, const char *key, const char *value)
{
	CLEANUP_FREE char *line = mem_format("%s %s", key, value);

	if (!words_contain(&manifest->lines, line))
		words_add(&manifest->lines, line);
}

void manifest_values(const struct manifest *manifest, const char *key, struct words *ret)
{
	for (size_t i = 0; i < manifest->lines.count; i++) {
		const char *value = value_of(manifest->lines.items[i], key);

		if (value)
			words_add(ret, value);
	}
}

int manifest_write(const struct manifest *manifest, const struct private_dir *directory,
		   struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_BYTES);

	for (size_t i = 0; i < manifest->lines.count; i++)
		strbuf_printf(&text, "%s\n", manifest->lines.items[i]);
	if (text.is_truncated)
		return error_set(error, ERROR_AGENT, "%s/" MANIFEST_NAME ": longer than %u bytes",
				 directory->path, MAX_BYTES);
	return private_dir_write(directory, MANIFEST_NAME, text.data, text.length, error);
}

int manifest_remove(const struct private_dir *directory, struct error *error)
{
	if (unlinkat(directory->fd, MANIFEST_NAME, 0) < 0 && errno != ENOENT)
		return error_set(error, ERROR_AGENT, "%s/" MANIFEST_NAME ": %s", directory->path,
				 strerror(errno));
	return 0;
}
