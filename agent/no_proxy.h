/* SPDX-License-Identifier: Zlib */
/* The list of hosts that no proxy is used for: no_proxy, NO_PROXY. */
#pragma once

#include <stdbool.h>

struct context;

/* Whether the list excepts HOST (lower case, without brackets): "*" alone is every host, a name is itself
 * and all below it, an address is itself, and ADDRESS/BITS all that begin so. */
bool no_proxy_holds(const char *list, const char *host);

/* What excepts HOST: the cluster's suffix (".svc.cluster.local") where HOST is below one, else HOST. The
 * caller frees. */
char *no_proxy_entry(const char *host);

/* The entries of both spellings' lists, and ENTRY, each once; the caller frees. */
char *no_proxy_with(const struct context *context, const char *entry);
