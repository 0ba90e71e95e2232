/* The bodies of NSX's distributed and gateway firewall, and their label. 0 is what is left to the scanners. */
#include "header.h"

/* Fw of view.ts. */
enum {
  EVENT = 0, ACTION = 2, RULE_ID = 4, DIRECTION = 6, LENGTH = 8, PROTOCOL = 10, CLOSE = 12, ICMP_TYPE = 14,
  ICMP_CODE = 16, SOURCE_IP = 18, SOURCE_PORT = 20, DESTINATION_IP = 22, DESTINATION_PORT = 24, TCP_FLAGS = 26,
  PACKETS_IN = 28, PACKETS_OUT = 30, BYTES_IN = 32, BYTES_OUT = 34, INTERFACE = 36, FAMILY = 38, RULESET = 40,
  FILTER = 42, FW_SLOTS = 48
};


enum { FILTER_MAX = 10, VERDICT_MAX = 16, FLAGS_MAX = 8, QUICK_FLOW_MAX = 48, LABEL_MAX = 64, ANNOTATED = 38 };

/* Whether the word is `INET` or `INET6`. */
INLINE int is_family(at p, at q) {
  return four_at(p) == FOUR('I', 'N', 'E', 'T') && (q - p == 4 || (q - p == 5 && p[4] == '6'));
}

/* What was decided and done, from the word that ends at q. */
INLINE at verdict(out to, words *w, at p, at q, int term) {
  if (q >= w->end || q - p > VERDICT_MAX) return 0;
  v128_t v = wasm_v128_load(p);
  unsigned strays = wasm_i8x16_bitmask(OUTSIDE(LOWER(v), 'a', 26)) & ((1u << (q - p)) - 1);
  at event = p;
  if (strays != 0) {
    if ((strays & ~wasm_i8x16_bitmask(IS(v, '-'))) != 0) return 0;
    int hyphen = 31 - __builtin_clz(strays);
    if (hyphen == 6 && q - p == 12 && p[0] == 'r' && p[7] == 'm') event = p + 7;
  }
  set_fw(to, EVENT, event, q);
  p = word_start(w, q);
  q = word_end(w);
  if (q >= w->end || !all_capitals(p, q)) {
    w->next--;
    return term ? p : 0;
  }
  set_fw(to, ACTION, p, q);
  return word_start(w, q);
}

INLINE at rule(out to, words *w, at p) {
  at q = word_end(w);
  if (q >= w->end) return 0;
  at digits = p;
  if (!all_digits(p, q)) {
    for (digits = q; digits > p && digits[-1] != '/'; digits--);
    if (digits == p || digits == q || digits == p + 1 || !all_digits(digits, q)) return 0;
    set_fw(to, RULESET, p, digits - 1);
  }
  set_fw(to, RULE_ID, digits, q);
  p = word_start(w, q);
  q = word_end(w);
  if (q >= w->end) return 0;
  unsigned v = four_at(p);
  if (!((q - p == 2 && (v & TWO) == FOUR('I', 'N', 0, 0)) || (q - p == 3 && (v & THREE) == FOUR('O', 'U', 'T', 0)))) return 0;
  set_fw(to, DIRECTION, p, q);
  return word_start(w, q);
}

INLINE at protocol(out to, words *w, at p, int *tcp) {
  at q = word_end(w);
  if (q >= w->end) return 0;
  if (is_digit(*p)) {
    if (!all_digits(p, q)) return 0;
    set_fw(to, LENGTH, p, q);
    p = word_start(w, q);
    q = word_end(w);
    if (q >= w->end) return 0;
  }
  unsigned v = four_at(p);
  *tcp = (v & THREE) == FOUR('T', 'C', 'P', 0);
  if (*tcp || (v & THREE) == FOUR('U', 'D', 'P', 0)) {
    if (q - p != 3) return 0;
  } else if (v == FOUR('I', 'C', 'M', 'P')) {
    if (q - p < 4 || q - p > 6) return 0;
  } else {
    if (v != FOUR('P', 'R', 'O', 'T') || p[4] != 'O' || q - p != 5) return 0;
    p = word_start(w, q);
    q = word_end(w);
    if (q >= w->end || q == p || !all_digits(p, q)) return 0;
  }
  set_fw(to, PROTOCOL, p, q);
  return word_start(w, q);
}

INLINE at close_or_icmp(out to, words *w, at p, int term) {
  at q = *w->next;
  if (q >= w->end) return p;
  if (is_digit(*p)) {
    if (!all_digits(p, q)) return p;
    const at *here = w->next++;
    at code = word_start(w, q);
    at code_end = word_end(w);
    if (code_end >= w->end || !all_digits(code, code_end)) {
      w->next = here;
      return p;
    }
    set_fw(to, ICMP_TYPE, p, q);
    set_fw(to, ICMP_CODE, code, code_end);
    return word_start(w, code_end);
  }
  if (!term) return p;
  unsigned v = four_at(p);
  int three = q - p == 3 && ((v & THREE) == FOUR('R', 'S', 'T', 0) || (v & THREE) == FOUR('F', 'I', 'N', 0));
  if (!three && !(q - p == 7 && v == FOUR('T', 'I', 'M', 'E') && four_at(p + 3) == FOUR('E', 'O', 'U', 'T'))) return p;
  set_fw(to, CLOSE, p, q);
  w->next++;
  return word_start(w, q);
}

