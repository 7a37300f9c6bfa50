/* SPDX-License-Identifier: Zlib */
/* Download and use in one stream. */
#include "agent/install_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/digest.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/fetch.h"
#include "agent/http.h"
#include "agent/install_source.h"
#include "agent/mem.h"
#include "agent/run.h"
#include "agent/sandbox.h"
#include "agent/strbuf.h"
#include "agent/talk.h"
#include "agent/text.h"

#define PIPE_BYTES (1 << 20)
#define MAX_BYTES (UINT64_C(2) << 30)
#define NEWS_MS 3000
#define REAP_MS 1000

/* How the consumer ended. */
struct verdict {
	bool is_good;
	char complaint[sizeof(((struct error *)0)->message)];
};

/* Each of the results lies in memory that this process shares with one child alone: who parses what
 * strangers sent can make up a verdict of its own, but no digest. */
struct pipeline {
	const struct install_stream *stream;
	struct fetch_result *fetched;
	struct verdict *consumed;
	struct sandbox *sandbox;
	int data[2];
	int life[2]; /* ends when both children have ended */
	pid_t fetcher, consumer;
};

/* ---- the children */

static void enter_child(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)signal(SIGPIPE, SIG_IGN);
}

static _Noreturn void be_fetcher(struct pipeline *pipeline, pid_t parent)
{
	const struct install_stream *stream = pipeline->stream;
	const struct fetch_request request = {
		.context = stream->context,
		.urls = (const char *const *)stream->file->urls,
		.first = stream->first,
		.max_bytes = MAX_BYTES,
		.end_us = stream->end_us,
		.out_fd = pipeline->data[1],
	};

	enter_child(parent);
	close(pipeline->data[0]);
	(void)sandbox_enter(pipeline->sandbox, SANDBOX_NETWORK);
	fetch(&request, pipeline->fetched);
	_exit(0);
}

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

static _Noreturn void be_consumer(struct pipeline *pipeline, pid_t parent)
{
	const struct install_stream *stream = pipeline->stream;
	struct verdict *verdict = pipeline->consumed;
	struct error error = {0};

	enter_child(parent);
	close(pipeline->data[1]);
	(void)sandbox_enter_directory(pipeline->sandbox, stream->staging);
	if (stream->consume(pipeline->data[0], stream->staging, &error) < 0)
		memcpy(verdict->complaint, error.message, sizeof(verdict->complaint));
	else if (drain(pipeline->data[0]) == 0)
		verdict->is_good = true;
	_exit(0);
}

/* ---- the parent */

/* Since the last news LAST_BYTES had come. */
static void say_progress(const struct pipeline *pipeline, uint64_t last_bytes)
{
	const struct fetch_result *fetched = pipeline->fetched;
	size_t mirror = fetched->mirror;
	size_t count = 0;

	while (pipeline->stream->file->urls[count])
		count++;
	talk("%.1f MB so far, %.1f MB/s, from %s", (double)fetched->bytes / 1e6,
	     (double)(fetched->bytes - last_bytes) / 1e3 / NEWS_MS,
	     pipeline->stream->file->urls[mirror < count ? mirror : 0]);
}

/* Returns false when the time is over first. */
static bool await_end(const struct pipeline *pipeline)
{
	struct pollfd end = {.fd = pipeline->life[0], .events = POLLIN};
	uint64_t last_bytes = 0;

	for (;;) {
		int64_t left_ms = (pipeline->stream->end_us - run_clock_us()) / 1000;

		if (left_ms <= 0)
			return false;
		if (poll(&end, 1, left_ms < NEWS_MS ? (int)left_ms : NEWS_MS) > 0)
			return true;
		say_progress(pipeline, last_bytes);
		last_bytes = pipeline->fetched->bytes;
	}
}

/* The status of a child that is killed if it is still there; -1 for one that does not die. */
static int reap(pid_t pid)
{
	int64_t end_us = run_clock_us() + REAP_MS * INT64_C(1000);
	int status = -1;
	pid_t reaped;

	while ((reaped = waitpid(pid, &status, WNOHANG)) == 0 && run_clock_us() < end_us)
		(void)poll(NULL, 0, 1);
	return reaped == pid ? status : -1;
}

static int compare_digest(const struct fetch_result *fetched, const struct install_file *file,
			  struct error *error)
{
	CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(2 * DIGEST_SHA256_BYTES);
	CLEANUP_STRBUF struct strbuf pinned = STRBUF_INIT(2 * DIGEST_SHA256_BYTES);

	if (memcmp(fetched->sha256, file->sha256, DIGEST_SHA256_BYTES) == 0)
		return 0;
	encoding_base16_encode(fetched->sha256, DIGEST_SHA256_BYTES, &found);
	encoding_base16_encode(file->sha256, DIGEST_SHA256_BYTES, &pinned);
	return error_set(error, ERROR_AGENT,
			 "what came (%llu bytes) has the SHA-256 %s, and %s is pinned",
			 (unsigned long long)fetched->bytes, found.data, pinned.data);
}

