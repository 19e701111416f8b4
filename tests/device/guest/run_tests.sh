#!/bin/bash
# What the device does after its start: install the wheel, run the tests, say how it went.
set -uo pipefail
SHARE=/mnt
PYTHON=/opt/doorbell/bin/python
stty -F /dev/ttyS1 raw -echo columns 88 2>/dev/null || true
export DOORBELL_TEST_DATA=$SHARE/data
export PYTHONFAULTHANDLER=1 DEVICE_TESTS=1 PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 TERM=dumb COLUMNS=88
export LIBCAMERA_LOG_LEVELS='*:ERROR' GPIOZERO_PIN_FACTORY=lgpio

set -e
$PYTHON -m pip install -q --no-index --no-deps --root-user-action ignore $SHARE/wheel/*.whl
bash $SHARE/tests/device/guest/prepare.sh $PYTHON
set +e
mkdir -p /root/checkout
cp $SHARE/pyproject.toml /root/checkout/
cp -r $SHARE/tests /root/checkout/
cd /root/checkout || exit 1
mapfile -t arguments < $SHARE/pytest-arguments
# picamera2 still sets its threads' daemon flag in the old way, and leaves its pipe open
# when a camera cannot be taken. lgpio's own threads may crash the interpreter while it is
# taken down, so it is not: pytest is done by then.
$PYTHON - "${arguments[@]}" -p no:cacheprovider -o timeout=600 \
  -o faulthandler_timeout=550 -W 'ignore:setDaemon:DeprecationWarning' \
  -W 'ignore:unclosed file <_io.FileIO:ResourceWarning' <<'END'
import os
import sys

import pytest

code = pytest.main(sys.argv[1:])
sys.stdout.flush()
os._exit(code)
END
echo $? > $SHARE/exit-code
sync
