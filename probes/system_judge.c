/* SPDX-License-Identifier: Zlib */
/* The system probe's judging half: facts against the lane's promises and envelope. Pure. */
#include "probes/system.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/size.h"
#include "agent/strbuf.h"

#define LOW_BYTES (INT64_C(1) << 30)
#define LOW_INODES_PERCENT 5
#define SIZE_TEXT_BYTES 32u

/* A limit of 8 GiB may be written as 8589934592 or 8.6G; a machine of 8 GiB shows less. */
#define LIMIT_TOLERANCE_PERCENT 1
#define MACHINE_TOLERANCE_PERCENT 8

/* What the judging functions share. */
struct trial {
	const struct system_facts *facts;
	const struct job *job;
	struct channel *channel;
	bool has_error;
};

/* One side of the envelope. */
struct measure {
	const char *name; /* "memory" */
	int64_t promised;
	int64_t limit;   /* 0: none is set; -1: not known */
	int64_t machine; /* 0: not known */
	void (*format)(struct strbuf *out, int64_t amount);
};

static void format_cpus(struct strbuf *out, int64_t millis)
{
	if (millis % 1000)
		strbuf_printf(out, "%" PRId64 ".%" PRId64 " CPUs", millis / 1000,
			      millis % 1000 / 100);
	else
		strbuf_printf(out, "%" PRId64 " CPU%s", millis / 1000, millis == 1000 ? "" : "s");
}

static int64_t limit_else_machine(int64_t limit, int64_t machine)
{
	return limit > 0 ? limit : machine;
}

int64_t system_memory(const struct system_facts *facts)
{
	int64_t machine = facts->machine_memory_bytes;
	int64_t limit = facts->limits.memory_bytes;

	/* A limit beyond what is there gives nothing; more CPUs than there are is a share of time. */
	return machine > 0 && limit > machine ? machine : limit_else_machine(limit, machine);
}

int64_t system_cpu_millis(const struct system_facts *facts)
{
	return limit_else_machine(facts->limits.cpu_millis, facts->machine_millis);
}

/* ---- architecture and memory that the label promises */

static void judge_architecture(struct trial *trial)
{
	const char *promised = trial->job->lane.system;
	const char *found = trial->facts->system;

	if (!promised || strcmp(promised, found) == 0)
		return;
	trial->has_error = true;
	channel_finding(trial->channel, FINDING_ARCHITECTURE_DIFFERS, promised, NULL,
			"%s promises %s, this machine is %s", trial->job->lane.label, promised,
			*found ? found : "unknown");
}

static void judge_heavy(struct trial *trial)
{
	int64_t memory = system_memory(trial->facts);
	int64_t wanted = trial->job->contract.heavy_memory_bytes;
	CLEANUP_STRBUF struct strbuf found_text = STRBUF_INIT(SIZE_TEXT_BYTES);
	CLEANUP_STRBUF struct strbuf wanted_text = STRBUF_INIT(SIZE_TEXT_BYTES);

	if (!(trial->job->required & LANE_HEAVY) || memory > wanted)
		return;
	size_format(&wanted_text, wanted);
	size_format(&found_text, memory);
	trial->has_error = true;
	if (memory > 0)
		channel_finding(trial->channel, FINDING_HEAVY_MEMORY_MISSING, "memory", NULL,
				"promised more than %s, found %s", wanted_text.data,
				found_text.data);
	else
		channel_finding(trial->channel, FINDING_MEMORY_UNKNOWN, "memory", NULL,
				"promised more than %s, and no limit could be read",
				wanted_text.data);
}

/* ---- the envelope */

static bool is_near(int64_t amount, int64_t promised, int percent)
{
	int64_t difference = amount > promised ? amount - promised : promised - amount;

	return difference <= promised / 100 * percent;
}

static void judge_measure(const struct trial *trial, const struct measure *measure)
{
	CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(SIZE_TEXT_BYTES);
	CLEANUP_STRBUF struct strbuf promised = STRBUF_INIT(SIZE_TEXT_BYTES);
	int64_t amount = limit_else_machine(measure->limit, measure->machine);
	bool is_limited = measure->limit > 0;

	if (measure->promised <= 0 || amount <= 0)
		return;
	measure->format(&promised, measure->promised);
	measure->format(&found, amount);
	if (is_near(amount, measure->promised,
		    is_limited ? LIMIT_TOLERANCE_PERCENT : MACHINE_TOLERANCE_PERCENT))
		return;
	if (is_limited || amount < measure->promised)
		channel_finding(trial->channel, FINDING_ENVELOPE_DIFFERS, measure->name, NULL,
				"%s has %s, %s %s", trial->job->lane.label, promised.data,
				is_limited ? "the limit here is" : "this machine has", found.data);
	else
		channel_finding(trial->channel, FINDING_ENVELOPE_NOT_SET, measure->name, NULL,
				"%s has %s, no limit is set here and the machine has %s",
				trial->job->lane.label, promised.data, found.data);
}

