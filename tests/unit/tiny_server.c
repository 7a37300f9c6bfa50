/* SPDX-License-Identifier: Zlib */
/* A server on 127.0.0.1 in a process of its own. */
#include "tests/unit/tiny_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCAL "127.0.0.1"

static void must(int is_fine, const char *what)
{
	if (is_fine)
		return;
	perror(what);
	abort();
}

static int bound_socket(int type, const char *host, uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	must(fd >= 0 && inet_pton(AF_INET, host, &address.sin_addr) == 1, "socket");
	if (bind(fd, (struct sockaddr *)&address, length) < 0) {
		close(fd);
		return -1;
	}
	must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
	*port = ntohs(address.sin_port);
	return fd;
}

static void answer_datagram(int fd, tiny_reply *reply, const void *data)
{
	uint8_t query[4096], answer[4096];
	struct sockaddr_storage peer;
	socklen_t peer_length = sizeof(peer);
	ssize_t length =
		recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&peer, &peer_length);
	size_t answer_length;

	if (length < 0 || !reply)
		return;
	answer_length = reply(query, (size_t)length, answer, data);
	if (answer_length)
		(void)sendto(fd, answer, answer_length, 0, (struct sockaddr *)&peer, peer_length);
}

static void accept_one(int listener, tiny_serve *serve, const void *data)
{
	int fd = serve ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;

	if (fd < 0)
		return;
	/* A process each: one that stalls must not hold up the next. */
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, data);
		close(fd);
		_exit(0);
	}
	close(fd);
}

static _Noreturn void work(int tcp, int udp, tiny_serve *serve, tiny_reply *reply, const void *data)
{
	struct pollfd ready[2] = {{.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		(void)poll(ready, 2, -1);
		if (ready[0].revents)
			accept_one(tcp, serve, data);
		if (ready[1].revents)
			answer_datagram(udp, reply, data);
	}
}

void tiny_server_start(struct tiny_server *ret, tiny_serve *serve, tiny_reply *reply,
		       const void *data)
{
	int tcp, udp = -1;

	for (int tries = 0; udp < 0; tries++) {
		ret->port = 0;
		tcp = bound_socket(SOCK_STREAM, LOCAL, &ret->port);
		must(tcp >= 0, "bind");
		udp = bound_socket(SOCK_DGRAM, LOCAL, &ret->port);
		if (udp < 0)
			close(tcp);
		must(tries < 100, "no port is free for both");
	}
	if (serve)
		must(listen(tcp, 16) == 0, "listen");
	ret->pid = fork();
	must(ret->pid >= 0, "fork");
	if (ret->pid == 0)
		work(serve ? tcp : -1, reply ? udp : -1, serve, reply, data); /* keeps both bound */
	close(tcp);
	close(udp);
}

void tiny_server_start_at(struct tiny_server *ret, const char *host, uint16_t port,
			  tiny_reply *reply, const void *data)
{
	int udp = bound_socket(SOCK_DGRAM, host, &port);

	must(udp >= 0, "bind");
	ret->port = port;
	ret->pid = fork();
	must(ret->pid >= 0, "fork");
	if (ret->pid == 0)
		work(-1, udp, NULL, reply, data);
	close(udp);
}

void tiny_server_start_local(struct tiny_server *ret, const char *path, tiny_serve *serve,
			     const void *data)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(strlen(path) < sizeof(address.sun_path), "the path's length");
	memcpy(address.sun_path, path, strlen(path));
	must(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	must(listen(listener, 16) == 0, "listen");
	ret->port = 0;
	ret->pid = fork();
	must(ret->pid >= 0, "fork");
	if (ret->pid == 0)
		work(listener, -1, serve, NULL, data);
	close(listener);
}

void tiny_server_stop(struct tiny_server *server)
{
	(void)kill(server->pid, SIGKILL);
	(void)waitpid(server->pid, NULL, 0);
}

uint16_t tiny_unused_port(void)
{
	uint16_t port = 0;

	close(bound_socket(SOCK_STREAM, LOCAL, &port));
	return port;
}

uint16_t tiny_full_port(int ret_fds[TINY_FULL_FDS])
{
	uint16_t port = 0;
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	ret_fds[0] = bound_socket(SOCK_STREAM, LOCAL, &port);
	must(ret_fds[0] >= 0 && listen(ret_fds[0], 0) == 0, "listen");
	address.sin_port = htons(port);
	for (int i = 1; i < TINY_FULL_FDS; i++) {
		ret_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		must(ret_fds[i] >= 0, "socket");
		(void)connect(ret_fds[i], (struct sockaddr *)&address, sizeof(address));
	}
	return port;
}

size_t tiny_read_until(int fd, const char *text, char *buffer, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		ssize_t length = read(fd, buffer + used, size - 1 - used);

		if (length <= 0)
			break;
		used += (size_t)length;
		buffer[used] = '\0';
		if (memmem(buffer, used, text, strlen(text)))
			break;
	}
	buffer[used] = '\0';
	return used;
}

void tiny_write(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length) {
		ssize_t written = send(fd, at, length, MSG_NOSIGNAL);

		if (written <= 0)
			return;
		at += written;
		length -= (size_t)written;
	}
}

void tiny_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}
