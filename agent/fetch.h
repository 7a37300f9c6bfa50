/* SPDX-License-Identifier: Zlib */
/* Downloads a file from the first of several mirrors that has it, into a pipe; a download that breaks
 * is taken up where it stopped. For a process of its own, which parses what strangers send: whoever
 * trusts a digest has another one hash what comes out of the pipe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct context;

enum fetch_end { FETCH_DONE, FETCH_FAILED, FETCH_READER_GONE };

/* How patient one mirror's share of the time makes it; tests are in more of a hurry. */
struct fetch_limits {
	unsigned int connect_ms; /* to look a name up, and again to connect to one address */
	unsigned int low_speed_bytes_per_s, low_speed_s; /* slower for so long is a stall */
	unsigned int retries;                            /* of one mirror, after its first try */
	unsigned int backoff_ms;                         /* before the first of them; it doubles */
	unsigned int retry_after_max_ms; /* the most of a server's Retry-After that is waited */
	unsigned int min_share_ms;       /* a mirror gets this at least, while it is left */
};
extern const struct fetch_limits fetch_limits_usual;

struct fetch_request {
	const struct context *context; /* CA certificates, resolver, proxies */
	const char *const *urls;       /* mirrors, NULL-terminated, http or https */
	size_t first;                  /* index of the mirror to begin with; goes round */
	uint64_t max_bytes;
	int64_t end_us; /* run_clock_us() when the time for all of it is over */
	int out_fd;     /* a pipe, blocking; gets the bytes in order, each once */
	const struct fetch_limits *limits; /* NULL: fetch_limits_usual */
	/* Called once, when all is read that lies on this machine, and before anything is sent: the
	 * context's root is not used afterwards, and of files none but those of a hashed directory of
	 * CA certificates. NULL: nothing is called. */
	void (*on_ready)(void *data);
	void *on_ready_data;
};

/* May lie in memory that the parent reads meanwhile: plain data only. */
struct fetch_result {
	uint64_t bytes;      /* that came so far */
	unsigned int mirror; /* index of the one in use */
	unsigned int tries;
	enum fetch_end end; /* FETCH_FAILED as long as it is not over */
	char message[768];  /* of FETCH_FAILED: each mirror's reason, one line without secrets */
};

/* Fills RET. What was fetched is as good as its digest: a file that is put together from two mirrors
 * is told from the right one by that alone. The time is shared among the mirrors; it bounds waiting for
 * servers, not for a reader that does not read. SIGPIPE is the caller's to ignore. */
void fetch(const struct fetch_request *request, struct fetch_result *ret);
