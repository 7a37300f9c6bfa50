/* SPDX-License-Identifier: Zlib */
/* The kvm probe: its judging half by tables, the whole of it over fake machines (fixtures/kvm). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/kvm.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"
#include "tests/unit/golden.h"
#include "tests/unit/heard.h"

static void judge(const struct kvm_evidence *evidence, const struct job *job, struct heard *ret)
{
	struct channel channel;

	heard_open(ret, &channel);
	kvm_judge(evidence, job, &channel);
	heard_close(ret, &channel, "kvm");
}

/* ---- the judging half */

#define DEVICE .major = 10, .minor = 232
#define NODE(permissions)                                                                          \
	{                                                                                          \
		.mode = S_IFCHR | (permissions), .gid = 993, DEVICE                                \
	}
#define OPENED .api = 12, .node = NODE(0666)
#define KERNEL(listed, extension, flag, guest)                                                     \
	.is_in_kernel = KVM_##listed, .cpu = {KVM_##extension, KVM_##flag, KVM_##guest, ""}

struct row {
	const char *name;
	uid_t uid;
	gid_t group; /* besides the user's own; 0: none */
	struct kvm_evidence evidence;
	enum finding_id expected;
	const char *detail, *remedy; /* parts of them; NULL: any */
};

/* Each row is read as a whole. */
/* clang-format off */
static const struct row rows[] = {
	{"works", 1001, 0, {OPENED, .proof = {.end = KVM_END_WORKS, .picoseconds = 420, .took_us = 3140}},
	 FINDING_KVM_READY, "guests ran in 3.1 ms, 0.42 ns per guest instruction", NULL},
	{"not timed", 1001, 0, {OPENED, .proof = {.end = KVM_END_WORKS, .picoseconds = -1}},
	 FINDING_KVM_READY, "not timed", NULL},
	{"hardware that nests is not emulation", 1001, 0,
	 {OPENED, .proof = {.end = KVM_END_WORKS, .picoseconds = 100000}}, FINDING_KVM_READY, NULL, NULL},
	{"emulated", 1001, 0, {OPENED, .proof = {.end = KVM_END_WORKS, .picoseconds = 100001}},
	 FINDING_KVM_EMULATED, "100.00 ns per guest instruction", "bare metal"},
	{"another API", 1001, 0, {.node = NODE(0666), .api = 11}, FINDING_KVM_API_DIFFERS, "answers 11", NULL},
	{"the first call refused", 1001, 0,
	 {.node = NODE(0666), .api = -1,
	  .proof = {.end = KVM_END_REFUSED, .call = "KVM_GET_API_VERSION", .error = EPERM}},
	 FINDING_KVM_MACHINE_REFUSED, "KVM_GET_API_VERSION: ", NULL},
	{"a capability is missing", 1001, 0,
	 {OPENED, .missing = {.items = (char *[]){(char[]){"IRQFD"}, (char[]){"XSAVE"}}, .count = 2}},
	 FINDING_KVM_CAPABILITY_MISSING, "IRQFD XSAVE", NULL},
	{"held by another", 1001, 0,
	 {OPENED, .proof = {.end = KVM_END_REFUSED, .call = "KVM_CREATE_VM", .error = EBUSY}},
	 FINDING_KVM_BUSY, "KVM_CREATE_VM", "VirtualBox"},
	{"busy in another call", 1001, 0,
	 {OPENED, .proof = {.end = KVM_END_REFUSED, .call = "KVM_CREATE_VCPU", .error = EBUSY,
			    .program = "long mode"}},
	 FINDING_KVM_MACHINE_REFUSED, "KVM_CREATE_VCPU, guest in long mode", NULL},
	{"no memory", 1001, 0,
	 {OPENED, .proof = {.end = KVM_END_REFUSED, .call = "KVM_CREATE_VM", .error = ENOMEM}},
	 FINDING_KVM_MACHINE_REFUSED, "KVM_CREATE_VM", "memory limit"},
	{"strange", 1001, 0, {OPENED, .proof = {.end = KVM_END_STRANGE, .program = "real mode", .exit = 9}},
	 FINDING_KVM_GUEST_WRONG, "real mode ended with KVM's exit reason 9", NULL},
	{"hangs", 1001, 0, {OPENED, .proof = {.end = KVM_END_HANGS, .program = "real mode"}},
	 FINDING_KVM_GUEST_HANGS, "real mode executed nothing within 1000 ms", NULL},
	{"crawls", 1001, 0, {OPENED, .proof = {.end = KVM_END_CRAWLS, .program = "long mode"}},
	 FINDING_KVM_GUEST_CRAWLS, "long mode did not come to its end", NULL},

	{"not given", 1001, 0, {.node = {.error = ENOENT}, .open_error = -1, KERNEL(YES, NO, NO, YES)},
	 FINDING_KVM_NODE_MISSING, "there is no /dev/kvm, but /proc/misc lists kvm", "devices.kubevirt.io/kvm"},
	{"a file where its folder should be", 1001, 0,
	 {.node = {.error = ENOTDIR}, .open_error = -1, KERNEL(YES, YES, YES, NO)}, FINDING_KVM_NODE_MISSING,
	 NULL, NULL},
	{"nesting off", 1001, 0, {.node = {.error = ENOENT}, .open_error = -1, KERNEL(NO, NO, NO, YES)},
	 FINDING_KVM_NESTED_OFF, "neither VMX nor SVM; this is a virtual machine", "host-passthrough"},
	{"nesting off in a cloud", 1001, 0,
	 {.node = {.error = ENOENT}, .open_error = -1, .vendor = (char[]){"Google"}, KERNEL(NO, NO, NO, YES)},
	 FINDING_KVM_NESTED_OFF, "(Google)", "--enable-nested-virtualization"},
	{"firmware", 1001, 0, {.node = {.error = ENOENT}, .open_error = -1, KERNEL(NO, NO, NO, NO)},
	 FINDING_KVM_FIRMWARE_OFF, "neither VMX nor SVM", "firmware"},
	{"firmware, by the flag that was taken away", 1001, 0,
	 {.node = {.error = ENOENT}, .open_error = -1, KERNEL(NO, YES, NO, NO)}, FINDING_KVM_FIRMWARE_OFF,
	 "the kernel took the flag away", NULL},
	{"no module", 1001, 0, {.node = {.error = ENOENT}, .open_error = -1, KERNEL(NO, YES, YES, NO)},
	 FINDING_KVM_MODULE_MISSING, "has VMX or SVM", "modprobe"},
	{"a processor that does not tell", 1001, 0,
	 {.node = {.error = ENOENT}, .open_error = -1, KERNEL(NO, UNKNOWN, UNKNOWN, UNKNOWN)},
	 FINDING_KVM_NOT_IN_KERNEL, "/proc/misc does not list kvm", "EL2"},
	{"no /proc", 1001, 0, {.node = {.error = ENOENT}, .open_error = -1, KERNEL(UNKNOWN, NO, NO, YES)},
	 FINDING_KVM_NOT_IN_KERNEL, "/proc/misc cannot be read", NULL},
	{"a loop of links", 1001, 0, {.node = {.error = ELOOP}, .open_error = -1}, FINDING_KVM_OPEN_FAILED,
	 "looking it up", NULL},

	{"mode 0660, of a group that is not his", 1001, 27, {.node = NODE(0660), .open_error = EACCES},
	 FINDING_KVM_NO_PERMISSION, "mode 0660, owner 0, group 993; this user is 1001, in the groups 1001, 27",
	 "supplementalGroups: [993]"},
	{"mode 0600", 1001, 0, {.node = NODE(0600), .open_error = EACCES}, FINDING_KVM_NO_PERMISSION,
	 "this user is 1001, in the groups 1001", "udev"},
	{"mode 0060 for its group alone", 993, 0, {.node = NODE(0006), .open_error = EACCES},
	 FINDING_KVM_NO_PERMISSION, NULL, NULL},
	{"his group, and refused", 1001, 993, {.node = NODE(0660), .open_error = EACCES},
	 FINDING_KVM_ACCESS_REFUSED, "though its mode allows it", "container_use_devices"},
	{"everybody, and refused", 1001, 0, {.node = NODE(0666), .open_error = EACCES},
	 FINDING_KVM_ACCESS_REFUSED, NULL, NULL},
	{"root, and refused", 0, 0, {.node = NODE(0600), .open_error = EACCES}, FINDING_KVM_ACCESS_REFUSED, NULL,
	 NULL},
	{"root of a user namespace", 0, 0,
	 {.node = {.mode = S_IFCHR | 0660, .uid = 65534, .gid = 65534, DEVICE}, .open_error = EACCES,
	  .is_user_namespace = true},
	 FINDING_KVM_NO_PERMISSION, "in a user namespace", "hostUsers"},
	{"nodev", 1001, 0,
	 {.node = {.mode = S_IFCHR | 0666, DEVICE, .is_nodev = true}, .open_error = EACCES},
	 FINDING_KVM_MOUNT_NODEV, "on a mount with nodev", NULL},
	{"control group, version 1", 0, 0,
	 {.node = NODE(0666), .open_error = EPERM, .is_cgroup_allowed = KVM_NO}, FINDING_KVM_CGROUP_DENIED,
	 "does not name c 10:232", "hostPath"},
	{"control group, version 2", 0, 0,
	 {.node = NODE(0666), .open_error = EPERM, .is_cgroup_allowed = KVM_UNKNOWN}, FINDING_KVM_CGROUP_DENIED,
	 "cannot be read here", NULL},
	{"not permitted, but not by version 1", 0, 0,
	 {.node = NODE(0666), .open_error = EPERM, .is_cgroup_allowed = KVM_YES}, FINDING_KVM_CGROUP_DENIED,
	 "a filter of calls", NULL},
	{"stale", 1001, 0, {.node = NODE(0666), .open_error = ENODEV, KERNEL(NO, NO, NO, YES)},
	 FINDING_KVM_NODE_STALE, "(kvm-nested-off)", "nested virtualisation"},
	{"stale by the other errno", 1001, 0, {.node = NODE(0666), .open_error = ENXIO, KERNEL(NO, YES, YES, NO)},
	 FINDING_KVM_NODE_STALE, "(kvm-module-missing)", "modprobe"},
	{"another errno", 1001, 0, {.node = NODE(0666), .open_error = EMFILE}, FINDING_KVM_OPEN_FAILED,
	 "opening it", NULL},

	{"a directory", 1001, 0, {.node = {.mode = S_IFDIR | 0755}, .open_error = -1},
	 FINDING_KVM_NODE_IS_DIRECTORY, "is a directory", "CharDevice"},
	{"a regular file", 1001, 0, {.node = {.mode = S_IFREG | 0666}, .open_error = -1}, FINDING_KVM_NODE_WRONG,
	 "a regular file", NULL},
	{"/dev/null", 1001, 0, {.node = {.mode = S_IFCHR | 0666, .major = 1, .minor = 3}, .open_error = -1},
	 FINDING_KVM_NODE_WRONG, "the device 1:3, not 10:232", NULL},
	{"a block device of its numbers", 1001, 0, {.node = {.mode = S_IFBLK | 0666, DEVICE}, .open_error = -1},
	 FINDING_KVM_NODE_WRONG, "a block device", NULL},
};
/* clang-format on */

