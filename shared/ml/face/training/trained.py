"""Trained models on disk and back: tensors in safetensors, everything else in the manifest beside them."""

import hashlib
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import safetensors.torch
import torch

from shared.errors import ModelMismatch
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.training.logistic_head import LogisticHead, PairFeatures
from shared.ml.face.training.manifest import MANIFEST_FILE, MODEL_FILE, Kind, Manifest, read_manifest
from shared.ml.weights import Supply, load


def model_bytes(tensors: dict[str, torch.Tensor]) -> bytes:
    """The model's file: the same tensors give the same bytes, and so the same digest."""
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def head_tensors(head: LogisticHead) -> dict[str, torch.Tensor]:
    """The kind of features is part of the file, and so of its digest: `absolute.weights` or `chi-square.weights`."""
    bias = torch.tensor([head.bias], dtype=torch.float64)
    return {f"{head.features}.weights": head.weights, f"{head.features}.bias": bias}


def save_trained(directory: Path, content: bytes, manifest: Manifest) -> None:
    """The manifest last: a directory with one holds a whole model."""
    if sha256(content) != manifest.sha256:
        raise ValueError("the manifest describes another file")
    _write(directory / MODEL_FILE, content)
    _write(directory / MANIFEST_FILE, manifest.model_dump_json(indent=2, round_trip=True).encode())


def load_trained(directory: Path, device: torch.device, *, cache_dir: Path | None = None) -> FaceEmbedder:
    """A fine-tuned model, ready to serve under its own name and digest: templates of its parent do not fit it.

    Raises WeightsNotFound, WeightsCorrupt, and ModelMismatch when it is a pair head.
    """
    manifest = read_manifest(directory)
    _expect(manifest, Kind.EMBEDDER)
    supply = Supply(local_dir=directory)
    return FaceEmbedder.from_weights(device, weights=manifest.weights, cache_dir=cache_dir, supply=supply)


def load_head(directory: Path, *, cache_dir: Path | None = None) -> LogisticHead:
    """A pair head, for two embeddings of the model that `manifest.parent` names.

    Raises WeightsNotFound, WeightsCorrupt, and ModelMismatch when it is an embedder.
    """
    manifest = read_manifest(directory)
    _expect(manifest, Kind.PAIR_HEAD)
    parts = load(manifest.weights, cache_dir, supply=Supply(local_dir=directory))
    features = PairFeatures(next(iter(parts)).partition(".")[0])
    return LogisticHead(features, parts[f"{features}.weights"], float(parts[f"{features}.bias"]))


def tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The converter of a trained model's Weights value: its file holds the network's own names already."""
    return safetensors.numpy.load_file(path)


def _expect(manifest: Manifest, kind: Kind) -> None:
    if manifest.kind is not kind:
        raise ModelMismatch(f"{manifest.name} is a model of the kind {manifest.kind}, not {kind}")


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing."""
    temporary = path.with_name(f".{uuid4().hex}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
