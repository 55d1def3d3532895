/* Records what a process does to files, and ends it at a call that it is told.
 *
 * Preloaded into a process (LD_PRELOAD). Every call that changes something below the folder in
 * RECORD_UNDER is a step. With RECORD_TO in the environment each step is appended to that file: its
 * kind, whether a write is synced when it returns, a place (8 bytes), the lengths of the data (4),
 * of a path and of a second path (2 each), all little-endian; then the paths, below the folder, and
 * the data. A record stands before its effect, save those of "R", which is a write to the file
 * `returned`, and of "C", a file that was made. The other kinds: W write, T truncate, S sync,
 * N rename, L link, U unlink, D make a folder, X remove one.
 *
 * After recorder_arm(n) the process is killed just before its n-th step from then on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static long steps, kill_at;
static ssize_t (*real_write)(int, const void *, size_t);

long recorder_steps(void) { return steps; }

void recorder_arm(long at)
{
    steps = 0;
    kill_at = at;
}

/* The part of a path below the folder that is watched; NULL for all others. */
static const char *below(const char *path)
{
    const char *under = getenv("RECORD_UNDER");
    size_t size = under ? strlen(under) : 0;
    if (!size || strncmp(path, under, size) || (path[size] && path[size] != '/'))
        return NULL;
    return path + size;
}

static const char *path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, 4095);
    if (size < 0)
        return NULL;
    path[size] = 0;
    return below(path);
}

static const char *path_at(int folder, const char *name, char *path)
{
    if (name[0] == '/')
        return below(strcpy(path, name));
    char base[2048];
    if (folder == AT_FDCWD ? !getcwd(base, sizeof base) : 0)
        return NULL;
    if (folder != AT_FDCWD) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t size = readlink(link, base, sizeof base - 1);
        if (size < 0)
            return NULL;
        base[size] = 0;
    }
    snprintf(path, 4096, "%s/%s", base, name[0] && strlen(name) < 2000 ? name : "?");
    return below(path);
}

