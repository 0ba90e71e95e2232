/*
 * The commonest frames, read once: RFC 5424 and ESXi headers in their strict form, and behind them the bodies of NSX's
 * distributed and gateway firewall. What is not exactly that is left to the scanners in TypeScript, which define what
 * every byte means: this only gives the same answer sooner, and a property test compares the two.
 *
 * Compiled by scripts/build-native.sh to WebAssembly. Addresses are offsets into the memory that base/native-memory.ts
 * makes; there is no allocation, no recursion and no loop that does not go forward through the frame.
 */
#include <wasm_simd128.h>

typedef unsigned char u8;
typedef const u8 *at;

/* What scan() answers; quick-scan.ts has the same numbers. */
enum { QUICK = 1, RFC5424 = 2, DFW = 4, GATEWAY = 8 };

/* Places of the header's numbers; quick-scan.ts has the same. */
enum {
  PRI, TIME, TIME_END, HOST, HOST_END, APP, APP_END, PROC, PROC_END, MSGID, MSGID_END, SD, SD_END, MSG, LABEL, LABEL_END,
  HEADER_SLOTS, LABEL_HASH = HEADER_SLOTS, LABEL_WORDS
};

/* Fw of view.ts. */
enum {
  EVENT = 0, ACTION = 2, RULE_ID = 4, DIRECTION = 6, LENGTH = 8, PROTOCOL = 10, CLOSE = 12, ICMP_TYPE = 14,
  ICMP_CODE = 16, SOURCE_IP = 18, SOURCE_PORT = 20, DESTINATION_IP = 22, DESTINATION_PORT = 24, TCP_FLAGS = 26,
  PACKETS_IN = 28, PACKETS_OUT = 30, BYTES_IN = 32, BYTES_OUT = 34, INTERFACE = 36, FAMILY = 38, RULESET = 40,
  FILTER = 42, FW_SLOTS = 48
};

enum { HOST_MAX = 255, APP_MAX = 48, PROC_MAX = 128, MSGID_MAX = 32, SD_NAME_MAX = 32, TAG_MAX = 128, BRACKET_MAX = 1024, LABEL_MAX = 64, ANNOTATED = 38 };

/* Where the numbers of the frame at hand go, and what makes an offset of an address. */
typedef const struct {
  int *head;
  int *fw;
  int shift;
} out;

#define INLINE static inline __attribute__((always_inline))

INLINE int offset(out to, at p) { return (int)(unsigned long)p + to.shift; }
INLINE int is_digit(u8 c) { return (u8)(c - '0') < 10; }
INLINE int is_hex(u8 c) { return is_digit(c) || (u8)((c | 0x20) - 'a') < 6; }

/*
 * Ends of words are found sixteen bytes at a time: a loop that looks at each byte is mispredicted at the end of every
 * word, and a firewall line has thirty of them. A load may reach past the frame, never past the memory; what it finds
 * there does not count.
 */
