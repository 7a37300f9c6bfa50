/* SPDX-License-Identifier: Zlib */
/* A sandbox with the filters of several profiles, as a whole run would have made them. */
#pragma once

#include "agent/sandbox.h"

static inline struct sandbox *prepared(unsigned int profiles, bool is_openat2_allowed)
{
	struct sandbox *sandbox = sandbox_new(is_openat2_allowed);

	for (unsigned int profile = 0; profile < SANDBOX_PROFILE_COUNT; profile++)
		if (profiles & 1u << profile)
			sandbox_prepare(sandbox, (enum sandbox_profile)profile);
	return sandbox;
}
