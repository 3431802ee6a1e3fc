/* test_blas.c - OpenBLAS and BLIS in one process: each is called by the variant that says so. */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/blis_kernels.h"
#include "midl.h"
#include "midl_config.h"

#include <cmocka.h> /* last: it has a macro fail() */

#if MIDL_HAVE_OPENBLAS
#include <cblas.h>
char *openblas_get_config(void);

/* The file that a function of the process comes from. */
static const char *home_of(const void *function)
{
    Dl_info info;
    assert_true(dladdr(function, &info) != 0);
    return info.dli_fname;
}

static const void *address(void (*function)(void))
{
    const void *ret;
    memcpy(&ret, &function, sizeof ret);
    return ret;
}

/* BLIS brings functions of the same names. */
static void test_cblas_is_openblas(void **state)
{
    (void)state;
    const char *openblas = home_of(address((void (*)(void))openblas_get_config));
    assert_string_equal(home_of(address((void (*)(void))cblas_sgemm)), openblas);
    assert_string_equal(home_of(address((void (*)(void))cblas_sgemv)), openblas);
}
#else
static void test_cblas_is_openblas(void **state)
{
    (void)state;
    skip();
}
#endif

static void test_blis_is_named_or_missing_with_a_reason(void **state)
{
    (void)state;
    const struct midl_variant *variant = midl_variant_find("linear-blis", MIDL_F32);
    assert_non_null(variant);
    assert_true(midl_variant_is_linear(variant));
    if (MIDL_HAVE_BLIS) {
        assert_null(midl_variant_unavailable(variant));
        assert_non_null(strstr(blis_text(), ", kernels "));
    } else {
        assert_string_equal(midl_variant_unavailable(variant), "built without BLIS");
        assert_string_equal(blis_text(), "none");
    }
}

/* A choice of the user's stands. */
static void test_choice_of_kernels_is_kept(void **state)
{
    (void)state;
    setenv("BLIS_ARCH_TYPE", "-7", 1);
    blis_choose_kernels();
    assert_string_equal(getenv("BLIS_ARCH_TYPE"), "-7");
    unsetenv("BLIS_ARCH_TYPE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice_of_kernels_is_kept),
        cmocka_unit_test(test_cblas_is_openblas),
        cmocka_unit_test(test_blis_is_named_or_missing_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
