/* SPDX-License-Identifier: Zlib */
/* Files of the machine's configuration. */
#include "agent/system_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/mem.h"
#include "agent/new_file.h"
#include "agent/root.h"

/* ---- reading */

static int fail_to_read(const struct system_file *file, struct error *error)
{
	if (errno == ELOOP)
		return error_set(error, ERROR_AGENT,
				 "%s is a symbolic link: what it leads to is managed elsewhere, "
				 "and is not changed from here",
				 file->path);
	if (errno == EFBIG)
		return error_set(error, ERROR_AGENT, "%s is larger than %u MiB", file->path,
				 SYSTEM_FILE_MAX_BYTES >> 20);
	return error_set(error, ERROR_AGENT, "%s cannot be read: %s; it must be a regular file",
			 file->path, strerror(errno));
}

static int read_text(struct system_file *file, struct error *error)
{
	CLEANUP_CLOSE int fd = openat(file->directory, file->name,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &file->status) < 0 || root_read_open(fd, &file->text) < 0)
		return fail_to_read(file, error);
	file->is_there = true;
	if (strlen(file->text.data) != file->text.length)
		return error_set(error, ERROR_AGENT,
				 "%s holds a NUL byte, and is no text that could be changed",
				 file->path);
	return 0;
}

int system_file_open(struct system_file *ret, const struct root *root, const char *path,
		     struct error *error)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *folder = NULL;

	*ret = (struct system_file){
		.path = mem_strdup(path),
		.directory = -1,
		.status = {.st_mode = 0644, .st_uid = geteuid(), .st_gid = getegid()},
		.text = STRBUF_INIT(SYSTEM_FILE_MAX_BYTES),
	};
	if (!slash || !slash[1])
		return error_set(error, ERROR_AGENT, "%s is no absolute path of a file", path);
	ret->name = ret->path + (slash + 1 - path);
	folder = mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
	ret->directory = root_open(root, folder, O_RDONLY | O_DIRECTORY, 0);
	if (ret->directory >= 0)
		return read_text(ret, error);
	return errno == ENOENT ? 0
			       : error_set(error, ERROR_AGENT, "%s cannot be opened: %s", folder,
					   strerror(errno));
}

void system_file_close(struct system_file *file)
{
	free(file->path);
	if (file->directory >= 0)
		close(file->directory);
	strbuf_release(&file->text);
	*file = (struct system_file){.directory = -1, .text = STRBUF_INIT(SYSTEM_FILE_MAX_BYTES)};
}

/* ---- writing */

static size_t common_length(const char *left, const char *right)
{
	size_t length = 0;

	while (left[length] && left[length] == right[length])
		length++;
	return length;
}

static int write_from(int fd, const char *text, size_t offset)
{
	size_t length = strlen(text);

	if (lseek(fd, (off_t)offset, SEEK_SET) < 0 ||
	    new_file_write(fd, text + offset, length - offset) < 0 ||
	    ftruncate(fd, (off_t)length) < 0)
		return -1;
	return fsync(fd);
}

static int write_in_place(const struct system_file *file, const char *text)
{
	CLEANUP_STRBUF struct strbuf old = STRBUF_INIT(SYSTEM_FILE_MAX_BYTES);
	CLEANUP_CLOSE int fd =
		openat(file->directory, file->name, O_RDWR | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	size_t same;
	int reason;

	if (fd < 0 || root_read_open(fd, &old) < 0)
		return -1;
	same = common_length(old.data, text);
	if (write_from(fd, text, same) == 0)
		return 0;
	reason = errno;
	(void)write_from(fd, old.data, same);
	errno = reason;
	return -1;
}

static int fail_to_write(const struct system_file *file, const char *verb, struct error *error)
{
	if (errno == EROFS)
		return error_set(error, ERROR_AGENT,
				 "%s cannot be %s: it lies on a read-only file system; make that "
				 "writable, or put into the image what should stand there",
				 file->path, verb);
	return error_set(error, ERROR_AGENT,
			 "%s cannot be %s: %s; this user must own it and its directory, and there "
			 "must be space",
			 file->path, verb, strerror(errno));
}

int system_file_replace(const struct system_file *file, const char *text, struct error *error)
{
	const struct new_file new_file = {
		.directory = file->directory,
		.name = file->name,
		.like = &file->status,
		.is_durable = true,
	};

	if (new_file_put(&new_file, text, strlen(text)) == 0)
		return 0;
	if ((errno == EBUSY || errno == EXDEV) && write_in_place(file, text) == 0)
		return 0;
	return fail_to_write(file, "written", error);
}

int system_file_remove(const struct system_file *file, struct error *error)
{
	if (unlinkat(file->directory, file->name, 0) == 0)
		return 0;
	return fail_to_write(file, "removed", error);
}
