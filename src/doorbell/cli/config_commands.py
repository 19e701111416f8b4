"""`doorbell config check|show|schema`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from config import rendering
from config.advice import Advice, advise
from config.errors import SettingsError
from config.masking import masked
from config.production.production_settings import ProductionSettings
from config.secrets import is_exposed, secret_path
from doorbell.cli.parsing import add_command, add_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "config",
        run=check,
        about="check and show the settings",
        example="doorbell config check",
        json=True,
    )
    add_command(
        group,
        "check",
        run=check,
        about="list every mistake with its line, and what is unwise",
        example="doorbell --config doorbell.toml config check",
        json=True,
    )
    add_command(
        group,
        "show",
        run=show,
        about="print the effective settings as TOML, secrets masked",
        example="DOORBELL_CAMERA__WIDTH=640 doorbell config show",
        json=True,
    )
    add_command(
        group,
        "schema",
        run=schema,
        about="print the JSON schema of the settings, for editors",
        example="doorbell config schema > doorbell.schema.json",
    )


def check(context: Context) -> int:
    """Say what is wrong (exit 78) or only unwise (exit 0)."""
    try:
        settings = context.settings
    except SettingsError as error:
        if context.wants_json:
            context.say_json({"ok": False, **_mistakes(error), "advice": []})
            return error.exit_code
        raise
    advice = [*advise(settings), *_secret_files(settings, context.environ)]
    if context.wants_json:
        found = [{"key": one.key, "message": one.message} for one in advice]
        context.say_json({"ok": True, "mistakes": [], "advice": found})
        return 0
    context.say("the settings are right")
    for one in advice:
        context.say(f"advice: {one}")
    return 0


def show(context: Context) -> int:
    """Print the settings in force."""
    settings = masked(msgspec.to_builtins(context.settings))
    if context.wants_json:
        context.say_json(settings)
    else:
        context.say(rendering.to_toml(settings).rstrip("\n"))
    return 0


def schema(context: Context) -> int:
    """Print the JSON schema."""
    context.say(json.dumps(msgspec.json.schema(ProductionSettings), indent=2))
    return 0


def _mistakes(error: SettingsError) -> dict[str, object]:
    found = [
        {"key": m.key, "line": m.line, "where": m.where, "message": m.message}
        for m in error.mistakes
    ]
    return {"mistakes": found}


def _secret_files(
    settings: ProductionSettings, environ: Mapping[str, str]
) -> Iterator[Advice]:
    """Look at the files of secrets, as far as this user may.

    What is missing here may be there for the service, so that it is no mistake.
    """
    names = {"camera.url_file": settings.camera.url_file}
    for index, target in enumerate(settings.notify.targets):
        names[f"notify.targets[{index}].url_file"] = target.url_file
    for key, name in names.items():
        if name and (message := _exposure(key, name, environ)):
            yield Advice(key, message)


def _exposure(key: str, name: str, environ: Mapping[str, str]) -> str:
    try:
        path = secret_path(key, name, environ)
        mode = path.stat().st_mode
    except SettingsError:
        return f"the credential `{name}` can only be looked up by the service"
    except OSError as error:
        return f"{name}: {error.strerror}"
    return f"{path} can be read by every user; chmod 600" if is_exposed(mode) else ""
