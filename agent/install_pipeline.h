/* SPDX-License-Identifier: Zlib */
/* The three processes of an installation's download. Each holds the descriptors and rights that it needs,
 * and no others, because two of them parse what strangers sent. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/digest.h"
#include "agent/error.h"
#include "agent/fetch.h"

struct install_stream;
struct sandbox;

#define INSTALL_MAX_BYTES (UINT64_C(2) << 30) /* of one download */

enum install_role {
	INSTALL_FETCHER, /* speaks HTTP and TLS; nobody, without capabilities; reads files at most */
	INSTALL_HASHER,  /* parses nothing: what it passes on is what it has hashed */
	INSTALL_CONSUMER, /* parses the file; writes below the staging directory alone */
	INSTALL_ROLE_COUNT
};

enum install_pipe {
	INSTALL_PIPE_FETCHED, /* from the fetcher to the hasher */
	INSTALL_PIPE_HASHED,  /* and on to the consumer */
	INSTALL_PIPE_LIFE,    /* ends when all have ended, or closed it */
	INSTALL_PIPE_NOTHING, /* which nobody writes to: a child's input and outputs */
	INSTALL_PIPE_COUNT
};

/* What a process leaves behind, in memory that it shares with the parent alone: who parses what strangers
 * sent can make up a result of its own, and nobody else's. */
union install_said {
	struct fetch_result fetched;
	struct {
		uint64_t bytes;
		bool is_whole; /* all that was fetched has been passed on, and the digest is there */
		uint8_t sha256[DIGEST_SHA256_BYTES];
	} hashed;
	struct {
		bool is_good;
		char complaint[sizeof(((struct error *)0)->message)]; /* perhaps without its end */
	} consumed;
};

struct install_pipeline {
	const struct install_stream *stream;
	const struct sandbox *sandbox; /* with SANDBOX_NETWORK and SANDBOX_UNPACK */
	pid_t parent;
	int pipes[INSTALL_PIPE_COUNT][2];
	union install_said *said[INSTALL_ROLE_COUNT];
};

/* What a child of the pipeline's parent does from fork(2) on. */
_Noreturn void install_pipeline_be(const struct install_pipeline *pipeline, enum install_role role);