static void step(char kind, char synced, uint64_t place, const char *one, const char *two,
                 const struct iovec *parts, int count)
{
    static int to = -1;
    if (!real_write)
        real_write = dlsym(RTLD_NEXT, "write");
    pthread_mutex_lock(&turn);
    steps++;
    if (kill_at && steps == kill_at)
        kill(getpid(), SIGKILL);
    if (getenv("RECORD_TO")) {
        if (to < 0)
            to = open(getenv("RECORD_TO"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        uint32_t size = 0;
        for (int i = 0; i < count; i++)
            size += parts[i].iov_len;
        uint16_t first = strlen(one), second = strlen(two);
        real_write(to, &kind, 1);
        real_write(to, &synced, 1);
        real_write(to, &place, 8);
        real_write(to, &size, 4);
        real_write(to, &first, 2);
        real_write(to, &second, 2);
        real_write(to, one, first);
        real_write(to, two, second);
        for (int i = 0; i < count; i++)
            real_write(to, parts[i].iov_base, parts[i].iov_len);
    }
    pthread_mutex_unlock(&turn);
}

static void wrote(int fd, off64_t place, const struct iovec *parts, int count)
{
    char path[4096];
    const char *name = path_of(fd, path);
    if (name && strcmp(name, "/returned")) {
        int flags = fcntl(fd, F_GETFL);
        if (place < 0)
            place = lseek64(fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
        step('W', (flags & O_DSYNC) != 0, place, name, "", parts, count);
    }
}

ssize_t write(int fd, const void *data, size_t size)
{
    if (!real_write)
        real_write = dlsym(RTLD_NEXT, "write");
    struct iovec part = {(void *)data, size};
    wrote(fd, -1, &part, 1);
    ssize_t done = real_write(fd, data, size);
    char path[4096];
    const char *name = path_of(fd, path);
    if (name && !strcmp(name, "/returned"))
        step('R', 0, 0, name, "", &part, 1);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t place)
{
    REAL(pwrite64);
    struct iovec part = {(void *)data, size};
    wrote(fd, place, &part, 1);
    return real(fd, data, size, place);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t place)
{
    return pwrite64(fd, data, size, place);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t place)
{
    REAL(pwritev64);
    wrote(fd, place, parts, count);
    return real(fd, parts, count, place);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t place)
{
    return pwritev64(fd, parts, count, place);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    wrote(fd, -1, parts, count);
    return real(fd, parts, count);
}

/* One that Python's file copies use is refused, so that they take another way: by read and write. */
ssize_t sendfile64(int to, int from, off64_t *place, size_t size)
{
    (void)to, (void)from, (void)place, (void)size;
    errno = ENOTSOCK;
    return -1;
}

ssize_t sendfile(int to, int from, off_t *place, size_t size)
{
    return sendfile64(to, from, place, size);
}

int ftruncate64(int fd, off64_t size)
{
    REAL(ftruncate64);
    char path[4096];
    const char *name = path_of(fd, path);
    if (name)
        step('T', 0, size, name, "", 0, 0);
    return real(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int posix_fallocate64(int fd, off64_t place, off64_t size)
{
    REAL(posix_fallocate64);
    char path[4096];
    const char *name = path_of(fd, path);
    if (name)
        step('T', 0, place + size, name, "", 0, 0);
    return real(fd, place, size);
}

int posix_fallocate(int fd, off_t place, off_t size) { return posix_fallocate64(fd, place, size); }

static void synced(int fd)
{
    char path[4096];
    const char *name = path_of(fd, path);
    if (name)
        step('S', 0, 0, name, "", 0, 0);
}

/* A sync counts as one once it is done. */
int fdatasync(int fd)
{
    REAL(fdatasync);
    int result = real(fd);
    synced(fd);
    return result;
}

int fsync(int fd)
{
    REAL(fsync);
    int result = real(fd);
    synced(fd);
    return result;
}

static int opened(int folder, const char *name, int flags, mode_t mode)
{
    static int (*real)(int, const char *, int, ...);
    if (!real)
        real = dlsym(RTLD_NEXT, "openat64");
    char path[4096];
    const char *known = flags & (O_CREAT | O_TRUNC) ? path_at(folder, name, path) : NULL;
    int there = known && !faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW);
    int fd = real(folder, name, flags, mode);
    int error = errno;
    if (known && fd >= 0 && !there)
        step('C', 0, 0, known, "", 0, 0);
    else if (known && fd >= 0 && flags & O_TRUNC)
        step('T', 0, 0, known, "", 0, 0);
    errno = error;
    return fd;
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if (flags & O_CREAT) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, int); \
        va_end(rest); \
    }

int open(const char *name, int flags, ...)
{
    MODE(flags, mode);
    return opened(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...)
{
    MODE(flags, mode);
    return opened(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char *name, int flags, ...)
{
    MODE(flags, mode);
    return opened(folder, name, flags, mode);
}

int openat64(int folder, const char *name, int flags, ...)
{
    MODE(flags, mode);
    return opened(folder, name, flags, mode);
}

static void moved(char kind, int from, const char *old, int to, const char *new)
{
    char one[4096], two[4096];
    const char *first = path_at(from, old, one), *second = path_at(to, new, two);
    if (first && second)
        step(kind, 0, 0, first, second, 0, 0);
}

int rename(const char *old, const char *new)
{
    REAL(rename);
    moved('N', AT_FDCWD, old, AT_FDCWD, new);
    return real(old, new);
}

int renameat(int from, const char *old, int to, const char *new)
{
    REAL(renameat);
    moved('N', from, old, to, new);
    return real(from, old, to, new);
}

int link(const char *old, const char *new)
{
    REAL(link);
    moved('L', AT_FDCWD, old, AT_FDCWD, new);
    return real(old, new);
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    REAL(linkat);
    moved('L', from, old, to, new);
    return real(from, old, to, new, flags);
}

static void changed(char kind, int folder, const char *name)
{
    char path[4096];
    const char *known = path_at(folder, name, path);
    if (known)
        step(kind, 0, 0, known, "", 0, 0);
}

int unlink(const char *name)
{
    REAL(unlink);
    changed('U', AT_FDCWD, name);
    return real(name);
}

int unlinkat(int folder, const char *name, int flags)
{
    REAL(unlinkat);
    changed(flags & AT_REMOVEDIR ? 'X' : 'U', folder, name);
    return real(folder, name, flags);
}

int rmdir(const char *name)
{
    REAL(rmdir);
    changed('X', AT_FDCWD, name);
    return real(name);
}

int mkdir(const char *name, mode_t mode)
{
    REAL(mkdir);
    changed('D', AT_FDCWD, name);
    return real(name, mode);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    REAL(mkdirat);
    changed('D', folder, name);
    return real(folder, name, mode);
}
