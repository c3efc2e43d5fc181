/* Preloaded into a process (LD_PRELOAD), it records what the process does to the files below one directory, in order, with the
 * bytes. `conftest.py` beside it starts such processes and reads the log.
 *
 *   OUTLAST_RECORDER_ROOT   the directory; lines written to the file "<root>.told" are recorded in order as well
 *   OUTLAST_RECORDER_LOG    the log; processes append to it, one whole record after the other
 *   OUTLAST_RECORDER_FAULT  "<call>:<n>:<what>": at the n-th such call of the process (call: write, fsync, dirsync, rename, link,
 *                           unlink, create, truncate, mkdir or any; n counts from 1) be killed (what: before, half, after), or
 *                           fail with this errno and do nothing (what: a number); "full": from then on nothing more fits
 *   OUTLAST_RECORDER_LIE    "file", "directory" or "both": such an fsync answers 0 and does nothing
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPEN = 1, WRITE, TRUNCATE, FSYNC, RENAME, LINK, UNLINK, MKDIR, RMDIR, TOLD };

struct head {
    uint32_t kind, error;          /* error: an errno; only fsync is recorded when it fails */
    uint64_t inode, number;        /* number: offset, size, or flag */
    uint32_t path, second;         /* lengths in bytes */
    uint64_t data;
};

static const char *const NAMES[] = {[RENAME] = "rename", [LINK] = "link", [UNLINK] = "unlink", [MKDIR] = "mkdir", [RMDIR] = "rmdir"};
static char root[PATH_MAX], told[PATH_MAX], fault_call[16], fault_what[16];
static size_t root_length;
static long fault_at, calls;
static int recorder = -1, full, lie_file, lie_directory;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void renewed(void) { pthread_mutex_init(&turn, NULL); }

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("OUTLAST_RECORDER_ROOT"), *log = getenv("OUTLAST_RECORDER_LOG");
    const char *fault = getenv("OUTLAST_RECORDER_FAULT"), *lie = getenv("OUTLAST_RECORDER_LIE");
    if (!where || !log) return;
    recorder = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (recorder < 0) { fprintf(stderr, "recorder: %s cannot be written\n", log); _exit(70); }
    root_length = snprintf(root, sizeof root, "%s", where);
    snprintf(told, sizeof told, "%s.told", where);
    if (fault && sscanf(fault, "%15[^:]:%ld:%15s", fault_call, &fault_at, fault_what) != 3) {
        fprintf(stderr, "recorder: what fault is %s?\n", fault);
        _exit(70);
    }
    lie_file = lie && (!strcmp(lie, "file") || !strcmp(lie, "both"));
    lie_directory = lie && (!strcmp(lie, "directory") || !strcmp(lie, "both"));
    pthread_atfork(NULL, NULL, renewed);
}

/* One thread of one process at a time is between these two, so that the log has the order of the effects. */
static void enter(void) {
    struct flock whole = {.l_type = F_WRLCK};
    pthread_mutex_lock(&turn);
    while (fcntl(recorder, F_SETLKW, &whole) < 0 && errno == EINTR) { }
}

static void leave(void) {
    struct flock whole = {.l_type = F_UNLCK};
    int kept = errno;
    fcntl(recorder, F_SETLK, &whole);
    pthread_mutex_unlock(&turn);
    errno = kept;
}

static void note(enum kind kind, int error, uint64_t inode, uint64_t number, const char *path, const char *second,
                 const void *data, size_t length) {
    int kept = errno;
    struct head head = {kind, error, inode, number, path ? strlen(path) : 0, second ? strlen(second) : 0, length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)second, head.second}, {(void *)data, length}};
    size_t whole = sizeof head + head.path + head.second + length;
    if (syscall(SYS_writev, recorder, parts, 4) != (ssize_t)whole) {
        fprintf(stderr, "recorder: the log takes no more\n");
        _exit(70);
    }
    errno = kept;
}

static int below(const char *path) {
    return recorder >= 0 && !strncmp(path, root, root_length) && (!path[root_length] || path[root_length] == '/');
}

/* The file behind a descriptor, or NULL when it is not ours; the text stays valid until the buffer goes. */
static const char *behind(int fd, char *buffer) {
    char link[48];
    if (recorder < 0) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
    if (length < 0) return NULL;
    buffer[length] = 0;
    return below(buffer) || !strcmp(buffer, told) ? buffer : NULL;
}

