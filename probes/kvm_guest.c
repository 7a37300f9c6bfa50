/* SPDX-License-Identifier: Zlib */
/* Makes a virtual machine and runs programs in it, under a watchdog. */
#include "probes/kvm_guest.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/record.h"

#define TICK_US                                                                                    \
	20000 /* a signal that comes just before KVM_RUN interrupts nothing: the next does */
#define MAX_EXITS 64u /* a guest that says more than it should is stopped */
#define MAX_RUN_BYTES (1u << 20)
#define TIMED "1234"

struct machine {
	int kvm;
	int vm;
	uint8_t *memory;
	int64_t end_us;
	struct kvm_proof *proof;
};

/* One processor on its way through its program. */
struct vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_size;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t now_us(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000;
}

static void refuse(struct kvm_proof *proof, const char *call)
{
	proof->end = KVM_END_REFUSED;
	proof->call = call;
	proof->error = errno;
}

/* ---- the watchdog */

static void on_tick(int number)
{
	(void)number; /* only there to interrupt KVM_RUN */
}

static void set_watchdog(bool is_on)
{
	const struct sigaction action = {.sa_handler = on_tick};
	const struct itimerval timer = {
		.it_value.tv_usec = is_on ? TICK_US : 0,
		.it_interval.tv_usec = is_on ? TICK_US : 0,
	};

	if (is_on)
		(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* ---- one program */

static void vcpu_release(struct vcpu *vcpu)
{
	if (vcpu->run != MAP_FAILED)
		(void)munmap(vcpu->run, vcpu->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
}

/* Returns NULL, or the name of the call that failed, with errno. */
static const char *vcpu_make(struct vcpu *vcpu, const struct machine *machine, unsigned long number)
{
	int size = ioctl(machine->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < (int)sizeof(*vcpu->run) || size > (int)MAX_RUN_BYTES)
		return "KVM_GET_VCPU_MMAP_SIZE";
	vcpu->run_size = (size_t)size;
	vcpu->fd = ioctl(machine->vm, KVM_CREATE_VCPU, number);
	if (vcpu->fd < 0)
		return "KVM_CREATE_VCPU";
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	return vcpu->run == MAP_FAILED ? "mmap" : NULL;
}

/* The time is over: did it do anything? */
static enum kvm_end judge_slowness(const struct vcpu *vcpu, const struct kvm_program *program)
{
	uint64_t progress = program->progress ? program->progress(vcpu->fd) : 0;

	return progress > 0 && progress < KVM_GUEST_LOOPS ? KVM_END_CRAWLS : KVM_END_HANGS;
}

/* Runs until the guest does something that its program may do. Returns false when PROOF's end is
 * settled. */
static bool run_once(const struct vcpu *vcpu, const struct machine *machine,
		     const struct kvm_program *program, enum kvm_event *ret_event,
		     uint8_t *ret_byte)
{
	struct kvm_proof *proof = machine->proof;

	while (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
		if (errno != EINTR && errno != EAGAIN) {
			refuse(proof, "KVM_RUN");
			return false;
		}
		if (now_us() >= machine->end_us) {
			proof->end = judge_slowness(vcpu, program);
			return false;
		}
	}
	*ret_event = kvm_event_of(vcpu->run, ret_byte);
	proof->exit = vcpu->run->exit_reason;
	if (*ret_event == KVM_EVENT_OTHER)
		proof->end = KVM_END_STRANGE;
	return *ret_event != KVM_EVENT_OTHER;
}

/* A timed program says 1, 2, goes round its loop, says 3, goes round again, says 4: from 1 to 2 is
 * what an exit costs by itself, and the faster loop is the one that nothing else disturbed. */
static int64_t picoseconds(const int64_t *said_ns)
{
	int64_t exit_ns = said_ns[1] - said_ns[0];
	int64_t first_ns = said_ns[2] - said_ns[1], second_ns = said_ns[3] - said_ns[2];
	int64_t loop_ns = (first_ns < second_ns ? first_ns : second_ns) - exit_ns;

	return loop_ns > 0 ? loop_ns * 1000 / KVM_GUEST_LOOP_INSTRUCTIONS : 0;
}

static bool left_mark(const struct machine *machine, const struct kvm_program *program)
{
	uint64_t found;

	if (!program->mark_address)
		return true;
	memcpy(&found, machine->memory + program->mark_address, sizeof(found));
	return found == program->mark;
}

static void run_vcpu(const struct vcpu *vcpu, const struct machine *machine,
		     const struct kvm_program *program)
{
	struct kvm_proof *proof = machine->proof;
	size_t length = strlen(program->says), said = 0;
	int64_t said_ns[MAX_EXITS] = {0};
	enum kvm_event event;
	uint8_t byte = 0;

	/* Processor time, because a pod may stand still in between. */
	while (run_once(vcpu, machine, program, &event, &byte) && event == KVM_EVENT_BYTE) {
		said_ns[said] = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		if (said >= length || byte != (uint8_t)program->says[said] || ++said == MAX_EXITS) {
			proof->end = KVM_END_STRANGE;
			return;
		}
	}
	if (proof->end != KVM_END_WORKS)
		return;
	if (said != length || !left_mark(machine, program))
		proof->end = KVM_END_STRANGE;
	else if (strcmp(program->says, TIMED) == 0)
		proof->picoseconds = picoseconds(said_ns);
}

static void run_program(const struct machine *machine, const struct kvm_program *program,
			unsigned long number)
{
	struct kvm_proof *proof = machine->proof;
	CLEANUP(vcpu_release) struct vcpu vcpu = {.fd = -1, .run = MAP_FAILED};
	const char *failed;

	proof->program = program->name;
	memcpy(machine->memory + program->address, program->code,
	       (size_t)(program->code_end - program->code));
	failed = vcpu_make(&vcpu, machine, number);
	if (!failed)
		failed = program->prepare(machine->kvm, vcpu.fd, machine->memory);
	if (failed) {
		refuse(proof, failed);
		return;
	}
	proof->end = KVM_END_WORKS;
	run_vcpu(&vcpu, machine, program);
}

/* ---- the machine */

static const char *machine_make(struct machine *machine)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = KVM_GUEST_MEMORY,
		.userspace_addr = (uintptr_t)machine->memory,
	};

	do
		machine->vm = ioctl(machine->kvm, KVM_CREATE_VM, kvm_machine_type(machine->kvm));
	while (machine->vm < 0 && errno == EINTR && now_us() < machine->end_us);
	if (machine->vm < 0)
		return "KVM_CREATE_VM";
	if (ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return "KVM_SET_USER_MEMORY_REGION";
	return kvm_prepare_machine(machine->vm);
}

void kvm_prove(int kvm, const struct kvm_trial *trial, struct channel *channel,
	       struct kvm_proof *ret)
{
	int64_t start_us = now_us();
	struct machine machine = {
		.kvm = kvm,
		.vm = -1,
		.end_us = start_us + trial->limit_ms * INT64_C(1000),
		.proof = ret,
	};
	const char *failed;

	*ret = (struct kvm_proof){.picoseconds = -1};
	machine.memory = mmap(NULL, KVM_GUEST_MEMORY, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (machine.memory == MAP_FAILED) {
		refuse(ret, "mmap");
		return;
	}
	channel_phase(channel, "make a virtual machine");
	failed = machine_make(&machine);
	if (failed)
		refuse(ret, failed);
	set_watchdog(true);
	for (size_t i = 0; i < trial->count && !failed && (i == 0 || ret->end == KVM_END_WORKS);
	     i++) {
		channel_phase(channel, trial->programs[i].phase);
		run_program(&machine, &trial->programs[i], i);
	}
	set_watchdog(false);
	if (machine.vm >= 0)
		close(TAKE_FD(machine.vm));
	(void)munmap(machine.memory, KVM_GUEST_MEMORY);
	ret->took_us = now_us() - start_us;
}
