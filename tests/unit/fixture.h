/* SPDX-License-Identifier: Zlib */
/* Fixtures: a folder per format, a folder per case, with what is expected beside it. */
#pragma once

struct strbuf;

/* Reads fixtures/FORMAT/NAME/FILE into OUT; the test fails where that cannot be done. */
void fixture_read(const char *format, const char *name, const char *file, struct strbuf *out);

/* The first line of the case's file "expected". */
void fixture_expected(const char *format, const char *name, struct strbuf *out);

/* Calls CHECK with the name of each case of FORMAT; fails where there are fewer than LEAST. */
void fixture_each(const char *format, unsigned int least, void (*check)(const char *name));
