/* SPDX-License-Identifier: Zlib */
/* Stands in for libc.so.6 and libdl.so.2 when the helper is linked: the Makefile gives the names the
 * version that the architecture's first glibc gave them, so that every glibc since has them. Never
 * run. */
#ifdef STUB_LIBDL
void dladdr(void);
void dlerror(void);
void dlopen(void);
void dlsym(void);

void dladdr(void)
{
}

void dlerror(void)
{
}

void dlopen(void)
{
}

void dlsym(void)
{
}
#else
void __libc_start_main(void);

void __libc_start_main(void)
{
}
#endif
