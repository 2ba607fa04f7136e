"""Many photos painted through batches, their pictures written as they come; what was begun is gone on with.

The output folder holds a small file beside the pictures: which batches were started for it, and which photo each of
their items is. Whoever runs the same command again goes on with those batches, and with photos without a picture.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import count
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gateway.client import ApiError, Client, ConnectionFailed, Job, NotFound, ServiceUnavailable
from gateway.client.commands.photos import Photo
from gateway.client.documents import Problem
from gateway.client.options import StyleOptions
from gateway.client.style_documents import Batch, Stylization
from shared.errors import InvalidField

STATE = ".likeness-stylize.json"
POLL_S = 0.5  # more, the more batches there are
COLLECT_S = 2.0  # between two looks for new pictures
PATIENCE_S = 60.0  # with a system that cannot be reached, such as one that restarts
MOST_BYTES, MOST_PHOTOS = 64 * 2**20, 500  # of one request
FINISHED = {"succeeded", "failed", "cancelled"}


@dataclass
class Begun:
    """A batch that was started: custom_id -> the output it makes and the photo it is made of."""

    id: str
    items: dict[str, tuple[str, str]]
    finished: bool = False


@dataclass
class Origin:
    """The photo that a picture was made of; it is the same one when it was moved."""

    photo: str
    sha256: str


@dataclass
class Work:
    """What was asked for in a folder, what was begun for it, and output -> what it is made of."""

    asked: dict[str, str]
    batches: list[Begun] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """How far everything is; `eta_seconds` is None when nothing is known."""

    total: int
    done: int
    failed: int
    eta_seconds: float | None


@dataclass(frozen=True)
class Failure:
    photo: str
    code: str
    detail: str


class Painter:
    """Paints photos into a folder.

    Args:
        client: of the running system.
        folder: where the pictures go, made when absent.
        style: the id of a style of the library, or a picture.
        options: of every stylisation.
    """

    def __init__(self, client: Client, folder: Path, style: str | Path, options: Mapping[str, str]) -> None:
        self._client = client
        self._folder = folder
        self._style = style
        self._options: StyleOptions = dict(options)  # type: ignore[assignment] # what the user said, by its names
        self._asked = {"style": str(style), **options}
        self._refused: list[Failure] = []
        if folder.is_file():
            raise InvalidField(f"{folder} is a file: name a folder for the pictures.")
        folder.mkdir(parents=True, exist_ok=True)
        self._work = self._load()

    @property
    def running(self) -> list[str]:
        """Ids of the batches that are not finished."""
        return [batch.id for batch in self._unfinished()]

    def has(self, photo: Photo) -> bool:
        """Whether its picture is there."""
        return (self._folder / photo.output).is_file()

    def settled(self, photos: Sequence[Photo]) -> list[Photo]:
        """The photos, each with a picture of its own: never that of another one which was painted here before."""
        found: list[Photo] = []
        taken = {photo.output for photo in photos}
        for photo in photos:
            output = photo.output
            if not self._may_have(output, photo):
                path = Path(output)
                names = (str(path.with_stem(f"{path.stem}-{number}")) for number in count(2))
                output = next(name for name in names if name not in taken and self._may_have(name, photo))
                taken.add(output)
            found.append(replace(photo, output=output))
        return found

    def _may_have(self, output: str, photo: Photo) -> bool:
        """Whether the picture is this photo's, or nobody's that is known."""
        origin = self._work.origins.get(output)
        return origin is None or origin.photo == str(photo.file) or origin.sha256 == _sha256(photo.file)

    def start(self, photo: Photo) -> Job[Stylization]:
        """Start a job for one photo by itself; the job as accepted."""
        return self._client.stylizations.start(photo.file, self._style, **self._options)

    def write(self, photo: Photo, picture: bytes) -> None:
        """Write the picture of one photo, and what was asked for in this folder."""
        self._work.origins[photo.output] = Origin(str(photo.file), _sha256(photo.file))
        self._save()
        write_whole(self._folder / photo.output, picture)

    def begin(self, photos: Sequence[Photo], on_sent: Callable[[int], None] = lambda _: None) -> None:
        """Start batches for photos that have neither a picture nor a batch that is still at them."""
        for former in self._unfinished():
            self._collect(former, self._client.batches.get(former.id))
        under_way = {output for one in self._work.batches if not one.finished for output, _ in one.items.values()}
        todo = [one for one in photos if one.output not in under_way and not self.has(one)]
        for chunk in _chunks(todo):
            self._send(chunk)
            on_sent(len(chunk))

    def follow(self) -> Iterator[Standing]:
        """Write pictures as they are done; how far everything is, again and again until it is over."""
        documents: dict[str, Batch] = {}
        next_look, patient_until = 0.0, time.monotonic() + PATIENCE_S
        while True:
            look = time.monotonic() >= next_look
            try:
                self._look(documents, collect=look)
                patient_until = time.monotonic() + PATIENCE_S
            except (ConnectionFailed, ServiceUnavailable):
                if time.monotonic() > patient_until:
                    raise
            if look:
                next_look = time.monotonic() + COLLECT_S
            counts = [found["counts"] for found in documents.values()]
            etas = [found["eta_seconds"] for found in documents.values() if found["eta_seconds"] is not None]
            yield Standing(
                total=sum(count["total"] for count in counts) + len(self._refused),
                done=sum(count["done"] for count in counts),
                failed=sum(count["failed"] + count["cancelled"] for count in counts) + len(self._refused),
                eta_seconds=max(etas, default=None),
            )
            if not self.running:
                return
            time.sleep(POLL_S * max(1, len(self.running) / 10))

    def _look(self, documents: dict[str, Batch], *, collect: bool) -> None:
        """Read how far each batch is, into its document; write the pictures if asked to, and of what is finished."""
        for one in self._unfinished():
            documents[one.id] = self._client.batches.get(one.id)
            if collect or documents[one.id]["status"] in FINISHED:
                self._collect(one, documents[one.id])

    def failures(self, photos: Sequence[Photo]) -> list[Failure]:
        """Why these photos have no picture."""
        missing = {one.output for one in photos if not self.has(one)}
        found = {}
        for one in self._work.batches:
            if not missing & {output for output, _ in one.items.values()}:
                continue
            for item in self._client.batches.items(one.id):
                output, photo = one.items[item["custom_id"]]
                if output in missing:
                    error = item["error"] or Problem(code=item["status"], detail="It was not painted.")
                    found[output] = Failure(photo, error["code"], error["detail"])
        return [*self._refused, *found.values()]

    def _send(self, chunk: Sequence[Photo]) -> None:
        ids = {f"p{number:04d}": photo for number, photo in enumerate(chunk)}
        names = {custom_id: f"{custom_id}{photo.file.suffix}" for custom_id, photo in ids.items()}
        manifest = "".join(
            json.dumps({"custom_id": custom_id, "image": name}) + "\n" for custom_id, name in names.items()
        )
        files = {names[custom_id]: photo.file for custom_id, photo in ids.items()}
        try:
            made = self._client.batches.paint(files, self._style, manifest=manifest, **self._options)
        except ApiError as error:
            if error.status != 413 or len(chunk) > 1:
                raise
            self._refused.append(Failure(str(chunk[0].file), error.code, error.detail))
            return
        items = {custom_id: (photo.output, str(photo.file)) for custom_id, photo in ids.items()}
        self._work.batches.append(Begun(made["id"], items))
        self._work.origins |= {one.output: Origin(str(one.file), _sha256(one.file)) for one in chunk}
        self._save()

    def _unfinished(self) -> list[Begun]:
        return [one for one in self._work.batches if not one.finished]

    def _collect(self, begun: Begun, found: Batch) -> None:
        """Write what is new of a batch whose document this is."""
        for item in self._client.batches.items(begun.id, status="succeeded"):
            target = self._folder / begun.items[item["custom_id"]][0]
            if not target.is_file():
                write_whole(target, self._client.batches.image(item))
        if found["status"] in FINISHED:
            begun.finished = True
            self._save()

    def _load(self) -> Work:
        """What was begun in this folder; batches that are known no longer are as good as never begun."""
        state = self._folder / STATE
        try:
            kept = TypeAdapter(Work).validate_json(state.read_bytes())
        except FileNotFoundError:
            return Work(self._asked)
        except ValidationError:
            raise InvalidField(f"{state} is damaged: delete it to go on in this folder, or name another.") from None
        if kept.asked != self._asked:
            raise InvalidField(
                f"{self._folder} holds pictures of another style or other options "
                f"({', '.join(f'{name} {value}' for name, value in kept.asked.items())}): name another folder."
            )
        return replace(kept, batches=[one for one in kept.batches if self._is_known(one)])

    def _is_known(self, begun: Begun) -> bool:
        try:
            self._client.batches.get(begun.id)
        except NotFound:
            return False
        return True

    def _save(self) -> None:
        write_whole(self._folder / STATE, json.dumps(asdict(self._work)).encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    unfinished.replace(path)


def _sha256(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _chunks(photos: Sequence[Photo]) -> Iterator[list[Photo]]:
    """So many at a time as one request may carry."""
    chunk: list[Photo] = []
    size = 0
    for photo in photos:
        length = photo.file.stat().st_size
        if chunk and (size + length > MOST_BYTES or len(chunk) == MOST_PHOTOS):
            yield chunk
            chunk, size = [], 0
        chunk.append(photo)
        size += length
    if chunk:
        yield chunk
