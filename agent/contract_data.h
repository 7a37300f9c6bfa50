/* SPDX-License-Identifier: Zlib */
/* The compiled-in contract's text (contract_data.S). */
#pragma once

#include <stdint.h>

extern const char contract_text[];
extern const uint32_t contract_text_length; /* bytes, without the NUL behind them */