/* The whole path of a name; its directory exists, the name itself may not. NULL when it is not below the root. */
static const char *whole(int directory, const char *name, char *buffer) {
    char given[2 * PATH_MAX], parent[PATH_MAX], start[PATH_MAX] = "";
    if (recorder < 0) return NULL;
    if (name[0] != '/' && directory == AT_FDCWD && !getcwd(start, sizeof start)) return NULL;
    if (name[0] != '/' && directory != AT_FDCWD && !behind(directory, start)) return NULL;
    snprintf(given, sizeof given, "%s%s%s", start, name[0] == '/' ? "" : "/", name);
    for (char *end = given + strlen(given) - 1; end > given && *end == '/'; end--) *end = 0;
    char *last = strrchr(given, '/');
    *last = 0;
    int kept = errno;
    char *found = realpath(last == given ? "/" : given, parent);
    errno = kept;
    if (!found || snprintf(buffer, PATH_MAX, "%s/%s", strcmp(parent, "/") ? parent : "", last + 1) >= PATH_MAX) return NULL;
    return below(buffer) ? buffer : NULL;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* What is to happen at this call: 0 nothing, an errno, or one of these. */
enum { HALF = -1, AFTER = -2 };

static int due(enum kind kind, const char *call) {
    if (full && (kind == WRITE || kind == OPEN || kind == MKDIR)) return ENOSPC;
    if (!fault_at || (strcmp(fault_call, "any") && strcmp(fault_call, call)) || ++calls != fault_at) return 0;
    if (!strcmp(fault_what, "before")) die();
    if (!strcmp(fault_what, "half")) return HALF;
    if (!strcmp(fault_what, "after")) return AFTER;
    if (!strcmp(fault_what, "full")) { full = 1; return ENOSPC; }
    return atoi(fault_what);
}

static void done(int fault) { if (fault == HALF || fault == AFTER) die(); }

static int opened(int directory, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX], real[PATH_MAX];
    struct stat found;
    const char *ours = name && whole(directory, name, path) ? path : NULL;
    if (!ours) return syscall(SYS_openat, directory, name, flags, mode);
    enter();
    int kept = errno;
    int created = (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, ours, F_OK) < 0;
    errno = kept;
    int fault = created ? due(OPEN, "create") : 0, fd = -1;
    if (fault > 0) errno = fault;
    else fd = syscall(SYS_openat, directory, name, flags, mode);
    if (fd >= 0 && behind(fd, real) && !fstat(fd, &found) && S_ISREG(found.st_mode)) {
        note(OPEN, 0, found.st_ino, created, real, NULL, NULL, 0);
        if (flags & O_TRUNC && !created) note(TRUNCATE, 0, found.st_ino, 0, NULL, NULL, NULL, 0);
        done(fault);
    }
    leave();
    return fd;
}

static ssize_t written(int fd, const void *bytes, size_t length, int at, off_t offset) {
    char path[PATH_MAX];
    struct stat found;
    const char *ours = behind(fd, path);
    if (!ours) return at ? syscall(SYS_pwrite64, fd, bytes, length, offset) : syscall(SYS_write, fd, bytes, length);
    enter();
    int speaks = !strcmp(path, told), fault = speaks ? 0 : due(WRITE, "write");
    if (fault == HALF) length = (length + 1) / 2;
    ssize_t taken = -1;
    if (fault > 0) errno = fault;
    else taken = at ? syscall(SYS_pwrite64, fd, bytes, length, offset) : syscall(SYS_write, fd, bytes, length);
    if (taken > 0 && speaks) note(TOLD, 0, 0, 0, NULL, NULL, bytes, taken);
    if (taken > 0 && !speaks && !fstat(fd, &found)) {
        if (!at) offset = lseek(fd, 0, SEEK_CUR) - taken;
        note(WRITE, 0, found.st_ino, offset, NULL, NULL, bytes, taken);
    }
    done(fault);
    leave();
    return taken;
}

static int synced(int fd, long call) {
    char path[PATH_MAX];
    struct stat found;
    if (!behind(fd, path) || fstat(fd, &found)) return syscall(call, fd);
    int directory = S_ISDIR(found.st_mode), result = -1;
    if (directory ? lie_directory : lie_file) return 0;
    enter();
    int fault = due(FSYNC, directory ? "dirsync" : "fsync");
    if (fault > 0) errno = fault;
    else result = syscall(call, fd);
    note(FSYNC, result ? errno : 0, found.st_ino, directory, path, NULL, NULL, 0);
    done(fault);
    leave();
    return result;
}

