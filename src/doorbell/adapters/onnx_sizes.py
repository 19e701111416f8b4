"""Let an ONNX network take pictures of another size than it was published for.

A network of convolutions does not care how large its input is, but a file may name one
size all the same. Here the sizes of input and outputs are replaced by names, which
stand for any size, and the sizes of the values between are left out: the runtime works
them out itself. The weights stay as they are. The format is told in `onnx_writer`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from doorbell.adapters.onnx_writer import length_delimited
from doorbell.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Numbers of onnx/onnx.proto: ModelProto.graph; GraphProto.input, output, value_info;
# ValueInfoProto.type; TypeProto.tensor_type; Tensor.shape; TensorShapeProto.dim.
_GRAPH, _INPUT, _OUTPUT, _BETWEEN = 7, 11, 12, 13
_WAY_TO_SIZES = (2, 1, 2, 1)
_SIZE_AS_NUMBER, _SIZE_AS_NAME = 1, 2
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_FIXED_LENGTHS = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
# Batch, channels, box and landmark sizes stay; rows, columns and cells do not.
_LEAST_FREE = 100
_LONGEST_VARINT = 10


def with_free_sizes(model: bytes) -> bytes:
    """Return the network with every size of input and outputs from 100 on left open.

    Raises:
        ModelError: this is no ONNX file.
    """
    return b"".join(
        length_delimited(tag, _freed_graph(content)) if tag == _GRAPH else whole
        for tag, whole, content in _fields(model)
    )


def _freed_graph(graph: bytes) -> bytes:
    parts = []
    # A name of its own for each, or the runtime would take sizes for equal.
    names = (f"size_{number}".encode() for number in itertools.count())
    for tag, whole, content in _fields(graph):
        if tag in (_INPUT, _OUTPUT):
            freed = _freed_value(content, _WAY_TO_SIZES, names)
            parts.append(length_delimited(tag, freed))
        elif tag != _BETWEEN:
            parts.append(whole)
    return b"".join(parts)


def _freed_value(message: bytes, way: tuple[int, ...], names: Iterator[bytes]) -> bytes:
    """Follow the way down to the sizes, and give the large ones a name instead."""
    if not way:
        return _freed_size(message, names)
    return b"".join(
        length_delimited(tag, _freed_value(content, way[1:], names))
        if tag == way[0]
        else whole
        for tag, whole, content in _fields(message)
    )


def _freed_size(size: bytes, names: Iterator[bytes]) -> bytes:
    for tag, whole, _ in _fields(size):
        if tag == _SIZE_AS_NUMBER and _number(whole, 1)[0] >= _LEAST_FREE:
            return length_delimited(_SIZE_AS_NAME, next(names))
    return size


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield each field's number, its bytes, and what it contains."""
    at = 0
    while at < len(message):
        start = at
        key, at = _number(message, at)
        kind = key & 7
        begin = at
        if kind == _VARINT:
            _, at = _number(message, at)
        elif kind == _BYTES:
            length, begin = _number(message, at)
            at = begin + length
        elif kind in _FIXED_LENGTHS:
            at += _FIXED_LENGTHS[kind]
        else:
            _refuse()
        if at > len(message):
            _refuse()
        yield key >> 3, message[start:at], message[begin:at]


def _number(message: bytes, at: int) -> tuple[int, int]:
    """Return the varint at a place, and where it ends."""
    for end in range(at, min(at + _LONGEST_VARINT, len(message))):
        if message[end] < 0x80:  # noqa: PLR2004 - the last seven bits of a number
            digits = message[at : end + 1]
            return sum((b & 0x7F) << 7 * i for i, b in enumerate(digits)), end + 1
    return _refuse()


def _refuse() -> tuple[int, int]:
    msg = "this is no ONNX file"
    raise ModelError(msg)
