/* SPDX-License-Identifier: Zlib */
/* The contract that is built in, for tests of what is held against it. */
#pragma once

#include "agent/contract.h"

extern struct contract built_in_contract;

/* For a group's set-up and tear-down. */
int built_in_contract_read(void **state);
int built_in_contract_drop(void **state);
