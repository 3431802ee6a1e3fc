/* child.c - another program, run with a time limit. */
#define _GNU_SOURCE /* strsignal */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/start.h"
#include "base/stop.h"

static void redirect(const char *path, int fd)
{
    int file = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(127);
    if (file != fd)
        close(file);
}

/* Between fork and exec: nothing but system calls. */
static void become(const struct child *child, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    start_release();
    setpgid(0, 0);           /* Ctrl-C on the terminal is this program's to deal with */
    if (getppid() != parent) /* it died before it could be told */
        _exit(127);
    redirect(child->out, STDOUT_FILENO);
    redirect(child->err, STDERR_FILENO);
    if (child->fixed_addresses)
        personality((unsigned long)personality(0xffffffff) | ADDR_NO_RANDOMIZE);
    execve(child->path, child->argv, child->environment);
    _exit(127);
}

static bool tell(int status, const char *path, char *reason, size_t size)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        snprintf(reason, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == 127)
        snprintf(reason, size, "%.60s can't be started", path);
    else
        snprintf(reason, size, "exit status %d", WEXITSTATUS(status));
    return false;
}

bool child_run(const struct child *child, char *reason, size_t size)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    double end_ns = clock_ns() + child->limit_s * 1e9;
    pid_t self = getpid(), pid = fork(), ended = 0;
    int status = 0;
    if (pid == 0)
        become(child, self);
    if (pid < 0) {
        snprintf(reason, size, "can't start a process: %s", strerror(errno));
        return false;
    }
    bool late = false, stopped = false;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && !late && !stopped) {
        nanosleep(&moment, NULL);
        late = clock_ns() > end_ns;
        stopped = stop_requested != 0;
    }
    if (ended == 0) {
        if (kill(-pid, SIGKILL) != 0) /* it and what it started */
            kill(pid, SIGKILL);
        while ((ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
            continue;
        if (stopped)
            snprintf(reason, size, "interrupted");
        else
            snprintf(reason, size, "took longer than %g s", child->limit_s);
        return false;
    }
    if (ended < 0) {
        snprintf(reason, size, "its end got lost: %s", strerror(errno));
        return false;
    }
    return tell(status, child->path, reason, size);
}

/* A folder may be entered, but isn't a program. */
static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

bool child_find(const char *name, char *ret, size_t size)
{
    const char *place = getenv("PATH");
    if (!place)
        place = "/usr/local/bin:/usr/bin:/bin";
    while (*place) {
        int length = (int)strcspn(place, ":");
        int used = snprintf(ret, size, "%.*s/%s", length, place, name);
        if (length > 0 && used > 0 && (size_t)used < size && is_program(ret))
            return true;
        place += length + (place[length] == ':');
    }
    return false;
}
