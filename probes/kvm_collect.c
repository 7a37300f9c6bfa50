/* SPDX-License-Identifier: Zlib */
/* The kvm probe's collecting half: the device by use, then what explains it. */
#include "probes/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_FILE_BYTES 65536u
#define MAX_GROUP_BYTES (1u << 20)
#define DAEMON_SOCKET "/nix/var/nix/daemon-socket/socket"
#define BUILD_GROUP "nixbld"

/* A node that was there before the daemon was, by clocks of different grain. */
#define BIRTH_TOLERANCE_S 2

static const struct kvm_companion companions[KVM_COMPANIONS] = {
	{"/dev/vhost-net", "kvm.devices.vhost_net", 10, 238, 0},
	{"/dev/vhost-vsock", "kvm.devices.vhost_vsock", 10, 241, 0},
	{"/dev/net/tun", "kvm.devices.tun", 10, 200, 0},
};

/* ---- the devices, before the sandbox */

/* What lies at a path is looked at first: opening may have consequences that nobody asked for. */
static bool is_device(const struct device_node *node, unsigned int major, unsigned int minor)
{
	return node->error == 0 && S_ISCHR(node->mode) && node->major == major &&
	       node->minor == minor;
}

static void try_companion(struct kvm_companion *companion, const struct root *root)
{
	CLEANUP_CLOSE int fd = -1;
	struct device_node node;

	device_node_read(&node, root, companion->path);
	companion->error = node.error ? node.error : ENOTTY;
	if (!is_device(&node, companion->major, companion->minor))
		return;
	fd = root_open(root, companion->path, O_RDWR | O_NONBLOCK, 0);
	companion->error = fd < 0 ? errno : 0;
}

static void check_capabilities(struct kvm_evidence *evidence, int kvm)
{
	for (size_t i = 0; i < kvm_required_count; i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, (unsigned long)kvm_required[i].number) <= 0)
			words_add(&evidence->missing, kvm_required[i].name);
	evidence->vcpus = ioctl(kvm, KVM_CHECK_EXTENSION, (unsigned long)KVM_CAP_NR_VCPUS);
	if (evidence->vcpus < 0)
		evidence->vcpus = 0;
}

static void try_device(struct kvm_evidence *evidence, const struct root *root,
		       struct channel *channel)
{
	CLEANUP_CLOSE int kvm = -1;

	if (!is_device(&evidence->node, KVM_MAJOR, KVM_MINOR))
		return;
	kvm = root_open(root, KVM_PATH, O_RDWR, 0);
	evidence->open_error = kvm < 0 ? errno : 0;
	if (kvm < 0)
		return;
	channel_phase(channel, "ask for version and capabilities");
	evidence->api = ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (evidence->api < 0)
		evidence->proof = (struct kvm_proof){
			.end = KVM_END_REFUSED,
			.call = "KVM_GET_API_VERSION",
			.error = errno,
			.picoseconds = -1,
		};
	if (evidence->api != KVM_API)
		return;
	check_capabilities(evidence, kvm);
	if (evidence->missing.count == 0)
		kvm_prove(kvm, &(struct kvm_trial){kvm_programs, kvm_program_count, KVM_GUESTS_MS},
			  channel, &evidence->proof);
}

/* ---- what explains, behind it */

/* "232 kvm": misc devices have their minor number and their name there, in every namespace. */
static enum kvm_known find_in_kernel(const struct root *root)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_FILE_BYTES);
	CLEANUP_WORDS struct words words = {0};

	if (root_read(root, "/proc/misc", &text) < 0)
		return KVM_UNKNOWN;
	words_split(&words, text.data, " \n");
	for (size_t i = 0; i + 1 < words.count; i += 2)
		if (strcmp(words.items[i], "232") == 0 && strcmp(words.items[i + 1], "kvm") == 0)
			return KVM_YES;
	return KVM_NO;
}

static void find_modules(struct words *ret, const struct root *root)
{
	static const char *const names[] = {"kvm", "kvm_intel", "kvm_amd", "kvm_pvm"};
	struct stat status;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CLEANUP_FREE char *path = mem_format("/sys/module/%s", names[i]);

		if (root_stat(root, path, &status) == 0)
			words_add(ret, names[i]);
	}
}

