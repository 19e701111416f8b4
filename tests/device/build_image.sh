#!/bin/bash
# Build the machine that stands in for a Pi: Debian trixie with a simulated GPIO chip, a
# loopback camera and libcamera's virtual camera.
#
# usage: build_image.sh FOLDER REQUIREMENTS
#
# Needs root and mmdebstrap; reads this machine's own Debian mirror from its apt
# configuration. What is there already is not built again; an interrupted build goes on
# where it stopped. Leaves disk.img, vmlinuz and initrd in FOLDER.
set -euo pipefail

FOLDER=$(mkdir -p "$1" && cd "$1" && pwd)
REQUIREMENTS=$(realpath "$2")
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$FOLDER/root
SUITE=trixie
# picamera2 follows libcamera's changes of interface, so both are of one time:
# libcamera from the backports, picamera2 and what only it needs from PyPI.
LIBCAMERA=(libcamera-ipa python3-libcamera)
PICAMERA=(picamera2==0.3.38 simplejpeg==1.9.0 av)
PICAMERA_SOURCES=(PiDNG==4.0.9 videodev2==0.0.4)
PACKAGES=linux-image-amd64,initramfs-tools,systemd-sysv,udev,kmod,zstd
PACKAGES+=,python3,python3-venv,gpiod,v4l-utils
PACKAGES+=,python3-prctl,python3-piexif,python3-jsonschema,python3-libarchive-c
BUILD_TOOLS=(linux-headers-amd64 linux-source v4l2loopback-dkms xz-utils make gcc libc6-dev
  python3-dev python3-pip python3-setuptools python3-wheel)

say() { echo "device image: $*" >&2; }

# Run a step once: `once NAME INPUT… -- COMMAND…`; again when an input changed.
once() {
  local name=$1 inputs=() stamp
  shift
  while [ "$1" != -- ]; do inputs+=("$1"); shift; done
  shift
  stamp=$(printf '%s\n' "$name" "${inputs[@]}" | sha256sum | cut -d' ' -f1)
  [ "$(cat "$FOLDER/.$name" 2>/dev/null)" = "$stamp" ] && return
  say "$name"
  rm -f "$FOLDER/.$name"
  "$@"
  echo "$stamp" > "$FOLDER/.$name"
}

sources() {
  local main security
  main=$(mirror_of '^[a-z]+$')
  security=$(mirror_of '-security$')
  printf 'deb %s %s main\n' "$main" "$SUITE" "$main" "$SUITE-backports"
  [ -z "$security" ] || printf 'deb %s %s main\n' "$security" "$SUITE-security"
}

mirror_of() {
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v wanted="$1" '$1 ~ wanted { print $2; exit }'
}

in_root() { chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  DEBIAN_FRONTEND=noninteractive PIP_ROOT_USER_ACTION=ignore \
  PIP_DISABLE_PIP_VERSION_CHECK=1 "${@:2}"; }

# pip inside a chroot speaks to the same index, with the same certificates, as outside.
with_pip() {
  local root=$1
  shift
  cp /etc/ssl/certs/ca-certificates.crt "$root/tmp/certificates.crt"
  in_root "$root" PIP_CERT=/tmp/certificates.crt \
    PIP_INDEX_URL="$(python3 -m pip config get global.index-url 2>/dev/null || echo https://pypi.org/simple)" \
    "$@"
}

make_root() {
  rm -rf "$ROOT"
  sources > "$FOLDER/sources.list"
  mmdebstrap --quiet --mode=root --variant=minbase --include="$PACKAGES" \
    --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook="$HERE/guest/initramfs.sh \"\$1\"" \
    --customize-hook="chroot \"\$1\" apt-get install -y -qq -t $SUITE-backports ${LIBCAMERA[*]}" \
    --skip=cleanup/apt/lists \
    "$SUITE" "$ROOT" "$FOLDER/sources.list"
}

# In a copy, so that no compiler stays in the image; of one kernel with the image.
make_parts() {
  local bench=$FOLDER/bench
  rm -rf "$bench" "$FOLDER/parts"
  mkdir -p "$FOLDER/parts"
  cp -a --reflink=auto "$ROOT" "$bench"
  in_root "$bench" apt-get install -y -qq --no-install-recommends "${BUILD_TOOLS[@]}" >&2
  install -D "$HERE/guest/build_modules.sh" "$bench/root/build_modules.sh"
  in_root "$bench" bash /root/build_modules.sh /root/parts >&2
  with_pip "$bench" python3 -m pip wheel -q --no-deps --no-build-isolation \
    -w /root/parts "${PICAMERA_SOURCES[@]}"
  cp "$bench"/root/parts/* "$FOLDER/parts/"
  rm -rf "$bench"
}

make_venv() {
  rm -rf "$ROOT/opt/doorbell" "$ROOT/tmp/"*
  cp "$REQUIREMENTS" "$ROOT/tmp/requirements.txt"
  cp "$FOLDER"/parts/*.whl "$ROOT/tmp/"
  in_root "$ROOT" python3 -m venv --system-site-packages /opt/doorbell
  with_pip "$ROOT" /opt/doorbell/bin/pip install -q --no-cache-dir --require-hashes --no-deps \
    -r /tmp/requirements.txt
  with_pip "$ROOT" sh -c "/opt/doorbell/bin/pip install -q --no-cache-dir --no-deps \
    ${PICAMERA[*]} /tmp/*.whl"
  rm -rf "$ROOT/tmp/"*
}

make_disk() {
  local release modules
  release=$(basename "$(echo "$ROOT"/lib/modules/*)")
  modules=$ROOT/lib/modules/$release/extra
  install -D -t "$modules" "$FOLDER"/parts/*.ko*
  in_root "$ROOT" depmod "$release"
  bash "$HERE/guest/configure.sh" "$ROOT" "$HERE/guest"
  cp "$ROOT/boot/vmlinuz-$release" "$FOLDER/vmlinuz"
  cp "$ROOT/boot/initrd.img-$release" "$FOLDER/initrd"
  rm -f "$FOLDER/disk.img"
  truncate -s 4G "$FOLDER/disk.img"
  mkfs.ext4 -q -F -d "$ROOT" -E lazy_itable_init=1 "$FOLDER/disk.img"
}

cd "$HERE"
once root "$PACKAGES" "${LIBCAMERA[*]}" "$(cat guest/initramfs.sh)" -- make_root
once parts "${BUILD_TOOLS[*]}" "${PICAMERA_SOURCES[*]}" "$(cat guest/build_modules.sh)" \
  "$(cat "$FOLDER/.root")" -- make_parts
once venv "$(cat "$REQUIREMENTS")" "${PICAMERA[*]}" "$(cat "$FOLDER/.parts")" -- make_venv
once disk "$(cat guest/configure.sh guest/*.service)" "$(cat "$FOLDER/.venv")" -- make_disk
