/* Loaded before a process (LD_PRELOAD): whoever writes a file whose path contains HUNG_UNDER never comes back, as on a disk that is gone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void hang(int fd) {
  const char *under = getenv("HUNG_UNDER");
  char link[64], path[PATH_MAX];
  if (under == NULL) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return;
  path[length] = 0;
  while (strstr(path, under) != NULL) pause();
}

ssize_t write(int fd, const void *bytes, size_t count) {
  static ssize_t (*next)(int, const void *, size_t);
  if (next == NULL) next = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  hang(fd);
  return next(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  static ssize_t (*next)(int, const struct iovec *, int);
  if (next == NULL) next = (ssize_t (*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
  hang(fd);
  return next(fd, parts, count);
}
