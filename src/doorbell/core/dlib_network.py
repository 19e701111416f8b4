"""Read the ResNet of `dlib_face_recognition_resnet_model_v1.dat`.

dlib writes a network from the outside in: first the version of every layer, then, from
the innermost layer out, each layer's numbers followed by the state of its training. The
file names kinds of layers only by the version strings they begin with; what network it
is follows from the C++ type it was written from, repeated here as `_ORDER` (dlib's
examples/dnn_face_recognition_ex.cpp). Nothing is skipped by its size: a file that
differs in any length fails at the next version string.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from doorbell.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

# The file is 22 MB; one that is larger is another network.
MAX_BYTES = 64 * 1024 * 1024
_MAX_STRING = 64
_MAX_VALUES = 16 * 1024 * 1024
_INFINITE_EXPONENT = 32000
_SIGN, _SIZE = 0x80, 0x0F
_INT64_BYTES = 8
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Convolution:
    """Weights (out, in, rows, columns), one bias an output; strides and pads (y, x)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: tuple[int, int]
    pad: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Affine:
    """Scale and shift of each channel: a batch normalisation after training."""

    gamma: NDArray[np.float32]
    beta: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pool:
    """A maximum or a mean over a window; `window` (0, 0) is the whole channel."""

    kind: Literal["max", "average"]
    window: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Relu:
    """Nothing below zero."""


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep what comes here under a number."""

    tag: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Go on with what was kept under the number."""

    tag: int


@dataclass(frozen=True, slots=True)
class AddRemembered:
    """Add what was kept; what is smaller is filled up with zeros at its end."""

    tag: int


@dataclass(frozen=True, slots=True)
class FullyConnected:
    """A matrix (inputs, outputs), no bias."""

    weights: NDArray[np.float32]


Layer = (
    Convolution
    | Affine
    | Pool
    | Relu
    | Remember
    | Recall
    | AddRemembered
    | FullyConnected
)


@dataclass(frozen=True, slots=True)
class DlibNetwork:
    """The network, from the picture to the embedding.

    Attributes:
        side: of the square RGB picture it takes, pixels.
        mean: of each channel, to be subtracted before a division by 256.
        layers: in the order of computation.
    """

    side: int
    mean: tuple[float, float, float]
    layers: tuple[Layer, ...]


def parse(content: bytes) -> DlibNetwork:
    """Read the network.

    Raises:
        ModelError: the file is cut short, too long, or another network.
    """
    if len(content) > MAX_BYTES:
        msg = f"a model file of {len(content)} bytes is not dlib's face network"
        raise ModelError(msg)
    reader = _Reader(content)
    _expect(reader.integer(), {1}, "network version")
    _expect(reader.string(), {"loss_metric_2"}, "loss layer")
    reader.number()
    reader.number()
    versions = [reader.integer() for _ in _ORDER]
    _expect(reader.string(), {"input_rgb_image_sized"}, "input layer")
    mean = (reader.number(), reader.number(), reader.number())
    side = reader.integer()
    _expect(reader.integer(), {side}, "input height")
    layers = [
        _layer(reader, kind, versions[place], is_first=place == len(_ORDER) - 1)
        for place, kind in reversed(list(enumerate(_ORDER)))
    ]
    reader.end()
    return DlibNetwork(side, mean, tuple(layers))


