/*
 * Where the words of a frame end, and what they are made of. A loop that looks at each byte is mispredicted at the end of
 * every word, and one that looks for the end of a word has to wait for the word before it; a firewall line has thirty of
 * them. So the blanks of 256 bytes at a time are listed first, without a question asked, and what a word is made of is
 * then seen sixteen bytes at a time, while the processor is already with the next. A load may reach past the frame,
 * never past the memory; what it finds there does not count.
 */
#include <wasm_simd128.h>

typedef unsigned char u8;
typedef const u8 *at;
typedef unsigned long long bits;

#define INLINE static inline __attribute__((always_inline))
#define SPLAT(C) wasm_u8x16_splat(C)
#define OUTSIDE(V, LOW, COUNT) wasm_u8x16_ge(wasm_i8x16_sub(V, SPLAT(LOW)), SPLAT(COUNT))
#define LOWER(V) wasm_v128_or(V, SPLAT(0x20))
#define IS(V, C) wasm_i8x16_eq(V, SPLAT(C))

enum { LIST_MAX = 1024, CHUNK = 256, HEADER = 128 };

/* Blanks are listed for that many bytes at most, and a chunk more; 16 are written past what counts. */
static at blanks[LIST_MAX + CHUNK + 32];

typedef struct {
  at start;
  at end;
  /* Blanks of the frame up to here are listed. */
  at listed;
  /* The first odd byte of the first HEADER, or the end of the frame. */
  at odd;
  /* The next blank, and the place behind the last: there stands the end of the frame, once all is listed. */
  const at *next;
  at *last;
} words;

INLINE bits bits64(v128_t a, v128_t b, v128_t c, v128_t d) {
  return (bits)wasm_i8x16_bitmask(a) | (bits)wasm_i8x16_bitmask(b) << 16 | (bits)wasm_i8x16_bitmask(c) << 32 |
         (bits)wasm_i8x16_bitmask(d) << 48;
}
INLINE bits below(int count) { return count >= 64 ? ~0ull : (1ull << count) - 1; }

/* Below a blank, DEL and above: what no header has. */
#define ODD(V) wasm_i8x16_lt(wasm_i8x16_add(V, SPLAT(1)), SPLAT(0x21))

INLINE void list_64(words *w, at p, int header) {
  v128_t a = wasm_v128_load(p), b = wasm_v128_load(p + 16), c = wasm_v128_load(p + 32), d = wasm_v128_load(p + 48);
  bits here = below((int)(w->end - p));
  bits blank = here & bits64(IS(a, ' '), IS(b, ' '), IS(c, ' '), IS(d, ' '));
  if (header) {
    v128_t e = ODD(a), f = ODD(b), g = ODD(c), h = ODD(d);
    if (wasm_v128_any_true(wasm_v128_or(wasm_v128_or(e, f), wasm_v128_or(g, h)))) {
      bits odd = here & bits64(e, f, g, h);
      if (odd != 0 && w->odd == w->end) w->odd = p + __builtin_ctzll(odd);
    }
  }
  at *to = w->last;
  int count = __builtin_popcountll(blank);
  w->last += count;
  do {
    for (int i = 0; i < 8; i++) {
      to[i] = p + __builtin_ctzll(blank);
      blank &= blank - 1;
    }
    to += 8;
    count -= 8;
  } while (count > 0);
}

/* Lists the blanks of the next 256 bytes. Behind the last stands the end of the frame, or beyond it while there is more. */
INLINE void list_more(words *w, int header) {
  at p = w->listed;
  int left = (int)(w->end - p);
  list_64(w, p, header);
  if (left > 64) list_64(w, p + 64, header);
  if (left > 128) list_64(w, p + 128, 0);
  if (left > 192) list_64(w, p + 192, 0);
  w->listed = p + CHUNK;
  at none = left <= CHUNK ? w->end : w->end + 1;
  w->last[0] = none;
  w->last[1] = none;
}

INLINE words words_of(at start, at end) {
  words w = {start, end, start, end, blanks, blanks};
  list_more(&w, 1);
  return w;
}

/* Whether all up to p is what a header may have. */
INLINE int is_plain(const words *w, at p) {
  for (at q = w->start + HEADER; q < p; q += 16) {
    unsigned odd = wasm_i8x16_bitmask(ODD(wasm_v128_load(q)));
    if (p - q < 16) odd &= (1u << (p - q)) - 1;
    if (odd != 0) return 0;
  }
  return p <= w->odd;
}

/* Lists what is left of the frame, if that is not too much. */
INLINE void list_all(words *w) {
  while (w->listed < w->end && w->listed - w->start < LIST_MAX) list_more(w, 0);
}

