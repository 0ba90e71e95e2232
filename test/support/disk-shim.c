/*
 * Loaded before a process (LD_PRELOAD): a disk below SQLite that fails, or that forgets what was not synced.
 * SHIM_UNDER: only files whose path contains this. SHIM_FAIL: `sync@N` (EIO), `write@N` (ENOSPC), `short@N` (half is
 * written), `kill@N` (the process dies before it writes): the N-th such call, once; its path goes to SHIM_LOG. SHIM_SHADOW: a folder that gets a copy of each
 * file, as it is, when it was synced.
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
#include <unistd.h>

static atomic_long passes;

static int path_of(int fd, char *path) {
  const char *under = getenv("SHIM_UNDER");
  char link[64];
  if (under == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strstr(path, under) != NULL;
}

static int turn(const char *what, const char *path) {
  const char *fail = getenv("SHIM_FAIL");
  size_t length = strlen(what);
  if (fail == NULL || strncmp(fail, what, length) != 0 || fail[length] != '@') return 0;
  if (atomic_fetch_add(&passes, 1) + 1 != atol(fail + length + 1)) return 0;
  const char *log = getenv("SHIM_LOG");
  int fd = log == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) return 1;
  syscall(SYS_write, fd, path, strlen(path));
  syscall(SYS_write, fd, "\n", 1);
  syscall(SYS_close, fd);
  return 1;
}

/* Slashes become '!': one flat folder. Renamed into place, so that a kill leaves a whole copy. */
static void shadow(int fd, const char *path) {
  const char *folder = getenv("SHIM_SHADOW");
  struct stat stats;
  char name[PATH_MAX], copy[PATH_MAX + 64], fresh[PATH_MAX + 72], block[65536];
  if (folder == NULL || fstat(fd, &stats) != 0 || !S_ISREG(stats.st_mode)) return;
  snprintf(name, sizeof name, "%s", strstr(path, getenv("SHIM_UNDER")));
  for (char *at = name; *at != 0; at++) if (*at == '/') *at = '!';
  snprintf(copy, sizeof copy, "%s/%s", folder, name);
  snprintf(fresh, sizeof fresh, "%s.fresh", copy);
  int from = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
  int to = (int)syscall(SYS_openat, AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (long got; from >= 0 && to >= 0 && (got = syscall(SYS_read, from, block, sizeof block)) > 0;)
    syscall(SYS_write, to, block, got);
  if (from >= 0) syscall(SYS_close, from);
  if (to >= 0) syscall(SYS_close, to);
  rename(fresh, copy);
}

static int synced(const char *name, int fd) {
  char path[PATH_MAX];
  int ours = path_of(fd, path);
  if (ours && turn("sync", path)) {
    errno = EIO;
    return -1;
  }
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int result = real(fd);
  if (ours && result == 0) shadow(fd, path);
  return result;
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }

/* Bytes that may be written; -1: none, the disk is full. */
static ssize_t allowed(int fd, size_t count) {
  char path[PATH_MAX];
  if (getenv("SHIM_FAIL") == NULL || !path_of(fd, path)) return (ssize_t)count;
  if (turn("write", path)) {
    errno = ENOSPC;
    return -1;
  }
  if (turn("kill", path)) kill(getpid(), SIGKILL);
  return turn("short", path) && count > 1 ? (ssize_t)(count / 2) : (ssize_t)count;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  ssize_t most = allowed(fd, count);
  return most < 0 ? -1 : syscall(SYS_pwrite64, fd, bytes, most, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }
ssize_t write(int fd, const void *bytes, size_t count) {
  ssize_t most = allowed(fd, count);
  return most < 0 ? -1 : syscall(SYS_write, fd, bytes, most);
}
