"""Decode pictures from outside in a child that has nothing to lose.

Image decoders are large C programs fed by strangers. The child has no key, no
environment and, where the kernel allows it, no network; its memory, time, files and
output are bounded, and what it reports is checked before it is believed.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import msgspec

from doorbell.adapters.picture_child import Limits, Report, run
from doorbell.core.errors import BadInputError, UnavailableError

MAX_FILE_BYTES = 50 * 1024 * 1024
# A phone's 50 megapixels fit; decoded with alpha that is 256 MB for a moment.
MAX_PIXELS = 64_000_000
MAX_SIDE = 4096
# libraries 0.3 GB of address space, two copies of the largest picture 0.5 GB.
_MEMORY_BYTES = 1024**3
# The largest JPEG takes 3 s on a PC, the largest WebP 13 s.
_CPU_S = 45
_TIMEOUT_S = 60.0
_MAX_REPORT_BYTES = 64 * 1024
_FIXED = (
    fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
)


class PictureError(BadInputError):
    """A file is no picture we can use; the message says why, for the owner."""

    hint = "JPEG, PNG, WebP, HEIC and BMP up to 50 MB and 64 megapixels are read."


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A decoded picture.

    Attributes:
        width: pixels, upright.
        height: pixels, upright.
        fd: sealed memfd with RGB, 8 bits, rows without padding; the caller closes it.
        warnings: what was lost on the way ("only the first of 12 pictures is used").
    """

    width: int
    height: int
    fd: int
    warnings: tuple[str, ...]


def decode(
    picture_fd: int, max_side: int = MAX_SIDE, timeout_s: float = _TIMEOUT_S
) -> DecodedPicture:
    """Decode a picture; blocks for up to `timeout_s`.

    Args:
        picture_fd: a regular file or memfd, read from its start; stays open.
        max_side: larger pictures are reduced to it, in pixels.
        timeout_s: the child is killed after this.

    Raises:
        PictureError: it is no picture, or too large, or its decoder came to grief.
        UnavailableError: no child could be started.
    """
    _check_file(picture_fd)
    pixels = os.memfd_create("doorbell-rgb", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        report = _decode_into(pixels, picture_fd, max_side, timeout_s)
        _check_report(report, pixels, max_side)
        fcntl.fcntl(pixels, fcntl.F_ADD_SEALS, _FIXED)
    except BaseException:
        os.close(pixels)
        raise
    return DecodedPicture(report.width, report.height, pixels, tuple(report.warnings))


def _check_file(fd: int) -> None:
    try:
        size = os.fstat(fd).st_size
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError as error:
        msg = f"the picture cannot be read: {error.strerror}"
        raise PictureError(msg) from error
    if size == 0:
        msg = "the file is empty"
        raise PictureError(msg)
    if size > MAX_FILE_BYTES:
        msg = f"the file has {size / 1e6:.0f} MB, more than 50 MB are not read"
        raise PictureError(msg)


def _decode_into(
    pixels: int, picture_fd: int, max_side: int, timeout_s: float
) -> Report:
    said = os.memfd_create("doorbell-report", os.MFD_CLOEXEC)
    try:
        code = _run_child(pixels, picture_fd, said, max_side, timeout_s)
        answer = os.pread(said, _MAX_REPORT_BYTES, 0)
    finally:
        os.close(said)
    if code < 0:
        _note_killed(signal.Signals(-code).name)
    if -code == signal.SIGXCPU:
        msg = f"decoding took more than {_CPU_S} s of the processor"
        raise PictureError(msg)
    if code < 0:
        msg = f"its decoder was ended by {signal.Signals(-code).name}"
        raise PictureError(msg)
    try:
        return msgspec.json.decode(answer, type=Report)
    except msgspec.MsgspecError as error:
        msg = f"its decoder failed with status {code}"
        raise PictureError(msg) from error


def _run_child(
    pixels: int, picture_fd: int, said: int, max_side: int, timeout_s: float
) -> int:
    limits = Limits(
        max_side=max_side,
        max_pixels=MAX_PIXELS,
        memory_bytes=_MEMORY_BYTES,
        cpu_s=_CPU_S,
        output_bytes=max(max_side * max_side * 3, _MAX_REPORT_BYTES),
    )
    words = [sys.executable, "-I", "-m", "doorbell.adapters.picture_decoder"]
    words += [str(pixels), msgspec.json.encode(limits).decode()]
    try:
        return subprocess.run(
            words,
            stdin=picture_fd,
            stdout=said,
            stderr=subprocess.DEVNULL,
            pass_fds=[pixels],
            env={},
            cwd="/",
            timeout=timeout_s,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired as error:
        _note_killed("timeout")
        msg = f"decoding took longer than {timeout_s:g} s"
        raise PictureError(msg) from error
    except OSError as error:
        msg = f"the picture decoder cannot be started: {error}"
        raise UnavailableError(msg) from error


def _note_killed(by: str) -> None:
    """A picture that ends its decoder may be broken, or made for that."""
    # The child, which is this module too, has no use for it.
    from monitoring.logging.security import log_security_event  # noqa: PLC0415 - see above

    log_security_event(
        "decoder_killed",
        "a picture from outside ended its decoder",
        "medium",
        {"source": "pictures", "action_taken": "stopped", "by": by},
    )


def _check_report(report: Report, pixels: int, max_side: int) -> None:
    """Believe the child only as far as it can be checked: it may be taken over."""
    if report.error:
        raise PictureError(report.error)
    sides = (report.width, report.height)
    is_sized = all(0 < side <= max_side for side in sides)
    if not is_sized or os.fstat(pixels).st_size != report.width * report.height * 3:
        msg = "its decoder gave back something else than a picture"
        raise PictureError(msg)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2])
