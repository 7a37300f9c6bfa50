/* SPDX-License-Identifier: Zlib */
/* A server on 127.0.0.1 in a process of its own, for tests that need a real other side. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tiny_server {
	pid_t pid;
	uint16_t port; /* chosen by the kernel; the same for TCP and UDP */
};

/* Speaks to one TCP connection; the descriptor is closed afterwards. */
typedef void tiny_serve(int fd, const void *data);

/* Answers one datagram of LENGTH bytes: fills ANSWER (of 4096) and returns its length; 0: silence. */
typedef size_t tiny_reply(const uint8_t *query, size_t length, uint8_t *answer, const void *data);

/* Serves until it is stopped. REPLY may be NULL (no UDP), and so may SERVE (TCP is refused). */
void tiny_server_start(struct tiny_server *ret, tiny_serve *serve, tiny_reply *reply,
		       const void *data);

/* UDP alone, on an address and a port of the caller's. */
void tiny_server_start_at(struct tiny_server *ret, const char *host, uint16_t port,
			  tiny_reply *reply, const void *data);

/* TCP's part at a unix socket: PATH must be free, and the port is 0. */
void tiny_server_start_local(struct tiny_server *ret, const char *path, tiny_serve *serve,
			     const void *data);

void tiny_server_stop(struct tiny_server *server);

/* A port on which nothing listens. */
uint16_t tiny_unused_port(void);

/* A listening socket that takes no more connections: attempts get no answer. The caller closes all
 * of ret_fds. */
#define TINY_FULL_FDS 8
uint16_t tiny_full_port(int ret_fds[TINY_FULL_FDS]);

/* Reads until TEXT was seen, the peer closed, or the buffer is full; returns the length read. */
size_t tiny_read_until(int fd, const char *text, char *buffer, size_t size);

/* Writes a string; errors are the other side's. */
void tiny_write(int fd, const void *bytes, size_t length);

/* Ends the connection with RST. */
void tiny_reset(int fd);
