#!/usr/bin/env bash
# Install the doorbell on Raspberry Pi OS or Debian (bookworm, trixie), over SSH or not.
# Doing it again is harmless: what is there is left as it is, what is missing is made.
set -euo pipefail

usage() {
  cat <<'END'
usage: sudo production/install.sh [--release DIR] [--no-packages] [--no-start]
       sudo production/install.sh --uninstall [--purge]

  --release DIR   a folder of wheels with release.json: nothing is fetched.
                  Without it the locked requirements come from the package index,
                  and our own wheel is built from this checkout.
  --no-packages   install no packages of the operating system
  --no-start      install, but start nothing
  --uninstall     remove programs and units; settings, people and visits stay
  --purge         with --uninstall: these too

example: sudo production/install.sh
END
}

say() { printf '%s\n' "== $*"; }
fail() { printf 'install.sh: %s\n' "$1" >&2; exit "${2:-69}"; }
misused() { usage >&2; fail "$1" 2; }

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(dirname "$HERE")
ROOT=/opt/doorbell
# Slots are made with the same: a wheel fits one version of Python.
PYTHON=/usr/bin/python3
UNITS=/etc/systemd/system
SERVICES=(doorbell-button.service doorbell-audit.service doorbell-http.socket
  doorbell@blue.service doorbell@green.service doorbell-deploy.timer)

RELEASE='' PACKAGES=yes START=yes ACTION=install PURGE=no
while [ $# -gt 0 ]; do
  case $1 in
    --release)
      [ -n "${2:-}" ] || misused "--release needs a folder"
      [ -d "$2" ] || misused "there is no folder $2"
      RELEASE=$(cd "$2" && pwd)
      [ -e "$RELEASE/release.json" ] || fail "$RELEASE is no release: it has no release.json" 65
      shift
      ;;
    --no-packages) PACKAGES=no ;;
    --no-start) START=no ;;
    --uninstall) ACTION=uninstall ;;
    --purge) PURGE=yes ;;
    -h | --help) usage; exit 0 ;;
    *) misused "there is no option $1" ;;
  esac
  shift
done
# Who forgot a word wanted to remove something, not to install.
[ "$PURGE" = no ] || [ "$ACTION" = uninstall ] || misused "--purge goes with --uninstall"

# Units and their companions: beside us in a release, in the checkout otherwise.
assets() {
  local folder
  for folder in "$HERE/systemd" "$TOP/infrastructure/systemd"; do
    [ -e "$folder/doorbell@.service" ] && { echo "$folder"; return; }
  done
  fail "the units are missing: run it from a checkout or a release"
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail "only root can install: use sudo" 2
  [ -d /run/systemd/system ] || fail "this machine does not run systemd"
  [ "$(getconf LONG_BIT)" = 64 ] || fail "a 64-bit system is needed: there are no wheels for 32"
}

check_python() {
  [ -x "$PYTHON" ] && "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$PYTHON is not there or older than 3.11"
  "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "the package python3-venv is missing: 'apt-get update' first, if apt does not know it"
}

