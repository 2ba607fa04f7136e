"""MiniFASNet, where its weights are at hand: no package registry has them.

`LIKENESS_WEIGHTS_DIR` names a directory of weight files.
"""

import os
from pathlib import Path

import pytest
import torch

from shared.ml.face.liveness.passive import PassiveLiveness
from shared.ml.weights import MINIFASNET_V1SE, MINIFASNET_V2, Supply

ROOT = Path(__file__).parents[6]
FOLDER = Path(os.environ.get("LIKENESS_WEIGHTS_DIR", ROOT.parent / "shared" / "weights" / "minifasnet"))


@pytest.fixture(scope="session")
def minifasnet_supply() -> Supply:
    if not all((FOLDER / weights.file_name).is_file() for weights in (MINIFASNET_V2, MINIFASNET_V1SE)):
        pytest.skip("MiniFASNet's weights are not here (LIKENESS_WEIGHTS_DIR names their directory)")
    return Supply(local_dir=FOLDER)


@pytest.fixture(scope="session")
def passive(minifasnet_supply: Supply, tmp_path_factory: pytest.TempPathFactory) -> PassiveLiveness:
    cache = tmp_path_factory.mktemp("weights")
    return PassiveLiveness.from_weights(torch.device("cpu"), cache_dir=cache, supply=minifasnet_supply)
