/* SPDX-License-Identifier: Zlib */
/* The machine-readable report (schema: agent/schemas/report.json), redacted. */
#pragma once

struct result;
struct strbuf;

#define REPORT_SCHEMA "spinup-report-1"

/* The report as JSON: printed into result->report by the first that asks, then handed out again. */
const struct strbuf *report_text(const struct result *result);
