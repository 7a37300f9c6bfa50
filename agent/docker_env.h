/* SPDX-License-Identifier: Zlib */
/* Which daemon the next steps' Docker clients speak to, where theirs is dead and another one works. */
#pragma once

struct environment;
struct findings;
struct job;
struct run;

/* Where Docker's daemon listens on a runner: the clients' own default, and what it is a link to. */
#define DOCKER_USUAL_SOCKET "/var/run/docker.sock"
#define DOCKER_OTHER_SOCKET "/run/docker.sock"

/* Sets DOCKER_HOST to the socket that the docker probe names, and empties the variables that would have
 * a client speak TLS to it. Nothing where the job's own way is good. */
void docker_env_compose(struct environment *environment, const struct job *job,
			const struct run *run, struct findings *findings);
