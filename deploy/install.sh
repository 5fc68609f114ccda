#!/bin/sh
# Installs the program, its files and the systemd unit. Run from a checkout after `make build`:
#   sudo deploy/install.sh [--prefix DIR] [--destdir DIR] [--no-start]
# Settings that are already there are kept; running it again upgrades.
set -eu

prefix=/usr/local
destdir=
start=yes
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=$2; shift 2 ;;
    --destdir) destdir=$2; start=no; shift 2 ;;
    --no-start) start=no; shift ;;
    *) echo "install.sh: unknown argument $1; known: --prefix DIR, --destdir DIR, --no-start" >&2; exit 2 ;;
  esac
done

here=$(cd "$(dirname "$0")/.." && pwd)
bin=${BIN:-$here/.build/release/dreambooth}
[ -x "$bin" ] || { echo "install.sh: $bin is not there; run \`make build\` first" >&2; exit 2; }
if [ -z "$destdir" ] && [ "$(id -u)" != 0 ]; then
  echo "install.sh: must be run as root, or with --destdir DIR" >&2
  exit 2
fi

share=$destdir$prefix/share/dreambooth
config=$destdir/etc/dreambooth
units=$destdir/etc/systemd/system

install -d -m 755 "$destdir$prefix/bin" "$share" "$units"
install -d -m 755 "$config"
# Aside and renamed: a running service keeps its file.
install -m 755 "$bin" "$destdir$prefix/bin/dreambooth.new"
mv "$destdir$prefix/bin/dreambooth.new" "$destdir$prefix/bin/dreambooth"
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

if [ "$start" = yes ] && command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl enable dreambooth.service
  systemctl restart dreambooth.service
  systemctl --no-pager --lines=0 status dreambooth.service
else
  echo "installed; start it with: systemctl daemon-reload && systemctl enable --now dreambooth"
fi