INLINE at address(out to, at p, at end, int ip, int port) {
  at start = p;
  p = address_end(p, end);
  if (p == start) return 0;
  set_fw(to, ip, start, p);
  if (p >= end || *p != '/') return p;
  at digits = p + 1;
  p = digits_end(digits, end);
  if (p == digits) return 0;
  set_fw(to, port, digits, p);
  return p;
}

/* `ip[/port]->ip[/port]`, the word from p to q. Whether it is that. */
INLINE int flow_pair(out to, at p, at q) {
  if (q - p > QUICK_FLOW_MAX) {
    p = address(to, p, q, SOURCE_IP, SOURCE_PORT);
    if (p == 0 || q - p < 3 || p[0] != '-' || p[1] != '>') return 0;
    return address(to, p + 2, q, DESTINATION_IP, DESTINATION_PORT) == q;
  }
  v128_t a = wasm_v128_load(p), b = wasm_v128_load(p + 16), c = wasm_v128_load(p + 32), none = SPLAT(0);
  bits word = below((int)(q - p));
#define NO_ADDRESS(V) wasm_v128_andnot(wasm_v128_and(OUTSIDE(V, '0', 11), OUTSIDE(LOWER(V), 'a', 6)), IS(V, '.'))
#define NO_DIGIT(V) OUTSIDE(V, '0', 10)
  bits marks = word & bits64(NO_ADDRESS(a), NO_ADDRESS(b), NO_ADDRESS(c), none);
  bits strays = bits64(NO_DIGIT(a), NO_DIGIT(b), NO_DIGIT(c), none);
  int arrow = __builtin_ctzll(marks);
  if (marks == 0 || arrow == 0) return 0;
  marks &= marks - 1;
  at ip_end = p + arrow;
  if (*ip_end == '/') {
    int port = arrow + 1;
    arrow = __builtin_ctzll(marks);
    if (marks == 0 || arrow == port || (strays & below(arrow) & ~below(port)) != 0) return 0;
    marks &= marks - 1;
    set_fw(to, SOURCE_PORT, p + port, p + arrow);
  }
  if (p[arrow] != '-' || p[arrow + 1] != '>' || marks == 0) return 0;
  marks &= marks - 1;
  set_fw(to, SOURCE_IP, p, ip_end);
  at second = p + arrow + 2;
  ip_end = q;
  if (marks != 0) {
    int slash = __builtin_ctzll(marks);
    ip_end = p + slash;
    if (*ip_end != '/' || ip_end + 1 == q || (strays & word & ~below(slash + 1)) != 0) return 0;
    set_fw(to, DESTINATION_PORT, ip_end + 1, q);
  }
  if (ip_end <= second) return 0;
  set_fw(to, DESTINATION_IP, second, ip_end);
  return 1;
}

INLINE at counters(out to, at p, at end) {
  at a = digits_end(p, end);
  if (a == p || a >= end || *a != '/') return p;
  at b = digits_end(a + 1, end);
  if (b == a + 1 || b >= end || *b != ' ') return p;
  at bytes = skip_blanks(b, end);
  at c = digits_end(bytes, end);
  if (c == bytes || c >= end || *c != '/') return p;
  at d = digits_end(c + 1, end);
  if (d == c + 1 || (d < end && *d != ' ')) return p;
  set_fw(to, PACKETS_IN, p, a);
  set_fw(to, PACKETS_OUT, a + 1, b);
  set_fw(to, BYTES_IN, bytes, c);
  set_fw(to, BYTES_OUT, c + 1, d);
  return d;
}

