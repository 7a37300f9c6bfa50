/* SPDX-License-Identifier: Zlib */
/* The contract's text, as it lies in the repository, and its length. */
	.section .rodata
	.global contract_text
	.type contract_text, %object
contract_text:
	.incbin "agent/contract.json"
.Lend:
	.byte 0
	.size contract_text, . - contract_text
	.balign 4
	.global contract_text_length
	.type contract_text_length, %object
contract_text_length:
	.long .Lend - contract_text
	.size contract_text_length, 4
	.section .note.GNU-stack, "", %progbits