static void check_row(const struct row *row)
{
	gid_t groups[] = {row->uid, row->group};
	struct job job = {.context = {
				  .uid = row->uid,
				  .gid = row->uid,
				  .groups = groups,
				  .group_count = row->group ? 2 : 1,
			  }};
	CLEANUP(heard_release) struct heard heard;
	const struct finding *finding;

	judge(&row->evidence, &job, &heard);
	finding = findings_find(&heard.findings, row->expected);
	if (!finding) {
		fail_msg("%s: %zu findings, and not that one", row->name, heard.findings.count);
		return;
	}
	assert_int_equal(heard.findings.count, row->expected == FINDING_KVM_EMULATED ? 2 : 1);
	if (row->detail && !strstr(finding->detail, row->detail))
		fail_msg("%s: detail: %s", row->name, finding->detail);
	if (row->remedy && !strstr(finding->remedy, row->remedy))
		fail_msg("%s: remedy: %s", row->name, finding->remedy);
	assert_int_equal(facts_boolean(&heard.facts, FACT_KVM_USABLE),
			 row->evidence.proof.end == KVM_END_WORKS);
}

static void check_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(&rows[i]);
}

static const struct {
	mode_t mode;
	bool is_group_for_builders;
	int expected;
} openings[] = {
	{0666, false, 1}, {0660, false, 0}, {0660, true, 1},  {0640, true, 0},
	{0604, false, 0}, {0602, false, 0}, {0606, false, 1}, {0600, true, 0},
};

