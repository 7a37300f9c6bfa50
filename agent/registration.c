/* SPDX-License-Identifier: Zlib */
/* Registrations: per path the lines path, NAR hash, NAR size, deriver, number of references, and the
 * references. */
#include "agent/registration.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define LINES_BEFORE_REFERENCES 5u

struct reader {
	char *at;    /* ends with NUL */
	size_t line; /* the one that was read last */
	const char *source;
	struct error *error;
};

static int __attribute__((format(printf, 3, 4)))
fail(const struct reader *reader, size_t line, const char *format, ...)
{
	CLEANUP_FREE char *what = NULL;
	va_list args;

	va_start(args, format);
	what = mem_vformat(format, args);
	va_end(args);
	return error_set(reader->error, ERROR_USAGE, "%s: line %zu: %s", reader->source, line,
			 what);
}

/* The next line without its newline, which every line must have: else the text may be cut. NULL with
 * the error where there is none. */
static char *read_line(struct reader *reader, const char *wanted)
{
	char *line = reader->at;
	char *end = strchr(line, '\n');

	reader->line++;
	if (!end) {
		fail(reader, reader->line, "the text ends here, where %s should stand", wanted);
		return NULL;
	}
	*end = '\0';
	reader->at = end + 1;
	return line;
}

static char *read_store_path(struct reader *reader, const char *wanted)
{
	char *line = read_line(reader, wanted);

	if (!line || nix_store_path_is_valid(line))
		return line;
	fail(reader, reader->line, "%s should stand here, and this is no store path", wanted);
	return NULL;
}

/* "sha256:" before any encoding or none, or "sha256-" before base64 (SRI). */
static int read_hash(struct reader *reader, struct registered_path *path)
{
	const char *line = read_line(reader, "a NAR hash");
	size_t size = sizeof(path->nar_hash);
	bool is_good;

	if (!line)
		return -1;
	if (text_starts_with(line, "sha256-")) {
		line += strlen("sha256-");
		is_good = encoding_base64_decode(line, strlen(line), path->nar_hash, size) ==
			  (ptrdiff_t)size;
	} else {
		line += text_starts_with(line, "sha256:") ? strlen("sha256:") : 0;
		is_good = encoding_digest_decode(line, strlen(line), path->nar_hash, size);
	}
	return is_good ? 0
		       : fail(reader, reader->line,
			      "a NAR hash should stand here, and this is no SHA-256");
}

static int read_number(struct reader *reader, const char *wanted, unsigned long min,
		       unsigned long max, unsigned long *ret)
{
	const char *line = read_line(reader, wanted);

	if (!line)
		return -1;
	if (text_to_number(line, min, max, ret))
		return 0;
	return fail(reader, reader->line, "%s should stand here: a whole number from %lu to %lu",
		    wanted, min, max);
}

static int read_deriver(struct reader *reader, struct registered_path *path)
{
	const char *line = read_line(reader, "a deriver, or an empty line");

	if (!line)
		return -1;
	if (!*line)
		return 0;
	if (!nix_store_path_is_valid(line))
		return fail(reader, reader->line,
			    "a deriver or nothing should stand here, and this is no store path");
	path->deriver = mem_strdup(line);
	return 0;
}

static int read_references(struct reader *reader, struct registered_path *path)
{
	unsigned long count;

	if (read_number(reader, "the number of references", 0, REGISTRATION_MAX_PATHS, &count) < 0)
		return -1;
	for (unsigned long i = 0; i < count; i++) {
		const char *reference = read_store_path(reader, "a reference");

		if (!reference)
			return -1;
		words_add(&path->references, reference);
	}
	return 0;
}

static int read_path(struct reader *reader, struct registered_path *path)
{
	const char *name = read_store_path(reader, "a store path");
	unsigned long size;

	if (!name)
		return -1;
	path->path = mem_strdup(name);
	path->line = reader->line;
	if (read_hash(reader, path) < 0 ||
	    read_number(reader, "a NAR size", 1, INT64_MAX, &size) < 0)
		return -1;
	path->nar_size = size;
	if (read_deriver(reader, path) < 0)
		return -1;
	return read_references(reader, path);
}

/* The memory doubles each time: there may be many. */
static struct registered_path *add_path(struct registration *registration)
{
	size_t count = registration->count++;

