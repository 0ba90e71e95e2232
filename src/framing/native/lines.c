/*
 * Where the lines of a chunk end, all of them in one pass of sixteen bytes at a time (framing/marks.ts looks for each by
 * itself where this is not to be had).
 *
 * Compiled by scripts/build-native.sh to WebAssembly. Addresses are offsets into the memory that base/native-memory.ts
 * makes; what is read behind the chunk lies in it, and does not count.
 */
#include <wasm_simd128.h>

typedef unsigned char u8;

enum { TOO_MANY = -1, HAS_CR = 1 << 29, HAS_NUL = 1 << 30 };

/*
 * Writes the offsets of the LFs in start[0, length) to out, at most max of them, and answers how many they are, with bits
 * that say whether there is a CR or a NUL as well; TOO_MANY when they do not fit.
 */
int lines(const u8 *start, int length, int *out, int max) {
  v128_t lf = wasm_u8x16_splat('\n');
  v128_t cr = wasm_u8x16_splat('\r');
  v128_t zero = wasm_u8x16_splat(0);
  v128_t seen_cr = zero;
  v128_t seen_nul = zero;
  int count = 0;
  for (int at = 0; at < length; at += 16) {
    v128_t bytes = wasm_v128_load(start + at);
    if (length - at < 16) {
      /* Blanks are none of the three. */
      v128_t inside = wasm_u8x16_lt(wasm_u8x16_make(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), wasm_u8x16_splat((u8)(length - at)));
      bytes = wasm_v128_bitselect(bytes, wasm_u8x16_splat(' '), inside);
    }
    seen_cr = wasm_v128_or(seen_cr, wasm_i8x16_eq(bytes, cr));
    seen_nul = wasm_v128_or(seen_nul, wasm_i8x16_eq(bytes, zero));
    unsigned ends = wasm_i8x16_bitmask(wasm_i8x16_eq(bytes, lf));
    if (count + 16 > max && ends) {
      if (count + __builtin_popcount(ends) > max) return TOO_MANY;
    }
    for (; ends; ends &= ends - 1) out[count++] = at + __builtin_ctz(ends);
  }
  return count | (wasm_v128_any_true(seen_cr) ? HAS_CR : 0) | (wasm_v128_any_true(seen_nul) ? HAS_NUL : 0);
}
