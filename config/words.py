"""Types and ranges of settings in words, for mistakes and for the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 40


def kind(annotation: object) -> str:
    """Say what a value of this type is, e.g. `whole number` or `list of text`."""
    return _kind(inspect.type_info(annotation))


def limits(annotation: object) -> str:
    """Say which values are allowed, or nothing when all are."""
    return _limits(inspect.type_info(annotation))


def meaning(annotation: object) -> str:
    """Return the description from the schema."""
    info = inspect.type_info(annotation)
    found = ""
    while isinstance(info, inspect.Metadata):
        found = found or str((info.extra_json_schema or {}).get("description", ""))
        info = info.type
    return found


def expectation(annotation: object) -> str:
    """Say in half a sentence what a value must be."""
    info = inspect.type_info(annotation)
    bare = _without_none(_bare(info))
    if isinstance(bare, inspect.LiteralType) or _title(info):
        return f"must be {_limits(info)}"
    parts = [_article(_kind(info)), _limits(info)]
    return "must be " + " ".join(part for part in parts if part)


def shown(value: object, *, echo: bool) -> str:
    """Say what a wrong value is; its text only with `echo`, as it may be a secret."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)[:_SHOWN]
        case str() if echo and value.isprintable() and len(value) <= _SHOWN:
            return f'"{value}"'
        case str():
            return "this text" if value else "empty text"
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def may_be_echoed(annotation: object) -> bool:
    """Whether a wrong value of this type can be repeated: free text may be a secret."""
    return not isinstance(
        _without_none(_bare(inspect.type_info(annotation))), inspect.StrType
    )


def _bare(info: inspect.Type) -> inspect.Type:
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info


def _without_none(info: inspect.Type) -> inspect.Type:
    if not isinstance(info, inspect.UnionType):
        return info
    others = [t for t in info.types if not isinstance(t, inspect.NoneType)]
    return _bare(others[0])


def _title(info: inspect.Type) -> str:
    while isinstance(info, inspect.Metadata):
        if title := (info.extra_json_schema or {}).get("title"):
            return str(title)
        info = info.type
    return ""


def _kind(info: inspect.Type) -> str:
    match _without_none(_bare(info)):
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "whole number"
        case inspect.FloatType():
            return "number"
        case inspect.LiteralType(values=values):
            return "whole number" if isinstance(values[0], int) else "text"
        case inspect.ListType(item_type=item):
            return f"list of {_kind(item)}"
        case inspect.TupleType(item_types=items):
            return f"{_kind(items[0])} pairs"
        case inspect.StructType():
            return "tables"
        case _:
            return "text"


def _limits(info: inspect.Type) -> str:
    if title := _title(info):
        return title
    match _without_none(_bare(info)):
        case inspect.LiteralType(values=values):
            return _one_of(values)
        case inspect.IntType() | inspect.FloatType() as number:
            return _range(number)
        case inspect.StrType(min_length=least, max_length=most):
            return _length(least, most)
        case inspect.ListType(item_type=item):
            return _limits(item)
        case inspect.TupleType(item_types=items):
            return _limits(items[0])
        case _:
            return ""


def _one_of(values: Iterable[object]) -> str:
    *first, last = [f"`{value}`" for value in values]
    return f"{', '.join(first)} or {last}" if first else last


def _range(number: inspect.IntType | inspect.FloatType) -> str:
    least, most = number.ge, number.le
    if least is not None and most is not None:
        return f"from {least} to {most}"
    return f"from {least}" if least is not None else ""


def _length(least: int | None, most: int | None) -> str:
    if most is not None:
        return f"of at most {most} characters"
    return "that is not empty" if least else ""


def _article(words: str) -> str:
    return words if words.startswith(("true", "text")) else f"a {words}"
