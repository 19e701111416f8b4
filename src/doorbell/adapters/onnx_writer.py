"""Write ONNX files, as much of the format as one network needs.

ONNX is a Protocol Buffers schema (onnx/onnx.proto): a message is a row of fields, each
a key (number and wire type), then a varint, or a length and that many bytes. The
numbers below are those of the schema. The same graph gives the same bytes everywhere.
Large tables go into a file of their own beside it ("external data"), which onnxruntime
maps into memory, so that several vision workers share one copy.
See docs/adr/0020 for why the `onnx` package is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# Read by every onnxruntime since 1.12; nothing newer is needed.
OPSET = 17
IR_VERSION = 8
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_INT, _INTS = 2, 7  # AttributeProto.AttributeType
_EXTERNAL = 1  # TensorProto.DataLocation
# Shapes must be readable while the graph is loaded, so small tables stay inside.
_INLINE_BYTES = 1024
_ALIGNMENT = 4096  # of memory pages


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative number is its two's complement
    found = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def length_delimited(tag: int, *parts: bytes) -> bytes:
    """Return a field of bytes, a text or a message."""
    content = b"".join(parts)
    return _varint(tag << 3 | 2) + _varint(len(content)) + content


def _text(tag: int, value: str) -> bytes:
    return length_delimited(tag, value.encode())


@dataclass
class GraphWriter:
    """A graph with one input and one output, nodes in the order they are added.

    Attributes:
        name: of the graph, for people.
        weights_name: of the file beside the model's that is to hold `weights`.
        weights: the large tables.
    """

    name: str
    weights_name: str
    weights: bytearray = field(default_factory=bytearray)
    _nodes: list[bytes] = field(default_factory=list)
    _constants: list[bytes] = field(default_factory=list)

    def constant(self, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Add a table of numbers; returns its name."""
        name = f"constant_{len(self._constants)}"
        kind = _FLOAT if values.dtype == np.float32 else _INT64
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        dimensions = b"".join(_number(1, size) for size in values.shape)
        content = self._content(little.tobytes())
        tensor = (dimensions, _number(2, kind), _text(8, name), content)
        self._constants.append(length_delimited(5, *tensor))
        return name

    def _content(self, data: bytes) -> bytes:
        if len(data) < _INLINE_BYTES:
            return length_delimited(9, data)
        self.weights += b"\0" * (-len(self.weights) % _ALIGNMENT)
        place = {
            "location": self.weights_name,
            "offset": str(len(self.weights)),
            "length": str(len(data)),
        }
        self.weights += data
        entries = (
            length_delimited(13, _text(1, key), _text(2, place[key])) for key in place
        )
        return b"".join((*entries, _number(14, _EXTERNAL)))

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        attributes: Mapping[str, int | Sequence[int]] | None = None,
        output: str = "",
    ) -> str:
        """Add one computation; returns the name of its result."""
        output = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(
            length_delimited(
                1,
                *(_text(1, name) for name in inputs),
                _text(2, output),
                _text(3, output),
                _text(4, operator),
                *(_attribute(*item) for item in (attributes or {}).items()),
            )
        )
        return output

    def model(
        self,
        taken: tuple[str, Sequence[int | str]],
        given: tuple[str, Sequence[int | str]],
        facts: Mapping[str, str],
    ) -> bytes:
        """Return the file; `weights` is the other one.

        Args:
            taken: name and shape of the input, a word for a size that varies.
            given: the same of the output.
            facts: kept in the file as its metadata.
        """
        graph = length_delimited(
            7,
            *self._nodes,
            _text(2, self.name),
            *self._constants,
            length_delimited(11, _value(*taken)),
            length_delimited(12, _value(*given)),
        )
        return b"".join(
            (
                _number(1, IR_VERSION),
                _text(2, "doorbell"),
                graph,
                length_delimited(8, _text(1, ""), _number(2, OPSET)),
                *(
                    length_delimited(14, _text(1, k), _text(2, v))
                    for k, v in facts.items()
                ),
            )
        )


def _attribute(name: str, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return length_delimited(5, _text(1, name), _number(3, value), _number(20, _INT))
    numbers = (_number(8, part) for part in value)
    return length_delimited(5, _text(1, name), *numbers, _number(20, _INTS))


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = (
        length_delimited(
            1, _number(1, size) if isinstance(size, int) else _text(2, size)
        )
        for size in shape
    )
    tensor = length_delimited(1, _number(1, _FLOAT), length_delimited(2, *sizes))
    return _text(1, name) + length_delimited(2, tensor)
