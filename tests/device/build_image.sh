#!/bin/bash
# Build the machine that stands in for a Pi: Debian trixie with a simulated GPIO chip, a
# loopback camera and libcamera's virtual camera.
#
# usage: build_image.sh FOLDER
#
# Needs root and mmdebstrap; reads this machine's own Debian mirror from its apt
# configuration. What is there already is not built again; an interrupted build goes on
# where it stopped. Leaves disk.img, vmlinuz and initrd in FOLDER.
set -Eeuo pipefail

FOLDER=$(mkdir -p "$1" && cd "$1" && pwd)
HERE=$(cd "$(dirname "$0")" && pwd)
LOCKS=$HERE/../..
ROOT=$FOLDER/root
SUITE=trixie
TEST_TOOLS=(pytest pytest-timeout iniconfig pluggy packaging pygments hypothesis
  sortedcontainers psutil)
# picamera2 follows libcamera's changes of interface, so both are of one time:
# libcamera from the backports, picamera2 and what only it needs from PyPI.
LIBCAMERA=(libcamera-ipa python3-libcamera)
PICAMERA=(picamera2==0.3.38 simplejpeg av)
# Raspberry Pi OS has packages of these, Debian has not, nor PyPI wheels.
TO_COMPILE=(lgpio==0.2.2.0 PiDNG videodev2)
PACKAGES=linux-image-amd64,initramfs-tools,systemd-sysv,udev,kmod,zstd
PACKAGES+=,python3,python3-venv,gpiod,v4l-utils
PACKAGES+=,python3-prctl,python3-piexif,python3-jsonschema,python3-libarchive-c
BUILD_TOOLS=(linux-headers-amd64 linux-source v4l2loopback-dkms xz-utils make gcc libc6-dev
  swig python3-dev python3-pip python3-setuptools python3-wheel)

say() { echo "device image: $*" >&3; }

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

make_root() {
  rm -rf "$ROOT"
  sources > "$FOLDER/sources.list"
  mmdebstrap --mode=root --variant=minbase --include="$PACKAGES" \
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
  in_root "$bench" apt-get install -y -qq --no-install-recommends "${BUILD_TOOLS[@]}"
  install "$HERE/guest/build_modules.sh" "$bench/root/"
  in_root "$bench" bash /root/build_modules.sh /root/parts
  python3 -m pip download -q --no-deps --no-binary :all: -d "$bench/root/sdists" \
    "${TO_COMPILE[@]}"
  # PYPI: lgpio's sdist then compiles its own library in place of linking to one.
  in_root "$bench" PYPI=1 sh -c 'python3 -m pip wheel -q --no-deps --no-index \
    --no-build-isolation -w /root/parts /root/sdists/*'
  cp "$bench"/root/parts/* "$FOLDER/parts/"
  rm -rf "$bench"
}

# pip downloads outside, where it knows its index, and installs inside, without network.
make_venv() {
  local tmp=$ROOT/tmp/venv pip="/opt/doorbell/bin/pip install -q --no-cache-dir --no-index
    --find-links /tmp/venv --no-deps"
  rm -rf "$ROOT/opt/doorbell" "$tmp"
  mkdir -p "$tmp"
  in_root "$ROOT" python3 -m venv --system-site-packages /opt/doorbell
  cp "$LOCKS"/requirements-{production,dev}.txt "$HERE/guest/choose_requirements.py" "$tmp/"
  local choose=(/opt/doorbell/bin/python /tmp/venv/choose_requirements.py)
  { in_root "$ROOT" "${choose[@]}" /tmp/venv/requirements-production.txt
    in_root "$ROOT" "${choose[@]}" /tmp/venv/requirements-dev.txt "${TEST_TOOLS[@]}"
  } > "$tmp/locked.txt"
  local from=(python3 -m pip download -q --no-deps -d "$tmp" --implementation cp
    --python-version 3.13 --platform manylinux_2_41_x86_64 --platform manylinux_2_28_x86_64
    --platform manylinux_2_24_x86_64 --platform manylinux_2_17_x86_64
    --platform manylinux2014_x86_64)
  "${from[@]}" --require-hashes -r "$tmp/locked.txt"
  "${from[@]}" --only-binary :all: "${PICAMERA[@]}"
  cp "$FOLDER"/parts/*.whl "$tmp/"
  in_root "$ROOT" $pip setuptools
  in_root "$ROOT" $pip --no-build-isolation --require-hashes -r /tmp/venv/locked.txt
  in_root "$ROOT" $pip "${PICAMERA[@]}" "${TO_COMPILE[@]}"
  rm -rf "$tmp"
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
trap 'echo "device image: failed; the end of $FOLDER/build.log says why" >&2' ERR
{
  once root "$PACKAGES" "${LIBCAMERA[*]}" "$(cat guest/initramfs.sh)" -- make_root
  once parts "${BUILD_TOOLS[*]}" "${TO_COMPILE[*]}" "$(cat guest/build_modules.sh)" \
    "$(cat "$FOLDER/.root")" -- make_parts
  once venv "$(cat "$LOCKS"/requirements-{production,dev}.txt)" "${TEST_TOOLS[*]}" \
    "${PICAMERA[*]}" "$(cat "$FOLDER/.parts")" -- make_venv
  once disk "$(cat guest/configure.sh guest/*.service)" "$(cat "$FOLDER/.venv")" -- make_disk
} 3>&2 >> "$FOLDER/build.log" 2>&1
