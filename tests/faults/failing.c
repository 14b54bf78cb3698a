/* A disk that fails: preloaded below a process, it fails one call in its turn.
 *
 *   FAIL_AT=N       the Nth write, sync, rename or truncation of the process fails
 *   FAIL_HOW=lost   the call is not made            (failed and lost)
 *   FAIL_HOW=kept   the call is made, and reported as failed  (failed but kept)
 *   FAIL_HOW=kill   the process is killed instead of the call
 *   FAIL_ERRNO=N    what it reports; EIO (5) by default
 *   FAIL_BELOW=DIR  only calls on files below this folder count
 *   FAIL_FOLDERS=1  only syncs of folders count, and each of them fails from FAIL_AT on
 *   FAIL_LOG=FILE   the number and name of the call that failed
 *
 * With FAIL_AT=0 nothing fails, and FAIL_LOG has the number of calls at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static void note(long number, const char *name) {
    const char *file = getenv("FAIL_LOG");
    char line[64];
    int size = snprintf(line, sizeof line, "%ld %s\n", number, name);
    int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file,
                                 O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd >= 0) {
        syscall(SYS_write, fd, line, size);
        syscall(SYS_close, fd);
    }
}

static int is_below(const char *path) {
    const char *folder = getenv("FAIL_BELOW");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int only_folders(void) {
    return getenv("FAIL_FOLDERS") != NULL;
}

static int is_folder(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

static int is_ours(int fd) {
    if (only_folders() && !is_folder(fd)) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_below(path);
}

static int is_ours_path(const char *path) {
    return !only_folders() && is_below(path);
}

/* 0: go on. 1: fail without the call. 2: fail after it. */
static int turn(const char *name) {
    const char *at = getenv("FAIL_AT"), *how = getenv("FAIL_HOW");
    long number = atomic_fetch_add(&calls, 1) + 1;
    int again = only_folders() && at && atol(at) > 0 && number > atol(at);
    if (!at || (number != atol(at) && !again)) {
        if (at && atol(at) == 0) note(number, name);
        return 0;
    }
    note(number, name);
    if (how && strcmp(how, "kill") == 0) kill(getpid(), SIGKILL);
    return how && strcmp(how, "kept") == 0 ? 2 : 1;
}

static void set_errno(void) {
    const char *text = getenv("FAIL_ERRNO");
    errno = text ? atoi(text) : EIO;
}

#define FAULTY(type, name, parameters, arguments, mine)                   \
    type name parameters {                                                \
        static type (*real) parameters;                                   \
        if (!real) real = (type (*) parameters)dlsym(RTLD_NEXT, #name);   \
        int fails = (mine) ? turn(#name) : 0;                             \
        if (fails == 0) return real arguments;                            \
        if (fails == 2) real arguments;                                   \
        set_errno();                                                      \
        return -1;                                                        \
    }

FAULTY(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), is_ours(fd))
FAULTY(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), is_ours(fd))
FAULTY(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), is_ours(fd))
FAULTY(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), is_ours(fd))
FAULTY(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t o), (fd, v, n, o), is_ours(fd))
FAULTY(ssize_t, pwritev64, (int fd, const struct iovec *v, int n, off64_t o), (fd, v, n, o), is_ours(fd))
FAULTY(int, fsync, (int fd), (fd), is_ours(fd))
FAULTY(int, fdatasync, (int fd), (fd), is_ours(fd))
FAULTY(int, ftruncate, (int fd, off_t n), (fd, n), is_ours(fd))
FAULTY(int, ftruncate64, (int fd, off64_t n), (fd, n), is_ours(fd))
FAULTY(int, rename, (const char *a, const char *b), (a, b), is_ours_path(b))
FAULTY(int, renameat, (int f, const char *a, int g, const char *b), (f, a, g, b), is_ours_path(b))
FAULTY(int, unlink, (const char *a), (a), is_ours_path(a))
