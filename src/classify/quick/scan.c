/*
 * The commonest frames, read once: RFC 5424 and ESXi headers in their strict form, and behind them the bodies of NSX's
 * distributed and gateway firewall. What is not exactly that is left to the scanners in TypeScript, which define what
 * every byte means: this only gives the same answer sooner, and a property test compares the two.
 *
 * Compiled by scripts/build-native.sh to WebAssembly. Addresses are offsets into the memory that base/native-memory.ts
 * makes; there is no allocation, no recursion and no loop that does not go forward through the frame.
 */
#include "flow.h"

/* What scan() answers; quick-scan.ts has the same numbers. */
enum { QUICK = 1, RFC5424 = 2, DFW = 4, GATEWAY = 8 };

/*
 * Reads the frame at start, of length bytes. Offsets are written as addresses plus shift: the header's and the
 * label's to header, the firewall's to fields, and what is to be known of the label's bytes to label. Answers 0, with all
 * of them undefined, when the frame is for the scanners.
 */
int scan(u8 *start, int length, int shift, int *header, int *fields, int *label) {
  at p = start;
  at end = p + length;
  out to = {header, fields, label, shift};
  label[READ_START] = -1;
  if (length < 24 || *p != '<') return 0;
  at digits = p + 1;
  p = digits_end(digits, digits + 3);
  if (p == digits || *p != '>' || (*digits == '0' && p - digits > 1)) return 0;
  int pri = 0;
  for (at q = digits; q < p; q++) pri = pri * 10 + *q - '0';
  if (pri > 191) return 0;
  p++;
  words w = words_of(start, end);
  forget(to.head, APP_ID);
  to.head[APP_ID] = 0;
  forget(to.fw, FW_SLOTS);
  to.head[PRI] = pri;
  int answer = QUICK;
  if (p[0] == '1' && p[1] == ' ') {
    if (word_end(&w) != p + 1) return 0;
    p += 2;
    answer |= RFC5424;
  }
  at stamp = time_end(p, end);
  if (stamp == 0 || word_end(&w) != stamp) return 0;
  set_head(to, TIME, p, stamp);
  p = stamp + 1;
  if (p >= end || *p == ' ') return 0;
  p = (answer & RFC5424) != 0 ? rfc5424(to, &w, p) : rfc3339(to, &w, p);
  if (p == 0 || to.head[HOST] < 0) return 0;
  to.head[MSG] = offset(to, p);
  if (to.head[APP] >= 0) to.head[APP_ID] = app_id((at)(unsigned long)(to.head[APP] - shift), (at)(unsigned long)(to.head[APP_END] - shift));
  p = word_start(&w, p - 1);
  if (p >= end) return answer;
  /* Only what can be a firewall body: an interface, a filter or a family. */
  if (*p != '<' && *p != 'I' && !is_hex(*p)) return answer;
  list_all(&w);
  int body = *p == '<' ? GATEWAY : DFW;
  if (body == GATEWAY ? gateway(to, &w, p) : dfw(to, &w, p)) return answer | body;
  to.head[LABEL] = to.head[LABEL_END] = -1;
  forget(to.fw, FW_SLOTS);
  return answer;
}
