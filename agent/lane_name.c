/* SPDX-License-Identifier: Zlib */
/* Names that ARC and Kubernetes generate for runners and pods, read backwards to their scale set. */
#include "agent/lane_name.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/text.h"

#define MAX_SCALE_SET_LENGTH 45u /* the chart refuses longer names */
#define MAX_NAME_LENGTH 63u      /* of a pod: a DNS label */
#define RANDOM_LENGTH 5u
/* k8s.io/apimachinery/pkg/util/rand: no vowels, no 0, 1 and 3. */
#define RANDOM_ALPHABET "bcdfghjklmnpqrstvwxz2456789"

#define WORKFLOW_SUFFIX "-workflow"
#define WORKFLOW_STEM_LENGTH 54u /* what the container hooks leave of the runner's name */

/* What follows the scale set's name; '*' is a random character. */
struct tail {
	const char *pattern;
	bool is_longest; /* only after a name of exactly 45 characters … */
	bool is_shorter; /* … or only after a shorter one */
};

static const struct tail tails[] = {
	{"-*****-runner-*****", .is_shorter = true},
	{"-*****-runner*****", .is_longest = true},
	{.pattern = "-runner-*****"},
};
#define TAIL_COUNT (sizeof(tails) / sizeof(tails[0]))

/* A name to be read: the hooks' suffix is taken off already. */
struct generated {
	char *text; /* lower case, '_' as '-' */
	size_t length;
	bool may_be_cut; /* the end may be missing */
};

static void generated_release(struct generated *generated)
{
	free(generated->text);
}

/* The chart lowers nothing, but Kubernetes names are lower case; it turns '_' into '-'. */
static char *as_kubernetes_name(const char *text, size_t max_length)
{
	char *name = mem_strndup(text, strnlen(text, max_length));

	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
	return name;
}

/* False where NAME is none that Kubernetes would have taken. */
static bool generated_read(struct generated *ret, const char *name)
{
	size_t length = strnlen(name, MAX_NAME_LENGTH + 1);

	*ret = (struct generated){0};
	if (length > MAX_NAME_LENGTH || !lane_label_is_valid(name))
		return false;
	ret->text = as_kubernetes_name(name, length);
	if (text_ends_with(ret->text, WORKFLOW_SUFFIX)) {
		length -= strlen(WORKFLOW_SUFFIX);
		ret->text[length] = '\0';
		ret->may_be_cut = length == WORKFLOW_STEM_LENGTH;
	}
	ret->length = length;
	return true;
}

static bool random_fits(char c)
{
	return c && strchr(RANDOM_ALPHABET, c);
}

/* Whether the name's text from STEM_LENGTH on is TAIL, or the beginning of it where it was cut. */
static bool tail_fits(const struct tail *tail, const struct generated *name, size_t stem_length)
{
	const char *text = name->text + stem_length;
	const char *pattern = tail->pattern;

	if (stem_length > MAX_SCALE_SET_LENGTH ||
	    (tail->is_longest && stem_length != MAX_SCALE_SET_LENGTH) ||
	    (tail->is_shorter && stem_length == MAX_SCALE_SET_LENGTH))
		return false;
	for (; *text && *pattern; text++, pattern++)
		if (*pattern == '*' ? !random_fits(*text) : *pattern != *text)
			return false;
	return !*text && (!*pattern || name->may_be_cut);
}

bool lane_name_fits(const char *name, const char *label)
{
	CLEANUP_FREE char *scale_set = as_kubernetes_name(label, MAX_SCALE_SET_LENGTH);
	CLEANUP(generated_release) struct generated generated;
	size_t stem_length = strlen(scale_set);

	if (!generated_read(&generated, name) || stem_length >= generated.length ||
	    strncmp(generated.text, scale_set, stem_length) != 0)
		return false;
	for (size_t i = 0; i < TAIL_COUNT; i++)
		if (tail_fits(&tails[i], &generated, stem_length))
			return true;
	return false;
}

static bool ends_in_random_part(const char *scale_set)
{
	size_t length = strlen(scale_set);
	const char *part = scale_set + length - RANDOM_LENGTH;

	return length > RANDOM_LENGTH + 1 && part[-1] == '-' &&
	       strspn(part, RANDOM_ALPHABET) == RANDOM_LENGTH;
}

/* How many characters belong to the scale set; 0 for a name of another grammar. The shortest stem
 * is taken: a random part belongs to the generated tail, not to the scale set's own name. */
static size_t stem_of(const struct generated *name)
{
	for (size_t i = 0; i < TAIL_COUNT; i++)
		for (size_t length = 1; length < name->length; length++)
			if (tail_fits(&tails[i], name, length))
				return length;
	return 0;
}

char *lane_name_infer(const char *name, bool *ret_is_ambiguous)
{
	CLEANUP(generated_release) struct generated generated;
	CLEANUP_FREE char *scale_set = NULL;

	if (!generated_read(&generated, name))
		return NULL;
	scale_set = mem_strndup(generated.text, stem_of(&generated));
	if (!lane_label_is_valid(scale_set))
		return NULL;
	*ret_is_ambiguous = ends_in_random_part(scale_set);
	return TAKE(scale_set);
}
