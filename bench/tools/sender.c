/*
 * Sends a prepared file of events and costs almost nothing. Everything goes to 127.0.0.1.
 *
 *   sender tcp|udp PORT FILE FRAMING EVENTS REPEAT CONNECTIONS RATE [FIRST]
 *
 * FRAMING is `newline` or `octet` (what the file holds). EVENTS events of FILE are sent REPEAT times: the first ones, or those
 * from number FIRST on.
 * tcp: shared out over CONNECTIONS in runs of whole events, written in pieces of at most 256 KiB (16 KiB where
 * there are many connections, so that they interleave), as fast as they are taken. RATE above 0: events a second,
 * over all connections. RATE below 0: that many bytes a write instead, without waiting for more.
 * udp: a datagram an event, in bursts of 32 with sendmmsg, RATE events a second.
 * Prints one line when all is written: {"events":n,"bytes":n,"start_ns":n,"end_ns":n} (CLOCK_MONOTONIC). `bytes` is what the
 * kernel took, which is less when the router ended meanwhile.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BURST 32
#define PIECE (256 * 1024)
#define PIECE_MANY (16 * 1024)

static void die(const char *what) { perror(what); exit(1); }

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void wait_until(int64_t due) {
  struct timespec t = { due / 1000000000, due % 1000000000 };
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

/* Bytes of the frame at `at`, with its LF or count; `body` is where the event begins. */
static size_t frame(const char *p, size_t at, size_t size, int octet, size_t *body, size_t *length) {
  size_t i = at, n = 0;
  if (octet) {
    while (i < size && p[i] != ' ') n = n * 10 + (size_t)(p[i++] - '0');
    *body = i + 1;
    *length = n;
    return i + 1 + n - at;
  }
  const char *lf = memchr(p + at, '\n', size - at);
  if (!lf) { fprintf(stderr, "the file does not end with a line end\n"); exit(1); }
  *body = at;
  *length = (size_t)(lf - p) - at;
  return *length + 1;
}

static void send_udp(const char *p, size_t size, int octet, int port, long events, int repeat, double rate) {
  struct sockaddr_in a = loopback(port);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) die("connect");
  struct mmsghdr messages[BURST];
  struct iovec parts[BURST];
  memset(messages, 0, sizeof messages);
  int64_t start = now_ns();
  long sent = 0;
  for (int r = 0; r < repeat; r++) {
    size_t at = 0;
    for (long left = events; left > 0;) {
      int n = 0;
      for (; n < BURST && left > 0; n++, left--) {
        size_t body, length;
        at += frame(p, at, size, octet, &body, &length);
        parts[n] = (struct iovec){ (void *)(p + body), length };
        messages[n].msg_hdr = (struct msghdr){ .msg_iov = &parts[n], .msg_iovlen = 1 };
      }
      int64_t due = start + (int64_t)((double)sent / rate * 1e9);
      wait_until(due);
      for (int done = 0; done < n;) {
        int k = sendmmsg(fd, messages + done, (unsigned)(n - done), 0);
        if (k < 0 && (errno == EINTR || errno == ECONNREFUSED || errno == ENOBUFS)) continue;
        if (k < 0) die("sendmmsg");
        done += k;
      }
      sent += n;
    }
  }
  close(fd);
}

struct run { size_t from, to, at; int left; };

/* Gives back the bytes that were written: less than all when the other side breaks a connection. */
static double send_tcp(const char *p, const size_t *cuts, int port, int repeat, int connections, size_t few, double bytes_per_ns) {
  struct sockaddr_in a = loopback(port);
  struct pollfd *fds = calloc((size_t)connections, sizeof *fds);
  struct run *runs = calloc((size_t)connections, sizeof *runs);
  size_t piece = few ? few : connections > 8 || bytes_per_ns > 0 ? PIECE_MANY : PIECE;
  int open = connections, one = 1;
  for (int i = 0; i < connections; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) die("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (few) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fds[i] = (struct pollfd){ .fd = fd, .events = POLLOUT };
    runs[i] = (struct run){ cuts[i], cuts[i + 1], cuts[i], repeat };
  }
  int64_t start = now_ns();
  double written = 0;
  while (open > 0) {
    if (bytes_per_ns > 0) wait_until(start + (int64_t)(written / bytes_per_ns));
    if (poll(fds, (nfds_t)connections, -1) < 0 && errno != EINTR) die("poll");
    for (int i = 0; i < connections; i++) {
      if (fds[i].fd < 0 || !fds[i].revents) continue;
      struct run *r = &runs[i];
      size_t n = r->to - r->at < piece ? r->to - r->at : piece;
      ssize_t k = n ? write(fds[i].fd, p + r->at, n) : 0;
      if (k < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (k < 0 && (errno == EPIPE || errno == ECONNRESET)) return written;
      if (k < 0) die("write");
      r->at += (size_t)k;
      written += (double)k;
      if (r->at < r->to) continue;
      r->at = r->from;
      if (--r->left > 0) continue;
      close(fds[i].fd);
      fds[i].fd = -1;
      open--;
    }
  }
  return written;
}

int main(int argc, char **argv) {
  if (argc != 9 && argc != 10) {
    fprintf(stderr, "sender tcp|udp PORT FILE newline|octet EVENTS REPEAT CONNECTIONS RATE [FIRST]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  int udp = !strcmp(argv[1], "udp"), port = atoi(argv[2]), octet = !strcmp(argv[4], "octet");
  long events = atol(argv[5]);
  int repeat = atoi(argv[6]), connections = atoi(argv[7]);
  int fd = open(argv[3], O_RDONLY);
  struct stat s;
  if (fd < 0 || fstat(fd, &s)) die(argv[3]);
  size_t size = (size_t)s.st_size;
  const char *p = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (p == MAP_FAILED) die("mmap");

  /* Where each connection's share begins: whole events, shared out evenly. */
  size_t *cuts = calloc((size_t)connections + 1, sizeof *cuts), at = 0, body, length;
  for (long n = argc == 10 ? atol(argv[9]) : 0; n > 0 && at < size; n--) at += frame(p, at, size, octet, &body, &length);
  size_t from = at;
  for (long n = 0, c = 0; n < events; n++) {
    while (c < connections && n == events * c / connections) cuts[c++] = at;
    if (at >= size) { fprintf(stderr, "the file holds only %ld events\n", n); return 1; }
    at += frame(p, at, size, octet, &body, &length);
  }
  cuts[connections] = at;

  int64_t start = now_ns();
  size_t bytes = (at - from) * (size_t)repeat;
  if (udp) send_udp(p + from, size - from, octet, port, events, repeat, atof(argv[8]));
  else {
    double rate = atof(argv[8]);
    size_t few = rate < 0 ? (size_t)-rate : 0;
    double bytes_per_ns = rate > 0 ? rate * (double)(at - from) / (double)events / 1e9 : 0;
    bytes = (size_t)send_tcp(p, cuts, port, repeat, connections, few, bytes_per_ns);
  }
  printf("{\"events\":%ld,\"bytes\":%zu,\"start_ns\":%lld,\"end_ns\":%lld}\n", events * repeat, bytes,
         (long long)start, (long long)now_ns());
  return 0;
}
