"""The weights, fetched once."""

import os
from pathlib import Path

import pytest

from shared.errors import WeightsNotFound
from shared.ml.weights import REGISTRY, Supply, default_cache_dir, fetch_all


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """The user's own cache, filled; tests read it and never write anything else into it."""
    local = os.environ.get("LIKENESS_WEIGHTS_DIR")
    supply = Supply(local_dir=Path(local) if local else None)
    cache = default_cache_dir()
    try:
        list(fetch_all(REGISTRY, cache, supply=supply))
    except WeightsNotFound as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the models cannot be fetched here: {error}")
    return cache
