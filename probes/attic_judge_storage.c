/* SPDX-License-Identifier: Zlib */
/* What the answers about one path's narinfo and content mean for Attic's storage. Pure. */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "probes/attic.h"

static const char proven[] = "proven", unproven[] = "unproven", failed[] = "failed";

/* A body that was cut because it is large is content that arrives. */
static bool is_content(const struct attic_answer *answer)
{
	return (answer->failure == HTTP_OK || answer->failure == HTTP_TOO_LARGE) &&
	       (answer->status == 200 || answer->status == 206);
}

/* What came of ANSWER, in words; the caller frees. */
static char *described(const struct attic_answer *answer)
{
	if (answer->failure != HTTP_OK)
		return mem_strdup(answer->detail);
	return mem_format("HTTP %ld", answer->status);
}

/* The same of the path's content. */
static char *described_content(const struct attic_storage *storage,
			       const struct attic_answer *answer)
{
	if (is_content(answer) && storage->is_web_page)
		return mem_format("HTTP %ld with a web page instead of the content",
				  answer->status);
	return described(answer);
}

/* Adds the finding; an error means that the storage failed. */
static const char *note(const struct attic_evidence *evidence, const char *subject,
			struct findings *findings, enum finding_id id, const char *what)
{
	const char *path = evidence->storage.store_path;
	CLEANUP_FREE char *detail = path ? mem_format("%s: %s", path, what) : mem_strdup(what);

	(void)findings_add(findings, id, "attic", subject, detail);
	return finding_kind(id)->severity == SEVERITY_ERROR ? failed : unproven;
}

static const char *judge_narinfo(const struct attic_evidence *evidence, const char *subject,
				 struct findings *findings)
{
	const struct attic_storage *storage = &evidence->storage;
	const struct attic_answer *answer = &storage->narinfo;
	CLEANUP_FREE char *what = described(answer);

	if (answer->failure != HTTP_OK)
		return note(evidence, subject, findings, attic_failure_finding(answer->failure),
			    what);
	if (answer->status == 404)
		return note(evidence, subject, findings,
			    storage->is_canary ? FINDING_ATTIC_CANARY_MISSING
					       : FINDING_ATTIC_STORAGE_UNPROVEN,
			    "not in the cache");
	if (answer->status >= 500)
		return note(evidence, subject, findings, FINDING_ATTIC_SERVER_ERROR, what);
	if (answer->status != 200)
		return note(evidence, subject, findings, FINDING_ATTIC_STORAGE_UNPROVEN, what);
	return note(evidence, subject, findings, FINDING_ATTIC_NARINFO_BAD, storage->problem);
}

static const char *judge_signature(const struct attic_evidence *evidence, const char *subject,
				   struct findings *findings)
{
	const struct attic_storage *storage = &evidence->storage;

	if (!storage->has_key)
		return proven;
	switch (storage->trust) {
	case NARINFO_SIGNED:
		return proven;
	case NARINFO_UNSIGNED:
		return note(evidence, subject, findings, FINDING_ATTIC_SIGNATURE_OTHER,
			    "no signature at all");
	case NARINFO_OTHER_KEY:
		return note(evidence, subject, findings, FINDING_ATTIC_SIGNATURE_OTHER,
			    "signed, but not under the trusted key's name");
	case NARINFO_BAD_SIGNATURE:
		break;
	}
	return note(evidence, subject, findings, FINDING_ATTIC_SIGNATURE_BAD,
		    "the signature does not verify");
}

static const char *judge_redirect(const struct attic_evidence *evidence, const char *subject,
				  struct findings *findings)
{
	const struct attic_storage *storage = &evidence->storage;
	const struct attic_answer *answer = &storage->redirect;
	CLEANUP_FREE char *what = described_content(storage, answer);
	CLEANUP_FREE char *whole = NULL;

	if (is_content(answer) && !storage->is_web_page)
		return proven;
	if (storage->redirect_resolve != RESOLVE_OK) {
		whole = mem_format("storage server %s: %s", storage->redirect_host, answer->detail);
		return note(evidence, subject, findings, FINDING_ATTIC_STORAGE_REDIRECT_DEAD,
			    whole);
	}
	whole = mem_format("storage server %s: %s", storage->redirect_host, what);
	return note(evidence, subject, findings,
		    answer->failure != HTTP_OK ? FINDING_ATTIC_STORAGE_REDIRECT_DEAD
					       : FINDING_ATTIC_STORAGE_FAILED,
		    whole);
}

static const char *judge_nar(const struct attic_evidence *evidence, const char *subject,
			     struct findings *findings)
{
	const struct attic_storage *storage = &evidence->storage;
	CLEANUP_FREE char *what = described_content(storage, &storage->nar);

	if (storage->redirect.is_asked)
		return judge_redirect(evidence, subject, findings);
	if (*storage->problem)
		return note(evidence, subject, findings, FINDING_ATTIC_STORAGE_FAILED,
			    storage->problem);
	if (!storage->nar.is_asked)
		return note(evidence, subject, findings, FINDING_ATTIC_STORAGE_UNPROVEN,
			    "no time was left to ask for its content");
	if (!is_content(&storage->nar) || storage->is_web_page)
		return note(evidence, subject, findings, FINDING_ATTIC_STORAGE_FAILED, what);
	return proven;
}

const char *attic_judge_storage(const struct attic_evidence *evidence, const char *subject,
				struct findings *findings)
{
	const struct attic_storage *storage = &evidence->storage;
	const char *signature, *content;

	if (!storage->store_path)
		return note(evidence, subject, findings, FINDING_ATTIC_STORAGE_UNPROVEN,
			    "no path is known that the cache could hold");
	if (!storage->narinfo.is_asked)
		return note(evidence, subject, findings, FINDING_ATTIC_STORAGE_UNPROVEN,
			    "no time was left to ask for it");
	if (!storage->is_narinfo_read)
		return judge_narinfo(evidence, subject, findings);
	signature = judge_signature(evidence, subject, findings);
	content = judge_nar(evidence, subject, findings);
	return signature == failed ? failed : content;
}
