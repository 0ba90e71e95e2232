#!/bin/sh
# Compiles the C sources below to one WebAssembly module and writes it as src/base/native-wasm.ts, so that neither those
# who install nor those who run Logweir need a compiler. Needs clang and lld (Debian: apt-get install clang lld).
# With --check nothing is written: what is in the checkout is compared with a fresh build, if this clang is the one
# that it was built with (another one gives other bytes of the same meaning).
set -eu
cd "$(dirname "$0")/.."
file=src/base/native-wasm.ts
clang=$(clang --version | sed -n 's/.*clang version \([0-9]*\).*/clang \1/p')
out=$(mktemp)
text=$(mktemp)
trap 'rm -f "$out" "$text"' EXIT
clang --target=wasm32 -nostdlib -O3 -std=c11 -Wall -Wextra -Werror -fno-builtin -msimd128 \
  -Wl,--no-entry -Wl,--export=scan -Wl,--export=append -Wl,--export=lines -Wl,--export=__heap_base -Wl,--import-memory -Wl,--initial-memory=262144 -Wl,--max-memory=4294967296 \
  -Wl,--strip-all -Wl,-z,stack-size=4096 -o "$out" src/framing/native/lines.c src/classify/quick/scan.c src/queue/native/append.c
{
  echo "/** The C sources as WebAssembly, in base64, by $clang. Written by scripts/build-native.sh: do not edit. */"
  echo 'export const NATIVE_WASM = `'
  base64 -w 110 "$out"
  echo '`'
} >"$text"
if [ "${1:-}" != --check ]; then
  cp "$text" "$file"
elif ! grep -q "by $clang\." "$file"; then
  echo "not compared: this is $clang, $(head -1 "$file" | grep -o 'by clang [0-9]*') made $file"
else
  cmp "$text" "$file" && echo "$file is what the C sources give"
fi
