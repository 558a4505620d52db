# Runs once, in a chroot, in the freshly bootstrapped base machine of the lab.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

apt-get clean
rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* /etc/bind/rndc.key
: >/etc/machine-id

for user in ops opsfree opspw opskbd opstwo opsnone; do
    useradd --create-home --shell /bin/bash "$user"
done
useradd --create-home --shell /bin/tcsh opscsh

cat >/etc/sudoers.d/lab <<'END'
ops     ALL=(ALL:ALL) ALL
opspw   ALL=(ALL:ALL) ALL
opskbd  ALL=(ALL:ALL) ALL
opstwo  ALL=(ALL:ALL) ALL
opscsh  ALL=(ALL:ALL) ALL
opsfree ALL=(ALL:ALL) NOPASSWD: ALL
END
chmod 0440 /etc/sudoers.d/lab
visudo -c -q

cat >/etc/ssh/sshd_config.d/lab.conf <<'END'
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
END
# sshd from 9.8 on locks out an address after a few failed logins, which tests make on purpose.
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f /run/probe_key
if /usr/sbin/sshd -t -h /run/probe_key -o PerSourcePenalties=no 2>/dev/null; then
    echo 'PerSourcePenalties no' >>/etc/ssh/sshd_config.d/lab.conf
fi
rm -f /run/probe_key /run/probe_key.pub
cat >>/etc/ssh/sshd_config.d/lab.conf <<'END'
Match User opspw
    PasswordAuthentication yes
    KbdInteractiveAuthentication yes
Match User opskbd
    KbdInteractiveAuthentication yes
    AuthenticationMethods keyboard-interactive
Match User opstwo
    KbdInteractiveAuthentication yes
    AuthenticationMethods publickey,keyboard-interactive
END

# Two seconds of penance for every wrong password prove nothing.
sed -i 's/pam_unix.so nullok/pam_unix.so nullok nodelay/' /etc/pam.d/common-auth
grep -q nodelay /etc/pam.d/common-auth

mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >/etc/systemd/journald.conf.d/lab.conf
install -d -o bind -g bind -m 0755 /var/log/named

cat >/etc/systemd/system/named-second.service <<'END'
[Unit]
Description=Second name server of the lab
After=network.target
[Service]
ExecStartPre=+/usr/bin/install -d -o bind -g bind /run/named-second /var/cache/bind-second
ExecStart=/usr/sbin/named -f -u bind -c /etc/bind/second/named.conf
ExecReload=/usr/sbin/rndc -p 954 -k /etc/bind/second/rndc.key reload
END

# Nothing of these is wanted, and each costs boot time or talks to the network.
systemctl mask -q apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer systemd-resolved.service systemd-networkd.service console-getty.service getty.target
