"""A network takes pictures of other sizes than its file names, and answers alike."""

from __future__ import annotations

import numpy as np
import pytest

from doorbell.adapters.onnx_sizes import with_free_sizes
from doorbell.adapters.onnx_writer import GraphWriter
from doorbell.core.errors import ModelError


def network(side: int) -> bytes:
    writer = GraphWriter("one convolution", "none")
    kernel = np.arange(27, dtype=np.float32).reshape(1, 3, 3, 3) / 27
    weights = writer.constant(kernel)
    attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    writer.node("Conv", ["in", weights], attributes, output="out")
    shape = (side, side)
    return writer.model(("in", (1, 3, *shape)), ("out", (1, 1, *shape)), {})


def run(model: bytes, picture: object) -> object:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"in": picture})[0]


def test_freed_network_answers_as_before_and_takes_other_sizes() -> None:
    model = network(128)
    picture = np.random.default_rng(1).random((1, 3, 128, 128), np.float32)
    freed = with_free_sizes(model)
    assert np.array_equal(run(freed, picture), run(model, picture))
    wide = run(freed, picture[:, :, :64])
    assert np.shape(wide) == (1, 1, 64, 128)


def test_small_sizes_stay() -> None:
    assert with_free_sizes(network(64)) == network(64)


@pytest.mark.parametrize(
    "data", [b"\x0f", b"\x0a\x7f", b"\xff" * 12, b"\x3a\x03\x5a\x7fx"], ids=repr
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="no ONNX file"):
        with_free_sizes(data)


def test_every_truncation_is_refused_or_taken_without_a_crash() -> None:
    model = network(128)
    for end in range(len(model)):
        try:
            with_free_sizes(model[:end])
        except ModelError:
            continue
