/* SPDX-License-Identifier: Zlib */
/* Where an entry of a closure archive belongs, by its name alone. Pure.
 *
 *   NAME/store/<hash>-<name>/…, NAME/.reginfo      upstream's binary tarball; other files directly in
 *                                                  NAME/ (its install scripts) are passed over
 *   nix/store/<hash>-<name>/…                      a plain closure
 *
 * In both, outside the store: the registration as .reginfo, registration or nix-path-registration, and
 * determinate-nixd, by their base names. Directories count where they lead to the store, and nothing else
 * is taken. Names are compared byte by byte: a name that differs from "nix" by case alone is refused, as
 * are two store paths that do (unpack.c). Inside a store path such pairs are real (terminfo). */
#pragma once

#include <stdbool.h>

struct error;

#define UNPACK_MAX_PATH 4095u
#define UNPACK_MAX_COMPONENT 255u
#define UNPACK_MAX_DEPTH 64u

struct unpack_place {
	enum unpack_kind {
		UNPACK_NOTHING, /* passed over */
		UNPACK_STORE,
		UNPACK_REGISTRATION,
		UNPACK_NIXD, /* determinate-nixd */
	} kind;
	const char
		*path; /* UNPACK_STORE: what comes behind "store/", in the name that was judged */
};

/* What the entries so far had in common. */
struct unpack_layout {
	char top[UNPACK_MAX_COMPONENT + 1]; /* NAME or "nix"; "" until one was seen */
};

/* Judges NAME, which may end in one '/' where IS_DIRECTORY. Returns 0 and the place, or -1 with ERROR, which does
 * not repeat the name: absolute, an empty, "." or ".." component, control bytes, beyond the bounds above, no
 * valid store path, or no such layout. */
int unpack_place(struct unpack_layout *layout, const char *name, bool is_directory,
		 struct unpack_place *ret, struct error *error);
