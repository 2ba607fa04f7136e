"""Faces: our embedder beside onnxruntime on the file it came from; exact search beside the plain product."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch

from shared.ml import device as devices
from shared.ml import weights
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.gallery import GalleryMatrix
from tests.benchmarks.timing import table, take_turns


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
