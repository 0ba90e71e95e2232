/*
 * One event into an open batch: its bytes behind those that are there, its index entry before those that are there
 * (queue/open-batches.ts has the layout, and does the same in TypeScript wherever this answers that it does not).
 *
 * Compiled by scripts/build-native.sh to WebAssembly. Addresses are offsets into the memory that base/native-memory.ts
 * makes. Copies are made sixteen bytes at a time: what is read too much lies in the memory still, what is written too
 * much in the slack that ROOM leaves.
 */
#include <wasm_simd128.h>

typedef unsigned char u8;

/* Words of a chunk's head; open-batches.ts has the same numbers. */
enum { USED, EVENTS, SIZE, FORM, LIMIT, PEER, PEER_ID, HEAD_BYTES = 64 };
/* batch-format.ts */
enum { BARE, NEWLINE, OCTET_COUNTED, ENTRY_BYTES = 32 };
/* EventFlag.control of view.ts */
enum { CONTROL = 4 };
enum { SLACK = 16, COUNT_MAX = 11 };

/* What append() answers. */
enum { NOT_HERE = -1, TAKEN = 0, FULL = 1 };

static inline u8 *write_count(u8 *p, unsigned count) {
  unsigned divisor = 1;
  while (divisor * 10 <= count) divisor *= 10;
  for (; divisor; divisor /= 10) {
    *p++ = (u8)('0' + count / divisor);
    count %= divisor;
  }
  *p++ = ' ';
  return p;
}

/* Whether the event was taken, and whether the batch is full with it. */
int append(u8 *chunk, const u8 *source, int length, int flags, int owner, int stream, int origin, int peer, double received_at) {
  int *head = (int *)chunk;
  int form = head[FORM];
  int used = head[USED];
  int events = head[EVENTS];
  /* 0 is a sender that nobody has numbered. */
  if (peer == 0 || head[PEER_ID] != peer) return NOT_HERE;
  if (form == NEWLINE && (flags & CONTROL)) return NOT_HERE;
  int need = used + length + (form == NEWLINE ? 1 : form == OCTET_COUNTED ? COUNT_MAX : 0);
  u8 *entry = chunk + head[SIZE] - ENTRY_BYTES * (events + 1);
  u8 *payload = chunk + HEAD_BYTES;
  if (payload + need + SLACK > entry || need > head[LIMIT]) return NOT_HERE;
  u8 *p = payload + used;
  if (form == OCTET_COUNTED) p = write_count(p, (unsigned)length);
  int *words = (int *)entry;
  words[0] = (int)(p - payload);
  words[1] = length;
  *(double *)(words + 2) = received_at;
  words[4] = owner;
  words[5] = stream | head[PEER];
  words[6] = origin;
  words[7] = flags;
  for (int i = 0; i < length; i += 16) wasm_v128_store(p + i, wasm_v128_load(source + i));
  p += length;
  if (form == NEWLINE) *p++ = '\n';
  head[USED] = (int)(p - payload);
  head[EVENTS] = events + 1;
  return head[USED] >= head[LIMIT] ? FULL : TAKEN;
}
