/* SPDX-License-Identifier: Zlib */
/* Text encodings: base64 (RFC 4648, sections 4 and 5), base16, and Nix's own base 32. */
#include "agent/encoding.h"

#include <string.h>

#include "agent/strbuf.h"

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base16_digits[] = "0123456789abcdef";
/* Nix leaves out e, o, t and u. */
static const char nix32_digits[] = "0123456789abcdfghijklmnpqrsvwxyz";

static int digit_value(const char *digits, char c)
{
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Six bits a digit, most significant first; leftover bits must be zero. */
static ptrdiff_t decode_bits(const char *digits, const char *text, size_t length, uint8_t *ret,
			     size_t size)
{
	unsigned int pending = 0, pending_bits = 0;
	size_t written = 0;

	for (size_t i = 0; i < length; i++) {
		int value = digit_value(digits, text[i]);

		if (value < 0)
			return -1;
		pending = (pending << 6 | (unsigned int)value) & 0xffffu;
		pending_bits += 6;
		if (pending_bits < 8)
			continue;
		if (written == size)
			return -1;
		pending_bits -= 8;
		ret[written++] = (uint8_t)(pending >> pending_bits);
	}
	if (pending & ((1u << pending_bits) - 1))
		return -1;
	return (ptrdiff_t)written;
}

ptrdiff_t encoding_base64_decode(const char *text, size_t length, uint8_t *ret, size_t size)
{
	size_t padding = 0;

	if (length % 4)
		return -1;
	while (padding < 2 && padding < length && text[length - padding - 1] == '=')
		padding++;
	return decode_bits(base64_digits, text, length - padding, ret, size);
}

ptrdiff_t encoding_base64url_decode(const char *text, size_t length, uint8_t *ret, size_t size)
{
	size_t padding = 0;

	while (padding < 2 && padding < length && text[length - padding - 1] == '=')
		padding++;
	if (padding && length % 4)
		return -1;
	if ((length - padding) % 4 == 1)
		return -1;
	return decode_bits(base64url_digits, text, length - padding, ret, size);
}

ptrdiff_t encoding_base16_decode(const char *text, size_t length, uint8_t *ret, size_t size)
{
	if (length % 2 || length / 2 > size)
		return -1;
	for (size_t i = 0; i < length; i += 2) {
		int high = digit_value(base16_digits, text[i]);
		int low = digit_value(base16_digits, text[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		ret[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (ptrdiff_t)(length / 2);
}

ptrdiff_t encoding_nix32_decode(const char *text, size_t length, uint8_t *ret, size_t size)
{
	size_t bytes = length * 5 / 8;

	/* Only lengths that an encoder makes: ceil(bytes * 8 / 5). */
	if (length > SIZE_MAX / 5 || bytes > size || (bytes * 8 + 4) / 5 != length)
		return -1;
	memset(ret, 0, bytes);
	for (size_t i = 0; i < length; i++) {
		int value = digit_value(nix32_digits, text[length - i - 1]);
		size_t bit = i * 5;
		unsigned int shifted;

		if (value < 0)
			return -1;
		shifted = (unsigned int)value << (bit % 8);
		if (bit / 8 < bytes)
			ret[bit / 8] |= (uint8_t)shifted;
		if (bit / 8 + 1 < bytes)
			ret[bit / 8 + 1] |= (uint8_t)(shifted >> 8);
		else if (shifted >> 8)
			return -1;
	}
	return (ptrdiff_t)bytes;
}

bool encoding_digest_decode(const char *text, size_t length, uint8_t *ret, size_t size)
{
	ptrdiff_t bytes = -1;

	if (length == 2 * size)
		bytes = encoding_base16_decode(text, length, ret, size);
	else if (length == (size * 8 + 4) / 5)
		bytes = encoding_nix32_decode(text, length, ret, size);
	else if (length == (size + 2) / 3 * 4)
		bytes = encoding_base64_decode(text, length, ret, size);
	return bytes == (ptrdiff_t)size;
}

void encoding_base64_encode(const uint8_t *bytes, size_t length, struct strbuf *out)
{
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		unsigned int group = (unsigned int)bytes[i] << 16;

		if (left > 1)
			group |= (unsigned int)bytes[i + 1] << 8;
		if (left > 2)
			group |= bytes[i + 2];
		strbuf_putc(out, base64_digits[group >> 18]);
		strbuf_putc(out, base64_digits[group >> 12 & 63]);
		strbuf_putc(out, left > 1 ? base64_digits[group >> 6 & 63] : '=');
		strbuf_putc(out, left > 2 ? base64_digits[group & 63] : '=');
	}
}

void encoding_base16_encode(const uint8_t *bytes, size_t length, struct strbuf *out)
{
	for (size_t i = 0; i < length; i++) {
		strbuf_putc(out, base16_digits[bytes[i] >> 4]);
		strbuf_putc(out, base16_digits[bytes[i] & 15]);
	}
}

void encoding_nix32_encode(const uint8_t *bytes, size_t length, struct strbuf *out)
{
	size_t digits = (length * 8 + 4) / 5;

	for (size_t n = digits; n-- > 0;) {
		size_t byte = n * 5 / 8, shift = n * 5 % 8;
		unsigned int pair = bytes[byte];

		if (byte + 1 < length)
			pair |= (unsigned int)bytes[byte + 1] << 8;
		strbuf_putc(out, nix32_digits[pair >> shift & 31]);
	}
}
