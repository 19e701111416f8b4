"""What is wrong with the settings, all of it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong thing in the settings.

    Attributes:
        key: dotted, e.g. `notify.targets[0].url`; empty for the file as a whole.
        line: in the file, from 1; None when the value came from elsewhere.
        message: what is wrong and what would be right, without secrets.
        where: the file, or the environment variable, that says so.
    """

    key: str
    line: int | None
    message: str
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return ": ".join(part for part in (place, self.key, self.message) if part)


class SettingsError(Exception):
    """The settings cannot be used.

    Attributes:
        mistakes: everything found, in the order of the file; at least one.
        exit_code: EX_CONFIG of sysexits.h; a restart does not heal it.
        hint: what the owner can do.
    """

    exit_code = 78
    hint = "Correct it and try `doorbell config check`."

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        head = "the settings have a mistake" if count == 1 else f"{count} mistakes"
        super().__init__("\n  ".join([f"{head}:", *map(str, self.mistakes)]))
