/* SPDX-License-Identifier: Zlib */
/* The platform contract: read strictly, by tables of members. */
#include "agent/contract.h"

#include <errno.h>
#include <string.h>

#include "agent/attic_config.h"
#include "agent/cleanup.h"
#include "agent/contract_data.h"
#include "agent/contract_install.h"
#include "agent/contract_lanes.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/json_read.h"
#include "agent/mem.h"
#include "agent/named_path.h"
#include "agent/narinfo.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/url.h"

#define CONTRACT_VERSION 1
#define MAX_CONTRACT_BYTES (1u << 20)
#define MAX_MEBIBYTES (1 << 30) /* a pebibyte */

static int read_version(struct json_reader *reader, const struct json *value, void *slot)
{
	int64_t *version = slot;

	if (!json_integer(value, version))
		return json_read_fail(reader, "must be a whole number");
	if (*version != CONTRACT_VERSION)
		return json_read_fail(reader,
				      "version %lld is not known; this agent reads version %d",
				      (long long)*version, CONTRACT_VERSION);
	return 0;
}

int contract_read_mebibytes(struct json_reader *reader, const struct json *value, void *slot)
{
	int64_t *bytes = slot;

	if (json_read_integer(reader, value, bytes))
		return -1;
	if (*bytes > MAX_MEBIBYTES)
		return json_read_fail(reader, "is more than a pebibyte");
	*bytes <<= 20;
	return 0;
}

/* A URL without user info whose scheme is one of SCHEMES (as in "http https"). */
static int read_url(struct json_reader *reader, const struct json *value, const char *schemes,
		    char **slot)
{
	CLEANUP(url_release) struct url url = {0};
	struct error why = {0};

	if (json_read_text(reader, value, slot))
		return -1;
	if (url_parse(*slot, &url, &why))
		return json_read_fail(reader, "%s", why.message);
	if (url.user)
		return json_read_fail(reader, "a URL of the contract holds no user or password");
	if (!strstr(schemes, url.scheme))
		return json_read_fail(reader, "the scheme must be one of: %s", schemes);
	return 0;
}

int contract_read_web_url(struct json_reader *reader, const struct json *value, void *slot)
{
	return read_url(reader, value, "http https", slot);
}

static int read_bazel_url(struct json_reader *reader, const struct json *value, void *slot)
{
	return read_url(reader, value, "grpc grpcs http https", slot);
}

static int read_cache(struct json_reader *reader, const struct json *value, void *slot)
{
	if (json_read_text(reader, value, slot))
		return -1;
	if (!attic_cache_name_is_valid(*(char **)slot))
		return json_read_fail(reader, "is no name of a cache: letters, digits and -_+, at "
					      "most 50, the first a letter or digit");
	return 0;
}

static int read_keys(struct json_reader *reader, const struct json *value, void *slot)
{
	struct nix_key key;

	if (json_read_texts(reader, value, slot))
		return -1;
	for (char **text = *(char ***)slot; *text; text++)
		if (!nix_key_parse(*text, &key))
			return json_read_fail(reader,
					      "element %zu is no key: name:base64 of 32 bytes",
					      (size_t)(text - *(char ***)slot));
	return 0;
}

static int read_store_path(struct json_reader *reader, const struct json *value, void *slot)
{
	if (json_read_text(reader, value, slot))
		return -1;
	if (!nix_store_path_is_valid(*(char **)slot))
		return json_read_fail(reader, "is no store path: /nix/store/<hash>-<name>");
	return 0;
}

static const struct json_field attic_fields[] = {
	{"cluster_url", contract_read_web_url, offsetof(struct contract, attic_cluster_url), true},
	{"public_url", contract_read_web_url, offsetof(struct contract, attic_public_url), false},
	{"cache", read_cache, offsetof(struct contract, attic_cache), true},
	{"canary", read_store_path, offsetof(struct contract, attic_canary), false},
	{"keys", read_keys, offsetof(struct contract, attic_keys), true},
	{"retired_keys", read_keys, offsetof(struct contract, attic_retired_keys), false},
	{0},
};

static const struct json_field bazel_fields[] = {
	{"cluster_url", read_bazel_url, offsetof(struct contract, bazel_cluster_url), true},
	{0},
};

