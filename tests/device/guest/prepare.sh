#!/bin/bash
# Give this machine the hardware of a door: a GPIO chip, three cameras, and the face of
# a Raspberry Pi.   usage: prepare.sh PYTHON
set -euo pipefail
PYTHON=$1

# gpiozero asks the board which pins its header has, and refuses what is no Pi.
{
  cat /proc/cpuinfo
  printf 'Revision\t: c03115\nModel\t\t: Raspberry Pi 4 Model B Rev 1.5\n'
} > /run/cpuinfo
mount --bind /run/cpuinfo /proc/cpuinfo

# The chip, as the kernel of a Pi 4 names it.
modprobe gpio-sim
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
chip=/sys/kernel/config/gpio-sim/header
mkdir -p $chip/bank0
echo 54 > $chip/bank0/num_lines
echo pinctrl-bcm2711 > $chip/bank0/label
echo 1 > $chip/live
echo "/sys/devices/platform/$(cat $chip/dev_name)/$(cat $chip/bank0/chip_name)" \
  > /run/gpio-lines

# A camera that shows what a test writes to it, and a webcam that can be unplugged.
modprobe v4l2loopback video_nr=40 card_label=Porch exclusive_caps=1
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 vid_cap_nr=50

# A camera of libcamera; it shows this picture, red on its left and blue on its right.
mkdir -p /run/pictures /usr/share/libcamera/pipeline/virtual
"$PYTHON" - /run/pictures/0.jpg <<'END'
import sys

import cv2
import numpy as np

picture = np.zeros((480, 640, 3), np.uint8)
picture[:, :320] = (0, 0, 200)
picture[:, 320:] = (200, 0, 0)
cv2.imwrite(sys.argv[1], picture)
END
cat > /usr/share/libcamera/pipeline/virtual/virtual.yaml <<'END'
%YAML 1.1
---
"Porch":
  supported_formats:
  - width: 640
    height: 480
    frame_rates:
    - 5
    - 30
  frames:
    path: "/run/pictures"
  location: "CameraLocationFront"
  model: "porch"
END
udevadm settle
