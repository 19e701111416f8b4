"""dlib's network in its fast form: the same numbers, the same bytes, or an error."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from modelling import MODELS, furnished, needs

from config.vision import Vision
from doorbell.adapters import faces_dlib, model_build
from doorbell.adapters.dlib_onnx import convert
from doorbell.adapters.engines import open_engine
from doorbell.adapters.model_catalogue import (
    DLIB_RESNET,
    MOBILEFACENET,
    YUNET,
    dlib_space,
)
from doorbell.adapters.model_folder import ModelFolder
from doorbell.adapters.onnx_session import OnnxSession
from doorbell.adapters.yunet import Yunet
from doorbell.core.dlib_network import Affine, Convolution, DlibNetwork, Relu, parse
from doorbell.core.errors import (
    BadInputError,
    ModelError,
    StorageError,
    UnavailableError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def source() -> bytes:
    needs("dlib", "onnxruntime")
    try:
        return faces_dlib.model_file(faces_dlib.NETWORK).read_bytes()
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def network(source: bytes) -> DlibNetwork:
    return parse(source)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, source: bytes) -> ModelFolder:
    """A folder with a finished build."""
    assert source
    built = ModelFolder(tmp_path_factory.mktemp("built"))
    model_build.build(built, faces_dlib.load_dlib())
    return built


def test_embeddings_are_dlibs_on_drawn_faces(folder: ModelFolder) -> None:
    dlib_engine = faces_dlib.open_engine(Vision())
    engine = open_engine(Vision(engine="dlib-onnx"), folder)
    chips = model_build.drawn_faces(6)[3:]
    theirs, ours = dlib_engine.embedder.embed(chips), engine.embedder.embed(chips)
    assert np.abs(theirs - ours).max() <= 1e-5
    # Different faces, so that equal answers mean something.
    assert np.abs(ours[0] - ours[1]).max() > 1e-3


def test_both_engines_share_one_space(folder: ModelFolder) -> None:
    engine = open_engine(Vision(engine="dlib-onnx"), folder)
    assert engine.embedder.space == dlib_space()
    assert engine.embedder.space == faces_dlib.open_engine(Vision()).embedder.space


def test_the_same_source_gives_the_same_bytes(network: DlibNetwork) -> None:
    one, other = (convert(network, "0" * 64, "w.bin") for _ in range(2))
    assert one == other


def test_record_tells_what_was_built_and_from_what(folder: ModelFolder) -> None:
    found = model_build.find_built(folder)
    assert found is not None
    assert found.record.source_sha256 == DLIB_RESNET.sha256
    assert found.record.difference <= model_build.MAX_DIFFERENCE


# A build is trusted only whole.


@pytest.fixture
def fresh(folder: ModelFolder, tmp_path: Path) -> ModelFolder:
    """A copy of the build, to be damaged."""
    for path in folder.path.glob("dlib_resnet*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert model_build.find_built(ModelFolder(tmp_path)) is not None
    return ModelFolder(tmp_path)


@pytest.mark.parametrize("suffix", ["onnx", "bin", "json"])
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_damaged_build_counts_as_absent(
    fresh: ModelFolder, suffix: str, damage: str
) -> None:
    path = fresh.path / f"{model_build.STEM}.{suffix}"
    spoil(path, damage)
    assert model_build.find_built(fresh) is None


def spoil(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
        return
    middle = len(content) // 2
    content[middle] ^= 1
    path.write_bytes(content if damage == "changed" else content[:middle])


def test_damaged_build_is_made_anew_at_the_next_start(fresh: ModelFolder) -> None:
    spoil(fresh.path / f"{model_build.STEM}.bin", "changed")
    engine = open_engine(Vision(engine="auto"), fresh)
    assert engine.name == "dlib-onnx"
    assert model_build.find_built(fresh) is not None


def test_network_that_answers_otherwise_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("dlib", "onnxruntime")
    monkeypatch.setattr(model_build, "MAX_DIFFERENCE", 0.0)
    folder = ModelFolder(tmp_path)
    with pytest.raises(ModelError, match="from it on drawn faces"):
        model_build.build(folder, faces_dlib.load_dlib())
    assert model_build.find_built(folder) is None


def test_source_with_a_changed_byte_is_refused(
    source: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = bytearray(source)
    changed[10_000_000] ^= 1
    path = tmp_path / "network.dat"
    path.write_bytes(changed)
    monkeypatch.setattr(model_build, "model_file", lambda _: path)
    with pytest.raises(ModelError, match="digest") as caught:
        model_build.build(ModelFolder(tmp_path / "m"), faces_dlib.load_dlib())
    assert caught.value.exit_code == 65
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [".lock"]


def test_folder_that_cannot_be_written_leaves_dlib_itself(tmp_path: Path) -> None:
    needs("dlib", "onnxruntime")
    (tmp_path / "models").write_text("a file where the folder should be")
    folder = ModelFolder(tmp_path / "models")
    with pytest.raises(StorageError):
        open_engine(Vision(engine="dlib-onnx"), folder)
    engine = open_engine(Vision(), folder)
    assert engine.name == "dlib"
    assert "dlib-onnx" in engine.note


# What is not dlib's file.


def test_file_cut_anywhere_is_an_error(source: bytes) -> None:
    lengths = [0, 1, 30, 400, 1000, 22_000_000, len(source) - 1]
    for length in lengths:
        with pytest.raises(ModelError) as caught:
            parse(source[:length])
        assert caught.value.exit_code == 65


def test_bytes_after_the_end_are_an_error(source: bytes) -> None:
    with pytest.raises(ModelError, match="follow the network"):
        parse(source + b"\0")


def test_every_changed_byte_of_the_head_is_harmless_or_an_error(source: bytes) -> None:
    # The head tells versions; a wrong one must never be an endless loop or a crash.
    refused = 0
    for at in range(0, 600, 7):
        changed = bytearray(source[:5000])
        changed[at] ^= 0xFF
        with pytest.raises(ModelError):
            parse(bytes(changed))
        refused += 1
    assert refused == len(range(0, 600, 7))


@pytest.mark.parametrize(
    "content",
    [
        b"\x08" + b"\xff" * 8,
        b"\x01\x01\x08" + b"\x7f" * 8,
        b"\x01\x01" + b"\x01\x0dloss_metric_9",
        b"\0" * 1000,
        b"\x01\x01\x01\x0dloss_metric_2" + b"\x02\xff\x7f\x02\xff\x7f" * 40,
    ],
)
def test_absurd_numbers_are_an_error(content: bytes) -> None:
    with pytest.raises(ModelError):
        parse(content)


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.dat"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="larger"):
        model_build.read_source(path)
    with pytest.raises(UnavailableError, match="cannot be read"):
        model_build.read_source(tmp_path / "absent.dat")


def conv(channels: int = 3, pad: int = 0) -> Convolution:
    weights = np.ones((4, channels, 3, 3), np.float32)
    return Convolution(weights, np.zeros(4, np.float32), (1, 1), (pad, pad))


@pytest.mark.parametrize(
    "layers",
    [
        (conv(),),
        (Relu(), conv()),
        (conv(channels=5), Relu()),
        (conv(pad=1), Relu()),
        (conv(), Affine(np.ones(3, np.float32), np.ones(3, np.float32)), Relu()),
        (conv(), Relu(), Affine(np.ones(4, np.float32), np.ones(4, np.float32))),
    ],
)
def test_layers_that_do_not_fit_are_an_error(layers: tuple[object, ...]) -> None:
    network = DlibNetwork(8, (0.0, 0.0, 0.0), layers)  # type: ignore[arg-type] # on purpose
    with pytest.raises(ModelError):
        convert(network, "", "w.bin")


# What onnxruntime is given.


def written(tmp_path: Path, network: DlibNetwork, opset: int = 17) -> Path:
    made = convert(network, "", "w.bin")
    # The last field but the metadata: opset_import { domain: "", version }.
    model = made.model.replace(
        b"\x42\x04\x0a\x00\x10\x11", b"\x42\x04\x0a\x00\x10" + bytes([opset])
    )
    assert (model == made.model) is (opset == 17)
    (tmp_path / "w.bin").write_bytes(made.weights)
    path = tmp_path / "m.onnx"
    path.write_bytes(model)
    return path


SHAPE = (None, 3, 150, 150)


def test_model_of_another_opset_is_an_error(
    tmp_path: Path, network: DlibNetwork
) -> None:
    OnnxSession(written(tmp_path, network), SHAPE)
    with pytest.raises(ModelError) as caught:
        OnnxSession(written(tmp_path, network, opset=99), SHAPE)
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"not a model", b"\x08\x08"])
def test_file_that_is_no_model_is_an_error(tmp_path: Path, content: bytes) -> None:
    needs("onnxruntime")
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        OnnxSession(path, SHAPE)


def test_model_of_another_shape_is_an_error(
    tmp_path: Path, network: DlibNetwork
) -> None:
    with pytest.raises(ModelError, match="takes"):
        OnnxSession(written(tmp_path, network), (1, 3, 640, 640))


def test_network_that_answers_nan_is_an_error(
    tmp_path: Path, network: DlibNetwork
) -> None:
    session = OnnxSession(written(tmp_path, network), SHAPE)
    batch: NDArray[np.float32] = np.full((1, 3, 150, 150), np.nan, np.float32)
    with pytest.raises(BadInputError, match="no number"):
        session.run(batch)


def test_weights_lie_on_pages_of_their_own(network: DlibNetwork) -> None:
    made = convert(network, "", "w.bin")
    # 22 MB of weights outside, so that they are mapped and shared.
    assert len(made.model) < 100_000
    assert len(made.weights) > 22_000_000
    assert made.weights.find(struct.pack("<f", 0.0)) >= 0


# Which engine runs.


def test_fresh_machine_runs_dlib_onnx_and_says_what_would_help(
    folder: ModelFolder,
) -> None:
    engine = open_engine(Vision(), folder)
    assert engine.name == "dlib-onnx"
    assert "doorbell models fetch yunet" in engine.note


def test_best_installed_engine_runs(tmp_path: Path) -> None:
    engine = open_engine(Vision(), furnished(tmp_path))
    assert engine.name == "mobilefacenet"
    assert engine.note == ""


def test_damaged_model_leaves_the_next_best_engine(tmp_path: Path) -> None:
    folder = furnished(tmp_path)
    spoil(folder.file_of(MOBILEFACENET), "changed")
    engine = open_engine(Vision(), folder)
    assert engine.name == "dlib-onnx"
    assert "mobilefacenet" in engine.note
    assert "doorbell models fetch mobilefacenet" in engine.note


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
@pytest.mark.parametrize("model", [YUNET, MOBILEFACENET], ids=lambda m: m.name)
def test_engine_that_was_asked_for_is_not_replaced(
    tmp_path: Path, model: object, damage: str
) -> None:
    folder = furnished(tmp_path)
    assert model in {YUNET, MOBILEFACENET}
    chosen = YUNET if model == YUNET else MOBILEFACENET
    spoil(folder.file_of(chosen), damage)
    with pytest.raises((ModelError, UnavailableError)) as caught:
        open_engine(Vision(engine="mobilefacenet"), folder)
    assert f"doorbell models fetch {chosen.name}" in caught.value.hint
    assert caught.value.exit_code in {65, 69}


def test_another_network_under_yunets_name_is_an_error() -> None:
    needs("onnxruntime")
    if not MODELS.is_dir():
        pytest.skip(f"no model files below {MODELS}")
    with pytest.raises(ModelError, match="does not answer as YuNet does"):
        Yunet(MODELS / MOBILEFACENET.filename)


def test_record_of_another_converter_is_not_trusted(fresh: ModelFolder) -> None:
    path = fresh.path / f"{model_build.STEM}.json"
    record = msgspec.json.decode(path.read_bytes(), type=model_build.Record)
    newer = msgspec.structs.replace(record, converter=record.converter + 1)
    path.write_bytes(msgspec.json.encode(newer))
    assert model_build.find_built(fresh) is None
