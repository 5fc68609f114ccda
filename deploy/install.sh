#!/bin/sh
# Installs the program, its files and the systemd unit. Run from a checkout after `make build`:
#   sudo deploy/install.sh [--prefix DIR] [--destdir DIR] [--no-start]
#   sudo deploy/install.sh --uninstall [--prefix DIR] [--destdir DIR]
# Settings that are already there are kept, and so is what users stored; running it again upgrades.
set -eu

prefix=/usr/local
destdir=
start=yes
uninstall=no

fail() {
  echo "install.sh: $1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --prefix | --destdir)
      [ $# -ge 2 ] && [ -n "$2" ] || fail "$1 needs a folder"
      if [ "$1" = --prefix ]; then prefix=${2%/}; else destdir=${2%/} start=no; fi
      shift 2
      ;;
    --no-start) start=no; shift ;;
    --uninstall) uninstall=yes; shift ;;
    *) fail "unknown argument $1; known: --prefix DIR, --destdir DIR, --no-start, --uninstall" ;;
  esac
done
case $prefix in
  /*) ;;
  *) fail "--prefix must be an absolute path such as /usr/local, not $prefix" ;;
esac
# The unit's ExecStart= splits at spaces and expands % and $.
case $prefix in
  *[!A-Za-z0-9/._+-]*) fail "--prefix may hold letters, digits and / . _ + - only, not $prefix" ;;
esac
if [ -z "$destdir" ] && [ "$(id -u)" != 0 ]; then
  fail "must be run as root, or with --destdir DIR"
fi

here=$(cd "$(dirname "$0")/.." && pwd)
program=$destdir$prefix/bin/dreambooth
share=$destdir$prefix/share/dreambooth
config=$destdir/etc/dreambooth
units=$destdir/etc/systemd/system

systemd_runs() {
  [ -z "$destdir" ] && command -v systemctl >/dev/null && [ -d /run/systemd/system ]
}

if [ "$uninstall" = yes ]; then
  if systemd_runs; then systemctl disable --now dreambooth.service || true; fi
  rm -f "$program" "$units/dreambooth.service"
  rm -rf "$share"
  if systemd_runs; then systemctl daemon-reload; fi
  echo "removed; kept: settings in $config and the jobs in /var/lib/dreambooth"
  exit 0
fi

bin=${BIN:-$here/.build/release/dreambooth}
[ -x "$bin" ] || fail "$bin is not there; run \`make build\` first"

install -d -m 755 "$destdir$prefix/bin" "$share" "$units" "$config"
# Aside, tried once, then renamed: a running service keeps its file, and a program that cannot start
# here (a library is missing) never replaces one that can.
install -m 755 "$bin" "$program.new"
if ! "$program.new" --help >/dev/null; then
  rm -f "$program.new"
  fail "the program does not start on this machine; the message above says what is missing"
fi
mv "$program.new" "$program"
install -m 644 "$here/openapi.yaml" "$here/deploy/README.md" "$share/"
rm -rf "$share/migrations"
cp -R "$here/migrations" "$share/migrations"
mkdir -p "$share/models"
[ ! -d "$here/models" ] || cp -R "$here/models/." "$share/models/"
chmod -R a+rX "$share"

[ -e "$config/settings.json" ] || install -m 644 "$here/deploy/settings.example.json" "$config/settings.json"
[ -e "$config/api-keys.example" ] || install -m 644 "$here/deploy/api-keys.example" "$config/api-keys.example"
sed "s|/usr/local|$prefix|g" "$here/deploy/dreambooth.service" >"$units/dreambooth.service"
chmod 644 "$units/dreambooth.service"

if [ "$start" = yes ] && systemd_runs; then
  systemctl daemon-reload
  systemctl enable dreambooth.service
  systemctl restart dreambooth.service
  systemctl --no-pager --lines=0 status dreambooth.service
else
  echo "installed; start it with: systemctl daemon-reload && systemctl enable --now dreambooth"
fi
