#!/bin/sh
# Programs of this machine that tests run. As root on Debian the missing ones are installed;
# elsewhere they are named, and the tests that need them say so themselves.
set -eu

missing=
while read -r program package; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done <<'END'
debootstrap debootstrap
systemd-nspawn systemd-container
ip iproute2
ssh openssh-client
dig bind9-dnsutils
named-checkzone bind9-utils
tmux tmux
END
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$missing …"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 -qq update
    # shellcheck disable=SC2086 -- one word a package
    apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends install $missing >/dev/null
else
    echo "Not installed, and we are not root on a Debian:$missing. Tests that need them will say so." >&2
fi
