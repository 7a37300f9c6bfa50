/* SPDX-License-Identifier: Zlib */
/* Look-ups in a list of public keys. */
#include "agent/nix_keys.h"

#include <stdbool.h>
#include <string.h>

#include "agent/narinfo.h"
#include "agent/words.h"

static bool has_name_of(const char *text, const char *key)
{
	size_t length = strcspn(key, ":");

	return strncmp(text, key, length) == 0 && text[length] == ':';
}

/* By their bytes: base64 may spell one key in several ways. */
static bool is_same_key(const char *text, const char *key)
{
	struct nix_key left, right;

	return nix_key_parse(text, &left) && nix_key_parse(key, &right) &&
	       memcmp(left.bytes, right.bytes, sizeof(left.bytes)) == 0;
}

enum nix_key_standing nix_keys_look_up(const struct words *keys, const char *key,
				       const char **ret_winner)
{
	*ret_winner = NULL;
	for (size_t i = 0; i < keys->count; i++) {
		if (!has_name_of(keys->items[i], key))
			continue;
		*ret_winner = keys->items[i];
		return is_same_key(keys->items[i], key) ? NIX_KEY_TRUSTED : NIX_KEY_SHADOWED;
	}
	return NIX_KEY_ABSENT;
}

void nix_keys_put_first(const struct words *keys, const char *key, struct words *ret)
{
	words_add(ret, key);
	for (size_t i = 0; i < keys->count; i++)
		if (!has_name_of(keys->items[i], key))
			words_add(ret, keys->items[i]);
}