/* The first SIZE bytes of TEXT, which a child wrote, as words for people. */
static int fail_with(const char *text, size_t size, struct error *error)
{
	CLEANUP_FREE char *ended = mem_strndup(text, strnlen(text, size));
	CLEANUP_FREE char *words = text_cleaned(ended, size);

	return error_set(error, ERROR_AGENT, "%s", words);
}

/* A reader that refuses what came is the cause when the writer finds nobody reading. */
static int judge(const struct pipeline *pipeline, bool is_in_time, int consumer_status,
		 struct error *error)
{
	const struct fetch_result *fetched = pipeline->fetched;
	const struct verdict *verdict = pipeline->consumed;

	if (!is_in_time)
		return error_set(error, ERROR_AGENT,
				 "the time for it was over after %.1f MB (--install-deadline)",
				 (double)fetched->bytes / 1e6);
	if (fetched->end == FETCH_FAILED)
		return fail_with(fetched->message, sizeof(fetched->message), error);
	if (*verdict->complaint)
		return fail_with(verdict->complaint, sizeof(verdict->complaint), error);
	if (WIFSIGNALED(consumer_status))
		return error_set(error, ERROR_AGENT,
				 "the process that unpacks was ended by signal %d",
				 WTERMSIG(consumer_status));
	if (fetched->end != FETCH_DONE || !verdict->is_good)
		return error_set(error, ERROR_AGENT, "the download ended without a verdict");
	return compare_digest(fetched, pipeline->stream->file, error);
}

static int start(struct pipeline *pipeline, struct error *error)
{
	pid_t parent = getpid();

	if (pipe2(pipeline->data, O_CLOEXEC) < 0 || pipe2(pipeline->life, O_CLOEXEC) < 0)
		return error_set(error, ERROR_AGENT, "pipe: %s", strerror(errno));
	(void)fcntl(pipeline->data[1], F_SETPIPE_SZ, PIPE_BYTES);
	(void)madvise(pipeline->fetched, sizeof(*pipeline->fetched), MADV_DONTFORK);
	pipeline->consumer = fork();
	if (pipeline->consumer == 0)
		be_consumer(pipeline, parent);
	(void)madvise(pipeline->fetched, sizeof(*pipeline->fetched), MADV_DOFORK);
	(void)madvise(pipeline->consumed, sizeof(*pipeline->consumed), MADV_DONTFORK);
	pipeline->fetcher = pipeline->consumer < 0 ? -1 : fork();
	if (pipeline->fetcher == 0)
		be_fetcher(pipeline, parent);
	if (pipeline->fetcher < 0)
		return error_set(error, ERROR_AGENT, "fork: %s", strerror(errno));
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int follow(struct pipeline *pipeline, struct error *error)
{
	bool is_in_time;
	int status;

	close_fd(&pipeline->data[0]);
	close_fd(&pipeline->data[1]);
	close_fd(&pipeline->life[1]);
	is_in_time = await_end(pipeline);
	if (!is_in_time) {
		(void)kill(pipeline->fetcher, SIGKILL);
		(void)kill(pipeline->consumer, SIGKILL);
	}
	(void)reap(pipeline->fetcher);
	status = reap(pipeline->consumer);
	return judge(pipeline, is_in_time, status, error);
}

static int run_pipeline(struct pipeline *pipeline, struct error *error)
{
	if (start(pipeline, error) == 0)
		return follow(pipeline, error);
	if (pipeline->consumer > 0) {
		(void)kill(pipeline->consumer, SIGKILL);
		(void)reap(pipeline->consumer);
	}
	return -1;
}

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void pipeline_close(struct pipeline *pipeline)
{
	for (size_t i = 0; i < 2; i++) {
		close_fd(&pipeline->data[i]);
		close_fd(&pipeline->life[i]);
	}
	if (pipeline->fetched)
		(void)munmap(pipeline->fetched, sizeof(*pipeline->fetched));
	if (pipeline->consumed)
		(void)munmap(pipeline->consumed, sizeof(*pipeline->consumed));
	sandbox_free(pipeline->sandbox);
}

int install_stream(const struct install_stream *stream, struct install_stream_end *ret,
		   struct error *error)
{
	CLEANUP(pipeline_close)
	struct pipeline pipeline = {
		.stream = stream,
		.fetched = share(sizeof(*pipeline.fetched)),
		.consumed = share(sizeof(*pipeline.consumed)),
		.sandbox = sandbox_new(stream->context->root.is_confined),
		.data = {-1, -1},
		.life = {-1, -1},
		.consumer = -1,
	};
	int64_t begun_us = run_clock_us();
	int status;

	*ret = (struct install_stream_end){.mirror = stream->first};
	if (!pipeline.fetched || !pipeline.consumed)
		return error_set(error, ERROR_AGENT, "mmap: %s", strerror(errno));
	sandbox_prepare(pipeline.sandbox, SANDBOX_NETWORK);
	sandbox_prepare(pipeline.sandbox, SANDBOX_UNPACK);
	digest_initialise();
	http_initialise();
	status = run_pipeline(&pipeline, error);
	ret->mirror = pipeline.fetched->mirror;
	ret->bytes = pipeline.fetched->bytes;
	ret->took_us = run_clock_us() - begun_us;
	ret->was_each_tried = pipeline.fetched->end == FETCH_FAILED;
	return status;
}
