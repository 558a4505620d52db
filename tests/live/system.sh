#!/bin/sh
# Programs of this machine that tests run. As root on Debian the missing ones are installed, and none of their
# services is started, now or at boot; elsewhere they are named, and the tests that need them say so themselves.
set -eu

missing=
while read -r program package; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done <<'END'
debootstrap debootstrap
systemd-nspawn systemd-container
ip iproute2
ssh openssh-client
sshd openssh-server
dig bind9-dnsutils
named bind9
named-checkzone bind9-utils
tmux tmux
patch patch
tcsh tcsh
mksh mksh
busybox busybox
END
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$missing …"
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    apt-get -o DPkg::Lock::Timeout=300 -qq update
    # shellcheck disable=SC2086 -- one word a package
    apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends install $missing >/dev/null
    case "$missing " in *" bind9 "*) systemctl disable --quiet named.service 2>/dev/null || : ;; esac
    case "$missing " in *" openssh-server "*) systemctl disable --quiet ssh.service 2>/dev/null || : ;; esac
else
    echo "Not installed, and we are not root on a Debian:$missing. Tests that need them will say so." >&2
fi
