/* SPDX-License-Identifier: Zlib */
/* The contract's sources of Nix. */
#include "agent/contract_install.h"

#include <ctype.h>
#include <string.h>

#include "agent/contract.h"
#include "agent/contract_lanes.h"
#include "agent/encoding.h"
#include "agent/json.h"
#include "agent/json_read.h"
#include "agent/mem.h"
#include "agent/nix_profile.h"

#define MAX_WORD_LENGTH 63u
#define MAX_SOURCES 16u
#define MAX_URLS 8u

/* A name or version stands in messages and is part of a store path's name. */
static int read_name(struct json_reader *reader, const struct json *value, void *slot)
{
	const char *text;

	if (json_read_text(reader, value, slot))
		return -1;
	text = *(char **)slot;
	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("._+-", *at))
			return json_read_fail(reader, "may have letters, digits and ._+- alone");
	if (strlen(text) > MAX_WORD_LENGTH)
		return json_read_fail(reader, "is longer than %u characters", MAX_WORD_LENGTH);
	return 0;
}

static int read_kind(struct json_reader *reader, const struct json *value, void *slot)
{
	static const char *const kinds[] = {
		[INSTALL_ARCHIVE] = "archive",
		[INSTALL_INSTALLER] = "determinate-installer",
		NULL,
	};
	int index = json_read_word(reader, value, kinds);

	if (index < 0)
		return -1;
	*(enum install_kind *)slot = (enum install_kind)index;
	return 0;
}

static int read_flavour(struct json_reader *reader, const struct json *value, void *slot)
{
	static const char *const flavours[] = {NIX_FLAVOUR_DETERMINATE, NIX_FLAVOUR_UPSTREAM,
					       NIX_FLAVOUR_LIX, NULL};
	int index = json_read_word(reader, value, flavours);

	if (index < 0)
		return -1;
	*(char **)slot = mem_strdup(flavours[index]);
	return 0;
}

static int read_verified(struct json_reader *reader, const struct json *value, void *slot)
{
	bool is_verified;

	if (json_read_boolean(reader, value, &is_verified))
		return -1;
	*(bool *)slot = !is_verified;
	return 0;
}

static int read_sha256(struct json_reader *reader, const struct json *value, void *slot)
{
	const char *text = json_string(value);

	if (!text || encoding_base16_decode(text, strlen(text), slot, DIGEST_SHA256_BYTES) !=
			     DIGEST_SHA256_BYTES)
		return json_read_fail(reader, "is no SHA-256: 64 hexadecimal digits");
	return 0;
}

static int read_url(struct json_reader *reader, const struct json *value, void *data)
{
	char ***end = data;

	return contract_read_web_url(reader, value, (*end)++);
}

static int read_urls(struct json_reader *reader, const struct json *value, void *slot)
{
	size_t count = json_is_array(value) ? json_count(value) : 0;
	char **urls;

	if (count < 1 || count > MAX_URLS)
		return json_read_fail(reader, "must be an array of 1 to %u URLs", MAX_URLS);
	urls = *(char ***)slot = mem_alloc(count + 1, sizeof(*urls));
	return json_read_each(reader, value, read_url, &urls);
}

static const struct json_field file_fields[] = {
	{"sha256", read_sha256, offsetof(struct install_file, sha256), true},
	{"urls", read_urls, offsetof(struct install_file, urls), true},
	{0},
};

static int read_file(struct json_reader *reader, const struct json *value, void *data)
{
	struct install_source *source = data;
	struct install_file *file = &source->files[source->file_count++];

	file->system = mem_strdup(json_key(value));
	if (!contract_knows_system(file->system))
		return json_read_fail(reader, "is no system that this agent knows");
	return json_read_fields(reader, value, file_fields, file);
}

static int read_files(struct json_reader *reader, const struct json *value, void *data)
{
	struct install_source *source = data;

	if (!json_is_object(value) || json_count(value) == 0)
		return json_read_fail(reader, "must be an object of systems, such as x86_64-linux");
	source->files = mem_alloc(json_count(value), sizeof(*source->files));
	return json_read_each(reader, value, read_file, source);
}

static const struct json_field source_fields[] = {
	{"name", read_name, offsetof(struct install_source, name), true},
	{"kind", read_kind, offsetof(struct install_source, kind), true},
	{"flavour", read_flavour, offsetof(struct install_source, flavour), true},
	{"version", read_name, offsetof(struct install_source, version), true},
	{"verified", read_verified, offsetof(struct install_source, is_unverified), false},
	{"files", read_files, 0, true},
	{0},
};

static int read_source(struct json_reader *reader, const struct json *value, void *data)
{
	struct contract *contract = data;
	struct install_source *source = &contract->install[contract->install_count++];

	if (json_read_fields(reader, value, source_fields, source))
		return -1;
	if (source->kind == INSTALL_INSTALLER &&
	    strcmp(source->flavour, NIX_FLAVOUR_DETERMINATE) != 0)
		return json_read_fail(reader, "Determinate's installer installs the flavour "
					      "determinate");
	return 0;
}

static int read_sources(struct json_reader *reader, const struct json *value, void *data)
{
	struct contract *contract = data;

	if (!json_is_array(value) || json_count(value) > MAX_SOURCES)
		return json_read_fail(reader, "must be an array of at most %u sources",
				      MAX_SOURCES);
	contract->install = mem_alloc(json_count(value), sizeof(*contract->install));
	return json_read_each(reader, value, read_source, contract);
}

static const struct json_field install_fields[] = {
	{"sources", read_sources, 0, true},
	{0},
};

int contract_read_install(struct json_reader *reader, const struct json *install,
			  struct contract *contract)
{
	return json_read_fields(reader, install, install_fields, contract);
}
