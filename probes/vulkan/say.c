/* SPDX-License-Identifier: Zlib */
/* How the helper speaks. There is no C library here: system calls are made by hand. */
#include "probes/vulkan/say.h"

#include "agent/facts.h"
#include "agent/record_format.h"
#include "probes/vulkan/said.h"

#define CHANNEL_FD 3

/* The compiler calls these two for what it finds in the code. */
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memset(void *to, int byte, size_t length);

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int byte, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((char *)to)[i] = (char)byte;
	return to;
}

#if defined(__x86_64__)
enum { CALL_WRITE = 1, CALL_EXIT_GROUP = 231 };

static long system_call(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(second), "d"(third)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
enum { CALL_WRITE = 64, CALL_EXIT_GROUP = 94 };

static long system_call(long number, long first, long second, long third)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = second;
	register long x2 __asm__("x2") = third;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
#endif

static void text_put(struct text *text, char c)
{
	if (text->length < sizeof(text->bytes))
		text->bytes[text->length++] = c;
}

void text_add(struct text *text, const char *more)
{
	for (; more && *more; more++)
		text_put(text, (unsigned char)*more < ' ' ? ' ' : *more);
}

void text_add_line(struct text *text, const char *line)
{
	text_add(text, line);
	text_put(text, '\n');
}

void text_add_number(struct text *text, int64_t number)
{
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[20];
	size_t count = 0;

	if (number < 0)
		text_put(text, '-');
	do {
		digits[count++] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	while (count)
		text_put(text, digits[--count]);
}

void text_add_number_line(struct text *text, int64_t number)
{
	text_add_number(text, number);
	text_put(text, '\n');
}

/* ---- frames */

struct frame {
	uint8_t bytes[RECORD_HEADER_BYTES + RECORD_MAX_PAYLOAD];
	size_t length; /* of the payload */
};

static void frame_add(struct frame *frame, const void *bytes, size_t length)
{
	if (length > RECORD_MAX_PAYLOAD - frame->length)
		length = RECORD_MAX_PAYLOAD - frame->length;
	memcpy(frame->bytes + RECORD_HEADER_BYTES + frame->length, bytes, length);
	frame->length += length;
}

static size_t length_of(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

static void frame_send(struct frame *frame, enum record_type type)
{
	record_put_header(frame->bytes, type, 0, frame->length);
	(void)system_call(CALL_WRITE, CHANNEL_FD, (long)frame->bytes,
			  (long)(RECORD_HEADER_BYTES + frame->length));
}

void say_phase(const char *phase)
{
	struct frame frame = {.length = 0};

	frame_add(&frame, phase, length_of(phase));
	frame_send(&frame, RECORD_PHASE);
}

static void say_fact(enum fact_type type, const char *key, const void *value, size_t length)
{
	struct frame frame = {.length = 0};

	frame_add(&frame, &(uint8_t){(uint8_t)type}, 1);
	frame_add(&frame, key, length_of(key) + 1);
	frame_add(&frame, value, length);
	frame_send(&frame, RECORD_FACT);
}

void say_text(const char *key, const struct text *text)
{
	say_fact(FACT_STRING, key, text->bytes, text->length);
}

void say_list(const char *key, const struct text *lines)
{
	say_fact(FACT_LIST, key, lines->bytes, lines->length);
}

void say_number(const char *key, int64_t number)
{
	say_fact(FACT_INTEGER, key, &number, sizeof(number));
}

_Noreturn void finish(enum vulkan_end end, int code, const char *detail)
{
	struct text text = {.length = 0};

	text_add(&text, detail);
	say_text(SAID_DETAIL, &text);
	say_number(SAID_CODE, code);
	say_number(SAID_END, end);
	for (;;)
		(void)system_call(CALL_EXIT_GROUP, 0, 0, 0);
}
