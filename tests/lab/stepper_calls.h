// SPDX-License-Identifier: Zlib
// The system calls that change something: those at which stepper stops.
#pragma once

enum when { ALWAYS, CREATES, WITH_WRITES }; // CREATES: only with O_CREAT or O_TRUNC

static const struct known_call {
	const char *name;
	int paths[2]; // the arguments that are paths, from 1; 0: none
	enum when when;
	int flags; // the argument with the open flags, from 0, where CREATES; 0: they are in memory
} known_calls[] = {
	{"open", {1}, CREATES, 1},         {"openat", {2}, CREATES, 2},
	{"openat2", {2}, CREATES, 0},      {"creat", {1}, ALWAYS, 0},
	{"rename", {1, 2}, ALWAYS, 0},     {"renameat", {2, 4}, ALWAYS, 0},
	{"renameat2", {2, 4}, ALWAYS, 0},  {"mkdir", {1}, ALWAYS, 0},
	{"mkdirat", {2}, ALWAYS, 0},       {"mknod", {1}, ALWAYS, 0},
	{"mknodat", {2}, ALWAYS, 0},       {"rmdir", {1}, ALWAYS, 0},
	{"unlink", {1}, ALWAYS, 0},        {"unlinkat", {2}, ALWAYS, 0},
	{"link", {1, 2}, ALWAYS, 0},       {"linkat", {2, 4}, ALWAYS, 0},
	{"symlink", {1, 2}, ALWAYS, 0},    {"symlinkat", {1, 3}, ALWAYS, 0},
	{"chmod", {1}, ALWAYS, 0},         {"fchmod", {0}, ALWAYS, 0},
	{"fchmodat", {2}, ALWAYS, 0},      {"fchmodat2", {2}, ALWAYS, 0},
	{"chown", {1}, ALWAYS, 0},         {"lchown", {1}, ALWAYS, 0},
	{"fchown", {0}, ALWAYS, 0},        {"fchownat", {2}, ALWAYS, 0},
	{"utimensat", {2}, ALWAYS, 0},     {"truncate", {1}, ALWAYS, 0},
	{"ftruncate", {0}, ALWAYS, 0},     {"fallocate", {0}, ALWAYS, 0},
	{"fsync", {0}, ALWAYS, 0},         {"fdatasync", {0}, ALWAYS, 0},
	{"syncfs", {0}, ALWAYS, 0},        {"pwrite64", {0}, ALWAYS, 0},
	{"mount", {2}, ALWAYS, 0},         {"umount2", {1}, ALWAYS, 0},
	{"bind", {0}, ALWAYS, 0},          {"listen", {0}, ALWAYS, 0},
	{"execve", {1}, ALWAYS, 0},        {"execveat", {2}, ALWAYS, 0},
	{"exit_group", {0}, ALWAYS, 0},    {"write", {0}, WITH_WRITES, 0},
	{"writev", {0}, WITH_WRITES, 0},   {"pwritev", {0}, WITH_WRITES, 0},
	{"sendfile", {0}, WITH_WRITES, 0}, {"copy_file_range", {0}, WITH_WRITES, 0},
	{"splice", {0}, WITH_WRITES, 0},
};

#define KNOWN_CALLS (sizeof(known_calls) / sizeof(*known_calls))
