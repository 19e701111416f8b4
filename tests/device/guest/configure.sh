#!/bin/bash
# Make a Debian tree start fast and run `device-tests.service`.
# usage: configure.sh ROOT GUEST
set -euo pipefail
ROOT=$1
GUEST=$2
UNITS=$ROOT/etc/systemd/system

echo device > "$ROOT/etc/hostname"
echo "127.0.0.1 localhost device" > "$ROOT/etc/hosts"
echo "/dev/vda / ext4 defaults,noatime 0 1" > "$ROOT/etc/fstab"
install -m 644 "$GUEST/device-tests.service" "$UNITS/"
ln -sfn /lib/systemd/system/multi-user.target "$UNITS/default.target"
mkdir -p "$UNITS/multi-user.target.wants"
ln -sf ../device-tests.service "$UNITS/multi-user.target.wants/device-tests.service"
# Each of these costs a software emulated machine seconds, and none is needed.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
  e2scrub_all.timer e2scrub_reap.service fstrim.timer getty@tty1.service \
  serial-getty@ttyS0.service serial-getty@ttyS1.service serial-getty@hvc0.service \
  systemd-hwdb-update.service systemd-journal-catalog-update.service \
  systemd-update-done.service systemd-update-utmp.service ldconfig.service \
  systemd-pstore.service systemd-random-seed.service systemd-networkd.service \
  systemd-networkd.socket systemd-user-sessions.service systemd-firstboot.service \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount; do
  ln -sf /dev/null "$UNITS/$unit"
done
tr -d '\n-' < /proc/sys/kernel/random/uuid > "$ROOT/etc/machine-id"
touch "$ROOT/etc/.updated" "$ROOT/var/.updated"

# As Raspberry Pi OS has them: libcamera allocates its buffers under this name.
echo 'L /dev/dma_heap/linux,cma - - - - system' > "$ROOT/etc/tmpfiles.d/device.conf"
