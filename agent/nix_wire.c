/* SPDX-License-Identifier: Zlib */
/* The worker protocol's bytes, and the connection that they travel on. */
#include "agent/nix_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/nix_daemon.h"
#include "agent/root.h"
#include "agent/starvation.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define TICK_MS 50
#define NUMBER_BYTES 8u
#define MAX_WRITE_BYTES 512u
#define MAX_TEXT_BYTES 65536u

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	/* Non-blocking: where the daemon is stopped and its queue is full, connect would wait. */
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return TAKE_FD(fd);
}

int nix_daemon_connect(const struct root *root, const char *path)
{
	CLEANUP_CLOSE int socket_fd = -1;
	char link[64];

	if (!root->is_confined && strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
		return connect_to(path);
	/* Inside a fake machine, or too long for an address: through the open file. */
	socket_fd = root_open(root, path, O_PATH, 0);
	if (socket_fd < 0)
		return -1;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", socket_fd);
	return connect_to(link);
}

bool nix_wire_fail(struct nix_daemon *daemon, const char *format, ...)
{
	CLEANUP_STRBUF struct strbuf cleaned = STRBUF_INIT(sizeof(daemon->message) - 1);
	CLEANUP_FREE char *message = NULL;
	va_list args;

	va_start(args, format);
	message = mem_vformat(format, args);
	va_end(args);
	text_clean(&cleaned, message, sizeof(daemon->message) - 4); /* room for the cut's mark */
	(void)snprintf(daemon->message, sizeof(daemon->message), "%s", cleaned.data);
	daemon->outcome = NIX_DAEMON_MALFORMED;
	return false;
}

static bool fail_closed(struct nix_daemon *daemon)
{
	daemon->outcome = daemon->server_protocol ? NIX_DAEMON_CLOSED : NIX_DAEMON_CLOSED_EARLY;
	return false;
}

/* Returns whether it is worth looking for bytes again. Who sleeps on is never kept from running, so in
 * order to notice that the machine is short of processors it wakes now and then. */
static bool wait_for_bytes(struct nix_daemon *daemon)
{
	struct pollfd news = {.fd = daemon->fd, .events = POLLIN};
	int64_t left_us = starvation_wait_us(daemon->deadline_us);

	if (left_us > 0) {
		(void)poll(&news, 1,
			   left_us / 1000 < TICK_MS ? (int)(left_us / 1000) + 1 : TICK_MS);
		return true;
	}
	daemon->outcome = NIX_DAEMON_SILENT;
	return false;
}

static bool read_bytes(struct nix_daemon *daemon, void *ret, size_t count)
{
	uint8_t *next = ret;

	if (count > daemon->bytes_left)
		return nix_wire_fail(daemon, "more than a daemon has to say");
	daemon->bytes_left -= count;
	while (count > 0) {
		ssize_t got = recv(daemon->fd, next, count, MSG_DONTWAIT);

		if (got > 0) {
			next += got;
			count -= (size_t)got;
		} else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (!wait_for_bytes(daemon))
				return false;
		} else {
			return fail_closed(daemon);
		}
		/* A byte now and then must not keep the exchange alive. */
		if (count > 0 && starvation_wait_us(daemon->deadline_us) <= 0) {
			daemon->outcome = NIX_DAEMON_SILENT;
			return false;
		}
	}
	return true;
}

bool nix_wire_read_number(struct nix_daemon *daemon, uint64_t *ret)
{
	uint8_t bytes[NUMBER_BYTES] = {0};
	uint64_t number = 0;

	if (!read_bytes(daemon, bytes, sizeof(bytes)))
		return false;
	for (size_t i = sizeof(bytes); i-- > 0;)
		number = number << 8 | bytes[i];
	*ret = number;
	return true;
}

static bool read_padding(struct nix_daemon *daemon, size_t length)
{
	uint8_t padding[NUMBER_BYTES] = {0};
	size_t count = (NUMBER_BYTES - length % NUMBER_BYTES) % NUMBER_BYTES;

	if (!read_bytes(daemon, padding, count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (padding[i])
			return nix_wire_fail(daemon, "padding that is not zero");
	return true;
}

static bool skip_bytes(struct nix_daemon *daemon, size_t count)
{
	uint8_t bytes[1024];

	while (count > 0) {
		size_t part = count < sizeof(bytes) ? count : sizeof(bytes);

		if (!read_bytes(daemon, bytes, part))
			return false;
		count -= part;
	}
	return true;
}

bool nix_wire_read_text(struct nix_daemon *daemon, char *ret, size_t size)
{
	uint64_t length;
	size_t kept;

	if (!nix_wire_read_number(daemon, &length))
		return false;
	if (length > MAX_TEXT_BYTES)
		return nix_wire_fail(daemon, "a string of %llu bytes", (unsigned long long)length);
	kept = length < size ? (size_t)length : size - 1;
	ret[kept] = '\0';
	return read_bytes(daemon, ret, kept) && skip_bytes(daemon, (size_t)length - kept) &&
	       read_padding(daemon, (size_t)length);
}

static bool write_bytes(struct nix_daemon *daemon, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = send(daemon->fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) { /* a few bytes do not fit: nobody reads */
			daemon->outcome = NIX_DAEMON_SILENT;
			return false;
		}
		if (sent < 0)
			return true;
		bytes += sent;
		count -= (size_t)sent;
	}
	return true;
}

static size_t put_number(uint8_t *ret, uint64_t number)
{
	for (size_t i = 0; i < NUMBER_BYTES; i++)
		ret[i] = (uint8_t)(number >> (8 * i));
	return NUMBER_BYTES;
}

bool nix_wire_write_numbers(struct nix_daemon *daemon, const uint64_t *numbers, size_t count)
{
	uint8_t bytes[4 * NUMBER_BYTES];
	size_t length = 0;

	for (size_t i = 0; i < count && length < sizeof(bytes); i++)
		length += put_number(bytes + length, numbers[i]);
	return write_bytes(daemon, bytes, length);
}

bool nix_wire_write_text(struct nix_daemon *daemon, const char *text)
{
	uint8_t bytes[MAX_WRITE_BYTES] = {0};
	size_t length = strlen(text);
	size_t padded = (length + NUMBER_BYTES - 1) / NUMBER_BYTES * NUMBER_BYTES;

	if (NUMBER_BYTES + padded > sizeof(bytes))
		return nix_wire_fail(daemon, "a path too long to ask for");
	(void)put_number(bytes, length);
	memcpy(bytes + NUMBER_BYTES, text, length);
	return write_bytes(daemon, bytes, NUMBER_BYTES + padded);
}