/* Flags in the order of the header, each once: whether the word is that. Their rank is 1 to 8, by the letter from `A`. */
INLINE int is_flags(at p, at q) {
  if (q - p > FLAGS_MAX) return 0;
  v128_t low = wasm_i8x16_make(5, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4);
  v128_t high = wasm_i8x16_make(0, 3, 2, 0, 6, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  v128_t v = wasm_v128_load(p);
  v128_t rank = wasm_v128_or(wasm_i8x16_swizzle(low, wasm_i8x16_sub(v, SPLAT('A'))), wasm_i8x16_swizzle(high, wasm_i8x16_sub(v, SPLAT('A' + 16))));
  v128_t before = wasm_i8x16_shuffle(rank, SPLAT(0), 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
  unsigned word = (1u << (q - p)) - 1;
  return (wasm_i8x16_bitmask(wasm_u8x16_gt(rank, before)) & word) == word;
}

/* Places of what is known about the label's bytes; quick-scan.ts has the same. */
enum { READ_START, READ_END, LABEL_HASH, LABEL_WORDS };

/*
 * The label as LabelTable wants it: words of four bytes, the first lowest, ASCII letters in lower case, and their hash.
 * rules/label-table.ts says why; its readLabel does the same, and a test compares the two.
 */
INLINE void read_label(out to, at p, at end) {
  unsigned even = 0x811c9dc5;
  unsigned odd = 0x5bd1e995;
  int length = end - p;
  int *words = to.label + LABEL_WORDS;
  v128_t place = wasm_u8x16_make(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (int i = 0; i < length; i += 16) {
    v128_t v = wasm_v128_load(p + i);
    v128_t capital = wasm_u8x16_lt(wasm_i8x16_sub(v, SPLAT('A')), SPLAT(26));
    v128_t inside = wasm_u8x16_lt(place, SPLAT(length - i));
    wasm_v128_store((u8 *)words + i, wasm_v128_and(inside, wasm_v128_or(v, wasm_v128_and(capital, SPLAT(0x20)))));
  }
  int i = 0;
  for (; i + 8 <= length; i += 8) {
    even = (even ^ (unsigned)words[i / 4]) * 0x5cd2ea93;
    odd = (odd ^ (unsigned)words[i / 4 + 1]) * 0x5cd2ea93;
    even ^= even >> 15;
    odd ^= odd >> 15;
  }
  for (; i < length; i += 4) {
    even = (even ^ (unsigned)words[i / 4]) * 0x5cd2ea93;
    even ^= even >> 15;
  }
  even ^= (odd ^ (unsigned)length) * 0x1b873593;
  to.label[LABEL_HASH] = even ^ (even >> 13);
  to.label[READ_START] = offset(to, p);
  to.label[READ_END] = offset(to, end);
}

/* From the family, which ends at q, to the end of the line, whose rest is the label. Whether the line has this form. */
INLINE int flow(out to, words *w, at p, at q) {
  at end = w->end;
  if (q >= end || !is_family(p, q)) return 0;
  set_fw(to, FAMILY, p, q);
  p = word_start(w, q);
  q = word_end(w);
  int term = q - p == 4 && (four_at(p) & THREE) == FOUR('T', 'E', 'R', 0);
  if (term && p[3] != 'M') return 0;
  if ((p = verdict(to, w, p, q, term)) == 0) return 0;
  if ((p = rule(to, w, p)) == 0) return 0;
  int tcp = 0;
  if ((p = protocol(to, w, p, &tcp)) == 0) return 0;
  p = close_or_icmp(to, w, p, term);
  q = word_end(w);
  if (q > end || !flow_pair(to, p, q)) return 0;
  if (q == end) return 1;
  p = word_start(w, q);
  if (p >= end) return 1;
  q = *w->next;
  /* Blanks before the word were not listed any more: what follows could be any of it. */
  if (q > end) return 0;
  if (term) p = counters(to, p, end);
  else if (tcp && is_flags(p, q)) {
    set_fw(to, TCP_FLAGS, p, q);
    p = q;
  }
  p = skip_blanks(p, end);
  q = end;
  while (q > p && q[-1] == ' ') q--;
  if (q == p) return 1;
  /* What may be an annotation before the label is the scanners' to take apart. */
  if (q - p > ANNOTATED || four_at(p) == FOUR('A', 'P', 'P', '_')) return 0;
  set_head(to, LABEL, p, q);
  if (q - p <= LABEL_MAX) read_label(to, p, q);
  return 1;
}

/* `[filter] ` and the flow. */
INLINE int dfw(out to, words *w, at p) {
  at q = word_end(w);
  if (q >= w->end) return 0;
  if (is_family(p, q)) return flow(to, w, p, q);
  if (q - p > FILTER_MAX || !all_hex(p, q) || (q - p != 8 && !all_digits(p, q))) return 0;
  set_fw(to, FILTER, p, q);
  p = word_start(w, q);
  return flow(to, w, p, word_end(w));
}

/* `<VRF hi:lo> ` and the flow. */
INLINE int gateway(out to, words *w, at p) {
  at end = w->end;
  at vrf = word_end(w);
  if (vrf == p + 1 || vrf >= end || !all_digits(p + 1, vrf)) return 0;
  at start = word_start(w, vrf);
  at q = word_end(w);
  if (q >= end) return 0;
  at colon = hex_end(start, end);
  if (colon == start || colon - start > 16 || *colon != ':') return 0;
  at close = hex_end(colon + 1, end);
  if (close == colon + 1 || close - colon - 1 > 16 || *close != '>' || close + 1 != q) return 0;
  set_fw(to, INTERFACE, start, close);
  p = word_start(w, q);
  return flow(to, w, p, word_end(w));
}
