"""`doorbell backup` and `doorbell restore`."""

from __future__ import annotations

import getpass
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import SettingsError
from config.secrets import read_secret
from doorbell.cli.parsing import add_command
from doorbell.cli.progress import status_line
from doorbell.core.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers

# What a person can remember and a machine cannot try within years, given age's scrypt.
LEAST_PASSPHRASE = 10
MIB = 1 << 20


def add_parser(subparsers: Subparsers) -> None:
    """Declare both commands."""
    parser = add_command(
        subparsers,
        "backup",
        run=backup,
        about="write everything into one encrypted file, while the doorbell runs",
        description="Write people, visits, pictures, settings, keys and the audit log\n"
        "into one file that only the passphrase opens, and read it again to be sure.\n"
        "Keep it away from this device. Models are not in it: they can be fetched.",
        example="doorbell backup /media/usb/doorbell.backup\n"
        "doorbell backup --passphrase-file /root/passphrase  # into [backup] dir",
        json=True,
    )
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="to be written; without it one named by the date, in `[backup] dir`",
    )
    _add_passphrase(parser)
    parser = add_command(
        subparsers,
        "restore",
        run=restore,
        about="bring a backup back, onto this device or a blank one",
        description="Replace this device's state by that of a backup. The doorbell\n"
        "must be stopped. What was there before is kept in `before-restore` below\n"
        "[storage] dir. Who was erased after the backup stays erased if the list\n"
        "`doorbell-erased` lies beside the backup or in [backup] dir. The audit log\n"
        "says that it was restored: tell your witness (`doorbell audit witness`).",
        example="sudo systemctl stop 'doorbell@*' doorbell-button doorbell-audit\n"
        "sudo doorbell restore /media/usb/doorbell.backup",
        json=True,
    )
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="what `doorbell backup` wrote"
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="there is a state already; put it into `before-restore`",
    )
    _add_passphrase(parser)


def _add_passphrase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="instead of being asked; `[backup] passphrase_file` is the default",
    )


def backup(context: Context) -> int:
    """Write one; 0 once it was read again."""
    # Encryption of files is an extra that a daemon does not need.
    try:
        from doorbell.runtime.backups import make_backup  # noqa: PLC0415 - see above
    except ImportError as error:
        raise _missing() from error
    target = context.args.file or _in_folder(context)
    passphrase = _passphrase(context, is_new=True)
    with status_line(context.err) as show:
        manifest = make_backup(
            context.settings,
            context.settings_file,
            target,
            passphrase,
            _shown(show, "written"),
        )
    if context.wants_json:
        context.say_json(
            {"file": str(target), "id": manifest.id, "files": len(manifest.files)}
        )
        return 0
    files = len(manifest.files)
    context.say(f"{target}: {files} files, {manifest.bytes / MIB:.1f} MiB, read again")
    return 0


def restore(context: Context) -> int:
    """Bring one back; 0 once it is in place."""
    try:
        from doorbell.runtime.backups import restore_backup  # noqa: PLC0415 - as above
    except ImportError as error:
        raise _missing() from error
    source: Path = context.args.file
    if not source.is_file():
        msg = f"there is no file {source}"
        raise UsageError(msg, hint="Name the file that `doorbell backup` wrote.")
    state = Path(context.settings.storage.dir) / "state.db"
    if state.exists() and not context.args.replace:
        msg = f"{state} is there already"
        raise UsageError(msg, hint="--replace keeps it aside in `before-restore`.")
    passphrase = _passphrase(context, is_new=False)
    with status_line(context.err) as show:
        found = restore_backup(
            context.settings, source, passphrase, _shown(show, "restored")
        )
    if context.wants_json:
        context.say_json({"id": found.manifest.id, "erased_again": found.erased})
        return 0
    context.say(f"restored {len(found.manifest.files)} files")
    if found.erased:
        context.say(
            f"{found.erased} of its people had been erased since, and are again"
        )
    if found.settings is not None:
        context.say(f"the settings of the backup are in {found.settings}")
    if found.aside is not None:
        context.say(f"what was here before is in {found.aside}")
    context.say("next: start the doorbell, and run `doorbell audit verify`")
    return 0


def _shown(show: Callable[[str], None], word: str) -> Callable[[int], None]:
    return lambda done: show(f"{done / MIB:.1f} MiB {word}")


def _in_folder(context: Context) -> Path:
    folder = context.settings.backup.dir
    if not folder:
        msg = "no file is named, and [backup] dir is empty"
        raise UsageError(msg, hint="doorbell backup FILE, on another medium.")
    return Path(folder) / time.strftime("doorbell-%Y-%m-%d-%H%M%S.backup")


def _passphrase(context: Context, *, is_new: bool) -> str:
    text = _from_file(context)
    if text is None:
        text = _asked(is_new=is_new)
    if is_new and len(text) < LEAST_PASSPHRASE:
        msg = f"the passphrase has fewer than {LEAST_PASSPHRASE} characters"
        raise UsageError(msg, hint="Four words drawn at random are a good one.")
    return text


def _from_file(context: Context) -> str | None:
    given = context.args.passphrase_file
    named = context.settings.backup.passphrase_file
    if not given:
        key = "backup.passphrase_file"
        return read_secret(key, named, context.environ) if named else None
    try:
        path = str(Path(given).absolute())
        return read_secret("--passphrase-file", path, context.environ)
    except SettingsError as error:
        raise UsageError(str(error.mistakes[0])) from error


def _asked(*, is_new: bool) -> str:
    try:
        with warnings.catch_warnings():
            # Without a terminal it would be read from elsewhere, and shown.
            warnings.simplefilter("error", getpass.GetPassWarning)
            text = getpass.getpass("passphrase: ")
            again = getpass.getpass("once more: ") if is_new else text
    except (EOFError, getpass.GetPassWarning) as error:
        msg = "there is no terminal to ask for the passphrase"
        hint = "Name a file that holds it: --passphrase-file FILE."
        raise UsageError(msg, hint=hint) from error
    if text != again:
        msg = "the two are not the same"
        raise UsageError(msg, hint="Nothing was written; try again.")
    return text


def _missing() -> UnavailableError:
    msg = "encryption of backups is not installed"
    return UnavailableError(msg, hint="pip install 'doorbell-edge[backup]'")
