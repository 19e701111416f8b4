"""Check parsed values against the schema, field by field, collecting every mistake."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from config import sections, words
from config.errors import Mistake
from config.keys import did_you_mean, dotted
from config.production.production_settings import ProductionSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from msgspec.structs import FieldInfo

    from config.locator import Path

_S = TypeVar("_S", bound=sections.Section)
_MISSING = object()


def section_types() -> dict[str, type[sections.Section]]:
    """Return the tables of the file by name."""
    return {
        info.name: info.type
        for info in msgspec.structs.fields(ProductionSettings)
        if isinstance(info.type, type) and issubclass(info.type, sections.Section)
    }


def item_type(annotation: object) -> type[sections.Section] | None:
    """Return the section type of a list of tables, None for any other type."""
    bare = _unwrapped(annotation)
    if get_origin(bare) is not list:
        return None
    item = _unwrapped(get_args(bare)[0])
    if isinstance(item, type) and issubclass(item, sections.Section):
        return item
    return None


class Validator:
    """Builds sections from raw values.

    A wrong value is replaced by the default, so that the rest can still be checked;
    the result is only to be used when `mistakes` is empty.

    Args:
        place: gives the file and line, or the variable, that set a path.
    """

    def __init__(self, place: Callable[[Path], tuple[str, int | None]]) -> None:
        self.mistakes: list[Mistake] = []
        self.broken: set[Path] = set()
        self._place = place

    def refuse(self, path: Path, message: str) -> None:
        """Record a mistake at `path`."""
        where, line = self._place(path)
        self.mistakes.append(Mistake(dotted(path), line, message, where))
        self.broken.add(path)

    def table(self, kind: type[_S], raw: object, path: Path) -> _S:
        """Build one section from a table."""
        if not isinstance(raw, dict):
            self.refuse(path, f"must be a table, `[{dotted(path)}]`")
            raw = {}
        fields = msgspec.structs.fields(kind)
        self._refuse_unknown(raw, [info.name for info in fields], path)
        values: dict[str, Any] = {
            info.name: self._field(info, raw.get(info.name, _MISSING), path)
            for info in fields
        }
        return kind(**values)

    def _refuse_unknown(
        self, raw: dict[str, object], known: list[str], path: Path
    ) -> None:
        for key in raw:
            if key not in known:
                hint = did_you_mean(key, known) or _belongs_elsewhere(key)
                self.refuse((*path, key), f"there is no such setting{hint}")

    def _field(self, info: FieldInfo, raw: object, parent: Path) -> object:
        path = (*parent, info.name)
        if raw is _MISSING:
            if info.required:
                self.refuse(path, "is missing")
            return _default(info)
        if isinstance(info.type, type) and issubclass(info.type, sections.Section):
            return self.table(info.type, raw, path)
        if (item := item_type(info.type)) and isinstance(raw, list):
            return [self.table(item, one, (*path, i)) for i, one in enumerate(raw)]
        return self._value(info, raw, path)

    def _value(self, info: FieldInfo, raw: object, path: Path) -> object:
        try:
            value = msgspec.convert(raw, info.type)
        except msgspec.ValidationError as error:
            self.refuse(path, _explain(info.type, raw, error))
            return _default(info)
        if complaint := _unprintable(value):
            self.refuse(path, complaint)
            return _default(info)
        return value


def _explain(annotation: object, raw: object, error: msgspec.ValidationError) -> str:
    message = words.expectation(annotation)
    if isinstance(raw, list):
        return f"{message} ({str(error).replace('$', 'the list')})"
    shown = words.shown(raw, echo=words.may_be_echoed(annotation))
    return f"{message}, not {shown}"


def _unprintable(value: object) -> str:
    """Say what is wrong with numbers and text that the types let through."""
    for leaf in _leaves(value):
        if isinstance(leaf, float) and not math.isfinite(leaf):
            return "must be a finite number"
        if isinstance(leaf, str) and not leaf.isprintable():
            # It would end up in paths, addresses and on terminals.
            return "must not contain control characters"
    return ""


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _default(info: FieldInfo) -> object:
    if info.default_factory is not msgspec.NODEFAULT:
        return info.default_factory()
    return "" if info.default is msgspec.NODEFAULT else info.default


def _belongs_elsewhere(key: str) -> str:
    homes = [
        f"`[{name}]`"
        for name, kind in section_types().items()
        if key in kind.__struct_fields__
    ]
    if not homes:
        return did_you_mean(key, section_types())
    return f"; it belongs in {' or '.join(homes)}"


def _unwrapped(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation
