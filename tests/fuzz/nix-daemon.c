/* SPDX-License-Identifier: Zlib */
/* A daemon that says whatever it likes, from its first word on. */
#include "agent/nix_daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define MAX_BYTES 65536u /* more does not fit a socket's buffer */
#define TIMEOUT_MS 1000u /* never reached: what is not there is the end */
#define STORE_PATH "/nix/store/563528481rvhc5kxwipjmg6rqrl95mdx-glibc-2.33-56"

/* A daemon that hung up would take the client's words for a broken pipe before its own are read. */
static int connect_to_bytes(int ends[2], const uint8_t *bytes, size_t length)
{
	int size = 4 * (int)MAX_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (write(ends[1], bytes, length) != (ssize_t)length)
		return -1;
	return shutdown(ends[1], SHUT_WR);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct nix_daemon daemon;
	int ends[2];

	(void)signal(SIGPIPE, SIG_IGN);
	if (connect_to_bytes(ends, bytes, length < MAX_BYTES ? length : MAX_BYTES) < 0)
		abort();
	if (nix_daemon_handshake(&daemon, ends[0], NIX_PROTOCOL_OURS, TIMEOUT_MS) == NIX_DAEMON_OK)
		(void)nix_daemon_is_valid_path(&daemon, STORE_PATH);
	fuzz_expect(!strpbrk(daemon.message, "\n\r\033"), "a daemon's words are one plain line");
	fuzz_expect(!strpbrk(daemon.version, "\n\r\033"), "a daemon's version is one plain line");
	close(ends[0]);
	close(ends[1]);
	return 0;
}