#define WORD_END(NAME, STOPS)                                        \
  INLINE at NAME(at p, at end) {                              \
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
#define SPLAT(C) wasm_u8x16_splat(C)
#define OUTSIDE(V, LOW, COUNT) wasm_u8x16_ge(wasm_i8x16_sub(V, SPLAT(LOW)), SPLAT(COUNT))
#define LOWER(V) wasm_v128_or(V, SPLAT(0x20))
#define IS(V, C) wasm_i8x16_eq(V, SPLAT(C))

WORD_END(blank_end, IS(v, ' '))
WORD_END(printable_end, OUTSIDE(v, 0x21, 0x5e))
WORD_END(digits_end, OUTSIDE(v, '0', 10))
WORD_END(letters_end, OUTSIDE(LOWER(v), 'a', 26))
WORD_END(capitals_end, OUTSIDE(v, 'A', 26))
WORD_END(hex_end, wasm_v128_and(OUTSIDE(v, '0', 10), OUTSIDE(LOWER(v), 'a', 6)))
/* Digits, hex letters, `:` and `.`. */
WORD_END(address_end, wasm_v128_andnot(wasm_v128_and(OUTSIDE(v, '0', 11), OUTSIDE(LOWER(v), 'a', 6)), IS(v, '.')))
WORD_END(tag_end, wasm_v128_or(wasm_u8x16_le(v, SPLAT(' ')), wasm_v128_or(IS(v, ':'), IS(v, '['))))
WORD_END(quote_end, wasm_v128_or(wasm_v128_or(IS(v, '"'), IS(v, '\\')), wasm_v128_or(IS(v, ']'), wasm_u8x16_gt(v, SPLAT(0x7e)))))
INLINE at skip_blanks(at p, at end) { while (p < end && *p == ' ') p++; return p; }
INLINE void set_head(out to, int slot, at start, at end) {
  to.head[slot] = offset(to, start);
  to.head[slot + 1] = offset(to, end);
}
INLINE void set_fw(out to, int slot, at start, at end) {
  to.fw[slot] = offset(to, start);
  to.fw[slot + 1] = offset(to, end);
}

INLINE int days_of(int year, int month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* The end of a strict RFC 3339 time with a blank behind it, or 0. */
INLINE at time_end(at p, at end) {
  if (end - p < 21) return 0;
  if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':') return 0;
  unsigned off = wasm_i8x16_bitmask(OUTSIDE(wasm_v128_load(p), '0', 10));
  if ((off & 0xffff) != 0x2490 || !(is_digit(p[17]) & is_digit(p[18]))) return 0;
  int month = p[5] * 10 + p[6] - 528;
  int day = p[8] * 10 + p[9] - 528;
  if (month < 1 || month > 12 || day < 1 || p[11] * 10 + p[12] - 528 > 23 || p[14] > '5' || p[17] > '5') return 0;
  if (day > 28 && day > days_of(p[0] * 1000 + p[1] * 100 + p[2] * 10 + p[3] - 53328, month)) return 0;
  at q = p + 19;
  if (*q == '.') {
    at fraction = q + 1;
    q = digits_end(fraction, end);
    if (q == fraction || q - fraction > 6 || q >= end) return 0;
  }
  if (*q == 'Z') {
    q++;
  } else {
    if ((*q != '+' && *q != '-') || end - q < 7 || q[3] != ':') return 0;
    if (!(is_digit(q[1]) & is_digit(q[2]) & is_digit(q[4]) & is_digit(q[5]))) return 0;
    if (q[1] * 10 + q[2] - 528 > 23 || q[4] > '5') return 0;
    q += 6;
  }
  return q < end && *q == ' ' ? q : 0;
}

/* One field of RFC 5424 at p, with a blank and another byte that is none behind it: where the next begins, or 0. */
INLINE at field(out to, at p, at end, int slot, int max) {
  at q = printable_end(p, end);
  if (q == p || q - p > max || end - q < 2 || *q != ' ' || q[1] == ' ') return 0;
  if (q - p > 1 || *p != '-') set_head(to, slot, p, q);
  return q + 1;
}

INLINE at sd_name_end(at p, at end) {
  while (p < end && *p > ' ' && *p <= 0x7e && *p != '=' && *p != ']' && *p != '"') p++;
  return p;
}

/* One element of structured data without escapes and bytes beyond ASCII: its end, or 0. */
INLINE at sd_end(at p, at end) {
  at q = sd_name_end(p + 1, end);
  if (q == p + 1 || q - p - 1 > SD_NAME_MAX) return 0;
  while (q < end && *q == ' ') {
    at name = q + 1;
    q = sd_name_end(name, end);
    if (q == name || q - name > SD_NAME_MAX || end - q < 2 || *q != '=' || q[1] != '"') return 0;
    if (q - name == 11 && name[0] == 'm' && name[3] == 'M') return 0;
    q += 2;
    q = quote_end(q, end);
    if (q >= end || *q != '"') return 0;
    q++;
  }
  return q < end && *q == ']' ? q + 1 : 0;
}

/* HOSTNAME to structured data: where the message begins, or 0. */
INLINE at rfc5424(out to, at p, at end) {
  if ((p = field(to, p, end, HOST, HOST_MAX)) == 0) return 0;
  if ((p = field(to, p, end, APP, APP_MAX)) == 0) return 0;
  if ((p = field(to, p, end, PROC, PROC_MAX)) == 0) return 0;
  if ((p = field(to, p, end, MSGID, MSGID_MAX)) == 0) return 0;
  if (*p == '-') {
    p++;
  } else {
    if (*p != '[') return 0;
    at close = sd_end(p, end);
    if (close == 0 || (close < end && *close == '[')) return 0;
    set_head(to, SD, p, close);
    p = close;
  }
  if (p == end) return p;
  if (*p != ' ') return 0;
  p++;
  return p < end && *p == 0xef ? 0 : p;
}

/* Host and tag of ESXi's form: where the message begins, or 0. */
INLINE at rfc3339(out to, at p, at end) {
  at q = blank_end(p, end);
  if (q == p || q - p > HOST_MAX || end - q < 2 || q[-1] == ':' || q[-1] == ']') return 0;
  if (q - p == 1 && *p == '-') return 0;
  set_head(to, HOST, p, q);
  at tag = q + 1;
  if (*tag == '%' || *tag == '{' || *tag == '"') return 0;
  at last = end - tag > TAG_MAX ? tag + TAG_MAX : end;
  q = tag_end(tag, last);
  if (q == tag || q >= last) return 0;
  set_head(to, APP, tag, q);
  if (*q == '[') {
    at pid = q + 1;
    last = end - q > TAG_MAX ? q + TAG_MAX : end;
    q = pid;
    while (q < last && *q > ' ' && *q != ']' && *q != '[') q++;
    if (last - q < 2 || *q != ']' || q[1] != ':') return 0;
    set_head(to, PROC, pid, q);
    q += 2;
  } else {
    if (*q != ':') return 0;
    q++;
    if (q < end && *q != ' ') return 0;
  }
  if (q < end && *q == ' ') q++;
  if (q < end && *q == '[') {
    last = end - q > BRACKET_MAX ? q + BRACKET_MAX : end;
    for (at r = q + 1; r < last && *r != ']'; r++)
      if (*r == 'm' && last - r > 3 && r[3] == 'M') return 0;
  }
  return q;
}

/* `INET ` or `INET6 `: where its blank stands, or 0. */
INLINE at family_end(at p, at end) {
  if (end - p < 6 || p[0] != 'I' || p[1] != 'N' || p[2] != 'E' || p[3] != 'T') return 0;
  if (p[4] == ' ') return p + 4;
  return p[4] == '6' && p[5] == ' ' ? p + 5 : 0;
}

INLINE at verdict(out to, at p, at end, int term) {
  at start = p;
  at hyphen = 0;
  p = letters_end(p, end);
  while (p < end && *p == '-') {
    hyphen = p;
    p = letters_end(p + 1, end);
  }
  if (p == start || p >= end || *p != ' ') return 0;
  int prefixed = hyphen == start + 6 && p == start + 12 && start[0] == 'r' && hyphen[1] == 'm';
  set_fw(to, EVENT, prefixed ? hyphen + 1 : start, p);
  p = skip_blanks(p, end);
  at action = p;
  p = capitals_end(p, end);
  if (p == action || p >= end || *p != ' ') return term ? action : 0;
  set_fw(to, ACTION, action, p);
  return skip_blanks(p, end);
}

INLINE at rule(out to, at p, at end) {
  at start = p;
  at digits = p;
  p = digits_end(p, end);
  if (p < end && *p != ' ') {
    p = blank_end(p, end);
    for (digits = p; digits > start && digits[-1] != '/'; digits--);
    if (digits == start || digits_end(digits, p) != p) return 0;
  }
  if (p == digits || digits == start + 1 || p >= end) return 0;
  set_fw(to, RULE_ID, digits, p);
  if (digits > start) set_fw(to, RULESET, start, digits - 1);
  p = skip_blanks(p, end);
  if (end - p < 4) return 0;
  at q = p + 2;
  if (p[0] == 'O' && p[1] == 'U' && p[2] == 'T') q = p + 3;
  else if (p[0] != 'I' || p[1] != 'N') return 0;
  if (*q != ' ') return 0;
  set_fw(to, DIRECTION, p, q);
  return skip_blanks(q, end);
}

INLINE at protocol(out to, at p, at end, int *tcp) {
  if (end - p < 6) return 0;
  if (is_digit(*p)) {
    at q = digits_end(p, end);
    if (q >= end || *q != ' ') return 0;
    set_fw(to, LENGTH, p, q);
    p = skip_blanks(q, end);
    if (end - p < 6) return 0;
  }
  at q = p + 3;
  if (*p == 'T') {
    if (p[1] != 'C' || p[2] != 'P') return 0;
  } else if (*p == 'U') {
    if (p[1] != 'D' || p[2] != 'P') return 0;
  } else if (*p == 'I') {
    if (p[1] != 'C' || p[2] != 'M' || p[3] != 'P') return 0;
    q = p + 4;
    while (q < end && q < p + 6 && *q != ' ') q++;
  } else {
    if (p[0] != 'P' || p[1] != 'R' || p[2] != 'O' || p[3] != 'T' || p[4] != 'O' || p[5] != ' ') return 0;
    p = skip_blanks(p + 5, end);
    q = digits_end(p, end);
    if (q == p) return 0;
  }
  if (q >= end || *q != ' ') return 0;
  *tcp = *p == 'T';
  set_fw(to, PROTOCOL, p, q);
  return skip_blanks(q, end);
}

INLINE at close_or_icmp(out to, at p, at end, int term) {
  if (end - p < 8) return p;
  if (is_digit(*p)) {
    at q = digits_end(p + 1, end);
    if (q >= end || *q != ' ') return p;
    at code = skip_blanks(q, end);
    at code_end = digits_end(code, end);
    if (code_end == code || code_end >= end || *code_end != ' ') return p;
    set_fw(to, ICMP_TYPE, p, q);
    set_fw(to, ICMP_CODE, code, code_end);
    return skip_blanks(code_end, end);
  }
  if (!term) return p;
  at q = 0;
  if (p[0] == 'R' && p[1] == 'S' && p[2] == 'T') q = p + 3;
  else if (p[0] == 'F' && p[1] == 'I' && p[2] == 'N') q = p + 3;
  else if (p[0] == 'T' && p[1] == 'I' && p[2] == 'M' && p[4] == 'O' && p[6] == 'T') q = p + 7;
  if (q == 0 || *q != ' ') return p;
  set_fw(to, CLOSE, p, q);
  return skip_blanks(q, end);
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

INLINE int flag_rank(u8 c) {
  switch (c) {
    case 'F': return 1;
    case 'S': return 2;
    case 'R': return 3;
    case 'P': return 4;
    case 'A': return 5;
    case 'U': return 6;
    case 'E': return 7;
    case 'W': return 8;
    default: return 0;
  }
}

INLINE at tcp_flags(out to, at p, at end) {
  at start = p;
  int rank = 0;
  while (p < end && *p != ' ') {
    int next = flag_rank(*p);
    if (next <= rank) return start;
    rank = next;
    p++;
  }
  set_fw(to, TCP_FLAGS, start, p);
  return p;
}

/*
 * The label as LabelTable wants it: words of four bytes, the first lowest, ASCII letters in lower case, and their hash.
 * rules/label-table.ts says why; its readLabel does the same, and a test compares the two.
 */
typedef unsigned word __attribute__((aligned(1)));
INLINE unsigned word_at(at p) { return *(const word *)p; }
INLINE unsigned fold(unsigned v) {
  unsigned low = v & 0x7f7f7f7f;
  unsigned upper = ((low + 0x3f3f3f3f) ^ (low + 0x25252525)) & ~v & 0x80808080;
  return v | (upper >> 2);
}
INLINE void read_label(out to, at p, at end) {
  unsigned even = 0x811c9dc5;
  unsigned odd = 0x5bd1e995;
  unsigned length = end - p;
  int *words = to.head + LABEL_WORDS;
  for (; end - p >= 8; p += 8) {
    unsigned first = fold(word_at(p));
    unsigned second = fold(word_at(p + 4));
    *words++ = first;
    *words++ = second;
    even = (even ^ first) * 0x5cd2ea93;
    odd = (odd ^ second) * 0x5cd2ea93;
    even ^= even >> 15;
    odd ^= odd >> 15;
  }
  for (; p < end; p += 4) {
    unsigned rest = word_at(p);
    if (end - p < 4) rest &= (1u << (8 * (end - p))) - 1;
    rest = fold(rest);
    *words++ = rest;
    even = (even ^ rest) * 0x5cd2ea93;
    even ^= even >> 15;
  }
  even ^= (odd ^ length) * 0x1b873593;
  to.head[LABEL_HASH] = even ^ (even >> 13);
}

/* From the family to the end of the line, whose rest is the label. Whether the line has this form. */
INLINE int flow(out to, at p, at end) {
  at family = family_end(p, end);
  if (family == 0) return 0;
  set_fw(to, FAMILY, p, family);
  p = skip_blanks(family, end);
  int term = end - p > 4 && p[0] == 'T' && p[1] == 'E' && p[2] == 'R' && p[4] == ' ';
  if (term && p[3] != 'M') return 0;
  if ((p = verdict(to, p, end, term)) == 0) return 0;
  if ((p = rule(to, p, end)) == 0) return 0;
  int tcp = 0;
  if ((p = protocol(to, p, end, &tcp)) == 0) return 0;
  p = close_or_icmp(to, p, end, term);
  p = address(to, p, end, SOURCE_IP, SOURCE_PORT);
  if (p == 0 || end - p < 3 || p[0] != '-' || p[1] != '>') return 0;
  p = address(to, p + 2, end, DESTINATION_IP, DESTINATION_PORT);
  if (p == 0 || (p < end && *p != ' ')) return 0;
  p = skip_blanks(p, end);
  if (p >= end) return 1;
  if (term) p = counters(to, p, end);
  else if (tcp) p = tcp_flags(to, p, end);
  p = skip_blanks(p, end);
  at q = end;
  while (q > p && q[-1] == ' ') q--;
  if (q == p) return 1;
  /* What may be an annotation before the label is the scanners' to take apart. */
  if (q - p > ANNOTATED || (*p == 'A' && p[1] == 'P' && p[2] == 'P' && p[3] == '_')) return 0;
  set_head(to, LABEL, p, q);
  if (q - p <= LABEL_MAX) read_label(to, p, q);
  return 1;
}

/* `[filter] `: where the family begins, or 0. */
INLINE at dfw(out to, at p, at end) {
  if (family_end(p, end) != 0) return p;
  at q = hex_end(p, end);
  if (q >= end || *q != ' ' || q - p > 10 || (q - p != 8 && digits_end(p, q) != q)) return 0;
  set_fw(to, FILTER, p, q);
  return skip_blanks(q, end);
}

/* `<VRF hi:lo> `: where the family begins, or 0. */
INLINE at gateway(out to, at p, at end) {
  at vrf = digits_end(p + 1, end);
  if (vrf == p + 1 || vrf >= end || *vrf != ' ') return 0;
  at start = skip_blanks(vrf, end);
  at colon = hex_end(start, end);
  if (colon == start || colon - start > 16 || colon >= end || *colon != ':') return 0;
  at close = hex_end(colon + 1, end);
  if (close == colon + 1 || close - colon - 1 > 16 || close >= end || *close != '>') return 0;
  set_fw(to, INTERFACE, start, close);
  return skip_blanks(close + 1, end);
}

INLINE void forget(int *slots, int count) { for (int i = 0; i < count; i++) slots[i] = -1; }

/*
 * Reads the frame at start, of length bytes. Offsets are written as addresses plus shift: the header's and the
 * label's to header, the firewall's to fields. Answers 0, with both undefined, when the frame is for the scanners.
 */
int scan(u8 *start, int length, int shift, int *header, int *fields) {
  at p = start;
  at end = p + length;
  out to = {header, fields, shift};
  if (length < 24 || *p != '<') return 0;
  at digits = p + 1;
  p = digits_end(digits, digits + 3);
  if (p == digits || *p != '>' || (*digits == '0' && p - digits > 1)) return 0;
  int pri = 0;
  for (at q = digits; q < p; q++) pri = pri * 10 + *q - '0';
  if (pri > 191) return 0;
  p++;
  forget(to.head, HEADER_SLOTS);
  forget(to.fw, FW_SLOTS);
  to.head[PRI] = pri;
  int answer = QUICK;
  if (p[0] == '1' && p[1] == ' ') {
    p += 2;
    answer |= RFC5424;
  }
  at stamp = time_end(p, end);
  if (stamp == 0) return 0;
  set_head(to, TIME, p, stamp);
  p = stamp + 1;
  if (p >= end || *p == ' ') return 0;
  p = (answer & RFC5424) != 0 ? rfc5424(to, p, end) : rfc3339(to, p, end);
  if (p == 0 || to.head[HOST] < 0) return 0;
  to.head[MSG] = offset(to, p);
  p = skip_blanks(p, end);
  if (p >= end) return answer;
  /* Only what can be a firewall body: an interface, a filter or a family. */
  if (*p != '<' && *p != 'I' && !is_hex(*p)) return answer;
  int body = *p == '<' ? GATEWAY : DFW;
  p = body == GATEWAY ? gateway(to, p, end) : dfw(to, p, end);
  if (p != 0 && flow(to, p, end)) return answer | body;
  to.head[LABEL] = to.head[LABEL_END] = -1;
  forget(to.fw, FW_SLOTS);
  return answer;
}
