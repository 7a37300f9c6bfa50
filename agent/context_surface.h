/* SPDX-License-Identifier: Zlib */
/* Where this process runs: on which surface, for whom, in which container. */
#pragma once

struct context;

/* Settles surface, audience, is_act, is_in_cluster, is_container_job and
 * is_kube_container_mode from root, environment, host name and workspace, which must be there, and
 * from COMMAND (enum command_bit): exec and hook are surfaces of their own, whatever is set. */
void context_settle_surface(struct context *context, unsigned int command);
