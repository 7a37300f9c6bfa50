/* SPDX-License-Identifier: Zlib */
/* Functions that nobody calls here: each has a bounded replacement (strbuf, mem, strtol with checks).
 * The compiler includes this file before every source. */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* before the first header of any source */
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof popen tmpnam mktemp asctime ctime

/* "system" is also the name of a member and of a probe: only its call is refused. */
#define system(command) banned_system_use_spawn_h(command)
