#!/usr/bin/env bash
# Fetches the programs that the peer tests and benchmarks compare with, without installing them: Debian's rsyslog
# (it conflicts with syslog-ng-core, which brings loggen), HAProxy and promtool, unpacked below .peers/. Needs no root, only
# fresh package lists (`apt-get update`). What is already there is not fetched again; `--again` starts over.
#
# Prints the environment that tests and benchmarks look at, so:  eval "$(scripts/fetch-peers.sh)"
set -euo pipefail

cd "$(dirname "$0")/.."
peers="$PWD/.peers"
[ "${1:-}" = --again ] && rm -rf "$peers"
mkdir -p "$peers/debs"

# unpack FOLDER PROOF PACKAGE…: unpacks the packages into FOLDER unless its file PROOF is there.
unpack() {
  local folder="$peers/$1" proof="$1/$2" package
  shift 2
  [ -e "$peers/$proof" ] && return
  mkdir -p "$folder"
  for package in "$@"; do
    if ! compgen -G "$peers/debs/${package}_*.deb" >/dev/null; then
      (cd "$peers/debs" && apt-get download -q "$package" >&2)
    fi
    dpkg -x "$peers"/debs/"${package}"_*.deb "$folder"
  done
  [ -e "$peers/$proof" ] || { echo "fetch-peers: $proof is missing after unpacking: $*" >&2; exit 1; }
}

unpack rsyslog usr/sbin/rsyslogd rsyslog rsyslog-openssl libestr0 libfastjson4 liblognorm5 librelp0
unpack rsyslog usr/lib/x86_64-linux-gnu/rsyslog/omrelp.so rsyslog-relp
unpack prometheus usr/bin/promtool prometheus
unpack haproxy usr/sbin/haproxy haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 libpcre2-8-0 libsystemd0

echo "export LOGWEIR_RSYSLOG_ROOT=$(printf %q "$peers/rsyslog")"
echo "export LOGWEIR_HAPROXY_ROOT=$(printf %q "$peers/haproxy")"
echo "export LOGWEIR_PROMTOOL=$(printf %q "$peers/prometheus/usr/bin/promtool")"
