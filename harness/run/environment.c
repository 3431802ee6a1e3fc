/* environment.c - what a run was made on and with, as rows for the store. */
#include "run/environment.h"

#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "harness_config.h"
#include "machine/blis_kernels.h"
#include "machine/calibration_file.h"
#include "machine/machine.h"
#include "machine/valgrind.h"
#include "measure/gbench.h"
#include "midl_config.h"

#if MIDL_HAVE_PAPI
#include <papi.h>
#endif
#if MIDL_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

struct facts {
    struct store_fact rows[ENVIRONMENT_FACTS];
    char text[ENVIRONMENT_FACTS][96];
    size_t count;
};

static struct facts facts;
static pthread_once_t facts_once = PTHREAD_ONCE_INIT;

static void put(const char *name, const char *value)
{
    facts.rows[facts.count++] = (struct store_fact){name, value};
}

__attribute__((format(printf, 2, 3))) static void put_text(const char *name, const char *format,
                                                           ...)
{
    va_list arguments;
    char *text = facts.text[facts.count];
    va_start(arguments, format);
    vsnprintf(text, sizeof facts.text[0], format, arguments);
    va_end(arguments);
    put(name, text);
}

static const char *on_off(bool known, bool on)
{
    return !known ? "unknown" : on ? "on" : "off";
}

/* A number with its unit in the name; what could not be found out is "unknown", as texts are. */
static void put_number(const char *name, int digits, double value)
{
    char text[48] = "unknown";
    if (isfinite(value))
        snprintf(text, sizeof text, "%.*f", digits, value);
    put_text(name, "%s", text);
}

static void put_caches(const struct machine *m)
{
    static const char *const names[] = {"cache_l1d", "cache_l2", "cache_l3", "cache_l4"};
    for (size_t i = 0; i < m->cache_count; i++) {
        const struct cache_level *cache = &m->caches[i];
        char ways[24] = "unknown";
        if (cache->ways > 0)
            snprintf(ways, sizeof ways, "%d", cache->ways);
        put_text(names[cache->level - 1], "%zu bytes, ways %s, %d-byte lines (%s%s)", cache->bytes,
                 ways, cache->line, cache->source, cache->plausible ? "" : ", whole host's");
    }
}

/* Limits that containers and batch systems set, and the file that has each. */
static void put_limits(const struct machine *m)
{
    if (isfinite(m->quota))
        put_text("cpu_quota", "%.2f processors (%.70s)", m->quota, m->quota_file);
    else
        put("cpu_quota", "none");
    put("memory_limit", *m->limit_file ? m->limit_file : "none");
}

static void put_onednn(void)
{
#if MIDL_HAVE_ONEDNN
    const dnnl_version_t *onednn = dnnl_version();
    put_text("onednn", "%d.%d.%d", onednn->major, onednn->minor, onednn->patch);
#else
    put("onednn", "none");
#endif
}

static void put_papi(void)
{
#if MIDL_HAVE_PAPI
    int papi = PAPI_get_opt(PAPI_LIB_VERSION, NULL);
    put_text("papi", "%d.%d.%d", PAPI_VERSION_MAJOR(papi), PAPI_VERSION_MINOR(papi),
             PAPI_VERSION_REVISION(papi));
#else
    put("papi", "none");
#endif
}

static void fill_facts(void)
{
    const struct machine *m = machine_get();
    put("host", m->host);
    put("cpu", m->cpu);
    put("isa", m->isa);
    put("microcode", m->microcode);
    put_text("cores", "%d", m->cores);
    put("os", m->os);
    put("hypervisor", m->hypervisor);
    put_caches(m);
    put_limits(m);
    put_number("memory_bytes", 0, m->memory_bytes);
    put_number("usable_bytes", 0, m->usable_bytes);
    put_text("page_bytes", "%zu", m->page_bytes);
    put_text("huge_page_bytes", "%zu", m->huge_page_bytes);
    put("thp", m->thp);
    put("governor", m->governor);
    put("turbo", on_off(m->turbo_known, m->turbo));
    put("smt", on_off(m->smt_known, m->smt));
    put("aslr", on_off(true, m->aslr));
    put("denormals", m->denormals_flushed ? "flushed" : "kept");
    put_number("load1", 2, m->load1);
    put_number("stolen", 5, m->stolen);
    put_number("timer_overhead_ns", 1, m->timer_overhead_ns);
    put_number("timer_resolution_ns", 0, m->timer_resolution_ns);
    put("compiler", m->compiler);
    put("flags", m->flags);
    put("commit", m->commit);
    put("openblas", m->blas);
    put("openblas_core", m->blas_core);
    put("openblas_coretype", m->blas_override);
    put("variables", m->variables);
    put("libc", m->libc);
    put_onednn();
    put("blis", blis_text());
    put("calibration", calibration_state());
    put("google_benchmark", gbench_version());
    put_papi();
    put("sqlite", sqlite3_libversion());
    put("valgrind", valgrind_version());
}

size_t environment_facts(const struct store_fact **ret)
{
    pthread_once(&facts_once, fill_facts);
    *ret = facts.rows;
    return facts.count;
}
