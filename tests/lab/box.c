// SPDX-License-Identifier: Zlib
// box: one pod of the lab. `box pod` makes namespaces and a root file system of their own and stays as
// their init until its standard input ends; `box enter PID` runs a command inside. Nothing outlives either.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_BOX 125 // box itself failed, as env(1) and docker(1) say it
#define MAX_ITEMS 32

struct items {
	const char *at[MAX_ITEMS];
	int count;
};

struct box {
	const char *mount_dir; // where the pod's tmpfs is mounted; only the pod sees it
	const char *root;      // overlay lower layers, colon-separated; NULL: the outer root stays
	const char *hostname;
	const char *net;      // "new", or the process whose network namespace is joined
	struct items tmpfs;   // PATH:MODE:UID:GID[:OPTIONS]
	struct items binds;   // SRC:DST
	struct items nodes;   // PATH:MAJOR:MINOR:MODE:UID:GID, character devices
	struct items cgroups; // CONTROLLER=DIR (CONTROLLER "v2" for the unified hierarchy)
	const char *user;     // UID:GID[:GROUP,GROUP]
	const char *cwd;
	bool close_stdin;
	bool no_new_privs;
	char **command;
};

static pid_t inner; // the process that `forward` signals

static _Noreturn void die(const char *format, ...)
{
	int code = errno;
	va_list args;

	fputs("box: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(code));
	exit(EXIT_BOX);
}

static _Noreturn void reject(const char *option)
{
	errno = EINVAL;
	die("%s", option);
}

static void add(struct items *items, const char *value)
{
	if (items->count == MAX_ITEMS)
		reject(value);
	items->at[items->count++] = value;
}

static void mount_or_die(const char *source, const char *target, const char *type,
			 unsigned long flags, const char *data)
{
	if (mount(source, target, type, flags, data))
		die("mount %s on %s", source, target);
}

// Makes every missing directory above path, 0755.
static void make_parents(const char *path)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = copy + 1; *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		mkdir(copy, 0755);
		*slash = '/';
	}
}

static void join_cgroups(const struct items *cgroups)
{
	char path[4096];

	for (int i = 0; i < cgroups->count; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", strchr(cgroups->at[i], '=') + 1);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			die("%s", path);
		close(fd);
	}
}

static void join_namespace(const char *pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, 0))
		die("%s", path);
	close(fd);
}

static void make_node(const char *spec)
{
	char path[256];
	unsigned int major, minor, mode, uid, gid;

	if (sscanf(spec, "%255[^:]:%u:%u:%o:%u:%u", path, &major, &minor, &mode, &uid, &gid) != 6)
		reject(spec);
	make_parents(path + 1);
	if (mknod(path + 1, S_IFCHR | mode, makedev(major, minor)) || chown(path + 1, uid, gid) ||
	    chmod(path + 1, mode))
		die("node %s", path);
}

