#!/bin/sh
# Before the kernel is installed: an initrd with nothing but what finds this disk.
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d"
cat > "$1/etc/initramfs-tools/conf.d/device" <<END
MODULES=list
COMPRESS=gzip
END
printf '%s\n' virtio_pci virtio_blk ext4 > "$1/etc/initramfs-tools/modules"
