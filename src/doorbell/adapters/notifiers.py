"""Open a target by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.core.errors import BadSettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorbell.ports.notifier import Notifier


def open_notifier(url: str, name: str) -> Notifier:
    """Return the notifier for `url`; sends nothing.

    Each kind is imported only when used: apprise alone is 40 MiB.

    Args:
        url: the address, secrets included.
        name: of the target, for errors.

    Raises:
        BadSettingsError: nothing here understands the address (exit code 78); the
            text never repeats it.
    """
    scheme = _scheme(url, name)
    match scheme:
        case "console":
            from doorbell.adapters.notify_console import ConsoleNotifier  # noqa: PLC0415 - see above

            return ConsoleNotifier(name)
        case "file":
            from doorbell.adapters.notify_file import FileNotifier  # noqa: PLC0415 - see above

            return FileNotifier(url, name)
        case "ntfy+http" | "ntfy+https":
            from doorbell.adapters.notify_ntfy import NtfyNotifier  # noqa: PLC0415 - see above

            return NtfyNotifier(url, name)
        case "webhook+http" | "webhook+https":
            from doorbell.adapters.notify_webhook import WebhookNotifier  # noqa: PLC0415 - see above

            return WebhookNotifier(url, name)
        case _:
            return _through_apprise(url, name)


def open_all(
    urls: Mapping[str, str],
) -> tuple[dict[str, Notifier], list[BadSettingsError]]:
    """Open every target that can be opened, and say what is wrong with the others.

    One mistyped address must not silence the phones that are set up well.

    Args:
        urls: address by name of the target.
    """
    notifiers: dict[str, Notifier] = {}
    mistakes: list[BadSettingsError] = []
    for name, url in urls.items():
        try:
            notifiers[name] = open_notifier(url, name)
        except BadSettingsError as mistake:
            mistakes.append(mistake)
    return notifiers, mistakes


def _scheme(url: str, name: str) -> str:
    scheme, colon, _ = url.strip().partition(":")
    if not colon or not scheme:
        msg = f"target {name}: its address has no scheme"
        hint = "Write console:, file:/folder, ntfy+https://server/topic or the like."
        raise BadSettingsError(msg, hint=hint)
    return scheme.lower()


def _through_apprise(url: str, name: str) -> Notifier:
    try:
        from doorbell.adapters.notify_apprise import AppriseNotifier  # noqa: PLC0415 - see above
    except ImportError as error:
        msg = f"target {name}: its kind of address needs apprise, which is missing"
        hint = "Install the extra: pip install 'doorbell-edge[notify]'."
        raise BadSettingsError(msg, hint=hint) from error
    return AppriseNotifier(url, name)
