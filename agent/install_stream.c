/* SPDX-License-Identifier: Zlib */
/* Download and use in one stream: the parent of its processes. */
#include "agent/install_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/digest.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/fetch_url.h"
#include "agent/http.h"
#include "agent/install_pipeline.h"
#include "agent/install_source.h"
#include "agent/mem.h"
#include "agent/run.h"
#include "agent/sandbox.h"
#include "agent/strbuf.h"
#include "agent/talk.h"
#include "agent/text.h"

#define PIPE_BYTES (1 << 20)
#define NEWS_MS 3000
#define REAP_MS 1000

struct download {
	struct install_pipeline pipeline;
	struct sandbox *sandbox;
	pid_t pids[INSTALL_ROLE_COUNT];   /* 0 or less: none was started */
	int statuses[INSTALL_ROLE_COUNT]; /* of waitpid */
	bool is_in_time;
	bool is_stuck; /* one of them does not end */
};

/* The mirror in use, as it may be shown. The caller frees. */
static char *shown_mirror(const struct download *download)
{
	char *const *urls = download->pipeline.stream->file->urls;
	size_t mirror = download->pipeline.said[INSTALL_FETCHER]->fetched.mirror;
	size_t count = 0;

	while (urls[count])
		count++;
	return fetch_url_shown(urls[mirror < count ? mirror : 0]);
}

static uint64_t bytes_so_far(const struct download *download)
{
	return download->pipeline.said[INSTALL_HASHER]->hashed.bytes;
}

/* ---- until they end */

/* Since the last news LAST_BYTES had come. */
static void say_progress(const struct download *download, uint64_t last_bytes)
{
	CLEANUP_FREE char *shown = shown_mirror(download);
	uint64_t bytes = bytes_so_far(download);

	talk("%.1f MB so far, %.1f MB/s, from %s", (double)bytes / 1e6,
	     (double)(bytes - last_bytes) / 1e3 / NEWS_MS, shown);
}

/* Returns false when the time is over first. */
static bool await_end(const struct download *download)
{
	struct pollfd end = {.fd = download->pipeline.pipes[INSTALL_PIPE_LIFE][0],
			     .events = POLLIN};
	uint64_t last_bytes = 0;

	for (;;) {
		int64_t left_ms = (download->pipeline.stream->end_us - run_clock_us()) / 1000;

		if (left_ms <= 0)
			return false;
		if (poll(&end, 1, left_ms < NEWS_MS ? (int)left_ms : NEWS_MS) > 0)
			return true;
		say_progress(download, last_bytes);
		last_bytes = bytes_so_far(download);
	}
}

/* Returns false for one that was killed and does not die. */
static bool reap(pid_t pid, int *ret_status)
{
	int64_t end_us = run_clock_us() + REAP_MS * INT64_C(1000);
	pid_t reaped;

	while ((reaped = waitpid(pid, ret_status, WNOHANG)) == 0 && run_clock_us() < end_us)
		(void)poll(NULL, 0, 1);
	return reaped == pid;
}

/* None of them outlives the download, whatever it did with its end of the pipe. One that is ending
 * already keeps the status that it ends with. Returns -1 with ERROR for one that does not die. */
static int end_all(struct download *download, struct error *error)
{
	static const char *const works[] = {
		[INSTALL_FETCHER] = "downloads",
		[INSTALL_HASHER] = "hashes",
		[INSTALL_CONSUMER] = "unpacks",
	};
	int status = 0;

	for (size_t i = 0; i < INSTALL_ROLE_COUNT; i++)
		if (download->pids[i] > 0)
			(void)kill(download->pids[i], SIGKILL);
	for (size_t i = 0; i < INSTALL_ROLE_COUNT; i++)
		if (download->pids[i] > 0 && !reap(download->pids[i], &download->statuses[i]))
			status = error_set(error, ERROR_AGENT,
					   "the process that %s (%d) was killed and does not end",
					   works[i], (int)download->pids[i]);
	return status;
}

