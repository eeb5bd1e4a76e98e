// Library for LD_PRELOAD that writes down what a process does to the files below one folder, so that
// src/power-cut can afterwards put them into any state a power cut could have left. It sits between
// the program and libc; the program knows nothing of it, and it decides nothing about what is kept.
//
// Before a change it journals the intent together with what the change destroys (old bytes of a
// write, cut-off bytes of a truncation, a hard link to a file whose name goes); after it, that it is
// done. A sync journals how far the journal had come when it began: only what was done by then counts
// as durable. The files on disk therefore always hold everything, and the journal leads back.
//
// A change by a call that is not understood here ends the process: better no test than one that
// believes in a model with holes. Environment: POWER_CUT_ROOT (absolute, without symbolic links) and
// POWER_CUT_JOURNAL (a folder outside the root, on the same file system). Without them nothing happens.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// ---- Calls of libc behind this library

#define REAL(type, name, ...)                                                                      \
  ({                                                                                               \
    static type (*found)(__VA_ARGS__);                                                             \
    if (!found) found = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);                            \
    found;                                                                                         \
  })
#define REAL_OPENAT REAL(int, openat, int, const char *, int, ...)
#define REAL_CLOSE REAL(int, close, int)
#define REAL_PWRITEV REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t)
#define REAL_WRITEV REAL(ssize_t, writev, int, const struct iovec *, int)
#define REAL_SYSCALL REAL(long, syscall, long, long, long, long, long, long, long)

static char root[PATH_MAX];
static size_t root_length;
static char journal_folder[PATH_MAX];
static int journal = -1;

static void refuse(const char *what, const char *path) {
  char text[PATH_MAX + 200];
  int length = snprintf(text, sizeof text, "power-cut: %s: %s (errno %d)\n", what, path, errno);
  struct iovec piece = {text, (size_t)length};
  if (REAL_WRITEV(2, &piece, 1) < 0) abort();
  abort();
}

// ---- Journal. Format: fields in the order below, little-endian; read by src/power-cut/journal.ts.

enum kind {
  WRITE = 1,
  TRUNCATE = 2,
  CREATE = 3,
  MAKE_FOLDER = 4,
  UNLINK = 5,
  REMOVE_FOLDER = 6,
  RENAME = 7,
  LINK = 8,
  DONE = 20,
  FAILED = 21,
  SYNC = 22
};
enum flag { DURABLE = 1, ZEROS = 2 };

struct record {
  uint32_t magic;
  uint16_t kind;
  uint16_t flags;
  uint64_t number;     // rises by one in this process
  uint64_t refers;     // DONE, FAILED: the intent; SYNC: the newest record when it began
  uint64_t file;       // inode that changes, or whose name changes
  uint64_t folder;     // inode of the folder with `name`
  uint64_t to_folder;  // inode of the folder with `to_name`
  uint64_t replaced;   // RENAME: inode whose name is taken over; 0 for none
  uint64_t position;   // WRITE: where; TRUNCATE: the new size
  uint64_t length;     // WRITE: bytes
  uint64_t size;       // WRITE, TRUNCATE: of the file before
  uint32_t mode;
  uint32_t name_length;
  uint32_t to_name_length;
  uint32_t old_length; // bytes from `position` on that the change destroys; not stored with ZEROS
};

static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t newest;

static uint64_t append(struct record *record, const char *name, const char *to, const void *old) {
  record->magic = 0x4a435051;
  record->name_length = (uint32_t)strlen(name);
  record->to_name_length = (uint32_t)strlen(to);
  size_t stored = record->flags & ZEROS ? 0 : record->old_length;
  struct iovec pieces[4] = {{record, sizeof *record},
                            {(void *)name, record->name_length},
                            {(void *)to, record->to_name_length},
                            {(void *)old, stored}};
  ssize_t all = (ssize_t)(sizeof *record + record->name_length + record->to_name_length + stored);
  pthread_mutex_lock(&journal_lock);
  uint64_t number = record->number = ++newest;
  if (REAL_WRITEV(journal, pieces, 4) != all) refuse("cannot write the journal", journal_folder);
  pthread_mutex_unlock(&journal_lock);
  return number;
}