class _Reader:
    """dlib's serialisation, every read within bounds."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    def take(self, size: int) -> memoryview:
        if size < 0 or size > len(self._content) - self._at:
            msg = f"the model file ends within a value at byte {self._at}"
            raise ModelError(msg)
        self._at += size
        return self._content[self._at - size : self._at]

    def integer(self) -> int:
        """A control byte (sign, size), then that many bytes, little endian."""
        control = self.take(1)[0]
        size = control & _SIZE
        if not 1 <= size <= _INT64_BYTES or control & ~(_SIGN | _SIZE):
            msg = f"no number at byte {self._at - 1} of the model file"
            raise ModelError(msg)
        value = int.from_bytes(self.take(size), "little")
        return -value if control & _SIGN else value

    def string(self) -> str:
        size = self.integer()
        if size > _MAX_STRING:
            msg = f"a name of {size} letters at byte {self._at} of the model file"
            raise ModelError(msg)
        return bytes(self.take(size)).decode("latin-1")

    def boolean(self) -> bool:
        value = self.take(1)[0]
        if value not in b"01":
            msg = f"no yes or no at byte {self._at - 1} of the model file"
            raise ModelError(msg)
        return value == ord("1")

    def number(self) -> float:
        """A mantissa and a power of two."""
        mantissa, exponent = self.integer(), self.integer()
        if exponent >= _INFINITE_EXPONENT:
            return math.inf
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            return math.inf

    def sizes(self) -> tuple[int, int, int, int]:
        found = (self.integer(), self.integer(), self.integer(), self.integer())
        if min(found) < 0 or math.prod(found) > _MAX_VALUES:
            msg = f"a table of {found} at byte {self._at} of the model file"
            raise ModelError(msg)
        return found

    def tensor(self) -> NDArray[np.float32]:
        _expect(self.integer(), {2}, "tensor version")
        count = math.prod(self.sizes())
        values = np.frombuffer(self.take(count * _FLOAT_BYTES), "<f4")
        if not np.isfinite(values).all():
            msg = f"no numbers before byte {self._at} of the model file"
            raise ModelError(msg)
        return values

    def alias(self) -> tuple[int, ...]:
        """The shape of a part of a table, empty for none."""
        return self.sizes() if self.integer() else ()

    def end(self) -> None:
        if self._at != len(self._content):
            msg = f"{len(self._content) - self._at} bytes follow the network"
            raise ModelError(msg)


def _expect(found: object, allowed: AbstractSet[object], what: str) -> None:
    if found not in allowed:
        msg = f"{what} {found!r} is not of dlib's face network"
        raise ModelError(msg)


def _layer(reader: _Reader, kind: str, version: int, *, is_first: bool) -> Layer:
    word, _, tag = kind.partition(" ")
    if word == "remember":
        return Remember(int(tag))
    if word == "recall":
        return Recall(int(tag))
    layer = _KINDS[word](reader) if not tag else _added(reader, int(tag))
    for _ in range(3):  # set up, gradient stale, gradient disabled
        reader.boolean()
    reader.tensor()  # gradient of the input
    reader.tensor()  # cached output
    if is_first:
        reader.tensor()  # last gradient
        if version >= 3:  # noqa: PLR2004 - the version that added the next number
            reader.integer()  # pictures in a sample
    elif version == 2:  # noqa: PLR2004 - the only version that has it
        reader.tensor()  # gradient of the parameters
    return layer


def _convolution(reader: _Reader) -> Convolution:
    version = reader.string()
    _expect(version, {"con_4", "con_5", "con_6"}, "convolution")
    values, filters = reader.tensor(), reader.integer()
    _, _, stride_y, stride_x, pad_y, pad_x = (reader.integer() for _ in range(6))
    shape = reader.alias()
    reader.alias()
    for _ in range(4):  # learning rates and decays
        reader.number()
    has_bias = reader.boolean() if version != "con_4" else True
    if version == "con_6":
        reader.boolean()
    count = math.prod(shape)
    bias = filters if has_bias else 0
    if not shape or shape[0] != filters or len(values) != count + bias:
        msg = (
            f"a convolution of {shape} with {filters} filters has {len(values)} values"
        )
        raise ModelError(msg)
    return Convolution(
        weights=values[:count].reshape(shape),
        bias=values[count:] if bias else np.zeros(filters, np.float32),
        stride=(stride_y, stride_x),
        pad=(pad_y, pad_x),
    )


def _affine(reader: _Reader) -> Affine:
    version = reader.string()
    _expect(version, {"affine_", "affine_2"}, "affine layer")
    values = reader.tensor()
    reader.alias()
    reader.alias()
    reader.integer()
    if version == "affine_2":
        reader.boolean()
    half, odd = divmod(len(values), 2)
    if odd:
        msg = f"an affine layer has {len(values)} values"
        raise ModelError(msg)
    return Affine(values[:half], values[half:])


def _fully_connected(reader: _Reader) -> FullyConnected:
    version = reader.string()
    _expect(version, {"fc_2", "fc_3"}, "fully connected layer")
    outputs, inputs, values = reader.integer(), reader.integer(), reader.tensor()
    reader.alias()
    reader.alias()
    _expect(reader.integer(), {1}, "bias of the last layer")  # 1: it has none
    for _ in range(4):
        reader.number()
    if version == "fc_3":
        reader.boolean()
    if len(values) != outputs * inputs:
        msg = f"a layer of {inputs} by {outputs} has {len(values)} values"
        raise ModelError(msg)
    return FullyConnected(values.reshape(inputs, outputs))


def _pool(reader: _Reader) -> Pool:
    version = reader.string()
    _expect(version, {"max_pool_2", "avg_pool_2"}, "pool")
    rows, columns, stride_y, stride_x, pad_y, pad_x = (
        reader.integer() for _ in range(6)
    )
    _expect((pad_y, pad_x), {(0, 0)}, "padding of a pool")
    kind: Literal["max", "average"] = "max" if version == "max_pool_2" else "average"
    return Pool(kind, (rows, columns), (stride_y, stride_x))


def _relu(reader: _Reader) -> Relu:
    version = reader.string()
    _expect(version, {"relu_", "relu_2"}, "relu")
    if version == "relu_2":
        reader.boolean()
    return Relu()


def _added(reader: _Reader, tag: int) -> AddRemembered:
    _expect(reader.string(), {"add_prev_"}, "addition")
    return AddRemembered(tag)


_KINDS: dict[str, Callable[[_Reader], Layer]] = {
    "convolution": _convolution,
    "affine": _affine,
    "relu": _relu,
    "pool": _pool,
    "connected": _fully_connected,
}
_BLOCK = ("affine", "convolution", "relu", "affine", "convolution")
_SAME = ("relu", "add 1", *_BLOCK, "remember 1")
_DOWN = ("relu", "add 2", "pool", "recall 1", "remember 2", *_BLOCK, "remember 1")
# From the embedding to the picture, as the file tells it.
_ORDER = (
    *("connected", "pool"),
    *_DOWN,
    *(_SAME * 2 + _DOWN),
    *(_SAME * 2 + _DOWN),
    *(_SAME * 3 + _DOWN),
    *(_SAME * 3),
    *("pool", "relu", "affine", "convolution"),
)
