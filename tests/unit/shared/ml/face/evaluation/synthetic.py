"""Faces that never were: people as random directions, photos scattered around them."""

import numpy as np

from shared.ml.face.face_set import FaceSet


def synthetic_faces(people: int, photos: int, *, spread: float = 0.7, seed: int = 0, dimensions: int = 64) -> FaceSet:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), photos)
    rows = rng.normal(size=(people, dimensions))[who] + spread * rng.normal(size=(len(who), dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return FaceSet(
        model_name="synthetic",
        model_digest="0" * 16,
        names=tuple(f"p{person:03}/p{person:03}_{i % photos + 1:04}.jpg" for i, person in enumerate(who)),
        people=tuple(f"p{person:03}" for person in who),
        embeddings=rows.astype(np.float32),
    )
