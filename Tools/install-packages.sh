#!/bin/sh
# Installs the Debian packages that the build needs and that are missing; does nothing when all are there.
set -eu

packages="libpng-dev libjpeg62-turbo-dev libwebp-dev liblcms2-dev libsqlite3-dev zlib1g-dev curl ca-certificates"

missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

run=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "missing packages:$missing; install them as root: apt-get install$missing" >&2
    exit 1
  }
  run=sudo
fi
echo "installing:$missing"
$run apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing >/dev/null
