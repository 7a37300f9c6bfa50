/* SPDX-License-Identifier: Zlib */
/* The release's number. */
#pragma once

#define SPINUP_VERSION "0.2.0"
