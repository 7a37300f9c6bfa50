/* SPDX-License-Identifier: Zlib */
/* GitLab's log sections and dotenv reports. */
#include "agent/gitlab.h"

#include <inttypes.h>
#include <string.h>

#include "agent/error.h"
#include "agent/strbuf.h"
#include "agent/text.h"

void gitlab_section_start(struct strbuf *out, const struct gitlab_section *section)
{
	strbuf_printf(out, "\033[0Ksection_start:%" PRId64 ":%s%s\r\033[0K%s\n", section->start,
		      section->name, section->is_folded ? "[collapsed=true]" : "", section->title);
}

void gitlab_section_end(struct strbuf *out, const struct gitlab_section *section)
{
	strbuf_printf(out, "\033[0Ksection_end:%" PRId64 ":%s\r\033[0K\n", section->end,
		      section->name);
}

static bool is_utf8(const char *text)
{
	uint32_t point;
	size_t length = 1;

	for (; *text && length; text += length)
		length = text_utf8_decode(text, &point);
	return length != 0;
}

const char *gitlab_dotenv_problem(const char *value)
{
	size_t length = strlen(value);

	if (strpbrk(value, "\r\n"))
		return "it has several lines";
	if (strchr(value, '$'))
		return "it has a $, which a later job would expand";
	if (length && (strchr(" \t", value[0]) || strchr(" \t", value[length - 1])))
		return "it begins or ends with a blank";
	if (!is_utf8(value))
		return "it is not UTF-8";
	return NULL;
}

int gitlab_dotenv_add(struct strbuf *out, const char *name, const char *value, struct error *error)
{
	strbuf_printf(out, "%s=%s\n", name, value);
	if (out->length > GITLAB_DOTENV_MAX_BYTES)
		return error_set(error, ERROR_AGENT,
				 "a dotenv report may have %u bytes, and %s does not fit any more",
				 GITLAB_DOTENV_MAX_BYTES, name);
	return 0;
}
