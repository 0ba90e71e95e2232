/*
 * Tenants' receivers for the bench: listens on N ports of 127.0.0.1, counts frames and bytes per port, keeps nothing.
 *
 *   sink newline|octet FIRST_PORT N
 *   sink numbered FIRST_PORT N LEAST MOST
 *
 * numbered: events end with LF and carry their number as process id behind `PKTLOG`, so that it is known of each from LEAST
 * to MOST whether it came, and how often.
 *
 * Commands on standard input, one letter and LF, each answered by one line:
 *   t  {"events":n,"bytes":n,"last_ns":n}         all ports together; last_ns: CLOCK_MONOTONIC of the last read
 *   c  {"counts":[n,…]}                           events per port, in order
 *   r  {"reset":true}                             all counts to zero
 *   n  {"distinct":n,"twice":n,"backwards":n,"others":n,"unread":n,"first_ns":n}   numbered: events that came, further
 *                                                 copies, first copies behind a later number, numbers outside, lines without one
 *   s  {"stalled":true}, g {"stalled":false}      stops reading from every connection, goes on
 * Prints `ready` when it listens. Ends with its standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)
#define EVENTS_MAX 256

#define NUMBERS_MAX (1u << 25)
#define LINE_MAX_BYTES 65536

struct socket_of { int fd, listener, port; uint64_t skip, number; char *line; size_t kept; struct socket_of *next; };

static struct { uint8_t *seen; uint64_t distinct, twice, backwards, others, unread, least, most, last; } numbers;
static int numbered;
static int64_t first_ns;

static uint64_t *counts, bytes_total, events_total;
static int64_t last_ns;
static int ports, octet, poll_fd, stalled;
static struct socket_of *connections;

static void die(const char *what) { perror(what); exit(1); }

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t count_lines(const char *p, size_t n) {
  uint64_t total = 0;
  while (n) { /* in runs of 4 KiB, so that the compiler can count in narrow numbers */
    size_t run = n < 4096 ? n : 4096;
    uint32_t found = 0;
    for (size_t i = 0; i < run; i++) found += p[i] == '\n';
    total += found;
    p += run;
    n -= run;
  }
  return total;
}

static uint64_t count_counted(struct socket_of *s, const char *p, size_t n) {
  uint64_t total = 0;
  for (size_t i = 0; i < n;) {
    if (s->skip) {
      uint64_t k = n - i < s->skip ? n - i : s->skip;
      i += k;
      s->skip -= k;
      if (!s->skip) total++;
    } else if (p[i] == ' ') {
      s->skip = s->number;
      s->number = 0;
      i++;
    } else if (p[i] >= '0' && p[i] <= '9') {
      s->number = s->number * 10 + (uint64_t)(p[i++] - '0');
    } else {
      fprintf(stderr, "sink: no count on port %d\n", s->port);
      exit(1);
    }
  }
  return total;
}

static void number_of(const char *p, size_t n) {
  const char *at = memmem(p, n < 160 ? n : 160, "PKTLOG", 6), *end = p + n;
  uint64_t number = 0;
  int digits = 0;
  if (at) for (at += 7; at < end && *at >= '0' && *at <= '9' && digits < 9; at++, digits++) number = number * 10 + (uint64_t)(*at - '0');
  if (digits == 0 || number >= NUMBERS_MAX) { numbers.unread++; return; }
  uint8_t bit = (uint8_t)(1 << (number & 7)), *byte = &numbers.seen[number >> 3];
  if (number < numbers.least || number > numbers.most) { numbers.others++; return; }
  if (*byte & bit) { numbers.twice++; return; }
  *byte |= bit;
  if (number < numbers.last) numbers.backwards++;
  else numbers.last = number;
  numbers.distinct++;
}

/* Whole lines; what a read cut is kept for the next. */
static uint64_t read_numbers(struct socket_of *s, const char *p, size_t n) {
  uint64_t total = 0;
  const char *end = p + n, *lf;
  for (; (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1, total++) {
    size_t length = (size_t)(lf - p);
    if (s->kept == 0) { number_of(p, length); continue; }
    if (s->kept + length > LINE_MAX_BYTES) length = LINE_MAX_BYTES - s->kept;
    memcpy(s->line + s->kept, p, length);
    number_of(s->line, s->kept + length);
    s->kept = 0;
  }
  if (!s->line) s->line = malloc(LINE_MAX_BYTES);
  size_t rest = (size_t)(end - p);
  if (s->kept + rest > LINE_MAX_BYTES) rest = LINE_MAX_BYTES - s->kept;
  memcpy(s->line + s->kept, p, rest);
  s->kept += rest;
  return total;
}

static void print_numbers(void) {
  printf("{\"distinct\":%llu,\"twice\":%llu,\"backwards\":%llu,\"others\":%llu,\"unread\":%llu,\"first_ns\":%lld}\n",
         (unsigned long long)numbers.distinct, (unsigned long long)numbers.twice, (unsigned long long)numbers.backwards,
         (unsigned long long)numbers.others, (unsigned long long)numbers.unread, (long long)first_ns);
}

static void watch(struct socket_of *s, int op) {
  struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
  epoll_ctl(poll_fd, op, s->fd, &e);
}

static void accept_on(struct socket_of *listener) {
  for (;;) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    struct socket_of *s = calloc(1, sizeof *s);
    s->fd = fd;
    s->port = listener->port;
    s->next = connections;
    connections = s;
    if (!stalled) watch(s, EPOLL_CTL_ADD);
  }
}