static char *read_vendor(const struct root *root)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(256);

	if (root_read(root, "/sys/class/dmi/id/sys_vendor", &text) < 0)
		return NULL;
	return text_cleaned(text.data, 64);
}

/* Whether version 1's list of a container allows the device to be read and written. A list that allows
 * all ("a *:* rwm") may have exceptions, which it does not show. */
static enum kvm_known ask_cgroup(const struct root *root)
{
	static const char *const allowing[] = {"c *:* rw", "c 10:* rw", "c 10:232 rw"};
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_FILE_BYTES);

	if (root_read(root, "/sys/fs/cgroup/devices/devices.list", &text) < 0)
		return KVM_UNKNOWN;
	for (const char *line = text.data; *line; line += *line == '\n') {
		for (size_t i = 0; i < sizeof(allowing) / sizeof(allowing[0]); i++)
			if (text_starts_with(line, allowing[i]))
				return KVM_YES;
		if (*line == 'a')
			return KVM_UNKNOWN;
		line += strcspn(line, "\n");
	}
	return KVM_NO;
}

/* The first namespace maps all numbers to themselves. */
static bool is_user_namespace(const struct root *root)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(4096);
	CLEANUP_WORDS struct words words = {0};

	if (root_read(root, "/proc/self/uid_map", &text) < 0)
		return false;
	words_split(&words, text.data, " \n");
	return words.count != 3 || strcmp(words.items[2], "4294967295") != 0;
}

/* Build users have the group nixbld, and those that /etc/group gives them. */
static bool is_group_for_builders(const struct root *root, gid_t gid)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_GROUP_BYTES);
	CLEANUP_FREE char *number = mem_format(":%u:", (unsigned int)gid);
	const char *line = text.data;

	if (root_read(root, "/etc/group", &text) < 0)
		return false;
	for (line = text.data; *line; line += *line == '\n') {
		size_t length = strcspn(line, "\n");
		CLEANUP_FREE char *entry = mem_strndup(line, length);
		const char *members = strstr(entry, number);

		if (members &&
		    (text_starts_with(entry, BUILD_GROUP ":") || strstr(members, BUILD_GROUP)))
			return true;
		line += length;
	}
	return false;
}

/* systemd makes the socket long before the daemon: there its age says nothing. */
static bool is_younger_than_daemon(const struct device_node *node, const struct root *root)
{
	struct stat status;

	if (!node->born || root_stat(root, "/run/systemd/system", &status) == 0 ||
	    root_stat(root, DAEMON_SOCKET, &status) < 0)
		return false;
	return node->born > status.st_mtim.tv_sec + BIRTH_TOLERANCE_S;
}

static void explain(struct kvm_evidence *evidence, const struct root *root)
{
	evidence->is_in_kernel = find_in_kernel(root);
	find_modules(&evidence->modules, root);
	kvm_collect_cpu(&evidence->cpu, root);
	evidence->vendor = read_vendor(root);
	evidence->is_cgroup_allowed = ask_cgroup(root);
	evidence->is_user_namespace = is_user_namespace(root);
	if (evidence->node.error)
		return;
	evidence->is_group_for_builders = is_group_for_builders(root, evidence->node.gid);
	evidence->is_younger_than_daemon = is_younger_than_daemon(&evidence->node, root);
}

void kvm_collect(struct kvm_evidence *ret, const struct job *job, struct channel *channel)
{
	const struct root *root = &job->context.root;

	*ret = (struct kvm_evidence){.open_error = -1, .api = -1, .proof.picoseconds = -1};
	memcpy(ret->companions, companions, sizeof(companions));
	channel_phase(channel, "open " KVM_PATH);
	device_node_read(&ret->node, root, KVM_PATH);
	try_device(ret, root, channel);
	channel_phase(channel, "open its companions");
	for (size_t i = 0; i < KVM_COMPANIONS; i++)
		try_companion(&ret->companions[i], root);
	channel_lock(channel);
	channel_phase(channel, "read what explains it");
	explain(ret, root);
}

void kvm_evidence_release(struct kvm_evidence *evidence)
{
	words_release(&evidence->missing);
	words_release(&evidence->modules);
	free(evidence->vendor);
	*evidence = (struct kvm_evidence){0};
}