/* ---- what became of it */

static int compare_digest(const struct download *download, struct error *error)
{
	const uint8_t *sha256 = download->pipeline.said[INSTALL_HASHER]->hashed.sha256;
	const struct install_file *file = download->pipeline.stream->file;
	CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(2 * DIGEST_SHA256_BYTES);
	CLEANUP_STRBUF struct strbuf pinned = STRBUF_INIT(2 * DIGEST_SHA256_BYTES);

	if (memcmp(sha256, file->sha256, DIGEST_SHA256_BYTES) == 0)
		return 0;
	encoding_base16_encode(sha256, DIGEST_SHA256_BYTES, &found);
	encoding_base16_encode(file->sha256, DIGEST_SHA256_BYTES, &pinned);
	return error_set(error, ERROR_AGENT,
			 "what came (%llu bytes) has the SHA-256 %s, and %s is pinned",
			 (unsigned long long)bytes_so_far(download), found.data, pinned.data);
}

/* The first SIZE bytes of TEXT, which a child wrote, as words for people. */
static int fail_with(const char *text, size_t size, struct error *error)
{
	CLEANUP_FREE char *ended = mem_strndup(text, strnlen(text, size));
	CLEANUP_FREE char *words = text_cleaned(ended, size);

	return error_set(error, ERROR_AGENT, "%s", words);
}

static int fail_late(const struct download *download, struct error *error)
{
	CLEANUP_FREE char *shown = shown_mirror(download);
	double megabytes = (double)bytes_so_far(download) / 1e6;

	if (download->pipeline.said[INSTALL_HASHER]->hashed.is_whole)
		return error_set(error, ERROR_AGENT,
				 "the %.1f MB from %s were not unpacked in time "
				 "(--install-deadline)",
				 megabytes, shown);
	return error_set(error, ERROR_AGENT,
			 "the time for it was over after %.1f MB from %s (--install-deadline)",
			 megabytes, shown);
}

/* Whether the fetcher has tried what there was to try. One that was ended by a signal in time may have
 * been by what one mirror sent. */
static bool has_given_up(const struct download *download)
{
	return download->pipeline.said[INSTALL_FETCHER]->fetched.end == FETCH_FAILED &&
	       !(download->is_in_time && WIFSIGNALED(download->statuses[INSTALL_FETCHER]));
}

/* A reader that refuses what came is the cause when the writer finds nobody reading. */
static int judge(const struct download *download, struct error *error)
{
	union install_said *const *said = download->pipeline.said;
	const struct fetch_result *fetched = &said[INSTALL_FETCHER]->fetched;
	const char *complaint = said[INSTALL_CONSUMER]->consumed.complaint;
	const int *statuses = download->statuses;

	if (!download->is_in_time)
		return fail_late(download, error);
	if (WIFSIGNALED(statuses[INSTALL_FETCHER]))
		return error_set(error, ERROR_AGENT,
				 "the process that downloads was ended by signal %d",
				 WTERMSIG(statuses[INSTALL_FETCHER]));
	if (has_given_up(download))
		return fail_with(fetched->message, sizeof(fetched->message), error);
	if (*complaint)
		return fail_with(complaint, sizeof(said[INSTALL_CONSUMER]->consumed.complaint),
				 error);
	if (WIFSIGNALED(statuses[INSTALL_CONSUMER]))
		return error_set(error, ERROR_AGENT,
				 "the process that unpacks was ended by signal %d",
				 WTERMSIG(statuses[INSTALL_CONSUMER]));
	if (fetched->end != FETCH_DONE || !said[INSTALL_CONSUMER]->consumed.is_good ||
	    !said[INSTALL_HASHER]->hashed.is_whole)
		return error_set(error, ERROR_AGENT, "the download ended without a verdict");
	return compare_digest(download, error);
}

/* ---- the whole */

