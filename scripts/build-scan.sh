#!/bin/sh
# Compiles src/classify/quick/scan.c to WebAssembly and writes it as src/classify/quick/scan-wasm.ts, so that neither
# those who install nor those who run Logweir need a compiler. Needs clang and lld (Debian: apt-get install clang lld).
# With --check nothing is written: the build in the checkout is compared with a fresh one.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp)
text=$(mktemp)
trap 'rm -f "$out" "$text"' EXIT
clang --target=wasm32 -nostdlib -O3 -std=c11 -Wall -Wextra -Werror -fno-builtin -msimd128 \
  -Wl,--no-entry -Wl,--export=scan -Wl,--import-memory -Wl,--initial-memory=262144 -Wl,--max-memory=262144 \
  -Wl,--strip-all -Wl,-z,stack-size=4096 -o "$out" src/classify/quick/scan.c
{
  echo '/** scan.c as WebAssembly, in base64. Written by scripts/build-scan.sh: do not edit. */'
  echo 'export const SCAN_WASM = `'
  base64 -w 110 "$out"
  echo '`'
} >"$text"
if [ "${1:-}" = --check ]; then
  cmp "$text" src/classify/quick/scan-wasm.ts
else
  cp "$text" src/classify/quick/scan-wasm.ts
fi
