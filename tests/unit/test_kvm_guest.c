/* SPDX-License-Identifier: Zlib */
/* Guests on the real /dev/kvm: those of the probe, and others that hang, crawl, crash and lie. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/record.h"
#include "probes/kvm_guest.h"
#include "tests/unit/check.h"

#define LIMIT_MS 300

static int kvm = -1;

/* Skips, also where SPINUP_MUST_RUN is set: KVM is required wherever it opens, and nowhere else. */
static void need_kvm(void)
{
	if (kvm >= 0)
		return;
	print_message("this machine lacks a /dev/kvm that opens\n");
	skip();
}

static void prove(const struct kvm_program *programs, size_t count, struct kvm_proof *ret)
{
	struct channel channel = {.fd = -1};

	kvm_prove(kvm, &(struct kvm_trial){programs, count, LIMIT_MS}, &channel, ret);
}

static void check_ours(void **state)
{
	struct kvm_proof proof;

	(void)state;
	need_kvm();
	prove(kvm_programs, kvm_program_count, &proof);
	if (proof.end != KVM_END_WORKS)
		fail_msg("%s: %s: %s, exit %u", proof.program, proof.call ? proof.call : "",
			 strerror(proof.error), proof.exit);
	assert_true(proof.picoseconds >= 0);
	assert_true(proof.took_us > 0 && proof.took_us < LIMIT_MS * 1000);
}

static void check_capabilities(void **state)
{
	(void)state;
	need_kvm();
	for (size_t i = 0; i < kvm_required_count; i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, (unsigned long)kvm_required[i].number) <= 0)
			fail_msg("%s", kvm_required[i].name);
}

static void check_no_device(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct channel channel = {.fd = -1};
	struct kvm_proof proof;

	(void)state;
	kvm_prove(null, &(struct kvm_trial){kvm_programs, kvm_program_count, LIMIT_MS}, &channel,
		  &proof);
	close(null);
	assert_int_equal(proof.end, KVM_END_REFUSED);
	assert_string_equal(proof.call, "KVM_CREATE_VM");
	assert_int_equal(proof.error, ENOTTY);
	assert_null(proof.program);
}

#ifdef __x86_64__

/* Programs for the long mode that the probe's own guest is prepared for; its counter is ecx. */
#define SAY(byte) 0xb0, (byte), 0xee /* mov al, BYTE; out dx, al */
#define PORT 0x66, 0xba, 0xf8, 0x03  /* mov dx, 0x3f8 */
#define MARK                                                                                       \
	0x48, 0xb8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x48, 0x89, 0x04, 0x25, 0x00,  \
		0x80, 0x00, 0x00 /* mov rax, …; mov [0x8000], rax */
#define HALT 0xf4

struct guest {
	const char *name;
	uint8_t code[64];
	enum kvm_end expected;
};

static const struct guest guests[] = {
	{"does as it should",
	 {MARK, PORT, SAY('1'), SAY('2'), SAY('3'), SAY('4'), HALT},
	 KVM_END_WORKS},
	{"jumps to itself", {0xeb, 0xfe}, KVM_END_HANGS},
	{"hangs after it spoke", {MARK, PORT, SAY('1'), 0xeb, 0xfe}, KVM_END_HANGS},
	/* mov ecx, 7; jmp $: as if it had got so far, and no further */
	{"has not come far", {PORT, SAY('1'), 0xb9, 7, 0, 0, 0, 0xeb, 0xfe}, KVM_END_CRAWLS},
	/* mov ecx, 100: the loop is behind it */
	{"hangs after its loop", {PORT, SAY('1'), 0xb9, 100, 0, 0, 0, 0xeb, 0xfe}, KVM_END_HANGS},
	{"halts at once", {HALT}, KVM_END_STRANGE},
	{"says too little", {MARK, PORT, SAY('1'), SAY('2'), SAY('3'), HALT}, KVM_END_STRANGE},
	{"says something else", {MARK, PORT, SAY('1'), SAY('x')}, KVM_END_STRANGE},
	{"says too much",
	 {MARK, PORT, SAY('1'), SAY('2'), SAY('3'), SAY('4'), SAY('5'), HALT},
	 KVM_END_STRANGE},
	{"never ends to talk", {MARK, PORT, 0xb0, '1', 0xee, 0xeb, 0xfd}, KVM_END_STRANGE},
	{"does not store", {PORT, SAY('1'), SAY('2'), SAY('3'), SAY('4'), HALT}, KVM_END_STRANGE},
	{"speaks through another port", {MARK, 0x66, 0xba, 0xf9, 0x03, SAY('1')}, KVM_END_STRANGE},
	/* ud2 without an interrupt table is a triple fault */
	{"crashes", {0x0f, 0x0b}, KVM_END_STRANGE},
};

static void check_guests(void **state)
{
	(void)state;
	need_kvm();
	for (size_t i = 0; i < COUNT(guests); i++) {
		const struct guest *guest = &guests[i];
		struct kvm_program program = kvm_programs[kvm_program_count - 1];
		struct kvm_proof proof;

		program.code = guest->code;
		program.code_end = guest->code + sizeof(guest->code);
		prove(&program, 1, &proof);
		if (proof.end != guest->expected)
			fail_msg("%s: end %d, exit %u, %s %s", guest->name, (int)proof.end,
				 proof.exit, proof.call ? proof.call : "", strerror(proof.error));
		if (proof.end == KVM_END_HANGS || proof.end == KVM_END_CRAWLS)
			assert_true(proof.took_us >= LIMIT_MS * 1000);
	}
}

/* A processor in real mode that got as far as the second instruction does not stand still. */
static void check_progress_in_real_mode(void **state)
{
	const uint8_t stands[] = {0xeb, 0xfe}, creeps[] = {0x90, 0xeb, 0xfe}; /* nop; jmp $ */
	struct kvm_program program = kvm_programs[0];
	struct kvm_proof proof;

	(void)state;
	need_kvm();
	program.code = stands;
	program.code_end = stands + sizeof(stands);
	prove(&program, 1, &proof);
	assert_int_equal(proof.end, KVM_END_HANGS);
	program.code = creeps;
	program.code_end = creeps + sizeof(creeps);
	prove(&program, 1, &proof);
	assert_int_equal(proof.end, KVM_END_CRAWLS);
}

/* What comes after a program that does not work is not run: its words would hide the first ones. */
static void check_first_failure_ends(void **state)
{
	const uint8_t halt[] = {0xf4};
	struct kvm_program programs[2];
	struct kvm_proof proof;

	(void)state;
	need_kvm();
	memcpy(programs, kvm_programs, sizeof(programs));
	programs[0].code = halt;
	programs[0].code_end = halt + sizeof(halt);
	prove(programs, 2, &proof);
	assert_int_equal(proof.end, KVM_END_STRANGE);
	assert_string_equal(proof.program, "real mode");
	assert_int_equal(proof.picoseconds, -1);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_ours),
		cmocka_unit_test(check_capabilities),
		cmocka_unit_test(check_no_device),
#ifdef __x86_64__
		cmocka_unit_test(check_guests),
		cmocka_unit_test(check_first_failure_ends),
		cmocka_unit_test(check_progress_in_real_mode),
#endif
	};

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