static void judge_envelope(const struct trial *trial)
{
	const struct system_facts *facts = trial->facts;
	const struct lane *lane = &trial->job->lane;
	const struct measure measures[] = {
		{"memory", lane->memory_bytes, facts->limits.memory_bytes,
		 facts->machine_memory_bytes, size_format},
		{"cpu", lane->cpus * 1000, facts->limits.cpu_millis, facts->machine_millis,
		 format_cpus},
	};

	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
		judge_measure(trial, &measures[i]);
}

/* ---- space */

static bool is_low(const struct system_disk *disk)
{
	return disk->measured &&
	       (disk->free_bytes < LOW_BYTES ||
		(disk->total_inodes > 0 &&
		 disk->free_inodes <= disk->total_inodes / 100 * LOW_INODES_PERCENT));
}

/* One file system is named once, whatever lies on it. */
static bool is_named_before(const struct system_facts *facts, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (is_low(&facts->disks[i]) &&
		    facts->disks[i].device == facts->disks[index].device)
			return true;
	return false;
}

static void judge_disk(const struct trial *trial, size_t index)
{
	const struct system_disk *disk = &trial->facts->disks[index];
	CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(SIZE_TEXT_BYTES);

	if (!disk->measured) {
		channel_finding(trial->channel, FINDING_DISK_NOT_MEASURED, disk->path, NULL,
				"%s: %s", disk->path,
				disk->path[0] == '/' ? strerror(disk->error)
						     : "not an absolute path, and no workspace");
		return;
	}
	size_format(&found, disk->free_bytes);
	if (disk->must_be_written && disk->is_read_only)
		channel_finding(trial->channel, FINDING_DISK_READ_ONLY, disk->path, NULL,
				"%s lies on a read-only file system", disk->path);
	if (is_low(disk) && !is_named_before(trial->facts, index))
		channel_finding(trial->channel, FINDING_DISK_LOW, disk->path, NULL,
				"%s has %s and %" PRId64 " of %" PRId64 " inodes free", disk->path,
				found.data, disk->free_inodes, disk->total_inodes);
}

static void send_disk(struct channel *channel, unsigned int index, const struct system_disk *disk)
{
	CLEANUP_FREE char *path_key = mem_format(FACT_DISK_PATH, index);
	CLEANUP_FREE char *free_key = mem_format(FACT_DISK_FREE, index);
	CLEANUP_FREE char *inodes_key = mem_format("system.disk.%u.free_inodes", index);

	channel_string(channel, path_key, disk->path);
	if (!disk->measured)
		return;
	channel_integer(channel, free_key, disk->free_bytes);
	if (disk->total_inodes > 0)
		channel_integer(channel, inodes_key, disk->free_inodes);
}

/* ---- /nix */

/* A lane of no known label might be used for Nix; one that is known and promises none is not. */
static bool is_nix_wanted(const struct job *job)
{
	return job->required & LANE_NIX || job->lane.status == LANE_STATUS_UNKNOWN;
}

/* Nix refuses to build below a directory that everybody may write to, sticky or not. */
static void judge_writable(struct trial *trial, const char *path, mode_t mode)
{
	bool is_promise = trial->job->required & LANE_NIX;

	if (!(mode & 0002))
		return;
	trial->has_error |= is_promise;
	channel_finding(trial->channel,
			is_promise ? FINDING_NIX_DIR_WORLD_WRITABLE : FINDING_NIX_DIR_PERMISSIONS,
			path, NULL, "%s has mode %04o: everybody may write to it", path,
			(unsigned int)mode);
}

static void judge_store(const struct trial *trial)
{
	const struct system_nix *nix = &trial->facts->nix;
	bool is_empty = nix->store == SYSTEM_STORE_EMPTY || nix->store == SYSTEM_STORE_MISSING;

	if (!nix->is_mount_point || !is_empty)
		return;
	if (nix->evidence)
		channel_finding(trial->channel, FINDING_NIX_STORE_HIDDEN, "/nix", NULL,
				"a volume without store paths is mounted there, but %s",
				nix->evidence);
	else
		channel_finding(trial->channel, FINDING_NIX_VOLUME_EMPTY, "/nix", NULL,
				"a volume without store paths is mounted there");
}

