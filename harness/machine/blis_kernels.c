/* blis_kernels.c - BLIS reads its choice from the environment, once. */
#include "machine/blis_kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "midl.h"
#include "midl_config.h"

#if MIDL_HAVE_BLIS

#if MIDL_BLIS_IN_FOLDER
#include <blis/blis.h>
#else
#include <blis.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* AMD, of a family later than 19h (Zen 3 and 4), with the instructions of Zen 3. */
static bool later_than_zen4(void)
{
#if defined(__x86_64__)
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || ebx != signature_AMD_ebx)
        return false;
    __get_cpuid(1, &eax, &ebx, &ecx, &edx);
    return (eax >> 8 & 0xf) == 0xf && 0xf + (eax >> 20 & 0xff) > 0x19 &&
           midl_isa_available(MIDL_ISA_AVX2);
#else
    return false;
#endif
}

static char own_variable[40];

void blis_choose_kernels(void)
{
    char id[16];
    if (getenv("BLIS_ARCH_TYPE"))
        return;
    if (strncmp(bli_info_get_version_str(), "0.9", 3) != 0 || !later_than_zen4())
        return;
    snprintf(id, sizeof id, "%d", (int)BLIS_ARCH_ZEN3);
    if (setenv("BLIS_ARCH_TYPE", id, 0) == 0)
        snprintf(own_variable, sizeof own_variable, "BLIS_ARCH_TYPE=%s", id);
}

const char *blis_own_variable(void)
{
    return *own_variable ? own_variable : NULL;
}

const char *blis_text(void)
{
    static char text[64];
    bli_init();
    snprintf(text, sizeof text, "%s, kernels %s", bli_info_get_version_str(),
             bli_arch_string(bli_arch_query_id()));
    return text;
}

#else

void blis_choose_kernels(void)
{
}

const char *blis_own_variable(void)
{
    return NULL;
}

const char *blis_text(void)
{
    return "none";
}

#endif
