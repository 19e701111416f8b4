"""Settings as TOML text, for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def to_toml(settings: Mapping[str, object]) -> str:
    """Write tables as TOML; what is None, which TOML cannot say, as a comment."""
    return "\n".join(_table(settings, "")).strip() + "\n"


def value(item: object) -> str:
    """Write one value as TOML."""
    match item:
        case bool():
            return "true" if item else "false"
        case int() | float():
            return repr(item)
        case str():
            # JSON escapes are TOML escapes; TOML wants DEL escaped as well.
            return json.dumps(item, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(value, item))}]"
        case dict():
            inside = ", ".join(f"{k} = {value(v)}" for k, v in item.items())
            return f"{{ {inside} }}"
        case _:
            msg = f"TOML has no {type(item).__name__}"
            raise TypeError(msg)


def _table(table: Mapping[str, object], name: str) -> Iterator[str]:
    deeper = {key: one for key, one in table.items() if _is_deeper(one)}
    for key, one in table.items():
        if key not in deeper:
            yield f"# {key} is not set" if one is None else f"{key} = {value(one)}"
    for key, one in deeper.items():
        path = f"{name}.{key}" if name else key
        if isinstance(one, dict):
            yield from ("", f"[{path}]", *_table(one, path))
        elif isinstance(one, list):
            for item in one:
                yield from ("", f"[[{path}]]", *_table(item, path))


def _is_deeper(item: object) -> bool:
    if isinstance(item, dict):
        return True
    return isinstance(item, list) and bool(item) and isinstance(item[0], dict)
