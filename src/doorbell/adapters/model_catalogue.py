"""The model files this product can use: where they come from, and what they are worth.

A file is used only if it has the digest that stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

from doorbell.adapters.digests import space_of

_ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models"


@dataclass(frozen=True, slots=True)
class Model:
    """A file that can be fetched, or that comes with a package.

    Attributes:
        name: in commands.
        filename: in the folder of models.
        url: where it is published; empty when it comes with a package.
        size: bytes.
        sha256: in hexadecimal.
        use: what it is good for, half a sentence.
        training: one sentence on the data it learned from.
    """

    name: str
    filename: str
    url: str
    licence: str
    size: int
    sha256: str
    use: str
    training: str


# sha256: published by opencv_zoo (Git LFS pointer of the file).
YUNET = Model(
    name="yunet",
    filename="face_detection_yunet_2023mar.onnx",
    url=f"{_ZOO}/face_detection_yunet/face_detection_yunet_2023mar.onnx",
    licence="MIT",
    size=232_589,
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    use="finds small, dark and turned faces, several times faster than dlib",
    training="Trained on WIDER FACE, photographs of public events from the Internet.",
)
# sha256: of the file as it was when this catalogue was written; none is published.
MOBILEFACENET = Model(
    name="mobilefacenet",
    filename="mobilefacenet_foamliu.onnx",
    url="https://github.com/foamliu/MobileFaceNet/raw/master/weights/MobileFaceNet.onnx",
    licence="Apache-2.0",
    size=3_998_070,
    sha256="b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
    use="tells people apart better than dlib; needs yunet",
    training="Trained on MS-Celeb-1M, photographs of celebrities gathered without "
    "asking them; its terms allowed non-commercial research only, and Microsoft "
    "withdrew it in 2019.",
)
# Both in the package face_recognition_models 0.3.0, as on dlib.net.
DLIB_RESNET = Model(
    name="dlib-resnet",
    filename="dlib_face_recognition_resnet_model_v1.dat",
    url="",
    licence="CC0-1.0",
    size=22_466_066,
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    use="tells people apart; `doorbell models build` makes its fast form",
    training="Trained on 3 million faces of FaceScrub, VGG and the Internet.",
)
DLIB_LANDMARKS = Model(
    name="dlib-landmarks",
    filename="shape_predictor_5_face_landmarks.dat",
    url="",
    licence="CC0-1.0",
    size=9_150_489,
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    use="finds eyes and nose",
    training="Trained on 7198 faces that dlib's author labelled himself.",
)

FETCHED = (YUNET, MOBILEFACENET)

DLIB_ALIGNMENT = "dlib-5-points-chip-150-padding-0.25"


def dlib_space() -> str:
    """Return the space of `dlib`, `dlib-onnx` and `face_recognition`'s encodings."""
    models = (DLIB_LANDMARKS, DLIB_RESNET)
    return space_of([bytes.fromhex(one.sha256) for one in models], DLIB_ALIGNMENT)