static void judge_nix(struct trial *trial)
{
	const struct system_nix *nix = &trial->facts->nix;

	if (!nix->is_there || !is_nix_wanted(trial->job))
		return;
	judge_writable(trial, "/", trial->facts->root_mode);
	judge_writable(trial, "/nix", nix->mode);
	if (nix->owner != 0 && nix->owner != trial->job->context.uid)
		channel_finding(trial->channel, FINDING_NIX_DIR_PERMISSIONS, "/nix", NULL,
				"/nix belongs to user %u, neither root nor this user (%u)",
				(unsigned int)nix->owner, (unsigned int)trial->job->context.uid);
	judge_store(trial);
}

/* ---- facts */

static void send_nix(struct channel *channel, const struct system_nix *nix)
{
	static const char *const stores[] = {
		[SYSTEM_STORE_UNKNOWN] = NULL,
		[SYSTEM_STORE_MISSING] = "missing",
		[SYSTEM_STORE_EMPTY] = "empty",
		[SYSTEM_STORE_FILLED] = "filled",
	};
	CLEANUP_FREE char *mode = mem_format("%04o", (unsigned int)nix->mode);

	channel_boolean(channel, "system.nix.is_there", nix->is_there);
	if (!nix->is_there)
		return;
	channel_string(channel, "system.nix.mode", mode);
	channel_integer(channel, "system.nix.owner", nix->owner);
	channel_boolean(channel, "system.nix.is_mount_point", nix->is_mount_point);
	channel_string(channel, "system.nix.store", stores[nix->store]);
}

static void send_positive(struct channel *channel, const char *key, int64_t number)
{
	if (number > 0)
		channel_integer(channel, key, number);
}

static void send_facts(struct channel *channel, const struct system_facts *facts)
{
	channel_string(channel, "system.kernel", facts->kernel);
	channel_string(channel, FACT_SYSTEM, *facts->system ? facts->system : NULL);
	send_positive(channel, FACT_MEMORY_LIMIT, system_memory(facts));
	send_positive(channel, FACT_CPU_LIMIT, system_cpu_millis(facts));
	send_positive(channel, "system.machine.memory_bytes", facts->machine_memory_bytes);
	send_positive(channel, "system.machine.cpu_millis", facts->machine_millis);
	send_positive(channel, "system.cgroup.version", facts->limits.version);
	send_positive(channel, "system.cgroup.memory_bytes", facts->limits.memory_bytes);
	send_positive(channel, "system.cgroup.cpu_millis", facts->limits.cpu_millis);
	for (unsigned int i = 0; i < facts->disk_count; i++)
		send_disk(channel, i, &facts->disks[i]);
	send_nix(channel, &facts->nix);
}

/* "Linux 6.18.1, x86_64-linux, 4 CPUs, 8 GiB, 53 GiB free at /nix" */
static void send_ready(const struct trial *trial)
{
	const struct system_facts *facts = trial->facts;
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(512);
	int64_t memory = system_memory(facts), cpu_millis = system_cpu_millis(facts);

	strbuf_printf(&text, "Linux %s, %s", facts->kernel, facts->system);
	if (cpu_millis > 0) {
		strbuf_puts(&text, ", ");
		format_cpus(&text, cpu_millis);
	}
	if (memory > 0) {
		strbuf_puts(&text, ", ");
		size_format(&text, memory);
	}
	if (facts->disk_count && facts->disks[0].measured) {
		strbuf_puts(&text, ", ");
		size_format(&text, facts->disks[0].free_bytes);
		strbuf_printf(&text, " free %s %s",
			      strcmp(facts->disks[0].measured, facts->disks[0].path) ? "for" : "at",
			      facts->disks[0].path);
	}
	channel_finding(trial->channel, FINDING_SYSTEM_READY, "", NULL, "%s", text.data);
}

void system_judge(const struct system_facts *facts, const struct job *job, struct channel *channel)
{
	struct trial trial = {.facts = facts, .job = job, .channel = channel};

	send_facts(channel, facts);
	judge_architecture(&trial);
	judge_heavy(&trial);
	judge_envelope(&trial);
	for (size_t i = 0; i < facts->disk_count; i++)
		judge_disk(&trial, i);
	judge_nix(&trial);
	if (!trial.has_error)
		send_ready(&trial);
}