// A /dev of the pod's own: binding the machine's nodes would share their modes with it.
static void make_dev(const struct items *extra)
{
	static const char *const nodes[] = {
		"/dev/null:1:3:0666:0:0",   "/dev/zero:1:5:0666:0:0",    "/dev/full:1:7:0666:0:0",
		"/dev/random:1:8:0666:0:0", "/dev/urandom:1:9:0666:0:0", "/dev/tty:5:0:0666:0:0",
	};

	mount_or_die("dev", "dev", "tmpfs", MS_NOSUID, "mode=0755,size=64k");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		make_node(nodes[i]);
	mkdir("dev/pts", 0755);
	mount_or_die("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		     "newinstance,ptmxmode=0666,mode=0620");
	mkdir("dev/shm", 01777);
	mount_or_die("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	if (symlink("pts/ptmx", "dev/ptmx") || symlink("/proc/self/fd", "dev/fd") ||
	    symlink("/proc/self/fd/0", "dev/stdin") || symlink("/proc/self/fd/1", "dev/stdout") ||
	    symlink("/proc/self/fd/2", "dev/stderr"))
		die("dev links");
	for (int i = 0; i < extra->count; i++)
		make_node(extra->at[i]);
}

// The pod's cgroup file systems, as a container sees them: read-only, its own cgroup at the root.
static void make_sys(const struct items *cgroups)
{
	char path[256];

	mount_or_die("sysfs", "sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	for (int i = 0; i < cgroups->count; i++) {
		if (!strncmp(cgroups->at[i], "v2=", 3)) {
			mount_or_die("cgroup", "sys/fs/cgroup", "cgroup2",
				     MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
			continue;
		}
		if (i == 0)
			mount_or_die("cgroup", "sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV,
				     "mode=0755,size=64k");
		snprintf(path, sizeof(path), "sys/fs/cgroup/%s", cgroups->at[i]);
		*strchr(path, '=') = 0;
		mkdir(path, 0755);
		mount_or_die("cgroup", path, "cgroup", MS_RDONLY | MS_NOSUID | MS_NODEV, path + 14);
	}
}

static void make_tmpfs(const char *spec)
{
	char path[256], options[256], more[128] = "";
	unsigned int mode, uid, gid;

	if (sscanf(spec, "%255[^:]:%o:%u:%u:%127s", path, &mode, &uid, &gid, more) < 4)
		reject(spec);
	make_parents(path + 1);
	mkdir(path + 1, 0755);
	snprintf(options, sizeof(options), "mode=%o,uid=%u,gid=%u,%s", mode, uid, gid, more);
	mount_or_die("emptydir", path + 1, "tmpfs", MS_NOSUID | MS_NODEV, options);
}

static void bind_folder(const char *spec)
{
	char source[4096];
	const char *target = strchr(spec, ':');

	if (!target)
		reject(spec);
	snprintf(source, sizeof(source), "%.*s", (int)(target - spec), spec);
	make_parents(target + 2);
	mkdir(target + 2, 0755);
	mount_or_die(source, target + 2, NULL, MS_BIND | MS_REC, NULL);
}

// From here every path of the pod is relative: the working directory is its root to be.
static void make_root(const struct box *box)
{
	char options[4096];

	mount_or_die("lab", box->mount_dir, "tmpfs", 0, "mode=0755");
	if (chdir(box->mount_dir) || mkdir("upper", 0755) || mkdir("work", 0755) ||
	    mkdir("root", 0755))
		die("%s", box->mount_dir);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=upper,workdir=work", box->root);
	mount_or_die("overlay", "root", "overlay", 0, options);
	if (chdir("root"))
		die("root");
	make_dev(&box->nodes);
	make_sys(&box->cgroups);
	mount_or_die("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	for (int i = 0; i < box->tmpfs.count; i++)
		make_tmpfs(box->tmpfs.at[i]);
	for (int i = 0; i < box->binds.count; i++)
		bind_folder(box->binds.at[i]);
	if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		die("pivot_root");
}

// Init of a pod: it reaps by ignoring SIGCHLD, and the end of its standard input is the pod's end.
static _Noreturn void be_init(void)
{
	char byte;

	signal(SIGCHLD, SIG_IGN);
	dprintf(STDOUT_FILENO, "ready\n");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	_exit(0);
}

// SIGUSR1 stands for SIGKILL: if we died of that, our child's zombie would wait for the machine's init.
static void forward(int signal_number)
{
	kill(inner, signal_number == SIGUSR1 ? SIGKILL : signal_number);
}

static int wait_for_inner(void)
{
	int status;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, forward);
	signal(SIGUSR1, forward);
	while (waitpid(inner, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int make_pod(const struct box *box)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;

	join_cgroups(&box->cgroups);
	if (box->net && !strcmp(box->net, "new"))
		flags |= CLONE_NEWNET;
	else if (box->net)
		join_namespace(box->net, "net");
	if (unshare(flags))
		die("unshare");
	inner = fork();
	if (inner < 0)
		die("fork");
	if (inner) {
		dprintf(STDOUT_FILENO, "pid %d\n", (int)inner);
		return wait_for_inner();
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (box->hostname && sethostname(box->hostname, strlen(box->hostname)))
		die("sethostname");
	mount_or_die("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (box->root) {
		make_root(box);
	} else {
		mount_or_die("lab", box->mount_dir, "tmpfs", 0, "mode=0755");
		mount_or_die("proc", "/proc", "proc", 0, NULL);
	}
	if (!box->command[0])
		be_init();
	execvp(box->command[0], box->command);
	die("%s", box->command[0]);
}

static void become_user(const char *spec)
{
	unsigned int uid, gid;
	gid_t groups[MAX_ITEMS];
	size_t count = 0;
	const char *rest;

	if (sscanf(spec, "%u:%u", &uid, &gid) != 2)
		reject(spec);
	rest = strchr(strchr(spec, ':') + 1, ':');
	while (rest && rest[1] && count < MAX_ITEMS) {
		groups[count++] = (gid_t)strtoul(rest + 1, NULL, 10);
		rest = strchr(rest + 1, ',');
	}
	if (setgroups(count, groups) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		die("user %s", spec);
}

static int enter_pod(const struct box *box, const char *pid)
{
	static const char *const names[] = {"cgroup", "ipc", "uts", "net", "pid", "mnt"};
	const struct rlimit no_core = {0, 0};

	join_cgroups(&box->cgroups);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		join_namespace(pid, names[i]);
	inner = fork();
	if (inner < 0)
		die("fork");
	if (inner)
		return wait_for_inner();
	umask(022);
	setrlimit(RLIMIT_CORE, &no_core);
	if (box->user)
		become_user(box->user);
	prctl(PR_SET_PDEATHSIG, SIGKILL); // after the change of user, which clears it
	if (chdir(box->cwd))
		die("%s", box->cwd);
	if (box->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
	if (box->close_stdin)
		close(STDIN_FILENO);
	execvp(box->command[0], box->command);
	dprintf(STDERR_FILENO, "box: %s: %s\n", box->command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void set_option(struct box *box, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **text;
		struct items *items;
	} options[] = {
		{"--mount", &box->mount_dir, NULL},   {"--root", &box->root, NULL},
		{"--hostname", &box->hostname, NULL}, {"--net", &box->net, NULL},
		{"--user", &box->user, NULL},         {"--cwd", &box->cwd, NULL},
		{"--tmpfs", NULL, &box->tmpfs},       {"--bind", NULL, &box->binds},
		{"--node", NULL, &box->nodes},        {"--cgroup", NULL, &box->cgroups},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (strcmp(options[i].name, name) || !value)
			continue;
		if (options[i].text)
			*options[i].text = value;
		else
			add(options[i].items, value);
		return;
	}
	reject(name);
}

static void parse_options(struct box *box, char **words)
{
	for (; *words && strcmp(*words, "--"); words++)
		if (!strcmp(*words, "--close-stdin")) {
			box->close_stdin = true;
		} else if (!strcmp(*words, "--no-new-privs")) {
			box->no_new_privs = true;
		} else {
			set_option(box, words[0], words[1]);
			words++;
		}
	box->command = *words ? words + 1 : words;
}

int main(int count, char **words)
{
	struct box box = {.mount_dir = "/mnt", .cwd = "/"};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (count > 1 && !strcmp(words[1], "pod")) {
		parse_options(&box, words + 2);
		return make_pod(&box);
	}
	if (count > 3 && !strcmp(words[1], "enter")) {
		parse_options(&box, words + 3);
		if (box.command[0])
			return enter_pod(&box, words[2]);
	}
	fputs("usage: box pod [OPTION]... [-- INIT...] | box enter PID [OPTION]... -- CMD...\n",
	      stderr);
	return EXIT_BOX;
}
