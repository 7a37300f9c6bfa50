/* SPDX-License-Identifier: Zlib */
/* What spinup has installed, held against its registration once more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct installation;
struct registration;

struct install_verdict {
	bool is_known;  /* there is a registration of ours */
	size_t count;   /* of its paths */
	uint64_t bytes; /* of their archives */
	size_t damaged; /* how many hold something else, or are not there */
	char *first;    /* one of these; the caller frees */
};

/* Keeps a registration for later. Returns 0, or -1 with ERROR. */
int install_verify_keep(const struct installation *installation,
			const struct registration *registration, struct error *error);

/* Returns 0 and RET, or -1 with ERROR: the registration that was kept is damaged. */
int install_verify(const struct installation *installation, struct install_verdict *ret,
		   struct error *error);