static void append_end(uint64_t intent, int succeeded, uint64_t file, int flags) {
  int kept = errno;
  struct record record = {.kind = succeeded ? DONE : FAILED, .refers = intent, .file = file};
  record.flags = (uint16_t)flags;
  append(&record, "", "", NULL);
  errno = kept;
}

static uint64_t begin_sync(void) {
  pthread_mutex_lock(&journal_lock);
  uint64_t number = newest;
  pthread_mutex_unlock(&journal_lock);
  return number;
}

__attribute__((constructor)) static void start(void) {
  const char *wanted = getenv("POWER_CUT_ROOT"), *folder = getenv("POWER_CUT_JOURNAL");
  if (!wanted || !folder || journal != -1) return;
  snprintf(root, sizeof root, "%s", wanted);
  snprintf(journal_folder, sizeof journal_folder, "%s", folder);
  for (int life = 1; journal == -1; life++) {
    char path[PATH_MAX + 40];
    snprintf(path, sizeof path, "%s/journal-%06d", journal_folder, life);
    journal = REAL_OPENAT(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (journal == -1 && errno != EEXIST) refuse("cannot make a journal", path);
  }
  root_length = strlen(root);
}

// ---- What is watched

enum watched { FILE_ = 1, FOLDER = 2, SYNCED_WRITES = 4, APPENDS = 8 };
enum { DESCRIPTORS = 65536, STRIPES = 256 };

// `reader`: the same file opened for reading, where the program's descriptor cannot read.
static struct { uint64_t inode; int watched; int reader; } open_files[DESCRIPTORS];
// A write or truncation holds the lock of its file from the intent to its end.
static pthread_mutex_t file_locks[STRIPES];
// A change of names holds this one, which makes inode numbers in the journal unambiguous.
static pthread_mutex_t name_lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t *lock_of(uint64_t inode) {
  pthread_mutex_t *lock = &file_locks[inode % STRIPES];
  pthread_mutex_lock(lock);
  return lock;
}

static int watches(int descriptor) {
  return root_length && descriptor >= 0 && descriptor < DESCRIPTORS
             ? open_files[descriptor].watched
             : 0;
}

// Into `path` an absolute path without `.`, `..` and empty parts; says whether it is the root or below.
static int resolve(int folder, const char *given, char path[PATH_MAX]) {
  if (!root_length || !given) return 0;
  char joined[2 * PATH_MAX];
  if (given[0] == '/') {
    snprintf(joined, sizeof joined, "%s", given);
  } else {
    char base[PATH_MAX] = "", link[64];
    if (folder == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
      if (readlink(link, base, sizeof base - 1) < 0) return 0;
    }
    snprintf(joined, sizeof joined, "%s/%s", base, given);
  }
  size_t length = 0;
  for (char *rest = joined, *part; (part = strsep(&rest, "/"));) {
    if (!*part || !strcmp(part, ".")) continue;
    if (!strcmp(part, "..")) {
      while (length && path[--length] != '/') {}
      continue;
    }
    if (length + strlen(part) + 2 > PATH_MAX) return 0;
    path[length++] = '/';
    strcpy(path + length, part);
    length += strlen(part);
  }
  path[length] = 0;
  return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static const char *name_of(const char *path) { return strrchr(path, '/') + 1; }

static uint64_t folder_of(const char *path) {
  char folder[PATH_MAX];
  struct stat found;
  snprintf(folder, sizeof folder, "%.*s", (int)(name_of(path) - 1 - path), path);
  return stat(folder, &found) ? 0 : found.st_ino;
}

static uint64_t inode_of(const char *path) {
  struct stat found;
  return lstat(path, &found) ? 0 : found.st_ino;
}

// Keeps content and inode number of a file whose name goes.
static void save(const char *path) {
  struct stat found;
  char saved[PATH_MAX + 40];
  if (lstat(path, &found) || S_ISDIR(found.st_mode)) return;
  snprintf(saved, sizeof saved, "%s/saved-%lu", journal_folder, found.st_ino);
  if (REAL(int, link, const char *, const char *)(path, saved) && errno != EEXIST)
    refuse("cannot keep a removed file", path);
}

// ---- Contents

static void *bytes_before(int reader, off_t position, size_t length, struct record *record) {
  char *old = length ? malloc(length) : NULL;
  size_t have = 0;
  while (have < length) {
    ssize_t count = pread(reader, old + have, length - have, position + (off_t)have);
    if (count <= 0) refuse("cannot read what a write replaces", root);
    have += (size_t)count;
  }
  record->old_length = (uint32_t)length;
  if (!length || (!old[0] && !memcmp(old, old + 1, length - 1))) record->flags |= ZEROS;
  return old;
}

static struct stat check_file(int descriptor) {
  struct stat found;
  if (fstat(descriptor, &found) || found.st_ino != open_files[descriptor].inode)
    refuse("a descriptor changed unseen", root);
  return found;
}

static ssize_t write_watched(int fd, const struct iovec *pieces, int count, off_t position) {
  pthread_mutex_t *lock = lock_of(open_files[fd].inode);
  uint64_t size = (uint64_t)check_file(fd).st_size, length = 0;
  off_t at = position;
  if (at < 0) at = open_files[fd].watched & APPENDS ? (off_t)size : lseek(fd, 0, SEEK_CUR);
  for (int i = 0; i < count; i++) length += pieces[i].iov_len;
  struct record record = {.kind = WRITE, .file = open_files[fd].inode, .size = size};
  record.position = (uint64_t)at;
  record.length = length;
  uint64_t end = record.position + length < size ? record.position + length : size;
  size_t kept = end > record.position ? end - record.position : 0;
  int reader = open_files[fd].reader == -1 ? fd : open_files[fd].reader;
  void *old = bytes_before(reader, at, kept, &record);
  uint64_t intent = append(&record, "", "", old);
  free(old);
  ssize_t written = position < 0 ? REAL_WRITEV(fd, pieces, count)
                                 : REAL_PWRITEV(fd, pieces, count, position);
  append_end(intent, written >= 0, record.file, open_files[fd].watched & SYNCED_WRITES ? DURABLE : 0);
  pthread_mutex_unlock(lock);
  return written;
}

// `fd` may be closed for writing; `change` does it.
static int truncate_watched(int reader, uint64_t inode, off_t size, int (*change)(const void *, off_t),
                            const void *argument) {
  pthread_mutex_t *lock = lock_of(inode);
  struct stat found;
  if (fstat(reader, &found)) refuse("cannot see a file to truncate", root);
  struct record record = {.kind = TRUNCATE, .file = inode, .size = (uint64_t)found.st_size};
  record.position = (uint64_t)size;
  size_t cut = found.st_size > size ? (size_t)(found.st_size - size) : 0;
  void *old = bytes_before(reader, size, cut, &record);
  uint64_t intent = append(&record, "", "", old);
  free(old);
  int result = change(argument, size);
  append_end(intent, result == 0, inode, 0);
  pthread_mutex_unlock(lock);
  return result;
}

static int truncate_descriptor(const void *fd, off_t size) {
  return REAL(int, ftruncate, int, off_t)(*(const int *)fd, size);
}

static int truncate_path(const void *path, off_t size) {
  return REAL(int, truncate, const char *, off_t)(path, size);
}

static int sync_watched(int fd, int (*sync)(int)) {
  uint64_t from = begin_sync();
  int result = sync(fd);
  if (result == 0) {
    struct record record = {.kind = SYNC, .refers = from, .file = open_files[fd].inode};
    append(&record, "", "", NULL);
  }
  return result;
}

// ---- Descriptors

static void watch(int fd, const char *path, int flags) {
  struct stat found;
  if (fd >= DESCRIPTORS || fstat(fd, &found)) refuse("cannot watch a descriptor", path);
  int watched = S_ISDIR(found.st_mode) ? FOLDER : FILE_;
  if (flags & O_DSYNC) watched |= SYNCED_WRITES;
  if (flags & O_APPEND) watched |= APPENDS;
  open_files[fd].inode = found.st_ino;
  open_files[fd].reader = -1;
  if ((flags & O_ACCMODE) == O_WRONLY) {
    open_files[fd].reader = REAL_OPENAT(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (open_files[fd].reader == -1) refuse("cannot read a file that is written", path);
  }
  open_files[fd].watched = watched;
}

static int open_watched(const char *path, int flags, mode_t mode) {
  if ((flags & O_TMPFILE) == O_TMPFILE || flags & O_DIRECT) refuse("unsupported open", path);
  pthread_mutex_lock(&name_lock);
  uint64_t existing = inode_of(path), intent = 0;
  if (flags & O_CREAT && !existing) {
    struct record record = {.kind = CREATE, .folder = folder_of(path), .mode = mode};
    intent = append(&record, name_of(path), "", NULL);
  }
  // Cutting off is a step of its own, with an intent of its own.
  int fd = REAL_OPENAT(AT_FDCWD, path, flags & ~O_TRUNC, mode);
  if (intent) append_end(intent, fd >= 0, fd >= 0 ? inode_of(path) : 0, 0);
  pthread_mutex_unlock(&name_lock);
  if (fd < 0) return fd;
  watch(fd, path, flags);
  if (flags & O_TRUNC && existing && (flags & O_ACCMODE) != O_RDONLY) {
    int reader = open_files[fd].reader == -1 ? fd : open_files[fd].reader;
    if (truncate_watched(reader, existing, 0, truncate_descriptor, &fd))
      refuse("cannot cut a file off", path);
  }
  return fd;
}

static void forget(int fd) {
  if (!watches(fd)) return;
  open_files[fd].watched = 0;
  if (open_files[fd].reader != -1) REAL_CLOSE(open_files[fd].reader);
}

int openat(int folder, const char *given, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  char path[PATH_MAX];
  if (resolve(folder, given, path)) return open_watched(path, flags, mode);
  return REAL_OPENAT(folder, given, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return openat(AT_FDCWD, path, flags, mode);
}

int creat(const char *path, mode_t mode) {
  return openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int close(int fd) {
  forget(fd);
  return REAL_CLOSE(fd);
}

static int copied(int from, int to) {
  if (to >= 0 && watches(from)) refuse("unsupported copy of a descriptor", root);
  return to;
}

int dup(int fd) { return copied(fd, REAL(int, dup, int)(fd)); }

int dup2(int fd, int to) {
  forget(to);
  return copied(fd, REAL(int, dup2, int, int)(fd, to));
}

int dup3(int fd, int to, int flags) {
  forget(to);
  return copied(fd, REAL(int, dup3, int, int, int)(fd, to, flags));
}

// Node copies no descriptor of a file: to refuse it is enough.
int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  long argument = va_arg(rest, long);
  va_end(rest);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) copied(fd, 0);
  return REAL(int, fcntl, int, int, long)(fd, command, argument);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec piece = {(void *)bytes, length};
  if (watches(fd)) return write_watched(fd, &piece, 1, -1);
  return REAL(ssize_t, write, int, const void *, size_t)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t position) {
  struct iovec piece = {(void *)bytes, length};
  if (watches(fd)) return write_watched(fd, &piece, 1, position);
  return REAL(ssize_t, pwrite, int, const void *, size_t, off_t)(fd, bytes, length, position);
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  return watches(fd) ? write_watched(fd, pieces, count, -1) : REAL_WRITEV(fd, pieces, count);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t position) {
  return watches(fd) ? write_watched(fd, pieces, count, position)
                     : REAL_PWRITEV(fd, pieces, count, position);
}

int ftruncate(int fd, off_t size) {
  if (!watches(fd)) return REAL(int, ftruncate, int, off_t)(fd, size);
  int reader = open_files[fd].reader == -1 ? fd : open_files[fd].reader;
  return truncate_watched(reader, open_files[fd].inode, size, truncate_descriptor, &fd);
}

int truncate(const char *given, off_t size) {
  char path[PATH_MAX];
  if (!resolve(AT_FDCWD, given, path)) return truncate_path(given, size);
  int reader = REAL_OPENAT(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (reader < 0) return reader;
  int result = truncate_watched(reader, inode_of(path), size, truncate_path, path);
  REAL_CLOSE(reader);
  return result;
}

int fsync(int fd) {
  int (*real)(int) = REAL(int, fsync, int);
  return watches(fd) ? sync_watched(fd, real) : real(fd);
}

int fdatasync(int fd) {
  int (*real)(int) = REAL(int, fdatasync, int);
  return watches(fd) ? sync_watched(fd, real) : real(fd);
}

// ---- Names

static int unlink_watched(const char *path, int is_folder) {
  pthread_mutex_lock(&name_lock);
  struct stat found = {0};
  if (lstat(path, &found) == 0 && !is_folder) save(path);
  struct record record = {.kind = is_folder ? REMOVE_FOLDER : UNLINK, .file = found.st_ino};
  record.folder = folder_of(path);
  record.mode = found.st_mode & 07777;
  uint64_t intent = append(&record, name_of(path), "", NULL);
  int result = is_folder ? REAL(int, rmdir, const char *)(path)
                         : REAL(int, unlink, const char *)(path);
  append_end(intent, result == 0, record.file, 0);
  pthread_mutex_unlock(&name_lock);
  return result;
}

int unlinkat(int folder, const char *given, int flags) {
  char path[PATH_MAX];
  if (resolve(folder, given, path)) return unlink_watched(path, flags & AT_REMOVEDIR);
  return REAL(int, unlinkat, int, const char *, int)(folder, given, flags);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int remove(const char *path) {
  struct stat found;
  return unlinkat(AT_FDCWD, path, lstat(path, &found) == 0 && S_ISDIR(found.st_mode) ? AT_REMOVEDIR : 0);
}

int mkdir(const char *given, mode_t mode) {
  char path[PATH_MAX];
  int (*real)(const char *, mode_t) = REAL(int, mkdir, const char *, mode_t);
  if (!resolve(AT_FDCWD, given, path)) return real(given, mode);
  pthread_mutex_lock(&name_lock);
  struct record record = {.kind = MAKE_FOLDER, .folder = folder_of(path), .mode = mode};
  uint64_t intent = append(&record, name_of(path), "", NULL);
  int result = real(path, mode);
  append_end(intent, result == 0, result == 0 ? inode_of(path) : 0, 0);
  pthread_mutex_unlock(&name_lock);
  return result;
}

static int move(enum kind kind, const char *from, const char *to) {
  char path[PATH_MAX], to_path[PATH_MAX];
  int (*real)(const char *, const char *) = kind == RENAME
                                                ? REAL(int, rename, const char *, const char *)
                                                : REAL(int, link, const char *, const char *);
  int inside = resolve(AT_FDCWD, from, path);
  if (resolve(AT_FDCWD, to, to_path) != inside) refuse("unsupported move across the root", to_path);
  if (!inside) return real(from, to);
  pthread_mutex_lock(&name_lock);
  struct record record = {.kind = kind, .file = inode_of(path), .folder = folder_of(path)};
  record.to_folder = folder_of(to_path);
  if (kind == RENAME) {
    record.replaced = inode_of(to_path);
    save(to_path);
  }
  uint64_t intent = append(&record, name_of(path), name_of(to_path), NULL);
  int result = real(path, to_path);
  append_end(intent, result == 0, record.file, 0);
  pthread_mutex_unlock(&name_lock);
  return result;
}

int rename(const char *from, const char *to) { return move(RENAME, from, to); }

int link(const char *from, const char *to) { return move(LINK, from, to); }

// ---- Calls nobody needs here, and the way around libc

#define REFUSED(type, name, arguments, path_or_fd_is_watched, parameters, ...)                     \
  type name arguments {                                                                            \
    if (path_or_fd_is_watched) refuse("unsupported call", #name);                                  \
    return REAL(type, name, __VA_ARGS__) parameters;                                               \
  }

static int below(int folder, const char *given) {
  char path[PATH_MAX];
  return resolve(folder, given, path);
}

REFUSED(int, renameat, (int f, const char *a, int t, const char *b), below(f, a) || below(t, b),
        (f, a, t, b), int, const char *, int, const char *)
REFUSED(int, renameat2, (int f, const char *a, int t, const char *b, unsigned int g),
        below(f, a) || below(t, b), (f, a, t, b, g), int, const char *, int, const char *, unsigned int)
REFUSED(int, linkat, (int f, const char *a, int t, const char *b, int g), below(f, a) || below(t, b),
        (f, a, t, b, g), int, const char *, int, const char *, int)
REFUSED(int, symlink, (const char *a, const char *b), below(AT_FDCWD, b), (a, b), const char *,
        const char *)
REFUSED(int, mkdirat, (int f, const char *a, mode_t m), below(f, a), (f, a, m), int, const char *,
        mode_t)
REFUSED(int, mkstemp, (char *a), below(AT_FDCWD, a), (a), char *)
REFUSED(char *, mkdtemp, (char *a), below(AT_FDCWD, a), (a), char *)
REFUSED(int, fallocate, (int fd, int m, off_t o, off_t l), watches(fd), (fd, m, o, l), int, int, off_t,
        off_t)
REFUSED(int, posix_fallocate, (int fd, off_t o, off_t l), watches(fd), (fd, o, l), int, off_t, off_t)
REFUSED(ssize_t, pwritev2, (int fd, const struct iovec *v, int c, off_t o, int g), watches(fd),
        (fd, v, c, o, g), int, const struct iovec *, int, off_t, int)
REFUSED(ssize_t, sendfile, (int to, int from, off_t *o, size_t n), watches(to), (to, from, o, n), int,
        int, off_t *, size_t)
REFUSED(ssize_t, copy_file_range, (int a, off_t *o, int b, off_t *p, size_t n, unsigned int g),
        watches(b), (a, o, b, p, n, g), int, off_t *, int, off_t *, size_t, unsigned int)
REFUSED(void *, mmap, (void *a, size_t n, int p, int g, int fd, off_t o),
        g & MAP_SHARED && p & PROT_WRITE && watches(fd), (a, n, p, g, fd, o), void *, size_t, int, int,
        int, off_t)

FILE *fopen(const char *given, const char *mode) {
  if (strpbrk(mode, "wa+") && below(AT_FDCWD, given)) refuse("unsupported call", "fopen");
  return REAL(FILE *, fopen, const char *, const char *)(given, mode);
}

long syscall(long number, ...) {
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
  va_end(rest);
  switch (number) {
  case SYS_close:
    return close((int)a[0]);
  case SYS_pwritev:
    return pwritev((int)a[0], (const struct iovec *)a[1], (int)a[2], a[3]);
  case SYS_pwritev2:
    return pwritev2((int)a[0], (const struct iovec *)a[1], (int)a[2], a[3], (int)a[5]);
  case SYS_copy_file_range:
    return copy_file_range((int)a[0], (off_t *)a[1], (int)a[2], (off_t *)a[3], (size_t)a[4],
                           (unsigned int)a[5]);
  case SYS_write: case SYS_writev: case SYS_pwrite64: case SYS_ftruncate: case SYS_fallocate:
  case SYS_fsync: case SYS_fdatasync: case SYS_sendfile:
    if (watches((int)a[0])) refuse("unsupported call around libc", root);
    break;
  case SYS_openat: case SYS_openat2: case SYS_unlinkat: case SYS_mkdirat: case SYS_renameat:
  case SYS_renameat2: case SYS_linkat:
    if (below((int)a[0], (const char *)a[1])) refuse("unsupported call around libc", root);
    break;
  case SYS_io_uring_setup:
    // What passes through a ring is not seen. libuv does without.
    if (!root_length) break;
    errno = ENOSYS;
    return -1;
  default:
    break;
  }
  return REAL_SYSCALL(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// Names of the same calls for programs built with 64-bit file offsets.
int open64(const char *, int, ...) __attribute__((alias("open")));
int fcntl64(int, int, ...) __attribute__((alias("fcntl")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));
int creat64(const char *, mode_t) __attribute__((alias("creat")));
ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const struct iovec *, int, off_t) __attribute__((alias("pwritev")));
ssize_t pwritev64v2(int, const struct iovec *, int, off_t, int) __attribute__((alias("pwritev2")));
int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));
int truncate64(const char *, off_t) __attribute__((alias("truncate")));
int fallocate64(int, int, off_t, off_t) __attribute__((alias("fallocate")));
int posix_fallocate64(int, off_t, off_t) __attribute__((alias("posix_fallocate")));
int mkstemp64(char *) __attribute__((alias("mkstemp")));
ssize_t sendfile64(int, int, off_t *, size_t) __attribute__((alias("sendfile")));
void *mmap64(void *, size_t, int, int, int, off_t) __attribute__((alias("mmap")));
FILE *fopen64(const char *, const char *) __attribute__((alias("fopen")));
