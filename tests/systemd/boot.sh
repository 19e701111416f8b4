#!/bin/bash
# boot.sh LOWER FOLDER CGROUP: boot LOWER's systemd as a container's first process.
#
# On this machine's kernel, with a network and a control group of its own. What it writes
# goes to FOLDER/upper and is there again at the next boot. Ends with the container.
set -euo pipefail
lower=$1 folder=$2 cgroup=$3
mkdir -p "$folder/upper" "$folder/work" "$folder/root" "$folder/share"
for hierarchy in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
  [ -e "$hierarchy/cgroup.procs" ] || continue
  mkdir -p "$hierarchy/$cgroup"
  echo $$ > "$hierarchy/$cgroup/cgroup.procs"
done
# systemd-nspawn looks into /run, where a machine that runs no systemd has nothing.
mount -t tmpfs none /run
mount -t overlay none -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
# All capabilities and bpf, or DeviceAllow= and IPAddressDeny= are silently not enforced.
exec systemd-nspawn --quiet --capability=all --system-call-filter=bpf --directory="$folder/root" --boot \
  --register=no --keep-unit --private-network --link-journal=no --bind="$folder/share:/mnt" --console=pipe \
  systemd.unit=multi-user.target