static void read_from(struct socket_of *s) {
  static char bytes[READ_BYTES];
  ssize_t n = read(s->fd, bytes, sizeof bytes);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) { /* the entry stays: this process lives for one measurement */
    close(s->fd);
    s->fd = -1;
    return;
  }
  if (first_ns == 0) first_ns = now_ns();
  uint64_t k = numbered ? read_numbers(s, bytes, (size_t)n)
               : octet  ? count_counted(s, bytes, (size_t)n)
                        : count_lines(bytes, (size_t)n);
  counts[s->port] += k;
  events_total += k;
  bytes_total += (uint64_t)n;
  last_ns = now_ns();
}

static void stall(int on) {
  if (stalled == on) return;
  stalled = on;
  for (struct socket_of *s = connections; s; s = s->next) if (s->fd >= 0) watch(s, on ? EPOLL_CTL_DEL : EPOLL_CTL_ADD);
}

static void command(void) {
  char line[256];
  ssize_t n = read(0, line, sizeof line);
  if (n <= 0) exit(0);
  for (ssize_t i = 0; i < n; i++) {
    switch (line[i]) {
      case 't':
        printf("{\"events\":%llu,\"bytes\":%llu,\"last_ns\":%lld}\n", (unsigned long long)events_total,
               (unsigned long long)bytes_total, (long long)last_ns);
        break;
      case 'c':
        printf("{\"counts\":[");
        for (int p = 0; p < ports; p++) printf(p ? ",%llu" : "%llu", (unsigned long long)counts[p]);
        printf("]}\n");
        break;
      case 'r':
        memset(counts, 0, (size_t)ports * sizeof *counts);
        bytes_total = events_total = 0;
        last_ns = first_ns = 0;
        if (numbered) {
          memset(numbers.seen, 0, NUMBERS_MAX / 8);
          numbers.distinct = numbers.twice = numbers.backwards = numbers.others = numbers.unread = numbers.last = 0;
        }
        printf("{\"reset\":true}\n");
        break;
      case 'n': print_numbers(); break;
      case 's': stall(1); printf("{\"stalled\":true}\n"); break;
      case 'g': stall(0); printf("{\"stalled\":false}\n"); break;
      default: break;
    }
  }
  fflush(stdout);
}

int main(int argc, char **argv) {
  numbered = argc == 6 && !strcmp(argv[1], "numbered");
  if (argc != 4 && !numbered) { fprintf(stderr, "sink newline|octet FIRST_PORT N\nsink numbered FIRST_PORT N LEAST MOST\n"); return 2; }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  octet = !strcmp(argv[1], "octet");
  if (numbered) {
    numbers.seen = calloc(NUMBERS_MAX / 8, 1);
    numbers.least = strtoull(argv[4], NULL, 10);
    numbers.most = strtoull(argv[5], NULL, 10);
  }
  ports = atoi(argv[3]);
  counts = calloc((size_t)ports, sizeof *counts);
  poll_fd = epoll_create1(0);
  for (int i = 0; i < ports; i++) {
    struct socket_of *s = calloc(1, sizeof *s);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(atoi(argv[2]) + i)) };
    int one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *s = (struct socket_of){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .listener = 1, .port = i };
    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, sizeof a) || listen(s->fd, 64)) die("listen");
    watch(s, EPOLL_CTL_ADD);
  }
  struct socket_of input = { .fd = 0 };
  watch(&input, EPOLL_CTL_ADD);
  puts("ready");
  fflush(stdout);
  struct epoll_event events[EVENTS_MAX];
  for (;;) {
    int n = epoll_wait(poll_fd, events, EVENTS_MAX, -1);
    for (int i = 0; i < n; i++) {
      struct socket_of *s = events[i].data.ptr;
      if (s == &input) command();
      else if (s->listener) accept_on(s);
      else if (s->fd >= 0) read_from(s);
    }
  }
}
