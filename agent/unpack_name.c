/* SPDX-License-Identifier: Zlib */
/* Names in a closure archive. */
#include "agent/unpack_name.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/narinfo.h"

#define PLAIN_TOP "nix"
#define STORE "store"

static int refuse(struct error *error, const char *reason)
{
	return error_set(error, ERROR_AGENT, "%s", reason);
}

static int check_component(const char *text, size_t length, struct error *error)
{
	if (length == 0)
		return refuse(error, "a name with an empty component is refused");
	if (length == 1 && text[0] == '.')
		return refuse(error, "a name with \".\" in it is refused: pack nix/store itself, "
				     "as `tar -C / -c nix/store/…` does");
	if (length == 2 && text[0] == '.' && text[1] == '.')
		return refuse(error, "a name with \"..\" in it is refused");
	if (length > UNPACK_MAX_COMPONENT)
		return refuse(error, "a name with a component over 255 bytes is refused");
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return refuse(error, "a name with control characters is refused");
	return 0;
}

static int check_shape(const char *name, size_t length, struct error *error)
{
	unsigned int depth = 0;

	if (length > UNPACK_MAX_PATH)
		return refuse(error, "a name over 4095 bytes is refused");
	if (name[0] == '/')
		return refuse(error, "an absolute name is refused");
	for (size_t at = 0; at <= length; depth++) {
		const char *slash = memchr(name + at, '/', length - at);
		size_t end = slash ? (size_t)(slash - name) : length;

		if (check_component(name + at, end - at, error) < 0)
			return -1;
		at = end + 1;
	}
	if (depth > UNPACK_MAX_DEPTH)
		return refuse(error, "a name of more than 64 components is refused");
	return 0;
}

/* The archive's one top directory. */
static int set_top(struct unpack_layout *layout, const char *name, size_t length,
		   struct error *error)
{
	if (layout->top[0]) {
		if (strlen(layout->top) == length && memcmp(layout->top, name, length) == 0)
			return 0;
		return refuse(error, "a second top directory is refused");
	}
	if (length == strlen(PLAIN_TOP) && strncasecmp(name, PLAIN_TOP, length) == 0 &&
	    memcmp(name, PLAIN_TOP, length) != 0)
		return refuse(error, "a closure lies in nix/store, spelled like that");
	memcpy(layout->top, name, length);
	layout->top[length] = '\0';
	return 0;
}

static int unknown(struct error *error)
{
	return refuse(error, "this is neither in the store nor the registration nor "
			     "determinate-nixd; a closure archive has nothing else");
}

static bool is_registration(const char *base)
{
	return strcmp(base, ".reginfo") == 0 || strcmp(base, "registration") == 0 ||
	       strcmp(base, "nix-path-registration") == 0;
}

/* PATH: behind "store/". */
static int check_store_path(const char *path, struct error *error)
{
	CLEANUP_FREE char *whole =
		mem_format("%s/%.*s", NIX_STORE_DIRECTORY, (int)strcspn(path, "/"), path);

	if (!nix_store_path_is_valid(whole))
		return refuse(error, "what lies in the store must be called <hash>-<name>");
	return 0;
}

/* What lies behind "NAME/store", or NULL where NAME is outside it. */
static const char *behind_store(const char *name, size_t top_length)
{
	const char *rest = name + top_length;
	size_t length = strlen("/" STORE);

	if (strncmp(rest, "/" STORE, length) != 0 || (rest[length] && rest[length] != '/'))
		return NULL;
	return rest + length;
}

static int place_in_store(const char *rest, bool is_directory, struct unpack_place *ret,
			  struct error *error)
{
	if (*rest == '\0' || strcmp(rest, "/") == 0) {
		if (!is_directory)
			return refuse(error, "the store must be a directory");
		*ret = (struct unpack_place){.kind = UNPACK_NOTHING};
		return 0;
	}
	if (check_store_path(rest + 1, error) < 0)
		return -1;
	*ret = (struct unpack_place){.kind = UNPACK_STORE, .path = rest + 1};
	return 0;
}

static int place_file(struct unpack_layout *layout, const char *name, size_t top_length,
		      struct unpack_place *ret, struct error *error)
{
	const char *base = strrchr(name, '/');
	struct unpack_place place = {.kind = UNPACK_NOTHING};

	base = base ? base + 1 : name;
	if (is_registration(base))
		place.kind = UNPACK_REGISTRATION;
	else if (strcmp(base, "determinate-nixd") == 0)
		place.kind = UNPACK_NIXD;
	else if (base != name + top_length + 1) /* not directly in the top directory */
		return unknown(error);
	else if (set_top(layout, name, top_length, error) < 0)
		return -1;
	else if (strcmp(layout->top, PLAIN_TOP) == 0)
		return unknown(error);
	*ret = place;
	return 0;
}

int unpack_place(struct unpack_layout *layout, const char *name, bool is_directory,
		 struct unpack_place *ret, struct error *error)
{
	size_t top_length = strcspn(name, "/"), length = strlen(name);
	const char *rest;

	if (is_directory && length > 1 && name[length - 1] == '/')
		length--;
	if (check_shape(name, length, error) < 0)
		return -1;
	rest = behind_store(name, top_length);
	if (!rest && !is_directory)
		return place_file(layout, name, top_length, ret, error);
	if (!rest && top_length < length)
		return unknown(error);
	if (set_top(layout, name, top_length, error) < 0)
		return -1;
	if (rest)
		return place_in_store(rest, is_directory, ret, error);
	*ret = (struct unpack_place){.kind = UNPACK_NOTHING};
	return 0;
}
