/* cgroup.h - what control groups allow this process: memory and processor time, as containers and
 * batch systems set them. */
#ifndef MIDL_CGROUP_H
#define MIDL_CGROUP_H

#define CGROUP_PATH_SIZE 160

struct cgroup_limits {
    double memory_bytes; /* infinite: no limit */
    double processors;   /* seconds of processor time per second; infinite: no quota */
    char memory_file[CGROUP_PATH_SIZE], processors_file[CGROUP_PATH_SIZE]; /* that say so, or "" */
};

/* Read the tightest limits of the groups that `text`, as in /proc/self/cgroup, names, and of those
 * around them. `root` is where they are mounted: /sys/fs/cgroup. Both versions of control groups.
 */
void cgroup_read(const char *root, const char *text, struct cgroup_limits *ret);

#endif
