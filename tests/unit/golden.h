/* SPDX-License-Identifier: Zlib */
/* Texts that are compared with a file below fixtures/. */
#pragma once

/* Fails unless SHOWN, with V for spinup's version, is what PATH holds, and says where they part. With SPINUP_UPDATE=1 in the
 * environment PATH is written anew instead: look at what git says of it afterwards. */
void golden_expect(const char *path, const char *shown);
