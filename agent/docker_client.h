/* SPDX-License-Identifier: Zlib */
/* Whether the image's Docker client and the daemon have a version of the API in common. */
#pragma once

struct facts;
struct findings;

/* Two probes know one half each: what `docker --version` says, and the oldest version that the daemon
 * accepts. Adds a finding where the client's newest is older. Pure. */
void docker_client_judge(const struct facts *facts, struct findings *findings);
