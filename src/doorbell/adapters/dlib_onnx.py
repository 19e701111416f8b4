"""dlib's face network as an ONNX graph: the same numbers, several times faster.

Batch normalisations are folded into the convolutions before them, in double precision,
and so is the scaling of the picture: the graph takes raw values 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from doorbell.adapters.onnx_writer import GraphWriter
from doorbell.core.dlib_network import (
    AddRemembered,
    Affine,
    Convolution,
    FullyConnected,
    Pool,
    Recall,
    Relu,
    Remember,
)
from doorbell.core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from doorbell.core.dlib_network import DlibNetwork, Layer

# Raise it when the same source gives another file.
CONVERTER = 1
INPUT, OUTPUT = "chips", "embeddings"
# dlib divides by 256, not 255 (input_rgb_image_sized).
PIXEL_SCALE = 256.0
Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Converted:
    """The model file, and the file of weights that it names."""

    model: bytes
    weights: bytes


def convert(network: DlibNetwork, source_sha256: str, weights_name: str) -> Converted:
    """Return the ONNX files; deterministic.

    Raises:
        ModelError: the layers do not fit each other.
    """
    writer = GraphWriter("dlib_face_recognition_resnet", weights_name)
    graph = _Graph(writer, INPUT, (3, network.side, network.side))
    layers = list(_folded(network))
    for layer in layers[:-1]:
        graph.add(layer)
    last = layers[-1]
    if not isinstance(last, FullyConnected) or last.weights.shape[0] != graph.shape[0]:
        msg = "the network does not end in an embedding"
        raise ModelError(msg)
    flat = writer.node("Flatten", [graph.value], {"axis": 1})
    writer.node("MatMul", [flat, writer.constant(last.weights)], output=OUTPUT)
    side = network.side
    model = writer.model(
        (INPUT, ("count", 3, side, side)),
        (OUTPUT, ("count", last.weights.shape[1])),
        {"source_sha256": source_sha256, "converter": str(CONVERTER)},
    )
    return Converted(model, bytes(writer.weights))


def _folded(network: DlibNetwork) -> list[Layer]:
    """Return the layers with each affine one folded into its convolution."""
    found: list[Layer] = []
    for layer in network.layers:
        before = found[-1] if found else None
        if isinstance(layer, Affine):
            if not isinstance(before, Convolution):
                msg = "an affine layer follows no convolution"
                raise ModelError(msg)
            found[-1] = _scaled(before, layer)
        else:
            found.append(layer)
    first = found[0]
    if (
        not isinstance(first, Convolution)
        or first.pad != (0, 0)
        or first.weights.shape[1] != len(network.mean)
    ):
        # With padding, the mean could not be folded: dlib pads after subtracting it.
        msg = "the network does not begin with a plain convolution"
        raise ModelError(msg)
    found[0] = _of_raw_pixels(first, network.mean)
    return found


def _scaled(conv: Convolution, affine: Affine) -> Convolution:
    if len(affine.gamma) != len(conv.bias):
        msg = f"{len(affine.gamma)} scales for {len(conv.bias)} channels"
        raise ModelError(msg)
    gamma = affine.gamma.astype(np.float64)
    weights = conv.weights.astype(np.float64) * gamma[:, None, None, None]
    bias = conv.bias * gamma + affine.beta
    return Convolution(_single(weights), _single(bias), conv.stride, conv.pad)


def _of_raw_pixels(conv: Convolution, mean: tuple[float, float, float]) -> Convolution:
    weights = conv.weights.astype(np.float64) / PIXEL_SCALE
    shift = (weights * np.array(mean)[None, :, None, None]).sum(axis=(1, 2, 3))
    return Convolution(
        _single(weights), _single(conv.bias - shift), conv.stride, conv.pad
    )


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


@dataclass
class _Graph:
    """The graph so far: the value at its end, and that value's shape."""

    writer: GraphWriter
    value: str
    shape: Shape
    kept: dict[int, tuple[str, Shape]] = field(default_factory=dict)

    def add(self, layer: Layer) -> None:
        match layer:
            case Convolution():
                self._convolve(layer)
            case Pool():
                self._pool(layer)
            case Relu():
                self.value = self.writer.node("Relu", [self.value])
            case Remember(tag):
                self.kept[tag] = self.value, self.shape
            case Recall(tag):
                self.value, self.shape = self.kept[tag]
            case AddRemembered(tag):
                self._add(*self.kept[tag])
            case Affine() | FullyConnected():
                msg = f"a layer {type(layer).__name__} stands in the wrong place"
                raise ModelError(msg)

    def _convolve(self, layer: Convolution) -> None:
        filters, channels, *window = layer.weights.shape
        if channels != self.shape[0]:
            msg = f"a convolution of {channels} channels meets {self.shape[0]}"
            raise ModelError(msg)
        rows, columns = window
        inputs = [
            self.value,
            self.writer.constant(layer.weights),
            self.writer.constant(layer.bias),
        ]
        attributes = {
            "kernel_shape": [rows, columns],
            "strides": list(layer.stride),
            "pads": [*layer.pad, *layer.pad],
        }
        self.value = self.writer.node("Conv", inputs, attributes)
        height, width = self._reduced((rows, columns), layer.stride, layer.pad)
        self.shape = (filters, height, width)

    def _pool(self, layer: Pool) -> None:
        if layer.window == (0, 0):
            self.value = self.writer.node("GlobalAveragePool", [self.value])
            self.shape = (self.shape[0], 1, 1)
            return
        operator = "MaxPool" if layer.kind == "max" else "AveragePool"
        attributes = {
            "kernel_shape": list(layer.window),
            "strides": list(layer.stride),
        }
        self.value = self.writer.node(operator, [self.value], attributes)
        height, width = self._reduced(layer.window, layer.stride, (0, 0))
        self.shape = (self.shape[0], height, width)

    def _reduced(
        self, window: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]
    ) -> tuple[int, int]:
        height, width = (
            (size + 2 * edge - reach) // step + 1
            for size, edge, reach, step in zip(
                self.shape[1:], pad, window, stride, strict=True
            )
        )
        return height, width

    def _add(self, other: str, other_shape: Shape) -> None:
        one, two = self.shape, other_shape
        whole = (max(one[0], two[0]), max(one[1], two[1]), max(one[2], two[2]))
        operands = [
            self._filled(self.value, self.shape, whole),
            self._filled(other, other_shape, whole),
        ]
        self.value = self.writer.node("Add", operands)
        self.shape = whole

    def _filled(self, value: str, shape: Shape, whole: Shape) -> str:
        if shape == whole:
            return value
        missing = [have - need for have, need in zip(whole, shape, strict=True)]
        # Zeros after the last channel, row and column, none before the first.
        pads = np.array([0, 0, 0, 0, 0, *missing], np.int64)
        return self.writer.node("Pad", [value, self.writer.constant(pads)])
