/*
 * The floor: the least that a router of syslog lines has to do. One thread reads 256 KiB at a time, finds the
 * line ends with memchr (or believes octet counts), hashes the last word of each line with FNV-1a, looks it up
 * in an open table, copies the line with its LF into a 64 KiB buffer of the destination, and writes a buffer
 * when it is full or when nothing came for 5 ms. It checks nothing else, keeps no queue and counts nothing.
 *
 *   floor tcp|tcp-octet|udp PORT MAP
 *
 * MAP holds a line for each label: `label port`. Everything is on 127.0.0.1. Prints `ready` when it listens.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)
#define OUT_BYTES (64 * 1024)
#define FRAME_MAX (64 * 1024)
#define IDLE_MS 5
#define DATAGRAMS 64
#define EVENTS_MAX 64

struct destination { int fd, port; uint32_t used; char *bytes; };
struct slot { uint32_t hash, length, destination; const char *label; };
struct connection { int fd; uint32_t kept; char tail[FRAME_MAX]; };

static struct destination *destinations;
static uint32_t destination_count;
static struct slot *slots;
static uint32_t mask;

static void die(const char *what) { perror(what); exit(1); }

static uint32_t fnv1a(const char *p, size_t n) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)p[i]) * 16777619u;
  return h;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

static uint32_t destination_of_port(int port) {
  /* The map lists the labels of a tenant one after the other. */
  if (destination_count && destinations[destination_count - 1].port == port) return destination_count - 1;
  struct destination *d = &destinations[destination_count];
  struct sockaddr_in a = loopback(port);
  d->port = port;
  d->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (d->fd < 0 || connect(d->fd, (struct sockaddr *)&a, sizeof a)) die("connect");
  d->bytes = malloc(OUT_BYTES);
  if (!d->bytes) die("malloc");
  return destination_count++;
}

static void load(const char *path) {
  FILE *f = fopen(path, "r");
  if (!f) die(path);
  char label[256];
  int port;
  uint32_t n = 0;
  while (fscanf(f, "%255s %d", label, &port) == 2) n++;
  uint32_t size = 16;
  while (size < n * 4) size *= 2;
  mask = size - 1;
  slots = calloc(size, sizeof *slots);
  destinations = calloc(n + 1, sizeof *destinations);
  if (!slots || !destinations) die("calloc");
  rewind(f);
  while (fscanf(f, "%255s %d", label, &port) == 2) {
    size_t length = strlen(label);
    uint32_t h = fnv1a(label, length), i = h & mask;
    while (slots[i].label) i = (i + 1) & mask;
    slots[i] = (struct slot){ h, (uint32_t)length, destination_of_port(port), strdup(label) };
  }
  fclose(f);
}

static void flush(struct destination *d) {
  uint32_t at = 0;
  while (at < d->used) {
    ssize_t n = write(d->fd, d->bytes + at, d->used - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) die("write");
    at += (uint32_t)n;
  }
  d->used = 0;
}

static void route(const char *p, size_t n) {
  const char *space = memrchr(p, ' ', n);
  if (!space) return;
  const char *word = space + 1;
  size_t length = (size_t)(p + n - word);
  uint32_t h = fnv1a(word, length);
  for (uint32_t i = h & mask; slots[i].label; i = (i + 1) & mask) {
    if (slots[i].hash != h || slots[i].length != length || memcmp(slots[i].label, word, length)) continue;
    struct destination *d = &destinations[slots[i].destination];
    if (d->used + n + 1 > OUT_BYTES) flush(d);
    memcpy(d->bytes + d->used, p, n);
    d->used += (uint32_t)n;
    d->bytes[d->used++] = '\n';
    return;
  }
}

/* Both give back how many bytes were used up; the rest is an unfinished frame. */
static size_t take_lines(const char *p, size_t n) {
  const char *at = p, *end = p + n, *lf;
  while ((lf = memchr(at, '\n', (size_t)(end - at)))) {
    route(at, (size_t)(lf - at));
    at = lf + 1;
  }
  return (size_t)(at - p);
}

static size_t take_counted(const char *p, size_t n) {
  size_t at = 0;
  for (;;) {
    size_t i = at, count = 0;
    while (i < n && p[i] >= '0' && p[i] <= '9') count = count * 10 + (size_t)(p[i++] - '0');
    if (i >= n || i + 1 + count > n) return at;
    route(p + i + 1, count);
    at = i + 1 + count;
  }
}

static int listen_on(int type, int port) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), one = 1, buffer = 4 << 20;
  struct sockaddr_in a = loopback(port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (type == SOCK_DGRAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a)) die("bind");
  if (type == SOCK_STREAM && listen(fd, 1024)) die("listen");
  return fd;
}

static void read_datagrams(int fd) {
  static char bytes[DATAGRAMS][8192];
  static struct mmsghdr messages[DATAGRAMS];
  static struct iovec parts[DATAGRAMS];
  for (int i = 0; i < DATAGRAMS; i++) {
    parts[i] = (struct iovec){ bytes[i], sizeof bytes[i] };
    messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
  }
  int n = recvmmsg(fd, messages, DATAGRAMS, MSG_DONTWAIT, NULL);
  for (int i = 0; i < n; i++) route(bytes[i], messages[i].msg_len);
}

static void read_connection(struct connection *c, size_t (*take)(const char *, size_t)) {
  static char bytes[FRAME_MAX + READ_BYTES];
  memcpy(bytes, c->tail, c->kept);
  ssize_t n = read(c->fd, bytes + c->kept, READ_BYTES);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) { close(c->fd); free(c); return; }
  size_t have = c->kept + (size_t)n, used = take(bytes, have), rest = have - used;
  if (rest > FRAME_MAX) { fprintf(stderr, "a frame is too long\n"); exit(1); }
  memcpy(c->tail, bytes + used, rest);
  c->kept = (uint32_t)rest;
}

int main(int argc, char **argv) {
  if (argc != 4) { fprintf(stderr, "floor tcp|tcp-octet|udp PORT MAP\n"); return 2; }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  signal(SIGPIPE, SIG_IGN);
  load(argv[3]);
  int udp = !strcmp(argv[1], "udp");
  size_t (*take)(const char *, size_t) = !strcmp(argv[1], "tcp-octet") ? take_counted : take_lines;
  int listener = listen_on(udp ? SOCK_DGRAM : SOCK_STREAM, atoi(argv[2]));
  int poll = epoll_create1(0);
  struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL }, events[EVENTS_MAX];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e);
  puts("ready");
  fflush(stdout);
  for (int idle = 1;;) {
    int n = epoll_wait(poll, events, EVENTS_MAX, idle ? -1 : IDLE_MS);
    if (n == 0) {
      for (uint32_t i = 0; i < destination_count; i++) if (destinations[i].used) flush(&destinations[i]);
      idle = 1;
      continue;
    }
    if (n > 0) idle = 0;
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr) { read_connection(events[i].data.ptr, take); continue; }
      if (udp) { read_datagrams(listener); continue; }
      struct connection *c = calloc(1, sizeof *c);
      c->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      if (c->fd < 0) { free(c); continue; }
      e.data.ptr = c;
      epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &e);
    }
  }
}
