/* The header's numbers: RFC 5424 and ESXi's form, as they are written strictly. 0 is what is left to the scanners. */
#include "words.h"

/* Places of the header's numbers; header-spans.ts has the same. */
enum {
  PRI, TIME, TIME_END, HOST, HOST_END, APP, APP_END, PROC, PROC_END, MSGID, MSGID_END, SD, SD_END, MSG, LABEL, LABEL_END,
  APP_ID,
  HEADER_SLOTS
};


enum { HOST_MAX = 255, APP_MAX = 48, PROC_MAX = 128, MSGID_MAX = 32, SD_NAME_MAX = 32, TAG_MAX = 128, BRACKET_MAX = 1024 };

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
INLINE at field(out to, words *w, at p, int slot, int max) {
  at q = word_end(w);
  if (q >= w->end || q == p || q - p > max || w->end - q < 2 || q[1] == ' ') return 0;
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
INLINE at rfc5424(out to, words *w, at p) {
  at end = w->end;
  if ((p = field(to, w, p, HOST, HOST_MAX)) == 0) return 0;
  if ((p = field(to, w, p, APP, APP_MAX)) == 0) return 0;
  if ((p = field(to, w, p, PROC, PROC_MAX)) == 0) return 0;
  if ((p = field(to, w, p, MSGID, MSGID_MAX)) == 0) return 0;
  if (!is_plain(w, p)) return 0;
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
  pass(w, p);
  return p < end && *p == 0xef ? 0 : p;
}

/* Host and tag of ESXi's form: where the message begins, or 0. */
INLINE at rfc3339(out to, words *w, at p) {
  at end = w->end;
  at q = word_end(w);
  if (q >= end || q == p || q - p > HOST_MAX || end - q < 2 || q[-1] == ':' || q[-1] == ']') return 0;
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
    q = pid_end(pid, last);
    if (last - q < 2 || *q != ']' || q[1] != ':') return 0;
    set_head(to, PROC, pid, q);
    q += 2;
  } else {
    if (*q != ':') return 0;
    q++;
    if (q < end && *q != ' ') return 0;
  }
  if (q < end && *q == ' ') q++;
  pass(w, q);
  if (q < end && *q == '[') {
    last = end - q > BRACKET_MAX ? q + BRACKET_MAX : end;
    for (at r = q + 1; r < last && *r != ']'; r++)
      if (*r == 'm' && last - r > 3 && r[3] == 'M') return 0;
  }
  return q;
}

/*
 * Programs by number, so that whoever knows what a program's events may be need not look at its name again. A number is
 * given once: where another program takes a place, it gets another. 0: no number, look at the name.
 */
enum { APPS = 64, APP_BYTES = 16, APP_TIMES = 1 << 24 };
static struct {
  v128_t name;
  int length;
  int id;
} apps[APPS];
static int apps_given;

INLINE int app_id(at p, at q) {
  int length = q - p;
  if (length > APP_BYTES) return 0;
  v128_t place = wasm_u8x16_make(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  v128_t name = wasm_v128_and(wasm_v128_load(p), wasm_u8x16_lt(place, SPLAT(length)));
  bits mixed = ((bits)wasm_i64x2_extract_lane(name, 0) ^ (bits)wasm_i64x2_extract_lane(name, 1) * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
  int slot = (int)(mixed >> 58);
  if (apps[slot].length == length && !wasm_v128_any_true(wasm_v128_xor(apps[slot].name, name))) return apps[slot].id;
  if (apps_given >= APP_TIMES) return 0;
  apps_given++;
  apps[slot].name = name;
  apps[slot].length = length;
  apps[slot].id = apps_given * APPS + slot;
  return apps[slot].id;
}