# Only what is missing and what this system has: picamera2 is Raspberry Pi OS's.
install_packages() {
  [ "$PACKAGES" = yes ] || return 0
  local name missing=()
  for name in python3 python3-venv python3-picamera2; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local known=()
  for name in "${missing[@]}"; do
    [ -n "$(apt-cache policy "$name" 2>/dev/null | sed -n 's/  Candidate: \([^(].*\)/\1/p')" ] && known+=("$name")
  done
  [ ${#known[@]} -gt 0 ] || return 0
  say "installing ${known[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${known[@]}" >/dev/null
}

# A file that is the same is not touched; says whether anything changed.
put() {
  cmp -s "$1" "$2" && return 1
  install -D -m 0644 "$1" "$2"
}

install_units() {
  local from name
  from=$(assets)
  for name in doorbell-button.service doorbell-audit.service doorbell-http.{socket,service} \
    doorbell@.service doorbell-deploy.service doorbell-deploy.timer; do
    put "$from/$name" "$UNITS/$name" || true
  done
  put "$from/sysusers.conf" /etc/sysusers.d/doorbell.conf || true
  put "$from/tmpfiles.conf" /etc/tmpfiles.d/doorbell.conf || true
  put "$from/journald.conf" /etc/systemd/journald.conf.d/doorbell.conf &&
    systemctl try-restart systemd-journald.service || true
  put "$from/watchdog.conf" /etc/systemd/system.conf.d/doorbell.conf && systemctl daemon-reexec || true
  systemd-sysusers doorbell.conf
  systemd-tmpfiles --create doorbell.conf
  systemctl daemon-reload
}

install_settings() {
  local target=/etc/doorbell/doorbell.toml
  [ -e "$target" ] && return 0
  say "settings: $target"
  local sample=$TOP/config/doorbell.sample.toml
  [ -e "$sample" ] || sample=$HERE/doorbell.sample.toml
  # In production the button and the control socket are where the units have them.
  sed -e 's|^# holder = ""$|holder = "/run/doorbell/button.sock"|' \
    -e '/^\[control\]$/,/^\[/ s|^# socket = ""$|socket = "/run/doorbell/control.sock"|' \
    "$sample" > "$target.new"
  grep -q '^holder = ' "$target.new" || {
    rm -f "$target.new"
    fail "$sample has no [button] holder"
  }
  install -m 0640 -o root -g doorbell "$target.new" "$target"
  rm -f "$target.new"
}

# Whoever installs by sudo may do everything as root: asking for it each time helps nobody.
admit_owner() {
  local owner=${SUDO_USER:-root}
  [ "$owner" != root ] && getent passwd "$owner" >/dev/null || return 0
  usermod -a -G doorbell,doorbell-admin "$owner"
  say "$owner may press, enrol and erase, from the next login on"
}

# All of this checkout's version is there: a slot's link is made last.
is_installed() {
  local ours theirs
  [ -x "$ROOT/current/bin/doorbell" ] || return 1
  ours=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$TOP/pyproject.toml" 2>/dev/null)
  theirs=$(deployed_version 2>/dev/null)
  [ -n "$ours" ] && [ "$ours" = "$theirs" ]
}

deployed_version() {
  "$ROOT/deploy/bin/python" -c 'import importlib.metadata as m; print(m.version("doorbell-edge"))'
}

# The deployer has an environment of its own: it must work when every slot is broken.
make_deployer() {
  [ -x "$ROOT/deploy/bin/pip" ] || "$PYTHON" -m venv "$ROOT/deploy"
  if [ -z "$RELEASE" ]; then
    RELEASE=$ROOT/fetched
    is_installed && return 0
    fetch_release
  fi
  "$ROOT/deploy/bin/pip" install -q --disable-pip-version-check --no-index --no-cache-dir \
    --find-links "$RELEASE" --upgrade 'doorbell-edge[deploy]'
  [ -e "$RELEASE/release.json" ] ||
    "$ROOT/deploy/bin/doorbell-deploy" publish describe "$(deployed_version)" "$RELEASE"
}

fetch_release() {
  [ -e "$TOP/pyproject.toml" ] || fail "give --release, or run it from a checkout"
  say "fetching the locked requirements (some 250 MB)"
  local tools=$ROOT/tools options=(-q --disable-pip-version-check --no-deps)
  rm -rf "$RELEASE" "$tools"
  mkdir -p "$RELEASE"
  # Not all of it comes as a wheel, and what builds the rest is locked as well.
  "$PYTHON" -m venv "$tools"
  "$tools/bin/pip" install "${options[@]}" --require-hashes -r "$TOP/requirements-build.txt"
  options+=(--no-build-isolation -w "$RELEASE")
  "$tools/bin/pip" wheel "${options[@]}" --require-hashes -r "$TOP/requirements-production.txt"
  "$tools/bin/pip" wheel "${options[@]}" "$TOP"
  rm -rf "$tools"
}

install_release() {
  say "installing (a Pi takes some minutes)"
  SLOT=$("$ROOT/deploy/bin/python" -m production.installation "$RELEASE")
  [ "$RELEASE" != "$ROOT/fetched" ] || rm -rf "$RELEASE"
  ln -sfn "$ROOT/current/bin/doorbell" /usr/local/bin/doorbell
  ln -sfn "$ROOT/deploy/bin/doorbell-deploy" /usr/local/bin/doorbell-deploy
}

start() {
  systemctl enable -q "${SERVICES[@]}"
  [ "$START" = yes ] || return 0
  say "starting slot $SLOT"
  systemctl start doorbell-button.service doorbell-audit.service doorbell-http.socket doorbell-deploy.timer
  systemctl start "doorbell@$SLOT.service" || {
    journalctl -u "doorbell@$SLOT" -u doorbell-button -n 20 --no-pager -o cat >&2
    fail "it does not start; the log is above"
  }
}

advise() {
  say "installed. What to do next:"
  cat <<END
  log in anew                            your groups are new
  sudoedit /etc/doorbell/doorbell.toml   what to tell whom, which camera
  sudo systemctl reload doorbell@$SLOT    take it over
  doorbell status                        how it is doing
END
}

uninstall() {
  say "stopping"
  local unit
  for unit in "${SERVICES[@]}" doorbell-{deploy,http}.service; do
    systemctl disable -q --now "$unit" 2>/dev/null || true
    systemctl stop "$unit" 2>/dev/null || true
  done
  rm -f "$UNITS"/doorbell-{button,audit,deploy,http}.service "$UNITS"/doorbell-{http.socket,deploy.timer} \
    "$UNITS/doorbell@.service" /etc/systemd/journald.conf.d/doorbell.conf \
    /etc/systemd/system.conf.d/doorbell.conf /usr/local/bin/doorbell /usr/local/bin/doorbell-deploy
  systemctl daemon-reload
  systemctl reset-failed 'doorbell*' 2>/dev/null || true
  rm -rf "$ROOT" /var/lib/doorbell-deploy /run/doorbell /run/doorbell-deploy
  if [ "$PURGE" = yes ]; then
    say "removing settings, people and visits"
    rm -rf /etc/doorbell /var/lib/doorbell
    rm -f /etc/sysusers.d/doorbell.conf /etc/tmpfiles.d/doorbell.conf
    userdel doorbell 2>/dev/null || true
    groupdel doorbell 2>/dev/null || true
    groupdel doorbell-admin 2>/dev/null || true
  else
    say "kept: /etc/doorbell and /var/lib/doorbell (remove them with --purge)"
  fi
}

check_machine
if [ "$ACTION" = uninstall ]; then
  uninstall
  exit 0
fi
install_packages
check_python
install_units
admit_owner
install_settings
make_deployer
install_release
start
advise
