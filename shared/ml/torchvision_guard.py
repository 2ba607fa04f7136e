"""The only place that imports torchvision: `from shared.ml.torchvision_guard import models, transforms`.

torchvision's wheels on the Python package index have their compiled operators built for CUDA. Beside a torch for CPU
that library does not load, and then `import torchvision` itself fails with "operator torchvision::nms does not exist",
because it describes that operator's output shape without looking whether it is there. Declaring the two schemas is all
that is missing; models and transforms work, and calling nms itself would still say that nothing implements it.
"""

import importlib.util
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _compiled_operators_load() -> bool:
    """Whether torchvision's own library registers its operators; loading it again later changes nothing."""
    spec = importlib.util.find_spec("torchvision")  # of a top-level package: finds it, runs none of it
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for library in sorted(Path(folder).glob("_C*.so")):
            try:
                torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
            except OSError:  # it needs CUDA libraries that this torch does not bring
                return False
    return hasattr(torch.ops.torchvision, "nms")


def _declare_missing_operators() -> torch.library.Library | None:
    """The declarations, which last as long as the value does; None where torchvision's own are there."""
    if _compiled_operators_load():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


_declarations = _declare_missing_operators()

from torchvision import models  # noqa: E402  only after the guard
from torchvision.transforms import v2 as transforms  # noqa: E402

__all__ = ["models", "transforms"]
