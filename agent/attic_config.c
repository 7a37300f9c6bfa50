/* SPDX-License-Identifier: Zlib */
/* Attic's cache-config JSON and its error JSON. */
#include "agent/attic_config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_NAME_LENGTH 50u
#define MAX_UPSTREAM_BYTES 2048u

bool attic_cache_name_is_valid(const char *name)
{
	size_t length = 0;

	if (!isalnum((unsigned char)*name))
		return false;
	while (isalnum((unsigned char)name[length]) ||
	       (name[length] && strchr("-_+", name[length])))
		length++;
	return !name[length] && length <= MAX_NAME_LENGTH;
}

static int wrong_type(struct error *error, const char *name, const char *wanted)
{
	return error_set(error, ERROR_USAGE, "\"%s\" is not %s", name, wanted);
}

/* Attic's own serialiser leaves absent members out, but null means the same to its reader. */
static const struct json *present(const struct json *object, const char *name)
{
	const struct json *member = json_member(object, name);

	return json_is_null(member) ? NULL : member;
}

static int read_text(const struct json *object, const char *name, char **ret, struct error *error)
{
	const struct json *member = present(object, name);

	if (!member)
		return 0;
	if (!json_string(member))
		return wrong_type(error, name, "a string");
	*ret = mem_strdup(json_string(member));
	return 0;
}

static int read_numbers(const struct json *object, struct attic_config *config, struct error *error)
{
	const struct json *is_public = present(object, "is_public");
	const struct json *priority = present(object, "priority");

	if (is_public && (config->is_public = json_boolean(is_public)) < 0)
		return wrong_type(error, "is_public", "a boolean");
	if (priority && (!json_integer(priority, &config->priority) || config->priority < 0))
		return wrong_type(error, "priority", "a whole number");
	return 0;
}

static int read_upstream_keys(const struct json *object, struct attic_config *config,
			      struct error *error)
{
	const struct json *names = present(object, "upstream_cache_key_names");
	struct strbuf CLEANUP_STRBUF out = STRBUF_INIT(MAX_UPSTREAM_BYTES);

	if (!names)
		return 0;
	if (!json_is_array(names))
		return wrong_type(error, "upstream_cache_key_names", "an array");
	for (size_t i = 0; i < json_count(names); i++) {
		const char *name = json_string(json_at(names, i));

		if (!name)
			return wrong_type(error, "upstream_cache_key_names", "an array of strings");
		if (out.length)
			strbuf_putc(&out, '\n');
		text_clean(&out, name, 100);
	}
	config->upstream_keys = strbuf_take(&out);
	return 0;
}

/* "Global" or {"Period": seconds}. */
static int read_retention(const struct json *object, struct attic_config *config,
			  struct error *error)
{
	const struct json *retention = present(object, "retention_period");
	const char *word = json_string(retention);

	if (!retention)
		return 0;
	config->has_global_retention = word && strcmp(word, "Global") == 0;
	if (config->has_global_retention ||
	    json_integer(json_member(retention, "Period"), &config->retention_seconds))
		return 0;
	return wrong_type(error, "retention_period", "\"Global\" or {\"Period\": seconds}");
}

static bool looks_like_attic(const struct json *object)
{
	return json_member(object, "substituter_endpoint") || json_member(object, "api_endpoint") ||
	       json_member(object, "public_key") || json_member(object, "is_public") ||
	       json_member(object, "store_dir");
}

static int read_all(const struct json *object, struct attic_config *config, struct error *error)
{
	if (read_text(object, "substituter_endpoint", &config->substituter_endpoint, error) ||
	    read_text(object, "api_endpoint", &config->api_endpoint, error) ||
	    read_text(object, "public_key", &config->public_key, error) ||
	    read_text(object, "store_dir", &config->store_dir, error))
		return -1;
	if (read_numbers(object, config, error) || read_upstream_keys(object, config, error))
		return -1;
	return read_retention(object, config, error);
}

int attic_config_parse(const char *text, size_t length, struct attic_config *ret,
		       enum attic_answer_kind *ret_kind, struct error *error)
{
	CLEANUP(attic_config_release)
	struct attic_config config = {.is_public = -1, .priority = -1, .retention_seconds = -1};
	CLEANUP_JSON struct json *document = NULL;

	*ret_kind = ATTIC_ANSWER_NOT_JSON;
	if (length > ATTIC_CONFIG_MAX_BYTES)
		return error_set(error, ERROR_USAGE, "larger than 64 KiB");
	if (json_parse(text, length, "answer", &document, error))
		return -1;
	*ret_kind = looks_like_attic(document) ? ATTIC_ANSWER_ATTIC : ATTIC_ANSWER_OTHER_JSON;
	if (*ret_kind == ATTIC_ANSWER_OTHER_JSON)
		return error_set(error, ERROR_USAGE, "JSON without any member of Attic's");
	if (read_all(document, &config, error))
		return -1;
	*ret = config;
	config = (struct attic_config){0};
	return 0;
}

void attic_config_release(struct attic_config *config)
{
	free(config->substituter_endpoint);
	free(config->api_endpoint);
	free(config->public_key);
	free(config->store_dir);
	free(config->upstream_keys);
	*config = (struct attic_config){0};
}

static bool is_error_name(const char *name)
{
	size_t length = 0;

	while (isalnum((unsigned char)name[length]))
		length++;
	return length && !name[length] && length < sizeof(((struct attic_error *)0)->name);
}

bool attic_error_parse(const char *text, size_t length, struct attic_error *ret)
{
	CLEANUP_JSON struct json *document = NULL;
	CLEANUP_FREE char *message = NULL;
	const char *name;

	if (length > ATTIC_CONFIG_MAX_BYTES || json_parse(text, length, "answer", &document, NULL))
		return false;
	name = json_string(json_member(document, "error"));
	message = text_cleaned(json_string(json_member(document, "message")),
			       sizeof(ret->message) - 1);
	if (!name || !is_error_name(name) ||
	    !json_integer(json_member(document, "code"), &ret->code))
		return false;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	(void)snprintf(ret->message, sizeof(ret->message), "%s", message ? message : "");
	return true;
}
