/* SPDX-License-Identifier: Zlib */
/* The docker probe's own parts: where a daemon may be, what was heard there, and who judges it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/http.h"
#include "agent/resolve.h"
#include "agent/url.h"

struct channel;
struct context;
struct error;
struct job;

/* ---- docker_host.c: where a client would go; pure */

enum docker_way {
	DOCKER_WAY_SOCKET,
	DOCKER_WAY_TCP,
	DOCKER_WAY_SSH, /* by a program of the client's: not proven here */
};

struct docker_host {
	enum docker_way way;
	bool is_tls;
	char *shown;    /* as DOCKER_HOST would have it, without user info */
	char *path;     /* of a socket; else NULL */
	struct url url; /* of TCP, as http or https */
};

/* Takes a value of DOCKER_HOST apart, as Docker's clients do. Returns 0, or -1 with ERROR; the message
 * repeats nothing of the value. */
int docker_host_parse(const char *text, bool is_tls, struct docker_host *ret, struct error *error);
void docker_host_release(struct docker_host *host);

/* Whether the job's variables have a client speak TLS; to unix sockets, too. */
bool docker_host_wants_tls(const struct context *context);

/* What the clients of this job are told: DOCKER_HOST, else their own default. */
const char *docker_host_of(const struct context *context);

/* ---- docker_version.c: what GET /version says; pure */

struct docker_version {
	char version[64];
	char api[16], oldest_api[16]; /* "1.45"; oldest_api may be "" */
	char system[64];              /* "linux/amd64" */
};

/* Returns false where it is no answer of Docker's, or holds what no version looks like. */
bool docker_version_read(const char *text, size_t length, struct docker_version *ret);

/* Whether TEXT is MAJOR.MINOR, as a version of the API is written. */
bool docker_api_is_version(const char *text);

/* Negative, 0 or positive, as LEFT is older than, the same as, or newer than RIGHT; both are versions. */
int docker_api_compare(const char *left, const char *right);

/* ---- collect */

/* What was heard at one place the last time that it was asked. */
struct docker_answer {
	unsigned int tries; /* 0: never asked */
	int file_error; /* of a socket: errno of looking at its file, or of connecting; 0: fine */
	bool is_other_file;           /* what is at the path is no socket */
	enum resolve_outcome resolve; /* of TCP */
	enum http_failure failure;    /* of /_ping, then of /version */
	long status;
	bool is_tls_wanted; /* a TLS server's complaint about plain HTTP */
	bool is_pong;       /* /_ping was answered as Docker does */
	bool has_version;   /* and so was /version */
	struct docker_version version;
	char detail[400]; /* what was seen, in words */
};

struct docker_place {
	struct docker_host host;
	struct docker_answer answer;
};

#define DOCKER_MAX_PLACES 3u

struct docker_evidence {
	bool is_named;      /* DOCKER_HOST is set */
	bool is_not_valid;  /* and leads nowhere: the first place is none, see problem */
	bool is_unverified; /* DOCKER_TLS without DOCKER_TLS_VERIFY: clients take any certificate */
	char problem[400];  /* also: why the client's certificates cannot be read */
	/* The first is where the job's clients go, the others are the usual sockets. */
	struct docker_place places[DOCKER_MAX_PLACES];
	size_t count;
	size_t working; /* the place that is good; count: none is */
	long waited_ms;
};

/* Asks until a daemon answers, or until it is not worth it any longer, for at most PATIENCE_MS. */
void docker_collect(struct docker_evidence *ret, const struct job *job, unsigned int patience_ms,
		    struct channel *channel);
void docker_evidence_release(struct docker_evidence *evidence);

/* Whether a daemon answered that today's clients can speak to. Pure. */
bool docker_is_good(const struct docker_answer *answer);

/* Evidence into findings and the report's facts. Pure. */
void docker_judge(const struct docker_evidence *evidence, struct channel *channel);
