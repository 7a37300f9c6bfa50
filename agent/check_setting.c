/* SPDX-License-Identifier: Zlib */
/* Settings of endpoints in files of any kind, found by their names. */
#include "agent/check_setting.h"

#include <ctype.h>
#include <string.h>

#include "agent/check_text.h"
#include "agent/cleanup.h"
#include "agent/contract.h"
#include "agent/endpoint_host.h"
#include "agent/mem.h"
#include "agent/text.h"
#include "agent/url.h"

#define VALUE_ENDS " \t\r\v\f\"'`<>(),;|\\&"

static const struct setting {
	const char *name;
	bool is_bazel; /* the rules for Bazel's endpoints hold */
} settings[] = {
	{"BAZEL_REMOTE_CACHE", true}, {"BAZEL_REMOTE_EXECUTOR", true}, {"--remote_cache", true},
	{"--remote_executor", true},  {"ATTIC_SERVER", false},         {"ATTIC_CACHE", false},
};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

const char *check_setting_name(size_t index)
{
	return index < SETTING_COUNT ? settings[index].name : NULL;
}

static bool is_name_character(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Up to where the value goes; a '}' ends it that was not opened in it. */
static size_t value_length(const char *value)
{
	size_t length = strcspn(value, VALUE_ENDS);
	const char *open = memchr(value, '{', length);
	const char *close = memchr(value, '}', length);

	return close && (!open || close < open) ? (size_t)(close - value) : length;
}

/* The value that is set at AT, behind a setting's name, and its length; NULL where none is. *RET_SIGN
 * is what stands between: '=', ':' or ' '. A shell's default value ("${NAME:-value}") is one, too. */
static const char *value_at(const char *at, bool is_flag, char *ret_sign, size_t *ret_length)
{
	const char *sign = at + (*at == '"' || *at == '\'');

	sign += strspn(sign, " \t");
	if (*sign != '=' && *sign != ':' && !(is_flag && sign > at))
		return NULL;
	*ret_sign = *sign == '=' || *sign == ':' ? *sign : ' ';
	at = sign + (*ret_sign != ' ');
	if (*ret_sign == ':' && (*at == '-' || *at == '='))
		at++;
	at += strspn(at, " \t\"'");
	*ret_length = value_length(at);
	return *ret_length ? at : NULL;
}

/* ---- values */

/* Bazel takes a bare "host:port" for grpcs://. */
static int parse_endpoint(const char *value, struct url *ret)
{
	CLEANUP_FREE char *whole = NULL;

	if (strstr(value, "://"))
		return url_parse(value, ret, NULL);
	whole = mem_format("grpcs://%s", value);
	return url_parse(whole, ret, NULL);
}

static const struct out_of_contract *rule_for(const struct contract *contract, const char *value)
{
	CLEANUP(url_release) struct url url = {0};

	if (parse_endpoint(value, &url) < 0)
		return NULL;
	if (endpoint_host_is_local(url.host))
		return contract_rule(contract, CONTRACT_RULE_LOCALHOST);
	if (endpoint_host_is_private(url.host))
		return NULL;
	/* What a pattern rules out is said already, with the better reason. */
	return contract_forbids(contract, value)
		       ? NULL
		       : contract_rule(contract, CONTRACT_RULE_PUBLIC_BAZEL);
}

/* "${NAME}", which a shell would expand; GitHub's "${{ … }}" is another thing. */
static bool has_placeholder(const char *value)
{
	for (const char *at = strstr(value, "${"); at; at = strstr(at + 1, "${"))
		if (at[2] != '{')
			return true;
	return false;
}

static const struct out_of_contract *placeholder_row(const struct contract *contract)
{
	for (size_t i = 0; i < contract->out_of_contract_count; i++)
		if (contract->out_of_contract[i].match &&
		    strstr(contract->out_of_contract[i].match, "${"))
			return &contract->out_of_contract[i];
	return NULL;
}

static bool is_workflow(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash ? slash + 1 : file;

	if (!text_ends_with(file, ".yml") && !text_ends_with(file, ".yaml"))
		return false;
	return strstr(file, ".github/") || text_starts_with(name, "action.");
}

/* Whether FILE takes the value as it stands: a workflow's "NAME: value", and Bazel's rc files. */
static bool is_taken_literally(const char *file, char sign)
{
	return text_ends_with(file, "bazelrc") || (sign == ':' && is_workflow(file));
}

static const struct out_of_contract *
judge(const struct check_text *text, const struct setting *setting, const char *value, char sign)
{
	if (strchr(value, '$'))
		return has_placeholder(value) && is_taken_literally(text->file, sign)
			       ? placeholder_row(text->contract)
			       : NULL;
	return setting->is_bazel ? rule_for(text->contract, value) : NULL;
}

static void check(struct check_text *text, const struct setting *setting, const char *line)
{
	size_t length = strlen(setting->name);
	bool is_flag = *setting->name == '-';

	for (const char *at = strstr(line, setting->name); at; at = strstr(at, setting->name)) {
		bool is_whole = (at == line || !is_name_character(at[-1])) &&
				!is_name_character(at[length]);
		const char *value;
		size_t count;
		char sign;

		at += length;
		value = is_whole ? value_at(at, is_flag, &sign, &count) : NULL;
		if (value) {
			CLEANUP_FREE char *copy = mem_strndup(value, count);
			const struct out_of_contract *row = judge(text, setting, copy, sign);

			if (row)
				check_text_hit(text, (size_t)(value - line), copy, row);
		}
	}
}

void check_setting_line(struct check_text *text, const char *line)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		check(text, &settings[i], line);
}
