/* SPDX-License-Identifier: Zlib */
/* An Attic token's own claims: the middle of three base64url parts (RFC 7519). */
#include "agent/jwt.h"

#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/text.h"

#define ATTIC_CLAIM "https://jwt.attic.rs/v1"

/* The claims' JSON, or NULL: not three parts, or the middle is no object. */
static struct json *read_claims(const char *token)
{
	const char *first = strchr(token, '.');
	const char *second = first ? strchr(first + 1, '.') : NULL;
	size_t length = second ? (size_t)(second - first - 1) : 0;
	CLEANUP_FREE uint8_t *bytes = NULL;
	CLEANUP_JSON struct json *claims = NULL;
	ptrdiff_t size;

	if (!length || first == token || strchr(second + 1, '.') || strlen(token) > JWT_MAX_BYTES)
		return NULL;
	bytes = mem_alloc(length, 1);
	size = encoding_base64url_decode(first + 1, length, bytes, length);
	if (size <= 0 || json_parse((const char *)bytes, (size_t)size, "token", &claims, NULL))
		return NULL;
	return json_is_object(claims) ? TAKE(claims) : NULL;
}

/* The permission object that decides for CACHE, or NULL. */
static const struct json *find_permission(const struct json *caches, const char *cache)
{
	const struct json *entry = json_member(caches, cache);

	for (size_t i = 0; !entry && i < json_count(caches); i++) {
		const struct json *candidate = json_at(caches, i);

		if (text_matches_wildcard(cache, json_key(candidate)))
			entry = candidate;
	}
	return entry;
}

/* Attic writes 1 and 0; absent is no. */
static bool is_granted(const struct json *permission, const char *right)
{
	const struct json *value = json_member(permission, right);
	int64_t number;

	return json_boolean(value) == 1 || (json_integer(value, &number) && number == 1);
}

bool attic_token_read(const char *token, const char *cache, struct attic_token *ret)
{
	CLEANUP_JSON struct json *claims = read_claims(token);
	const struct json *own = json_member(claims, ATTIC_CLAIM);
	const struct json *caches = json_member(own, "caches");
	const struct json *permission;

	*ret = (struct attic_token){0};
	if (!claims)
		return false;
	ret->has_expiry = json_integer(json_member(claims, "exp"), &ret->expiry);
	ret->has_not_before = json_integer(json_member(claims, "nbf"), &ret->not_before);
	ret->has_permissions = json_is_object(caches);
	if (!ret->has_permissions)
		return true;
	permission = find_permission(caches, cache);
	if (!permission)
		return true;
	(void)snprintf(ret->pattern, sizeof(ret->pattern), "%s", json_key(permission));
	ret->may_pull = is_granted(permission, "r");
	ret->may_push = is_granted(permission, "w");
	return true;
}
