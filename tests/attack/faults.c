/* Fails the calls of a process that touch files below a folder, from the Nth on or only the Nth.
   FAULT_UNDER: the folder. FAULT_AT: which call, from 1. FAULT_ERRNO: with what. FAULT_ONCE: whether
   only that one fails. FAULT_COUNT: a file that gets the number of calls when the process ends. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long calls;

static int below(const char *path) {
    const char *folder = getenv("FAULT_UNDER");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int of(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static int fails(void) {
    const char *at = getenv("FAULT_AT");
    long now = __sync_add_and_fetch(&calls, 1), wanted = at ? atol(at) : 0;
    if (!wanted || now < wanted || (now > wanted && getenv("FAULT_ONCE"))) return 0;
    errno = atoi(getenv("FAULT_ERRNO"));
    return 1;
}

__attribute__((destructor)) static void tell(void) {
    const char *name = getenv("FAULT_COUNT");
    FILE *file = name ? fopen(name, "w") : NULL;
    if (file) { fprintf(file, "%ld", calls); fclose(file); }
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

#define OPEN(name) \
int name(const char *path, int flags, ...) { \
    REAL(int, #name, const char *, int, ...); \
    va_list list; va_start(list, flags); int mode = va_arg(list, int); va_end(list); \
    if (below(path) && fails()) return -1; \
    return real(path, flags, mode); }
OPEN(open)
OPEN(open64)

ssize_t write(int file, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return of(file) && fails() ? -1 : real(file, data, size);
}
#define PWRITE(name, offset) \
ssize_t name(int file, const void *data, size_t size, offset place) { \
    REAL(ssize_t, #name, int, const void *, size_t, offset); \
    return of(file) && fails() ? -1 : real(file, data, size, place); }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t place) {
    REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
    return of(file) && fails() ? -1 : real(file, parts, count, place);
}
ssize_t read(int file, void *data, size_t size) {
    REAL(ssize_t, "read", int, void *, size_t);
    return of(file) && fails() ? -1 : real(file, data, size);
}
#define SYNC(name) \
int name(int file) { REAL(int, #name, int); return of(file) && fails() ? -1 : real(file); }
SYNC(fsync)
SYNC(fdatasync)
int ftruncate64(int file, off64_t size) {
    REAL(int, "ftruncate64", int, off64_t);
    return of(file) && fails() ? -1 : real(file, size);
}
int posix_fallocate64(int file, off64_t place, off64_t size) {
    REAL(int, "posix_fallocate64", int, off64_t, off64_t);
    return of(file) && fails() ? errno : real(file, place, size);
}
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return below(from) && fails() ? -1 : real(from, to);
}
