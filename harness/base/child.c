/* child.c - another program, run with a time limit. */
#define _GNU_SOURCE /* strsignal, pipe2 */
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

static void redirect(const char *path, int said, int fd)
{
    bool listens = !path && said >= 0;
    int file = listens ? said : open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(127);
    if (!listens && file != fd)
        close(file);
}

static void close_input(void)
{
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
        _exit(127);
    if (nothing != STDIN_FILENO)
        close(nothing);
}

/* Between fork and exec: nothing but system calls. */
static void become(const struct child *child, pid_t parent, int said)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    start_release();
    setpgid(0, 0);           /* Ctrl-C on the terminal is this program's to deal with */
    if (getppid() != parent) /* it died before it could be told */
        _exit(127);
    close_input();
    redirect(child->out, said, STDOUT_FILENO);
    redirect(child->err, said, STDERR_FILENO);
    if (child->folder && chdir(child->folder) != 0)
        _exit(127);
    if (child->fixed_addresses)
        personality((unsigned long)personality(0xffffffff) | ADDR_NO_RANDOMIZE);
    execve(child->path, child->argv, child->environment);
    _exit(127);
}

static enum child_end tell(int status, const char *path, char *reason, size_t size)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return CHILD_DONE;
    if (WIFSIGNALED(status))
        snprintf(reason, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == 127)
        snprintf(reason, size, "%.60s can't be started", path);
    else
        snprintf(reason, size, "exit status %d", WEXITSTATUS(status));
    return WIFSIGNALED(status)          ? CHILD_KILLED
           : WEXITSTATUS(status) == 127 ? CHILD_CUT
                                        : CHILD_FAILED;
}

/* ---- What it says ---------------------------------------------------------------------------- */

/* A pipe, and what came through it. */
struct listener {
    int in, out; /* -1: there is none */
    char *text;
    size_t length, size;
};

static bool listener_open(struct listener *listener, const struct child *child)
{
    int ends[2];
    *listener = (struct listener){-1, -1, child->said, 0, child->said_size};
    if (!child->said)
        return true;
    child->said[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    listener->in = ends[0];
    listener->out = ends[1];
    return true;
}

/* Take all that waits in the pipe; what is beyond the text's room is lost. */
static void listener_read(struct listener *listener)
{
    char rest[1024];
    ssize_t got = listener->in < 0 ? 0 : 1;
    while (got > 0) {
        size_t room = listener->size - 1 - listener->length;
        got = read(listener->in, room ? listener->text + listener->length : rest,
                   room ? room : sizeof rest);
        listener->length += room && got > 0 ? (size_t)got : 0;
    }
    if (listener->text)
        listener->text[listener->length] = '\0';
}

static void listener_close(struct listener *listener)
{
    if (listener->in >= 0)
        close(listener->in);
    if (listener->out >= 0)
        close(listener->out);
    listener->in = listener->out = -1;
}

/* ---- Its life -------------------------------------------------------------------------------- */

enum patience { ENDED, LATE, STOPPED, LOST };

/* Send a signal to it and to what it started. */
static void send_signal(pid_t pid, int number)
{
    if (kill(-pid, number) != 0)
        kill(pid, number);
}

/* Ask it to end, then make it. Programs that start others in groups of their own, as
 * ninja does, end these when asked. */
static void put_down(pid_t pid, int *ret_status)
{
    enum { MOMENTS = 80 };
    const struct timespec moment = {.tv_nsec = 5000000};
    pid_t ended = 0;
    send_signal(pid, SIGTERM);
    for (int i = 0; i < MOMENTS && (ended == 0 || kill(-pid, 0) == 0); i++) {
        nanosleep(&moment, NULL);
        if (ended == 0)
            ended = waitpid(pid, ret_status, WNOHANG);
    }
    if (kill(-pid, SIGKILL) != 0 && ended == 0)
        kill(pid, SIGKILL);
    while (ended == 0 && waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        continue;
}

/* Wait for its end, within limits; then there is no process any more. */
static enum patience wait_for(pid_t pid, double end_ns, struct listener *listener, int *ret_status)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    enum patience patience = ENDED;
    pid_t ended;
    while ((ended = waitpid(pid, ret_status, WNOHANG)) == 0 && patience == ENDED) {
        listener_read(listener);
        nanosleep(&moment, NULL);
        if (clock_ns() > end_ns)
            patience = LATE;
        if (stop_requested)
            patience = STOPPED;
    }
    if (ended == pid)
        return ENDED;
    if (ended < 0)
        return LOST;
    put_down(pid, ret_status);
    return patience;
}

static enum child_end run(const struct child *child, char *reason, size_t size)
{
    struct listener listener;
    double end_ns = clock_ns() + child->limit_s * 1e9;
    int status = 0;
    bool heard = listener_open(&listener, child);
    pid_t self = getpid(), pid = heard ? fork() : -1;
    if (pid == 0)
        become(child, self, listener.out);
    if (pid < 0) {
        snprintf(reason, size, "can't start a process: %s", strerror(errno));
        listener_close(&listener);
        return CHILD_CUT;
    }
    enum patience patience = wait_for(pid, end_ns, &listener, &status);
    int number = errno;
    listener_read(&listener);
    listener_close(&listener);
    switch (patience) {
    case ENDED:
        return tell(status, child->path, reason, size);
    case LATE:
        snprintf(reason, size, "took longer than %g s", child->limit_s);
        return CHILD_CUT;
    case STOPPED:
        snprintf(reason, size, "interrupted");
        return CHILD_CUT;
    case LOST:
        break;
    }
    snprintf(reason, size, "its end got lost: %s", strerror(number));
    return CHILD_CUT;
}

bool child_run(const struct child *child, char *reason, size_t size)
{
    enum child_end end = run(child, reason, size);
    if (child->end)
        *child->end = end;
    return end == CHILD_DONE;
}

/* ---- Finding it ------------------------------------------------------------------------------ */

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