static const struct json_field flakehub_fields[] = {
	{"publication_url", contract_read_web_url, offsetof(struct contract, flakehub_url), true},
	{0},
};

static int read_attic(struct json_reader *reader, const struct json *value, void *contract)
{
	return json_read_fields(reader, value, attic_fields, contract);
}

static int read_bazel(struct json_reader *reader, const struct json *value, void *contract)
{
	return json_read_fields(reader, value, bazel_fields, contract);
}

static int read_flakehub(struct json_reader *reader, const struct json *value, void *contract)
{
	return json_read_fields(reader, value, flakehub_fields, contract);
}

static int read_lanes(struct json_reader *reader, const struct json *value, void *contract)
{
	return contract_read_lanes(reader, value, contract);
}

static int read_install(struct json_reader *reader, const struct json *value, void *contract)
{
	return contract_read_install(reader, value, contract);
}

static int read_rule(struct json_reader *reader, const struct json *value, void *slot)
{
	char **rule = slot;

	if (json_read_text(reader, value, rule))
		return -1;
	if (strcmp(*rule, CONTRACT_RULE_PUBLIC_BAZEL) != 0 &&
	    strcmp(*rule, CONTRACT_RULE_LOCALHOST) != 0)
		return json_read_fail(reader, "is no rule that this agent knows; allowed: %s, %s",
				      CONTRACT_RULE_PUBLIC_BAZEL, CONTRACT_RULE_LOCALHOST);
	return 0;
}

static const struct json_field out_of_contract_fields[] = {
	{"match", json_read_text, offsetof(struct out_of_contract, match), false},
	{"rule", read_rule, offsetof(struct out_of_contract, rule), false},
	{"reason", json_read_text, offsetof(struct out_of_contract, reason), true},
	{"replacement", json_read_text, offsetof(struct out_of_contract, replacement), false},
	{0},
};

static int read_out_of_contract_row(struct json_reader *reader, const struct json *value,
				    void *data)
{
	struct contract *contract = data;
	struct out_of_contract *row = &contract->out_of_contract[contract->out_of_contract_count++];

	if (json_read_fields(reader, value, out_of_contract_fields, row))
		return -1;
	if (!row->match == !row->rule)
		return json_read_fail(reader, "must have one of \"match\" and \"rule\"");
	if (!row->replacement)
		row->replacement = mem_strdup("");
	return 0;
}

static int read_out_of_contract(struct json_reader *reader, const struct json *value, void *data)
{
	struct contract *contract = data;

	if (!json_is_array(value))
		return json_read_fail(reader, "must be an array");
	contract->out_of_contract =
		mem_alloc(json_count(value), sizeof(*contract->out_of_contract));
	return json_read_each(reader, value, read_out_of_contract_row, contract);
}

static const struct json_field contract_fields[] = {
	{"version", read_version, offsetof(struct contract, version), true},
	{"attic", read_attic, 0, true},
	{"bazel", read_bazel, 0, true},
	{"flakehub", read_flakehub, 0, false},
	{"heavy_memory_mib", contract_read_mebibytes, offsetof(struct contract, heavy_memory_bytes),
	 true},
	{"install", read_install, 0, false},
	{"lanes", read_lanes, 0, true},
	{"fossils", json_read_texts, offsetof(struct contract, fossils), false},
	{"out_of_contract", read_out_of_contract, 0, false},
	{0},
};

static bool contains(char *const *texts, const char *text)
{
	for (; texts && *texts; texts++)
		if (strcmp(*texts, text) == 0)
			return true;
	return false;
}

/* What one member alone cannot tell. */
static int check_whole(struct json_reader *reader, const struct contract *contract)
{
	for (char **key = contract->attic_retired_keys; key && *key; key++) {
		if (!contains(contract->attic_keys, *key))
			continue;
		strbuf_puts(&reader->pointer, "/attic/retired_keys");
		return json_read_fail(reader, "%s is pinned too", *key);
	}
	for (size_t i = 0; i < contract->lane_count; i++) {
		if (!contains(contract->fossils, contract->lanes[i].label))
			continue;
		strbuf_puts(&reader->pointer, "/fossils");
		return json_read_fail(reader, "%s is a lane too", contract->lanes[i].label);
	}
	return 0;
}

