/* SPDX-License-Identifier: Zlib */
/* Nix's list of trusted public keys: of several keys with one name it takes the first
 * (getDefaultPublicKeys). */
#pragma once

struct words;

enum nix_key_standing {
	NIX_KEY_ABSENT,   /* no key of this name */
	NIX_KEY_TRUSTED,  /* the key itself is the first of its name */
	NIX_KEY_SHADOWED, /* another key of the same name comes first */
};

/* How KEY ("name:base64") stands in KEYS. RET_WINNER is the first key of its name in KEYS (borrowed),
 * or NULL. */
enum nix_key_standing nix_keys_look_up(const struct words *keys, const char *key,
				       const char **ret_winner);

/* Adds KEY to RET, then all of KEYS but those of KEY's name: as a list in which KEY counts. */
void nix_keys_put_first(const struct words *keys, const char *key, struct words *ret);
