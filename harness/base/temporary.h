/* temporary.h - files and folders that must not outlive this process, whatever ends it. */
#ifndef MIDL_TEMPORARY_H
#define MIDL_TEMPORARY_H

/* Remember a temporary file or folder of this process. One of more than 16 at a time, or with a
 * path longer than the system allows, isn't remembered. */
void temporary_remember(const char *path);

/* Forget one that was removed or got its final name. */
void temporary_forget(const char *path);

/* Remove a file, or a folder with all that is in it, by system calls alone. Links are not followed.
 * Safe in a signal handler. */
void temporary_remove(const char *path);

/* Remove all that are remembered, because this process ends. Safe in a signal handler. A child that
 * was forked has none. */
void temporary_remove_all(void);

#endif
