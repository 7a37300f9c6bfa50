/* SPDX-License-Identifier: Zlib */
/* The system calls that sandbox_denials.c tries, one row each. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "agent/sandbox.h"
#include "tests/unit/prepared.h"

#define FILES (1u << SANDBOX_FILES)
#define NETWORK (1u << SANDBOX_NETWORK)
#define DAEMON (1u << SANDBOX_DAEMON)
#define TOOL (1u << SANDBOX_TOOL)
#define DRIVER (1u << SANDBOX_DRIVER)
#define UNPACK (1u << SANDBOX_UNPACK)
#define SOCKETS (1u << SANDBOX_SOCKETS)
#define STRANGERS (TOOL | DRIVER)
#define READERS (FILES | NETWORK | DAEMON | SOCKETS)
#define TALKERS (NETWORK | DAEMON | SOCKETS)
#define OURS (READERS | UNPACK)

/* Outcomes of a child: 0 passed, an errno, or KILLED. */
#define KILLED 1000

/* One system call that must not get through. The arguments are chosen so that the call does no harm
 * where it does: it fails for another reason, or changes nothing. */
struct denial {
	const char *name;
	unsigned int profiles;
	int expected; /* errno, or KILLED */
	long call;
	const void *arguments[6];
};

/* What the trials work on; made before them, outside the sandbox. */
static struct stage {
	char directory[64];
	char file[80];        /* exists */
	char socket_path[80]; /* of a listener */
	int tcp_listener;
	in_port_t tcp_port; /* on 127.0.0.1, network byte order */
	pid_t victim; /* another process; &stage.victim as an argument stands for its number */
	char scratch[64];
} stage;
static struct sockaddr_in nowhere = {.sin_family = AF_INET};
static struct msghdr no_message = {.msg_name = &nowhere, .msg_namelen = sizeof(nowhere)};

#define NUMBER(value) ((const void *)(intptr_t)(value))
#define MINUS_ONE NUMBER(-1)
#define MISSING "/nonexistent/by/design"