static int resized(int fd, off_t size) {
    char path[PATH_MAX];
    struct stat found;
    if (!behind(fd, path) || !strcmp(path, told)) return syscall(SYS_ftruncate, fd, size);
    enter();
    int fault = due(TRUNCATE, "truncate"), result = -1;
    if (fault > 0) errno = fault;
    else result = syscall(SYS_ftruncate, fd, size);
    if (!result && !fstat(fd, &found)) note(TRUNCATE, 0, found.st_ino, size, NULL, NULL, NULL, 0);
    done(fault);
    leave();
    return result;
}

/* A call that changes names: `call` does it; it is recorded when it succeeds. */
static int named(enum kind kind, int from, const char *old, int to, const char *new, int flags) {
    char path[PATH_MAX], second[PATH_MAX] = "";
    const char *ours = whole(from, old, path);
    if (new && !whole(to, new, second)) ours = NULL;
    int fault = 0, result = -1;
    if (ours) { enter(); fault = due(kind, NAMES[kind]); }
    if (fault > 0) errno = fault;
    else if (kind == RENAME) result = syscall(SYS_renameat2, from, old, to, new, flags);
    else if (kind == LINK) result = syscall(SYS_linkat, from, old, to, new, flags);
    else if (kind == MKDIR) result = syscall(SYS_mkdirat, from, old, flags);
    else result = syscall(SYS_unlinkat, from, old, flags);
    if (!ours) return result;
    if (!result) note(kind, 0, 0, 0, path, new ? second : NULL, NULL, 0);
    done(fault);
    leave();
    return result;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, int); va_end(more); }
int open(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int openat(int directory, const char *name, int flags, ...) { MODE return opened(directory, name, flags, mode); }
int openat64(int directory, const char *name, int flags, ...) { MODE return opened(directory, name, flags, mode); }
int __open_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0); }
int __open64_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0); }
int creat(const char *name, mode_t mode) { return opened(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return opened(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
ssize_t write(int fd, const void *bytes, size_t length) { return written(fd, bytes, length, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return written(fd, bytes, length, 1, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return written(fd, bytes, length, 1, offset); }
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
int ftruncate(int fd, off_t size) { return resized(fd, size); }
int ftruncate64(int fd, off64_t size) { return resized(fd, size); }
int rename(const char *old, const char *new) { return named(RENAME, AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) { return named(RENAME, from, old, to, new, 0); }
int renameat2(int from, const char *old, int to, const char *new, unsigned flags) { return named(RENAME, from, old, to, new, flags); }
int link(const char *old, const char *new) { return named(LINK, AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int from, const char *old, int to, const char *new, int flags) { return named(LINK, from, old, to, new, flags); }
int unlink(const char *name) { return named(UNLINK, AT_FDCWD, name, 0, NULL, 0); }
int unlinkat(int directory, const char *name, int flags) { return named(flags & AT_REMOVEDIR ? RMDIR : UNLINK, directory, name, 0, NULL, flags); }
int rmdir(const char *name) { return named(RMDIR, AT_FDCWD, name, 0, NULL, AT_REMOVEDIR); }
int mkdir(const char *name, mode_t mode) { return named(MKDIR, AT_FDCWD, name, 0, NULL, mode); }
int mkdirat(int directory, const char *name, mode_t mode) { return named(MKDIR, directory, name, 0, NULL, mode); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    ssize_t sum = 0;
    if (!behind(fd, path)) return syscall(SYS_writev, fd, parts, count);
    for (int n = 0; n < count; n++) {
        ssize_t taken = parts[n].iov_len ? written(fd, parts[n].iov_base, parts[n].iov_len, 0, 0) : 0;
        if (taken < 0) return sum ? sum : -1;
        sum += taken;
        if ((size_t)taken < parts[n].iov_len) break;
    }
    return sum;
}

/* What copies inside the kernel would not be seen; a caller that is refused falls back on write. */
ssize_t sendfile(int to, int from, off_t *offset, size_t count) {
    char path[PATH_MAX];
    if (!behind(to, path)) return syscall(SYS_sendfile, to, from, offset, count);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) { return sendfile(to, from, (off_t *)offset, count); }
