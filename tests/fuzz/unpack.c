/* SPDX-License-Identifier: Zlib */
/* A closure archive: packed, or a bare tar archive, whose checksums are set right (no fuzzer finds them) and
 * which is packed here. It is unpacked into a directory that is emptied each time. */
#include "agent/unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/archive_window.h"
#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/zstd_raw.h"

#define BLOCK 512u
#define MAX_BYTES (8u << 20)

static char top[] = "/dev/shm/spinup-fuzz-XXXXXX";
static int above = -1;

static void remove_top(void)
{
	(void)rmdir(top);
}

/* Removes what is in the directory, and returns how many entries that were. */
static unsigned int empty(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	unsigned int count = 0;

	if (!directory || fchmod(fd, 0700) < 0)
		abort();
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type == DT_DIR)
			(void)empty(fd, entry->d_name);
		if (unlinkat(fd, entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0) < 0)
			abort();
		count++;
	}
	closedir(directory);
	return count;
}

static void set_checksum(char *header)
{
	unsigned int sum = 0;
	char digits[8];

	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (uint8_t)header[i];
	(void)snprintf(digits, sizeof(digits), "%06o", sum);
	memcpy(header + 148, digits, 7);
}

static void pack(const uint8_t *bytes, size_t length, struct strbuf *out)
{
	struct strbuf tar = STRBUF_INIT(MAX_BYTES);

	strbuf_add(&tar, bytes, length);
	for (size_t at = 0; at + BLOCK <= tar.length; at += BLOCK)
		if (memcmp(tar.data + at + 257, "ustar", 5) == 0)
			set_checksum(tar.data + at);
	zstd_raw_frame(out, tar.data, tar.length);
	strbuf_release(&tar);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct strbuf stream = STRBUF_INIT(MAX_BYTES);
	struct unpack_counts counts = {0};
	struct error error = {0};
	int archive, staging;

	if (above < 0) {
		if (!mkdtemp(top) || atexit(remove_top) != 0)
			abort();
		above = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (packing_of(bytes, length) == PACKING_NONE)
		pack(bytes, length, &stream);
	else
		strbuf_add(&stream, bytes, length);
	archive =
		open(fuzz_file((const uint8_t *)stream.data, stream.length), O_RDONLY | O_CLOEXEC);
	if (mkdirat(above, "staging", 0700) < 0)
		abort();
	staging = openat(above, "staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (unpack(archive, staging, &counts, &error) < 0)
		fuzz_expect(*error.message, "a refusal says why");
	else
		fuzz_expect(counts.store_paths > 0 &&
				    faccessat(staging, "registration", F_OK, 0) == 0,
			    "what is accepted is a closure");
	close(staging);
	close(archive);
	fuzz_expect(empty(above, ".") == 1, "nothing is made but in the directory");
	strbuf_release(&stream);
	return 0;
}