static void check_build_users(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(openings); i++) {
		const struct kvm_evidence evidence = {
			.node = {.mode = S_IFCHR | openings[i].mode, DEVICE},
			.open_error = EACCES,
			.is_group_for_builders = openings[i].is_group_for_builders,
		};
		const struct job job = {.context = {.uid = 1001, .gid = 1001}};
		CLEANUP(heard_release) struct heard heard;

		judge(&evidence, &job, &heard);
		if (facts_boolean(&heard.facts, FACT_KVM_FOR_BUILDERS) != openings[i].expected)
			fail_msg("mode %04o", (unsigned int)openings[i].mode);
	}
}

/* ---- the whole of it, over fake machines */

/* Git keeps neither owners nor devices: what the node's own facts say is not part of a fixture. */
static void print_heard(const struct heard *heard, struct strbuf *out)
{
	for (size_t i = 0; i < heard->findings.count; i++) {
		const struct finding *finding = &heard->findings.items[i];

		strbuf_printf(out, "%s %s [%s] %s\n  %s\n", severity_name(finding->severity),
			      finding_kind(finding->id)->id, finding->subject, finding->detail,
			      finding->remedy);
	}
	heard_print_facts(heard, "kvm.node.", out);
}

static void check_fixture(const char *name)
{
	CLEANUP_FREE char *root = mem_format("fixtures/kvm/%s/root", name);
	CLEANUP_FREE char *expected = mem_format("fixtures/kvm/%s/expected", name);
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(65536);
	CLEANUP(heard_release) struct heard heard;
	struct job job = {.context = {.uid = 1001, .gid = 1001}};
	struct kvm_evidence evidence;
	struct channel channel;

	assert_int_equal(root_open_directory(&job.context.root, root, NULL), 0);
	heard_open(&heard, &channel);
	kvm_collect(&evidence, &job, &channel);
	kvm_judge(&evidence, &job, &channel);
	kvm_evidence_release(&evidence);
	heard_close(&heard, &channel, "kvm");
	root_close(&job.context.root);
	print_heard(&heard, &out);
	golden_expect(expected, out.data);
}

static void check_fixtures(void **state)
{
	(void)state;
	fixture_each("kvm", 10, check_fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_rows),
		cmocka_unit_test(check_build_users),
		cmocka_unit_test(check_fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
