/* SPDX-License-Identifier: Zlib */
/* Proves what the processes of a download hold and can do, with the release's own libraries: the fetcher and
 * the consumer are hostile here. Prints a line per trial and a count; ends with 1 when any went wrong. */
#include "agent/install_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/context.h"
#include "agent/digest.h"
#include "agent/error.h"
#include "agent/fetch.h"
#include "agent/install_source.h"
#include "agent/run.h"

#define GOOD "what is pinned"
#define EVIL "what is not!!!"
#define MANY_FDS 300
#define PATIENCE_US INT64_C(20000000)

/* What is proven lies in memory that all processes share. */
static struct proof {
	bool is_root_open; /* until the fetcher is ready */
	uid_t uid_before, uid_after;
	int fetcher_fds, consumer_fds, directories, shared_mappings;
	char status[4096]; /* /proc/self/status of the fetcher */
} * proof;

static const char *sent = GOOD;
static bool is_fetcher_lasting;
static unsigned int passed, failed;

static void report(bool is_passed, const char *name)
{
	if (is_passed)
		passed++;
	else
		failed++;
	printf("%s %u - download: %s\n", is_passed ? "ok" : "not ok", passed + failed, name);
}

/* ---- a fetcher that strangers have taken over: it stands in for agent/fetch.c */

static int count_fds(int *ret_directories)
{
	struct stat status;
	int count = 0;

	for (int fd = 0; fd < MANY_FDS; fd++)
		if (syscall(SYS_fstat, fd, &status) == 0) {
			count++;
			*ret_directories += S_ISDIR(status.st_mode);
		}
	return count;
}

static void read_text(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t count;

	while (fd >= 0 && (count = read(fd, ret + length, size - 1 - length)) > 0)
		length += (size_t)count;
	ret[length] = '\0';
	close(fd);
}

/* Memory that this process could write a result of another's to; the proof's own is left out. */
static int count_shared(void)
{
	static char maps[65536];
	int count = -1;

	read_text("/proc/self/maps", maps, sizeof(maps));
	for (const char *at = maps; (at = strstr(at, " rw-s ")); at++)
		count++;
	return count;
}

void fetch(const struct fetch_request *request, struct fetch_result *ret)
{
	proof->uid_before = geteuid();
	proof->is_root_open = fcntl(request->context->root.fd, F_GETFD) >= 0;
	request->on_ready(request->on_ready_data);
	proof->uid_after = geteuid();
	proof->shared_mappings = count_shared();
	proof->fetcher_fds = count_fds(&proof->directories);
	read_text("/proc/self/status", proof->status, sizeof(proof->status));
	memset(ret, 0, sizeof(*ret));
	ret->bytes = strlen(sent);
	(void)!write(request->out_fd, sent, strlen(sent));
	while (is_fetcher_lasting)
		(void)poll(NULL, 0, -1);
}

/* ---- consumers */

static int consume(int fd, int staging_fd, struct error *error)
{
	char bytes[64];

	(void)staging_fd;
	(void)error;
	proof->consumer_fds = count_fds(&proof->directories);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		continue;
	return 0;
}

/* By a raw call: where a descriptor is bad, musl makes another one, which is forbidden. */
static int reach_for_what_is_open(int fd, int staging_fd, struct error *error)
{
	for (int other = 0; other < MANY_FDS; other++) {
		if (other == staging_fd)
			continue;
		(void)mkdirat(other, "escaped", 0700);
		(void)syscall(SYS_fchmod, other, 0);
	}
	return consume(fd, staging_fd, error);
}

/* It looks as if it had ended. */
static int outlive(int fd, int staging_fd, struct error *error)
{
	(void)consume(fd, staging_fd, error);
	for (int other = 0; other < MANY_FDS; other++)
		close(other);
	while (poll(NULL, 0, -1) <= 0)
		continue;
	return 0;
}

static int crash(int fd, int staging_fd, struct error *error)
{
	(void)consume(fd, staging_fd, error);
	abort();
}

/* ---- the trials */

static char *urls[] = {(char[]){"https://user:hunter2@mirror.test/x?secret"}, NULL};
static struct install_file file = {.urls = urls};
static struct context context;
static char directory[] = "/tmp/spinup-download-XXXXXX";
static int staging;

static int run(int (*consumer)(int, int, struct error *), int64_t time_us, struct error *error)
{
	const struct install_stream stream = {
		.context = &context,
		.file = &file,
		.staging = staging,
		.consume = consumer,
		.end_us = run_clock_us() + time_us,
	};
	struct install_stream_end end;

	memset(proof, 0, sizeof(*proof));
	*error = (struct error){0};
	return install_stream(&stream, &end, error);
}

static bool has_no_child(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static bool is_untouched(int above)
{
	struct stat status;

	return fstatat(above, "escaped", &status, AT_SYMLINK_NOFOLLOW) < 0 &&
	       fstat(above, &status) == 0 && (status.st_mode & 0777) == 0700;
}

static void check_what_is_held(void)
{
	struct error error;
	bool is_root = geteuid() == 0;

	report(run(consume, PATIENCE_US, &error) == 0, "what is pinned is taken");
	report(proof->is_root_open, "the fetcher reads through the root");
	report(proof->fetcher_fds == 5,
	       "the fetcher holds a pipe, its life, and no input and outputs");
	report(proof->consumer_fds == 6 && proof->directories == 1,
	       "the consumer holds a pipe, its life and one directory");
	report(proof->shared_mappings == 1, "the fetcher reaches no result but its own");
	report(strstr(proof->status, "\nCapPrm:\t0000000000000000\n") != NULL, "no capability");
	if (is_root)
		report(proof->uid_before == 0 && proof->uid_after == 65534 &&
			       strstr(proof->status, "\nGroups:\t \n"),
		       "the fetcher is nobody once it is ready");
	report(has_no_child(), "no process is left");
}

static void check_digest(void)
{
	struct error error;

	sent = EVIL;
	report(run(consume, PATIENCE_US, &error) < 0 && strstr(error.message, "is pinned"),
	       "what the fetcher says of other bytes counts for nothing");
	sent = GOOD;
}

static void check_escape(int above)
{
	struct error error;

	report(run(reach_for_what_is_open, PATIENCE_US, &error) == 0 && is_untouched(above),
	       "nothing is made or changed by a descriptor that was open");
}

static void check_ends(void)
{
	struct error error;

	report(run(outlive, PATIENCE_US, &error) < 0 && has_no_child(),
	       "a consumer that pretends to have ended is ended");
	report(run(crash, PATIENCE_US, &error) < 0 && strstr(error.message, "unpacks was ended by"),
	       "a consumer that crashes is said");
	is_fetcher_lasting = true;
	report(run(consume, 200000, &error) < 0 &&
		       strstr(error.message, "from https://user:***@mirror.test/x ("),
	       "what took too long is said, without what may be secret");
	report(has_no_child(), "and ended");
	is_fetcher_lasting = false;
}

int main(void)
{
	int above;

	proof = mmap(NULL, sizeof(*proof), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (proof == MAP_FAILED || !mkdtemp(directory) ||
	    root_open_directory(&context.root, NULL, NULL) < 0)
		return 1;
	above = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)mkdirat(above, "staging", 0700);
	staging = openat(above, "staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	digest_initialise();
	if (staging < 0 || !digest_sha256(GOOD, strlen(GOOD), file.sha256))
		return 1;
	check_what_is_held();
	check_digest();
	check_escape(above);
	check_ends();
	(void)unlinkat(above, "staging", AT_REMOVEDIR);
	(void)rmdir(directory);
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
