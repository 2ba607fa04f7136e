"""Faces: our embedder beside onnxruntime on the file it came from; exact search beside the plain product."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch

from shared.ml import device as devices
from shared.ml import weights
from shared.ml.face.alignment import align
from shared.ml.face.detector import FaceDetector, Image
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.gallery import GalleryMatrix
from shared.ml.face.geometry import whole
from shared.ml.face.model import FaceModel
from shared.ml.face.models import load_model
from shared.ml.face.refinement import refine
from tests.benchmarks.timing import table, take_turns

PORTRAIT = Path(__file__).parents[1] / "data" / "faces" / "obama-1.jpg"


def embedding() -> str:
    """Faces per second, the same photos through both, at several batch sizes."""
    device = devices.resolve("auto")
    embedder = FaceEmbedder.from_weights(device)
    session = _original(weights.fetch(weights.SFACE))
    random = np.random.default_rng(0)
    rows = []
    for batch in (1, 8, 32):
        crops = list(random.integers(0, 256, (batch, 112, 112, 3), dtype=np.uint8))
        blob = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)

        times = take_turns(
            {"ours": partial(embedder.embed, [(crop,) for crop in crops]), "onnxruntime": partial(_run, session, blob)}
        )
        ours, theirs = times["ours"].median, times["onnxruntime"].median
        rows.append([str(batch), f"{batch / ours:.0f}", f"{batch / theirs:.0f}", f"{theirs / ours:.2f}×"])
    kind = f"{device}, {str(embedder.dtype).removeprefix('torch.')}"
    return f"### Embedding (SFace, {kind}; onnxruntime float32 on the original file)\n\n" + table(
        ["batch", "ours, faces/s", "onnxruntime, faces/s", "ours is"], rows
    )


def photos() -> str:
    """Milliseconds from a JPEG's pixels to the embedding of its face, all threads, beside the parts as published."""
    device = devices.resolve("auto")
    detector = FaceDetector(weights.fetch(weights.YUNET))
    networks = {name: load_model(name, device) for name in ("default", "accurate")}
    session = _original(weights.fetch(weights.SFACE))
    rows = []
    for side in (250, 640, 1280):
        photo = _portrait(side)
        contestants = {name: partial(_read, detector, network, photo) for name, network in networks.items()}
        contestants["published"] = partial(_read_as_published, detector, session, photo)
        times = {name: timed.median * 1e3 for name, timed in take_turns(contestants).items()}
        beside = [f"{times[name]:.0f} ({times[name] / times['default']:.2f}×)" for name in ("accurate", "published")]
        rows.append([str(side), f"{times['default']:.0f}", *beside])
    return "### A photo's face, ms\n\n" + table(
        ["long side, px", "default", "accurate", "one YuNet look, SFace's file in onnxruntime float32"], rows
    )


def search() -> str:
    """Milliseconds of one exact search, one template a person, beside torch's bare product and top-k."""
    rows = []
    for size in (10_000, 100_000):
        vectors = np.random.default_rng(1).normal(size=(size, 128)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        gallery = GalleryMatrix(torch.device("cpu"))
        for number, vector in enumerate(vectors):
            gallery.put(f"f{number}", f"p{number}", vector)
        bare = torch.from_numpy(vectors)
        for batch in (1, 32):
            probes = vectors[:batch]
            times = take_turns(
                {"ours": partial(gallery.search, probes, top_k=5), "bare": partial(_product, probes, bare)}
            )
            ours, product = times["ours"].median * 1e3, times["bare"].median * 1e3
            rows.append([f"{size:,}", str(batch), f"{ours:.1f}", f"{product:.1f}"])
    return "### Exact 1:K search, ms\n\n" + table(
        ["templates", "probes", "ours (fused by person)", "bare product and top-k"], rows
    )


def _portrait(side: int) -> Image:
    """(H, W, 3) uint8 RGB."""
    bgr = cv2.imread(str(PORTRAIT))
    if bgr is None:
        raise FileNotFoundError(PORTRAIT)
    scale = side / max(bgr.shape[:2])
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def _read(detector: FaceDetector, network: FaceModel, photo: Image) -> None:
    face = refine(detector.look, photo, detector.detect(photo)[0])
    network.embed([network.align(photo, face.landmarks)])


def _read_as_published(detector: FaceDetector, session: onnxruntime.InferenceSession, photo: Image) -> None:
    """As OpenCV Zoo's demo does it: the detector once, at the photo's size up to 640 pixels; no second look."""
    face = detector.look(whole(photo, 640))[0]
    session.run(None, {"data": align(photo, face.landmarks).transpose(2, 0, 1)[None].astype(np.float32)})


def _run(session: onnxruntime.InferenceSession, blob: npt.NDArray[np.float32]) -> None:
    for one in blob:  # the file's graph is fixed to one face a call
        session.run(None, {"data": one[None]})


def _product(probes: npt.NDArray[np.float32], templates: torch.Tensor) -> object:
    return (torch.from_numpy(probes) @ templates.T).topk(5)


def _original(path: Path) -> onnxruntime.InferenceSession:
    """The published file as onnxruntime runs it."""
    model = onnx.load(path)
    data = [value for value in model.graph.input if value.name == "data"]  # it lists its weights as well
    del model.graph.input[:]
    model.graph.input.extend(data)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options)
