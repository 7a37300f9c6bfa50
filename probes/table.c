/* SPDX-License-Identifier: Zlib */
/* The one list of probes, in the order in which a page shows them. */
#include "probes/table.h"

#include <string.h>

extern const struct probe probe_system, probe_nix, probe_toolchain, probe_dns, probe_attic,
	probe_substituters, probe_bazel, probe_docker, probe_kvm, probe_gpu;

const struct probe *const probe_table[] = {
	&probe_system, &probe_nix,    &probe_toolchain,
	&probe_dns,    &probe_attic,  &probe_substituters,
	&probe_bazel,  &probe_docker, &probe_kvm,
	&probe_gpu,    NULL,
};

const struct probe *probe_find(const char *name)
{
	for (size_t i = 0; probe_table[i]; i++)
		if (strcmp(probe_table[i]->name, name) == 0)
			return probe_table[i];
	return NULL;
}
