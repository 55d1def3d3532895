/* Records what a process writes to LMDB's data files, and when it was synced.
 *
 * Preloaded into the process (LD_PRELOAD). Every write to the file `log/data.mdb` of the store in
 * RECORD_UNDER, every sync of it, and every write to the file `returned` there, is appended to the
 * file in RECORD_TO: a kind (1 byte), whether the write is synced when it returns (1), a place
 * (8) and a length (4), both little-endian, then the bytes. A record stands before its effect.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);

static const char *name_of(int fd)
{
    static __thread char path[4096];
    char link[64];
    const char *under = getenv("RECORD_UNDER");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0 || !under)
        return "";
    path[size] = 0;
    if (strncmp(path, under, strlen(under)))
        return "";
    return path + strlen(under);
}

static void record(char kind, int fd, uint64_t place, const struct iovec *parts, int count)
{
    static int to = -1;
    if (!real_write)
        real_write = dlsym(RTLD_NEXT, "write");
    pthread_mutex_lock(&turn);
    if (to < 0)
        to = open(getenv("RECORD_TO"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    uint32_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    char synced = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    real_write(to, &kind, 1);
    real_write(to, &synced, 1);
    real_write(to, &place, 8);
    real_write(to, &size, 4);
    for (int i = 0; i < count; i++)
        real_write(to, parts[i].iov_base, parts[i].iov_len);
    pthread_mutex_unlock(&turn);
}

static int is_data(int fd) { return !strcmp(name_of(fd), "/log/data.mdb"); }

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size)
{
    if (!real_write)
        real_write = dlsym(RTLD_NEXT, "write");
    struct iovec part = {(void *)data, size};
    if (is_data(fd))
        record('W', fd, lseek(fd, 0, SEEK_CUR), &part, 1);
    ssize_t done = real_write(fd, data, size);
    if (!strcmp(name_of(fd), "/returned"))
        record('R', fd, 0, &part, 1);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t place)
{
    REAL(pwrite64);
    struct iovec part = {(void *)data, size};
    if (is_data(fd))
        record('W', fd, place, &part, 1);
    return real(fd, data, size, place);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t place)
{
    return pwrite64(fd, data, size, place);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t place)
{
    REAL(pwritev64);
    if (is_data(fd))
        record('W', fd, place, parts, count);
    return real(fd, parts, count, place);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t place)
{
    return pwritev64(fd, parts, count, place);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    if (is_data(fd))
        record('W', fd, lseek(fd, 0, SEEK_CUR), parts, count);
    return real(fd, parts, count);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    int result = real(fd);
    if (is_data(fd))
        record('S', fd, 0, 0, 0);
    return result;
}

int fsync(int fd)
{
    REAL(fsync);
    int result = real(fd);
    if (is_data(fd))
        record('S', fd, 0, 0, 0);
    return result;
}
