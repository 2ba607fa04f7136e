"""docs/deployment.md agrees with the files it talks about."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.fields import FieldInfo

from tests.deploy.conftest import render


@pytest.fixture(scope="module")
def guide(root: Path) -> str:
    return (root / "docs/deployment.md").read_text()


def test_its_secret_has_exactly_the_keys_that_the_pods_ask_for(
    guide: str, rendered: Mapping[str, Sequence[dict[str, Any]]]
) -> None:
    created = set(re.findall(r"--from-literal=([a-z0-9-]+)=", guide))
    references = re.findall(r"'secretKeyRef': (\{[^}]*\})", repr(rendered))
    asked = {yaml.safe_load(reference)["key"] for reference in references}
    assert created == asked


def test_the_files_and_folders_it_names_exist(guide: str, root: Path) -> None:
    named = set(re.findall(r"(?:k8s|tests|gateway|workers)/[\w./-]+", guide)) - {"k8s/overlays/mine"}
    named = {name for name in named if not name.startswith("k8s/overlays/mine")}
    assert {"gateway/Dockerfile", "k8s/base/namespace.yaml", "k8s/overlays/gpu"} <= named
    assert [name for name in named if not (root / name.rstrip(".")).exists()] == []


def test_it_builds_the_images_that_the_manifests_run(
    guide: str, rendered: Mapping[str, Sequence[dict[str, Any]]]
) -> None:
    built = set(re.findall(r"registry\.example\.com/(likeness-[\w.-]+:[\w.-]+)", guide))
    assert built == set(re.findall(r"'image': '(likeness-[^']+)'", repr(rendered)))


def test_the_first_api_key_is_where_it_says(
    guide: str, compose: dict[str, Any], rendered: Mapping[str, Sequence[dict[str, Any]]]
) -> None:
    path = compose["services"]["gateway"]["environment"]["LIKENESS_AUTH__FIRST_KEY_FILE"]
    assert f"exec gateway cat {path}" in guide
    assert f"'LIKENESS_AUTH__FIRST_KEY_FILE', 'value': '{path}'" in repr(rendered["base"])


def test_the_services_it_scales_exist(guide: str, compose: dict[str, Any]) -> None:
    scaled = re.findall(r"--scale ([\w-]+)=0", guide)
    assert scaled
    assert set(scaled) <= set(compose["services"])


def test_the_settings_it_names_exist(guide: str, settings: Mapping[str, FieldInfo]) -> None:
    assert set(re.findall(r"\bLIKENESS_\w+", guide)) <= set(settings)


def test_the_parts_of_pages_that_it_links_to_exist(guide: str, root: Path) -> None:
    links = re.findall(r"\]\(([\w-]+\.md)?#([\w-]+)\)", guide)
    assert ("privacy.md", "backup-and-restore") in links  # or whoever was erased comes back with a backup
    for page, part in links:
        text = (root / "docs" / (page or "deployment.md")).read_text()
        headings = {
            re.sub(r"[^\w-]", "", line.lower().replace(" ", "-")) for line in re.findall(r"^#+ (.*)$", text, re.M)
        }
        assert part in headings, (page, part)


def test_the_overlay_it_shows_is_one(guide: str, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "k8s", tmp_path / "k8s")
    mine = tmp_path / "k8s/overlays/mine"
    mine.mkdir()
    [shown] = re.findall(r"```yaml\n(.*?)```", guide, re.S)
    (mine / "kustomization.yaml").write_text(shown)
    rendered = render(mine)
    [config] = [document["data"] for document in rendered if document["kind"] == "ConfigMap"]
    assert config["LIKENESS_LOG_LEVEL"] == "debug"
    assert config["LIKENESS_S3__ENDPOINT"] == "minio:9000"  # what the base says is still there
    assert "registry.example.com/likeness-gateway:" in repr(rendered)
