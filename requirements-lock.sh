#!/bin/sh
# Compile the locked requirements: for every platform and Python we support at once.
# usage: requirements-lock.sh UV
set -eu
uv=$1
overrides=$(mktemp)
trap 'rm -f "$overrides"' EXIT
# Never from source on a Pi: `dlib-bin` is the same library as a wheel.
echo "dlib ; sys_platform == 'never'" > "$overrides"

compile() { # OUT EXTRA...
  out=$1; shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
    --override "$overrides" --no-emit-package doorbell-edge "$@" -o "$out"
}

{ grep -v doorbell-edge requirements-production.in; } > "$overrides.in"
compile requirements-production.txt pyproject.toml "$overrides.in" \
  --extra vision --extra notify --extra pi --extra web --extra deploy --extra backup
# What builds our own wheel in the image.
compile requirements-build.txt requirements-build.in
compile requirements-dev.txt pyproject.toml "$overrides.in" --extra dev
rm -f "$overrides.in"
