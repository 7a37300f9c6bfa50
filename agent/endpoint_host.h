/* SPDX-License-Identifier: Zlib */
/* What a host's name or address says about where it is. */
#pragma once

#include <stdbool.h>

/* This machine: "localhost", "*.localhost", 127.0.0.0/8, ::1, and 0.0.0.0 and ::, which connect to it. */
bool endpoint_host_is_local(const char *host);

/* Reachable from inside alone: local, "*.svc*", "*.ts.net", a name without a dot, RFC 1918,
 * 100.64.0.0/10, ULA. HOST is lower case, without brackets (as struct url has it). */
bool endpoint_host_is_private(const char *host);
