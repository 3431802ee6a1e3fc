/* unkind.c - a library loaded before all others, in which something that midl calls goes wrong as
 * $UNKIND says: `exit`, `abort`, `illegal`, `bus`, `spin` or `wait` when the load of the system is
 * asked for; `eio` when a database is read, after $UNKIND_READS reads that go well. */
#define _GNU_SOURCE /* pread64 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int getloadavg(double ret[], int count);
ssize_t pread64(int fd, void *ret, size_t bytes, off64_t offset);

static bool asked(const char *fault)
{
    const char *text = getenv("UNKIND");
    return text && strcmp(text, fault) == 0;
}

int getloadavg(double ret[], int count)
{
    volatile bool spins = asked("spin");
    (void)ret;
    (void)count;
    if (asked("exit")) {
        fprintf(stderr, "unkind: no threads\n");
        exit(1);
    }
    if (asked("abort")) {
        fprintf(stderr, "unkind: no memory\n");
        abort();
    }
    if (asked("illegal"))
        raise(SIGILL);
    if (asked("bus"))
        raise(SIGBUS);
    if (spins || asked("wait"))
        fprintf(stderr, "unkind: for ever\n");
    while (spins)
        continue;
    while (asked("wait"))
        pause();
    return -1;
}

static bool ends(const char *text, size_t length, const char *tail)
{
    size_t tail_length = strlen(tail);
    return length > tail_length && strcmp(text + length - tail_length, tail) == 0;
}

/* A database, or its log. */
static bool is_database(int fd)
{
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    return length > 0 &&
           (ends(path, (size_t)length, ".db") || ends(path, (size_t)length, ".db-wal"));
}

ssize_t pread64(int fd, void *ret, size_t bytes, off64_t offset)
{
    static long reads;
    const char *well = getenv("UNKIND_READS");
    if (asked("eio") && is_database(fd) && reads++ >= (well ? strtol(well, NULL, 10) : 0)) {
        errno = EIO;
        return -1;
    }
    return (ssize_t)syscall(SYS_pread64, fd, ret, bytes, offset);
}
