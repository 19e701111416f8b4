#!/bin/bash
# Build the modules that Debian's kernel leaves out, from Debian's own sources; runs in a
# Debian with headers, compiler and linux-source.   usage: build_modules.sh FOLDER
set -euo pipefail
OUT=$1
RELEASE=$(basename "$(echo /lib/modules/*)")
WORK=$(mktemp -d)
mkdir -p "$OUT"

# The camera: its package has built it already.
cp /lib/modules/"$RELEASE"/updates/dkms/v4l2loopback.ko* "$OUT/"

# The GPIO chip. It needs irq_sim, which Debian leaves out too and which cannot be a
# module by itself: it becomes a part of this one.
archive=$(echo /usr/src/linux-source-6*.tar.xz)
top=$(basename "$archive" .tar.xz)
tar -C "$WORK" --strip-components=1 --wildcards -xJf "$archive" \
  "$top/drivers/gpio/gpio-sim.c" "$top/drivers/gpio/gpiolib*.h" \
  "$top/kernel/irq/irq_sim.c"
cd "$WORK/drivers/gpio"
mv gpio-sim.c chip.c
# `irq_to_desc` is not for modules, but the descriptor is reachable from what is.
sed -e 's/irq_to_desc(irqnum)/irq_data_to_desc(irq_get_irq_data(irqnum))/' \
  -e '/#include <linux\/irq.h>/a #include <linux/irqdesc.h>' \
  ../../kernel/irq/irq_sim.c > irq_sim.c
printf 'obj-m := gpio-sim.o\ngpio-sim-y := chip.o irq_sim.o\n' > Kbuild
make -C "/lib/modules/$RELEASE/build" M="$PWD" modules
cp gpio-sim.ko "$OUT/"