/* clang-format off */
static const struct denial denials[] = {
#ifdef SYS_open
	{"open to write", OURS, KILLED, SYS_open, {stage.file, NUMBER(O_WRONLY)}},
	{"open with O_CREAT", OURS, KILLED, SYS_open, {stage.file, NUMBER(O_CREAT)}},
	{"unlink", OURS, KILLED, SYS_unlink, {MISSING}},
	{"mkdir", OURS, KILLED, SYS_mkdir, {stage.directory}},
	{"rename", OURS, KILLED, SYS_rename, {MISSING, MISSING}},
	{"chmod", OURS, KILLED, SYS_chmod, {MISSING}},
	{"fork", OURS, KILLED, SYS_fork, {0}},
#endif
	{"openat to write", OURS, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), stage.file, NUMBER(O_WRONLY)}},
	{"openat to read and write", OURS, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), stage.file, NUMBER(O_RDWR)}},
	{"openat with O_CREAT", OURS, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), stage.file, NUMBER(O_CREAT)}},
	{"openat with O_TRUNC", OURS, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), MISSING, NUMBER(O_TRUNC)}},
	{"openat with O_TMPFILE", OURS, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), stage.directory, NUMBER(O_TMPFILE | O_RDWR), NUMBER(0600)}},
	{"openat2", OURS, KILLED, SYS_openat2, {NUMBER(AT_FDCWD), stage.file}},
	{"unlinkat", OURS, KILLED, SYS_unlinkat, {NUMBER(AT_FDCWD), MISSING}},
	{"mkdirat", READERS, KILLED, SYS_mkdirat, {NUMBER(AT_FDCWD), stage.directory}},
	{"renameat2", OURS, KILLED, SYS_renameat2,
	 {NUMBER(AT_FDCWD), MISSING, NUMBER(AT_FDCWD), MISSING}},
	{"linkat", READERS, KILLED, SYS_linkat,
	 {NUMBER(AT_FDCWD), MISSING, NUMBER(AT_FDCWD), MISSING}},
	{"symlinkat", READERS, KILLED, SYS_symlinkat, {MISSING, NUMBER(AT_FDCWD), stage.file}},
	{"fchmodat", OURS, KILLED, SYS_fchmodat, {NUMBER(AT_FDCWD), MISSING}},
	{"fchownat", OURS, KILLED, SYS_fchownat,
	 {NUMBER(AT_FDCWD), MISSING, MINUS_ONE, MINUS_ONE}},
	{"truncate", OURS, KILLED, SYS_truncate, {MISSING}},
	{"ftruncate", OURS, KILLED, SYS_ftruncate, {MINUS_ONE}},
	{"utimensat", READERS, KILLED, SYS_utimensat, {NUMBER(AT_FDCWD), MISSING}},
	{"setxattr", OURS, KILLED, SYS_setxattr, {MISSING, "user.x", "", NUMBER(0)}},
	{"chdir", OURS, KILLED, SYS_chdir, {"/"}},
	{"memfd_create", OURS, KILLED, SYS_memfd_create, {"x"}},

	{"open to read", UNPACK, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), stage.file, NUMBER(O_RDONLY | O_NOFOLLOW)}},
	{"a directory behind a symlink", UNPACK, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), stage.directory, NUMBER(O_RDONLY | O_DIRECTORY)}},
	{"openat of what may be there", UNPACK, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), stage.file, NUMBER(O_WRONLY | O_CREAT | O_NOFOLLOW)}},
	{"openat of a new file to read", UNPACK, KILLED, SYS_openat,
	 {NUMBER(AT_FDCWD), stage.file, NUMBER(O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)}},
	{"set-id by fchmod", UNPACK, KILLED, SYS_fchmod, {MINUS_ONE, NUMBER(04755)}},
	{"a hard link to where a symlink leads", UNPACK, KILLED, SYS_linkat,
	 {NUMBER(AT_FDCWD), MISSING, NUMBER(AT_FDCWD), MISSING, NUMBER(AT_SYMLINK_FOLLOW)}},
	{"mknodat", OURS, KILLED, SYS_mknodat, {NUMBER(AT_FDCWD), MISSING, NUMBER(0600)}},
	{"a higher limit", UNPACK, KILLED, SYS_prlimit64, {0, MINUS_ONE, &stage}},
	{"fchdir", OURS, KILLED, SYS_fchdir, {MINUS_ONE}},
	{"removexattr", OURS, KILLED, SYS_removexattr, {MISSING, "user.x"}},

	{"execve", OURS, KILLED, SYS_execve, {MISSING}},
	{"execveat", OURS, KILLED, SYS_execveat, {NUMBER(AT_FDCWD), MISSING}},
	{"clone", OURS, KILLED, SYS_clone, {NUMBER(CLONE_SIGHAND)}},
	{"clone3", OURS, KILLED, SYS_clone3, {0}},
	{"memory that is run", OURS, EPERM, SYS_mmap,
	 {0, NUMBER(4096), NUMBER(PROT_READ | PROT_EXEC), NUMBER(MAP_PRIVATE | MAP_ANONYMOUS),
	  MINUS_ONE}},
	{"memory made to be run", OURS, EPERM, SYS_mprotect,
	 {0, NUMBER(4096), NUMBER(PROT_EXEC)}},

	{"kill of another", OURS, EPERM, SYS_kill, {&stage.victim}},
	{"tgkill of another", OURS, EPERM, SYS_tgkill, {&stage.victim, &stage.victim}},
	{"pidfd_open", OURS, KILLED, SYS_pidfd_open, {&stage.victim}},
	{"pidfd_send_signal", OURS, KILLED, SYS_pidfd_send_signal, {MINUS_ONE}},
	{"signals by F_SETOWN", OURS, KILLED, SYS_fcntl,
	 {NUMBER(0), NUMBER(F_SETOWN), &stage.victim}},
	{"ptrace", OURS, KILLED, SYS_ptrace, {MINUS_ONE, MINUS_ONE}},
	{"process_vm_readv", OURS, KILLED, SYS_process_vm_readv, {MINUS_ONE}},
	{"setuid", OURS, KILLED, SYS_setuid, {MINUS_ONE}},
	{"setgid", OURS, KILLED, SYS_setgid, {MINUS_ONE}},
	{"setgroups", OURS, KILLED, SYS_setgroups, {MINUS_ONE}},
	{"setresuid", OURS, KILLED, SYS_setresuid, {MINUS_ONE, MINUS_ONE, MINUS_ONE}},
	{"capset", OURS, KILLED, SYS_capset, {0}},
	{"setsid", OURS, KILLED, SYS_setsid, {0}},
	{"setpgid", OURS, KILLED, SYS_setpgid, {0}},
	{"a higher limit", READERS, EPERM, SYS_prlimit64, {0, MINUS_ONE, &stage}},
	{"a limit of another", OURS, KILLED, SYS_prlimit64,
	 {&stage.victim, NUMBER(0), 0, &stage.scratch}},
	{"prctl", OURS, EPERM, SYS_prctl, {NUMBER(PR_SET_DUMPABLE), NUMBER(1)}},
	{"ioctl", OURS, ENOTTY, SYS_ioctl, {MINUS_ONE, NUMBER(TIOCGWINSZ)}},

	{"mount", OURS, KILLED, SYS_mount, {MISSING, MISSING}},
	{"umount2", OURS, KILLED, SYS_umount2, {MISSING}},
	{"chroot", OURS, KILLED, SYS_chroot, {MISSING}},
	{"unshare", OURS, KILLED, SYS_unshare, {0}},
	{"setns", OURS, KILLED, SYS_setns, {MINUS_ONE}},
	{"bpf", OURS, KILLED, SYS_bpf, {MINUS_ONE}},
	{"io_uring_setup", OURS, KILLED, SYS_io_uring_setup, {0}},
	{"keyctl", OURS, KILLED, SYS_keyctl, {MINUS_ONE}},
	{"userfaultfd", OURS, KILLED, SYS_userfaultfd, {MINUS_ONE}},
	{"perf_event_open", OURS, KILLED, SYS_perf_event_open, {0}},
	{"a further filter", OURS, KILLED, SYS_seccomp, {MINUS_ONE}},

	{"socket AF_INET", FILES | DAEMON | UNPACK, KILLED, SYS_socket,
	 {NUMBER(AF_INET), NUMBER(SOCK_STREAM)}},
	{"socket AF_INET6", FILES | DAEMON | UNPACK, KILLED, SYS_socket,
	 {NUMBER(AF_INET6), NUMBER(SOCK_STREAM)}},
	{"socket AF_UNIX", FILES | NETWORK | UNPACK, KILLED, SYS_socket,
	 {NUMBER(AF_UNIX), NUMBER(SOCK_STREAM)}},
	{"socket AF_NETLINK", OURS, KILLED, SYS_socket, {NUMBER(AF_NETLINK), NUMBER(SOCK_RAW)}},
	{"socket AF_PACKET", OURS, KILLED, SYS_socket, {NUMBER(AF_PACKET), NUMBER(SOCK_RAW)}},
	{"socket AF_VSOCK", OURS, KILLED, SYS_socket, {NUMBER(AF_VSOCK), NUMBER(SOCK_STREAM)}},
	{"a raw socket", OURS, KILLED, SYS_socket,
	 {NUMBER(AF_INET), NUMBER(SOCK_RAW), NUMBER(1)}},
	{"connect", FILES | UNPACK, KILLED, SYS_connect, {MINUS_ONE}},
	{"bind", FILES | UNPACK, KILLED, SYS_bind, {MINUS_ONE}},
	{"sendto", FILES | UNPACK, KILLED, SYS_sendto, {MINUS_ONE}},
	{"listen", OURS, KILLED, SYS_listen, {MINUS_ONE}},
	{"accept4", OURS, KILLED, SYS_accept4, {MINUS_ONE}},
	{"sendmmsg", OURS, KILLED, SYS_sendmmsg, {MINUS_ONE}},
	{"sendto with MSG_FASTOPEN", TALKERS, EPERM, SYS_sendto,
	 {MINUS_ONE, "", NUMBER(0), NUMBER(MSG_FASTOPEN), &nowhere, NUMBER(sizeof(nowhere))}},
	{"sendmsg with MSG_FASTOPEN", TALKERS, EPERM, SYS_sendmsg,
	 {MINUS_ONE, &no_message, NUMBER(MSG_FASTOPEN)}},

	{"mount", STRANGERS, EPERM, SYS_mount, {MISSING, MISSING}},
	{"umount2", STRANGERS, EPERM, SYS_umount2, {MISSING}},
	{"chroot", STRANGERS, EPERM, SYS_chroot, {MISSING}},
	{"pivot_root", STRANGERS, EPERM, SYS_pivot_root, {MISSING, MISSING}},
	{"unshare", STRANGERS, EPERM, SYS_unshare, {0}},
	{"setns", STRANGERS, EPERM, SYS_setns, {MINUS_ONE}},
	{"clone of a user namespace", STRANGERS, EPERM, SYS_clone,
	 {NUMBER(CLONE_NEWUSER | CLONE_SIGHAND)}},
	{"clone of a network namespace", STRANGERS, EPERM, SYS_clone,
	 {NUMBER(CLONE_NEWNET | CLONE_SIGHAND)}},
	{"clone3", STRANGERS, ENOSYS, SYS_clone3, {0}},
	{"ptrace", STRANGERS, EPERM, SYS_ptrace, {MINUS_ONE, MINUS_ONE}},
	{"process_vm_writev", STRANGERS, EPERM, SYS_process_vm_writev, {MINUS_ONE}},
	{"bpf", STRANGERS, EPERM, SYS_bpf, {MINUS_ONE}},
	{"io_uring_setup", STRANGERS, EPERM, SYS_io_uring_setup, {0}},
	{"keyctl", STRANGERS, EPERM, SYS_keyctl, {MINUS_ONE}},
	{"userfaultfd", STRANGERS, EPERM, SYS_userfaultfd, {MINUS_ONE}},
	{"perf_event_open", STRANGERS, EPERM, SYS_perf_event_open, {0}},
	{"init_module", STRANGERS, EPERM, SYS_init_module, {0}},
	{"kexec_load", STRANGERS, EPERM, SYS_kexec_load, {0, MINUS_ONE, 0, MINUS_ONE}},
	{"reboot", STRANGERS, EPERM, SYS_reboot, {0}},
	{"socket AF_INET", DRIVER, EPERM, SYS_socket, {NUMBER(AF_INET), NUMBER(SOCK_STREAM)}},
	{"socket AF_INET6", DRIVER, EPERM, SYS_socket, {NUMBER(AF_INET6), NUMBER(SOCK_DGRAM)}},
	{"socket AF_NETLINK", DRIVER, EPERM, SYS_socket, {NUMBER(AF_NETLINK), NUMBER(SOCK_RAW)}},
	{"socket AF_VSOCK", DRIVER, EPERM, SYS_socket, {NUMBER(AF_VSOCK), NUMBER(SOCK_STREAM)}},
	{"typing into a terminal", STRANGERS, EPERM, SYS_ioctl, {MINUS_ONE, NUMBER(TIOCSTI)}},
};
/* clang-format on */