	if ((count & (count - 1)) == 0)
		registration->paths = mem_grow(registration->paths, count ? 2 * count : 1,
					       sizeof(*registration->paths));
	registration->paths[count] = (struct registered_path){0};
	return &registration->paths[count];
}

static int read_paths(struct reader *reader, struct registration *registration)
{
	while (*reader->at) {
		if (registration->count == REGISTRATION_MAX_PATHS)
			return fail(reader, reader->line + 1, "more than %u store paths",
				    REGISTRATION_MAX_PATHS);
		if (read_path(reader, add_path(registration)) < 0)
			return -1;
	}
	if (registration->count > 0)
		return 0;
	fail(reader, 1, "no store path stands here");
	return -1;
}

/* ---- what the paths are to each other */

static int compare_paths(const void *a, const void *b)
{
	const struct registered_path *left = a, *right = b;

	return strcmp(left->path, right->path);
}

static int check_unique(const struct reader *reader, const struct registration *registration)
{
	for (size_t i = 1; i < registration->count; i++) {
		const struct registered_path *a = &registration->paths[i - 1];
		const struct registered_path *b = &registration->paths[i];
		bool is_ordered = a->line < b->line;

		if (compare_paths(a, b) == 0)
			return fail(reader, is_ordered ? b->line : a->line,
				    "%s stands in line %zu already", a->path,
				    is_ordered ? a->line : b->line);
	}
	return 0;
}

static int check_closed(const struct reader *reader, const struct registration *registration)
{
	for (size_t i = 0; i < registration->count; i++) {
		const struct registered_path *path = &registration->paths[i];

		for (size_t k = 0; k < path->references.count; k++)
			if (!registration_find(registration, path->references.items[k]))
				return fail(reader, path->line + LINES_BEFORE_REFERENCES + k,
					    "%s refers to %s, which is not registered here: the "
					    "closure is not whole",
					    path->path, path->references.items[k]);
	}
	return 0;
}

int registration_parse(const char *text, size_t length, const char *source,
		       struct registration *ret, struct error *error)
{
	CLEANUP_REGISTRATION struct registration registration = {0};
	CLEANUP_FREE char *copy = NULL;
	struct reader reader = {.source = source, .error = error};

	if (length > REGISTRATION_MAX_BYTES)
		return error_set(error, ERROR_USAGE, "%s: more than %u MiB", source,
				 REGISTRATION_MAX_BYTES >> 20);
	if (memchr(text, '\0', length))
		return error_set(error, ERROR_USAGE, "%s: holds a NUL byte", source);
	reader.at = copy = mem_strndup(text, length);
	if (read_paths(&reader, &registration) < 0)
		return -1;
	qsort(registration.paths, registration.count, sizeof(*registration.paths), compare_paths);
	if (check_unique(&reader, &registration) < 0 || check_closed(&reader, &registration) < 0)
		return -1;
	*ret = registration;
	registration = (struct registration){0};
	return 0;
}

void registration_release(struct registration *registration)
{
	for (size_t i = 0; i < registration->count; i++) {
		free(registration->paths[i].path);
		free(registration->paths[i].deriver);
		words_release(&registration->paths[i].references);
	}
	free(registration->paths);
	*registration = (struct registration){0};
}

static int compare_with_name(const void *name, const void *path)
{
	return strcmp(name, ((const struct registered_path *)path)->path);
}

const struct registered_path *registration_find(const struct registration *registration,
						const char *path)
{
	if (registration->count == 0)
		return NULL;
	return bsearch(path, registration->paths, registration->count, sizeof(*registration->paths),
		       compare_with_name);
}

void registration_print(const struct registration *registration, struct strbuf *out)
{
	for (size_t i = 0; i < registration->count; i++) {
		const struct registered_path *path = &registration->paths[i];

		strbuf_printf(out, "%s\n", path->path);
		encoding_base16_encode(path->nar_hash, sizeof(path->nar_hash), out);
		strbuf_printf(out, "\n%" PRIu64 "\n%s\n%zu\n", path->nar_size,
			      path->deriver ? path->deriver : "", path->references.count);
		for (size_t k = 0; k < path->references.count; k++)
			strbuf_printf(out, "%s\n", path->references.items[k]);
	}
}