/* Which version it is decides how the rest is to be read: it comes first, wherever it stands. */
static int read_whole(struct json_reader *reader, const struct json *document,
		      struct contract *contract)
{
	const struct json *version = json_member(document, "version");

	if (version) {
		strbuf_puts(&reader->pointer, "/version");
		if (read_version(reader, version, &contract->version))
			return -1;
		strbuf_clear(&reader->pointer);
	}
	if (json_read_fields(reader, document, contract_fields, contract))
		return -1;
	return check_whole(reader, contract);
}

static int parse(struct contract *contract, const char *text, size_t length, struct error *error)
{
	CLEANUP(json_reader_release)
	struct json_reader reader = JSON_READER_INIT(contract->source, error);
	CLEANUP_JSON struct json *document = NULL;

	if (json_parse(text, length, contract->source, &document, error))
		return -1;
	return read_whole(&reader, document, contract);
}

static int read_text(struct strbuf *out, const struct root *root, const char *path,
		     struct error *error)
{
	CLEANUP_FREE char *whole = path ? named_path(path) : NULL;

	if (!path) {
		strbuf_add(out, contract_text, contract_text_length);
		return 0;
	}
	if (!whole)
		return error_set(
			error, ERROR_USAGE,
			"--contract %s: the working directory is gone; name the file from /", path);
	if (root_read(root, whole, out))
		return error_set(error, error_code_for(errno), "--contract %s: %s", path,
				 errno == ENOENT ? "there is no such file" : strerror(errno));
	return 0;
}

int contract_read(struct contract *ret, const struct root *root, const char *path,
		  struct error *error)
{
	CLEANUP(contract_release) struct contract contract = {0};
	struct strbuf CLEANUP_STRBUF text = STRBUF_INIT(MAX_CONTRACT_BYTES);

	contract.source = mem_strdup(path ? path : "built in");
	if (read_text(&text, root, path, error))
		return -1;
	if (parse(&contract, text.data, text.length, error))
		return -1;
	contract.text = strbuf_take(&text);
	*ret = contract;
	contract = (struct contract){0};
	return 0;
}

static void free_texts(char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free(texts[i]);
	free(texts);
}

static void free_out_of_contract(struct contract *contract)
{
	for (size_t i = 0; i < contract->out_of_contract_count; i++) {
		struct out_of_contract *row = &contract->out_of_contract[i];

		free(row->match);
		free(row->rule);
		free(row->reason);
		free(row->replacement);
	}
	free(contract->out_of_contract);
}

void contract_release(struct contract *contract)
{
	for (size_t i = 0; i < contract->lane_count; i++)
		lane_release(&contract->lanes[i]);
	free(contract->lanes);
	for (size_t i = 0; i < contract->install_count; i++)
		install_source_release(&contract->install[i]);
	free(contract->install);
	free_out_of_contract(contract);
	free_texts(contract->attic_keys);
	free_texts(contract->attic_retired_keys);
	free_texts(contract->fossils);
	free(contract->source);
	free(contract->attic_cluster_url);
	free(contract->attic_public_url);
	free(contract->attic_cache);
	free(contract->attic_canary);
	free(contract->bazel_cluster_url);
	free(contract->flakehub_url);
	free(contract->text);
	*contract = (struct contract){0};
}

const struct out_of_contract *contract_forbids(const struct contract *contract, const char *value)
{
	CLEANUP(url_release) struct url url = {0};
	CLEANUP_FREE char *host_and_port = NULL;

	if (!url_parse(value, &url, NULL))
		host_and_port = mem_format("%s:%u", url.host, url.port);
	for (size_t i = 0; i < contract->out_of_contract_count; i++) {
		const struct out_of_contract *row = &contract->out_of_contract[i];

		if (!row->match)
			continue;
		if (text_matches_wildcard(value, row->match))
			return row;
		if (host_and_port && (text_matches_wildcard(url.host, row->match) ||
				      text_matches_wildcard(host_and_port, row->match)))
			return row;
	}
	return NULL;
}

const struct out_of_contract *contract_rule(const struct contract *contract, const char *rule)
{
	for (size_t i = 0; i < contract->out_of_contract_count; i++) {
		const struct out_of_contract *row = &contract->out_of_contract[i];

		if (row->rule && strcmp(row->rule, rule) == 0)
			return row;
	}
	return NULL;
}
