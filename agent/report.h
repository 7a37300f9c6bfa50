/* SPDX-License-Identifier: Zlib */
/* The machine-readable report (schema: agent/schemas/report.json), redacted. */
#pragma once

struct result;
struct strbuf;

/* Appends the report as JSON. */
void report_print(const struct result *result, struct strbuf *out);
