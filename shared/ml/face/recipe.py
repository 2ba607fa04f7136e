"""What the fused model is made of, and its identity. Pure Python: the gateway knows models by their digests."""

from hashlib import sha256

from shared.ml.weight_registry import DLIB_RESNET, SFACE

DEFAULT = "default"  # SFace alone, under its own name and digest
ACCURATE = "accurate"
ACCURATE_DIMENSIONS = 256
DLIB_WEIGHT = 1.0  # beside SFace's 1; from half to twice as much is as good (docs/accuracy.md)

# Everything that decides the numbers besides the weights' files: change the text with the recipe, so that
# templates of the old one are not compared with those of the new one.
_STEPS = (
    f"sface: as it is + mirrored; {DLIB_WEIGHT} * dlib: as it is, mean YuNet landmarks of dlib's chips; concatenated"
)
ACCURATE_DIGEST = sha256(f"{SFACE.sha256} {DLIB_RESNET.sha256} {_STEPS}".encode()).hexdigest()[:16]
