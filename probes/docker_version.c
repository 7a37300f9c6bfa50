/* SPDX-License-Identifier: Zlib */
/* The answer to GET /version (Docker Engine API, SystemVersion). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/json.h"
#include "probes/docker.h"

#define DIGITS "0123456789"
#define VERSION_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS ".+~_-"
#define MAX_DIGITS 4u

/* Copies the member NAME where it consists of version characters alone, and is not too long. */
static bool take(const struct json *document, const char *name, char *ret, size_t size)
{
	const char *text = json_string(json_member(document, name));

	if (!text || !*text || strlen(text) >= size || text[strspn(text, VERSION_CHARACTERS)])
		return false;
	(void)snprintf(ret, size, "%s", text);
	return true;
}

bool docker_api_is_version(const char *text)
{
	size_t major = strspn(text, DIGITS);
	size_t minor = text[major] == '.' ? strspn(text + major + 1, DIGITS) : 0;

	return major && minor && major <= MAX_DIGITS && minor <= MAX_DIGITS &&
	       !text[major + 1 + minor];
}

int docker_api_compare(const char *left, const char *right)
{
	char *left_rest, *right_rest;
	long major = strtol(left, &left_rest, 10) - strtol(right, &right_rest, 10);
	long minor = strtol(left_rest + 1, NULL, 10) - strtol(right_rest + 1, NULL, 10);

	return (int)(major ? major : minor);
}

bool docker_version_read(const char *text, size_t length, struct docker_version *ret)
{
	struct docker_version version = {0};
	CLEANUP_JSON struct json *document = NULL;
	char os[32], architecture[32];

	if (json_parse(text, length, "/version", &document, NULL) < 0 ||
	    !take(document, "Version", version.version, sizeof(version.version)) ||
	    !take(document, "ApiVersion", version.api, sizeof(version.api)) ||
	    !docker_api_is_version(version.api))
		return false;
	if (take(document, "MinAPIVersion", version.oldest_api, sizeof(version.oldest_api)) &&
	    !docker_api_is_version(version.oldest_api))
		return false;
	if (take(document, "Os", os, sizeof(os)) &&
	    take(document, "Arch", architecture, sizeof(architecture)))
		(void)snprintf(version.system, sizeof(version.system), "%s/%s", os, architecture);
	*ret = version;
	return true;
}
