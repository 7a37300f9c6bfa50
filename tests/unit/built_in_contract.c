/* SPDX-License-Identifier: Zlib */
#include "tests/unit/built_in_contract.h"

#include <stddef.h>

#include "agent/root.h"

struct contract built_in_contract;

int built_in_contract_read(void **state)
{
	struct root root = {.fd = -1};
	int status;

	(void)state;
	if (root_open_directory(&root, NULL, NULL) < 0)
		return -1;
	status = contract_read(&built_in_contract, &root, NULL, NULL);
	root_close(&root);
	return status;
}

int built_in_contract_drop(void **state)
{
	(void)state;
	contract_release(&built_in_contract);
	return 0;
}