/* Where the next word ends: at a blank, which is passed, or at the end of the frame; beyond it where nothing is listed yet. */
INLINE at word_end(words *w) { return *w->next++; }

/* From the blank at p to where the next word begins. */
INLINE at word_start(words *w, at p) {
  p++;
  while (*w->next == p && p < w->end) {
    p++;
    w->next++;
  }
  return p;
}

/* Passes all blanks before p. */
INLINE void pass(words *w, at p) {
  while (w->listed < p && w->listed - w->start < LIST_MAX) {
    w->next = w->last = blanks;
    list_more(w, 0);
  }
  while (*w->next < p) w->next++;
}

/* Whether all bytes of a word are of a kind, whose opposite STRAYS marks. */
#define ALL(NAME, STRAYS)                                                 \
  INLINE int NAME(at p, at q) {                                           \
    for (; q - p > 16; p += 16) {                                         \
      v128_t v = wasm_v128_load(p);                                       \
      if (wasm_v128_any_true(STRAYS)) return 0;                           \
    }                                                                     \
    v128_t v = wasm_v128_load(p);                                         \
    return (wasm_i8x16_bitmask(STRAYS) & ((1u << (q - p)) - 1)) == 0;     \
  }
ALL(all_digits, OUTSIDE(v, '0', 10))
ALL(all_hex, wasm_v128_and(OUTSIDE(v, '0', 10), OUTSIDE(LOWER(v), 'a', 6)))
ALL(all_capitals, OUTSIDE(v, 'A', 26))

/* Where the first byte stands that STOPS marks, or the end. */
#define FIRST(NAME, STOPS)                                           \
  INLINE at NAME(at p, at end) {                                     \
    while (p < end) {                                                \
      v128_t v = wasm_v128_load(p);                                  \
      unsigned stops = wasm_i8x16_bitmask(STOPS);                    \
      if (stops != 0) {                                              \
        p += __builtin_ctz(stops);                                   \
        return p < end ? p : end;                                    \
      }                                                              \
      p += 16;                                                       \
    }                                                                \
    return end;                                                      \
  }
FIRST(digits_end, OUTSIDE(v, '0', 10))
FIRST(hex_end, wasm_v128_and(OUTSIDE(v, '0', 10), OUTSIDE(LOWER(v), 'a', 6)))
/* Digits, hex letters, `:` and `.`. */
FIRST(address_end, wasm_v128_andnot(wasm_v128_and(OUTSIDE(v, '0', 11), OUTSIDE(LOWER(v), 'a', 6)), IS(v, '.')))
FIRST(tag_end, wasm_v128_or(wasm_u8x16_le(v, SPLAT(' ')), wasm_v128_or(IS(v, ':'), IS(v, '['))))
FIRST(pid_end, wasm_v128_or(wasm_u8x16_le(v, SPLAT(' ')), wasm_v128_or(IS(v, ']'), IS(v, '['))))
FIRST(quote_end, wasm_v128_or(wasm_v128_or(IS(v, '"'), IS(v, '\\')), wasm_v128_or(IS(v, ']'), wasm_u8x16_gt(v, SPLAT(0x7e)))))

INLINE at skip_blanks(at p, at end) { while (p < end && *p == ' ') p++; return p; }
INLINE int is_digit(u8 c) { return (u8)(c - '0') < 10; }
INLINE int is_hex(u8 c) { return is_digit(c) || (u8)((c | 0x20) - 'a') < 6; }

/* Four bytes, the first lowest. */
typedef unsigned four __attribute__((aligned(1)));
INLINE unsigned four_at(at p) { return *(const four *)p; }
#define FOUR(A, B, C, D) ((unsigned)(A) | (unsigned)(B) << 8 | (unsigned)(C) << 16 | (unsigned)(D) << 24)
#define THREE 0xffffff
#define TWO 0xffff

/* Where the numbers of the frame at hand go, and what makes an offset of an address. */
typedef const struct {
  int *head;
  int *fw;
  int *label;
  int shift;
} out;
INLINE int offset(out to, at p) { return (int)(unsigned long)p + to.shift; }
INLINE void set_head(out to, int slot, at start, at end) {
  to.head[slot] = offset(to, start);
  to.head[slot + 1] = offset(to, end);
}
INLINE void set_fw(out to, int slot, at start, at end) {
  to.fw[slot] = offset(to, start);
  to.fw[slot + 1] = offset(to, end);
}
INLINE void forget(int *slots, int count) { for (int i = 0; i < count; i++) slots[i] = -1; }
