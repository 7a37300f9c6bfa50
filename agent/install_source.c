/* SPDX-License-Identifier: Zlib */
/* Where Nix can be installed from. */
#include "agent/install_source.h"

#include <stdlib.h>
#include <string.h>

const struct install_file *install_source_file(const struct install_source *source,
					       const char *system)
{
	for (size_t i = 0; i < source->file_count; i++)
		if (strcmp(source->files[i].system, system) == 0)
			return &source->files[i];
	return NULL;
}

static void release_file(struct install_file *file)
{
	for (char **url = file->urls; url && *url; url++)
		free(*url);
	free(file->urls);
	free(file->system);
}

void install_source_release(struct install_source *source)
{
	for (size_t i = 0; i < source->file_count; i++)
		release_file(&source->files[i]);
	free(source->files);
	free(source->name);
	free(source->flavour);
	free(source->version);
	*source = (struct install_source){0};
}
