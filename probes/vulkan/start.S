/* SPDX-License-Identifier: Zlib */
/* The helper's entry, instead of a C library's start files: what every libc's own does, with no
 * constructors, so that glibc of any age and musl take it. */
	.text
	.global _start
	.type _start, %function
_start:
#if defined(__x86_64__)
	xorl %ebp, %ebp
	movq %rdx, %r9 /* rtld_fini */
	popq %rsi      /* argc */
	movq %rsp, %rdx
	andq $-16, %rsp
	pushq %rax
	pushq %rsp
	xorl %r8d, %r8d
	xorl %ecx, %ecx
	leaq helper_main(%rip), %rdi
	call *__libc_start_main@GOTPCREL(%rip)
	hlt
#elif defined(__aarch64__)
	mov x29, #0
	mov x30, #0
	mov x5, x0 /* rtld_fini */
	ldr x1, [sp]
	add x2, sp, #8
	mov x6, sp
	adrp x0, helper_main
	add x0, x0, :lo12:helper_main
	mov x3, #0
	mov x4, #0
	bl __libc_start_main
	brk #0
#else
#error "the helper's entry is not written for this architecture"
#endif
	.size _start, . - _start
	.section .note.GNU-stack, "", %progbits
