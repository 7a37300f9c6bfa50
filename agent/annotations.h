/* SPDX-License-Identifier: Zlib */
/* What a forge shows beside the job: at most one error and three warnings. */
#pragma once

struct result;
struct strbuf;

/* Appends them as workflow commands of GitHub's. */
void annotations_print(const struct result *result, struct strbuf *out);

/* Appends them as a report of GitLab's (artifacts:reports:annotations): links, for it shows nothing
 * else, from what was seen to what it means. */
void annotations_print_gitlab(const struct result *result, struct strbuf *out);
