"""The deployment files as data, and the facts they must agree with; no engine and no cluster is needed."""

import subprocess
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from shared.settings import Settings

Document = dict[str, Any]

PREFIX = "LIKENESS_"


def settings_fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    """Every setting's environment variable with its field; the first name where there are several."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_fields(field.annotation, f"{prefix}{name.upper()}__")
        elif isinstance(field.validation_alias, AliasChoices):
            yield str(field.validation_alias.choices[0]), field
        else:
            yield f"{prefix}{name.upper()}", field


@pytest.fixture(scope="session")
def settings() -> Mapping[str, FieldInfo]:
    return dict(settings_fields(Settings, PREFIX))


@pytest.fixture(scope="session")
def secret_settings(settings: Mapping[str, FieldInfo]) -> frozenset[str]:
    return frozenset(name for name, field in settings.items() if field.annotation is SecretStr)


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def version(root: Path) -> str:
    with (root / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


@pytest.fixture(scope="session")
def entry_points() -> Mapping[str, Sequence[str]]:
    """How each of our processes starts, wherever it runs."""
    return {
        "gateway": ["python", "-m", "gateway", "--host", "0.0.0.0", "--port", "8000"],  # noqa: S104
        "face-worker": ["python", "-m", "workers", "face"],
        "style-worker": ["python", "-m", "workers", "style"],
        "style-bulk-worker": ["python", "-m", "workers", "style-bulk"],
        "webhooks": ["python", "-m", "workers", "webhooks"],
        "housekeeping": ["python", "-m", "workers", "housekeeping"],
    }


@pytest.fixture(scope="session")
def compose(root: Path) -> Document:
    return dict(yaml.safe_load((root / "docker-compose.yml").read_text()))


@pytest.fixture(scope="session")
def rendered(root: Path) -> Mapping[str, Sequence[Document]]:
    """What kustomize makes of the base and of each overlay, by the name of its folder."""
    folders = [root / "k8s/base", *sorted((root / "k8s/overlays").iterdir())]
    return {folder.name: render(folder) for folder in folders}


@pytest.fixture(params=["base", "cpu", "gpu"])
def manifests(request: pytest.FixtureRequest, rendered: Mapping[str, Sequence[Document]]) -> Sequence[Document]:
    return rendered[request.param]


def render(folder: Path) -> Sequence[Document]:
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "kubectl", "kustomize", folder],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))
