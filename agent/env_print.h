/* SPDX-License-Identifier: Zlib */
/* `spinup env`: what the next steps would get, in the form that somebody else reads. */
#pragma once

struct error;
struct result;
struct strbuf;

/* Appends the environment in the format that the options ask for. Variables that stand for files
 * are in it only with a DIRECTORY where these were written. Returns 0, or -1 with ERROR. */
int env_print(const struct result *result, const char *directory, struct strbuf *out,
	      struct error *error);

/* exec: appends each variable as NAME=VALUE with its NUL to the result's handover, and PATH where
 * there is something to put before it. */
int env_hand_over(const struct result *result, struct error *error);
