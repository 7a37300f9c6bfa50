/* SPDX-License-Identifier: Zlib */
/* The processes of a download, from fork(2) to their end. */
#include "agent/install_pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/install_source.h"
#include "agent/install_stream.h"
#include "agent/mem.h"
#include "agent/new_file.h"
#include "agent/sandbox.h"

#define BLOCK_BYTES ((size_t)256 << 10)

/* Where a child's descriptors lie. */
enum { FIRST_FD = 3, SECOND_FD, LIFE_FD, FD_COUNT };

static void end_with_parent(const struct install_pipeline *pipeline)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != pipeline->parent)
		_exit(1);
}

/* Closes everything but FIRST, SECOND and its end of LIFE: the locks and directories of the installation,
 * the root, the way to whoever started it. Input and outputs are no /dev/null, whose mode root could
 * change. They are moved up first, so that none is overwritten before its turn. */
static void keep(const struct install_pipeline *pipeline, int first, int second)
{
	const int nothing = pipeline->pipes[INSTALL_PIPE_NOTHING][0];
	int fds[FD_COUNT] = {
		nothing, nothing, nothing, first, second, pipeline->pipes[INSTALL_PIPE_LIFE][1],
	};

	for (int i = 0; i < FD_COUNT; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_COUNT);
	for (int i = 0; i < FD_COUNT; i++)
		if (dup3(fds[i], i, O_CLOEXEC) < 0)
			_exit(1);
	child_close_from(FD_COUNT);
}

/* ---- the fetcher */

struct fetcher {
	const struct install_pipeline *pipeline;
	struct context context;
};

/* What root alone may read has been read. */
static void give_up_rights(void *data)
{
	struct fetcher *fetcher = data;

	root_close(&fetcher->context.root);
	sandbox_drop_root();
	end_with_parent(fetcher->pipeline); /* which a change of user has taken back */
	(void)sandbox_enter(fetcher->pipeline->sandbox, SANDBOX_NETWORK);
}

static void be_fetcher(const struct install_pipeline *pipeline)
{
	const struct install_stream *stream = pipeline->stream;
	struct fetcher fetcher = {.pipeline = pipeline, .context = *stream->context};
	const struct fetch_request request = {
		.context = &fetcher.context,
		.urls = (const char *const *)stream->file->urls,
		.first = stream->first,
		.max_bytes = INSTALL_MAX_BYTES,
		.end_us = stream->end_us,
		.out_fd = FIRST_FD,
		.on_ready = give_up_rights,
		.on_ready_data = &fetcher,
	};

	keep(pipeline, pipeline->pipes[INSTALL_PIPE_FETCHED][1], stream->context->root.fd);
	fetcher.context.root.fd = SECOND_FD;
	fetch(&request, &pipeline->said[INSTALL_FETCHER]->fetched);
}

/* ---- the hasher */

static ssize_t read_some(int fd, char *block)
{
	ssize_t length;

	do
		length = read(fd, block, BLOCK_BYTES);
	while (length < 0 && errno == EINTR);
	return length;
}

/* It copies, where splice(2) would not: a page that the fetcher can still write to is passed on other
 * than it was hashed. It goes on being root, so that the fetcher may not touch it. */
static void be_hasher(const struct install_pipeline *pipeline)
{
	union install_said *said = pipeline->said[INSTALL_HASHER];
	struct digest_sha256 *digest = digest_sha256_new();
	CLEANUP_FREE char *block = mem_alloc(BLOCK_BYTES, 1);
	ssize_t length;
	bool is_hashed;

	keep(pipeline, pipeline->pipes[INSTALL_PIPE_FETCHED][0],
	     pipeline->pipes[INSTALL_PIPE_HASHED][1]);
	while ((length = read_some(FIRST_FD, block)) > 0) {
		if ((uint64_t)length > INSTALL_MAX_BYTES - said->hashed.bytes ||
		    new_file_write(SECOND_FD, block, (size_t)length) < 0)
			break;
		digest_sha256_add(digest, block, (size_t)length);
		said->hashed.bytes += (uint64_t)length;
	}
	is_hashed = digest_sha256_finish(digest, said->hashed.sha256);
	said->hashed.is_whole = is_hashed && length == 0;
}

/* ---- the consumer */

/* What lies behind the end of what was consumed belongs to the hash. */
static int drain(int fd)
{
	char bytes[65536];
	ssize_t length;

	do
		length = read(fd, bytes, sizeof(bytes));
	while (length > 0 || (length < 0 && errno == EINTR));
	return (int)length;
}

static void be_consumer(const struct install_pipeline *pipeline)
{
	union install_said *said = pipeline->said[INSTALL_CONSUMER];
	struct error error = {0};

	keep(pipeline, pipeline->pipes[INSTALL_PIPE_HASHED][0], pipeline->stream->staging);
	(void)sandbox_enter_directory(pipeline->sandbox, SECOND_FD);
	if (pipeline->stream->consume(FIRST_FD, SECOND_FD, &error) < 0)
		memcpy(said->consumed.complaint, error.message, sizeof(said->consumed.complaint));
	else if (drain(FIRST_FD) == 0)
		said->consumed.is_good = true;
}

_Noreturn void install_pipeline_be(const struct install_pipeline *pipeline, enum install_role role)
{
	end_with_parent(pipeline);
	(void)signal(SIGPIPE, SIG_IGN);
	for (unsigned int other = 0; other < INSTALL_ROLE_COUNT; other++)
		if (other != role)
			(void)munmap(pipeline->said[other], sizeof(*pipeline->said[other]));
	switch (role) {
	case INSTALL_FETCHER:
		be_fetcher(pipeline);
		break;
	case INSTALL_HASHER:
		be_hasher(pipeline);
		break;
	case INSTALL_CONSUMER:
		be_consumer(pipeline);
		break;
	case INSTALL_ROLE_COUNT:
		break;
	}
	_exit(0);
}