static int start(struct download *download, struct error *error)
{
	struct install_pipeline *pipeline = &download->pipeline;

	for (size_t i = 0; i < INSTALL_PIPE_COUNT; i++)
		if (pipe2(pipeline->pipes[i], O_CLOEXEC) < 0)
			return error_set(error, ERROR_AGENT, "pipe: %s", strerror(errno));
	(void)fcntl(pipeline->pipes[INSTALL_PIPE_FETCHED][1], F_SETPIPE_SZ, PIPE_BYTES);
	(void)fcntl(pipeline->pipes[INSTALL_PIPE_HASHED][1], F_SETPIPE_SZ, PIPE_BYTES);
	pipeline->parent = getpid();
	for (unsigned int role = 0; role < INSTALL_ROLE_COUNT; role++) {
		download->pids[role] = fork();
		if (download->pids[role] == 0)
			install_pipeline_be(pipeline, (enum install_role)role);
		if (download->pids[role] < 0)
			return error_set(error, ERROR_AGENT, "fork: %s", strerror(errno));
	}
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The children's ends, so that a pipe ends with those that use it. */
static void leave_pipes_to_children(struct install_pipeline *pipeline)
{
	for (size_t i = 0; i < INSTALL_PIPE_COUNT; i++) {
		if (i != INSTALL_PIPE_LIFE)
			close_fd(&pipeline->pipes[i][0]);
		close_fd(&pipeline->pipes[i][1]);
	}
}

static int run_download(struct download *download, struct error *error)
{
	if (start(download, error) < 0) {
		(void)end_all(download, NULL);
		return -1;
	}
	leave_pipes_to_children(&download->pipeline);
	download->is_in_time = await_end(download);
	download->is_stuck = end_all(download, error) < 0;
	return download->is_stuck ? -1 : judge(download, error);
}

static union install_said *share(void)
{
	void *memory = mmap(NULL, sizeof(union install_said), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int open_download(struct download *download, const struct install_stream *stream,
			 struct error *error)
{
	struct install_pipeline *pipeline = &download->pipeline;

	memset(pipeline->pipes, -1, sizeof(pipeline->pipes));
	download->sandbox = sandbox_new(stream->context->root.is_confined);
	sandbox_prepare(download->sandbox, SANDBOX_NETWORK);
	sandbox_prepare(download->sandbox, SANDBOX_UNPACK);
	pipeline->stream = stream;
	pipeline->sandbox = download->sandbox;
	for (size_t i = 0; i < INSTALL_ROLE_COUNT; i++)
		if (!(pipeline->said[i] = share()))
			return error_set(error, ERROR_AGENT, "mmap: %s", strerror(errno));
	return 0;
}

static void download_close(struct download *download)
{
	struct install_pipeline *pipeline = &download->pipeline;

	for (size_t i = 0; i < INSTALL_PIPE_COUNT; i++) {
		close_fd(&pipeline->pipes[i][0]);
		close_fd(&pipeline->pipes[i][1]);
	}
	for (size_t i = 0; i < INSTALL_ROLE_COUNT; i++)
		if (pipeline->said[i])
			(void)munmap(pipeline->said[i], sizeof(*pipeline->said[i]));
	sandbox_free(download->sandbox);
}

int install_stream(const struct install_stream *stream, struct install_stream_end *ret,
		   struct error *error)
{
	CLEANUP(download_close) struct download download = {0};
	int64_t begun_us = run_clock_us();
	int status;

	*ret = (struct install_stream_end){.mirror = stream->first};
	digest_initialise();
	http_initialise();
	if (open_download(&download, stream, error) < 0)
		return -1;
	status = run_download(&download, error);
	ret->mirror = download.pipeline.said[INSTALL_FETCHER]->fetched.mirror;
	ret->bytes = bytes_so_far(&download);
	ret->took_us = run_clock_us() - begun_us;
	ret->was_each_tried = has_given_up(&download) || download.is_stuck;
	return status;
}
