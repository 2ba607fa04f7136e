"""Taking a batch in: its pictures are looked at and stored, its items made. What is wrong with a picture is its own.

Only the header of a picture is read here: thousands would keep a request waiting for minutes otherwise. A file that
is damaged further in is found by the worker, and ends as an error of its item all the same.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from gateway import style_options
from gateway.batches.files import stem_of
from gateway.batches.input import StoredImage, Wanted
from gateway.errors import UploadDamaged, UploadIncomplete, UploadTooLarge
from gateway.style_choice import ChosenStyles, StyleChoice, choose
from gateway.style_options import StyleOptions
from gateway.uploads import READERS, Uploads
from gateway.web.inline_files import HOLDS_URL, URL
from shared import images
from shared.archives import Read
from shared.batches.records import input_key
from shared.errors import InvalidField, InvalidImage, NotFound, ObjectNotFound, StyleNotFound
from shared.file_names import parts_of, shown_name
from shared.jobs import JobStore
from shared.schemas import (
    BatchItem,
    JobError,
    JobStatus,
    JobType,
    StyleInput,
    StyleMode,
    StylizationPayload,
    StylizationResult,
)
from shared.settings import LimitSettings
from shared.storage.store import ObjectStore, image_key, inbox_folder

LONGEST_KEY = 1024  # bytes, of S3
OF_UPLOADS = (UploadIncomplete, UploadTooLarge, UploadDamaged)

Sides = tuple[int, int]  # px
Sizes = Mapping[str, Sides]


class Choice(StyleChoice, StyleOptions):
    """What is said of the styles and of how to paint in them."""


@dataclass(frozen=True)
class Painting:
    """How an item is to be painted; `sizes` are those of the styles that were sent, in px."""

    options: StyleOptions
    styles: tuple[StyleInput, ...]
    sizes: Sizes


@dataclass(frozen=True)
class Intake:
    """Of one batch. Its methods raise StorageUnavailable and QueueUnavailable."""

    tenant: str
    batch_id: str
    store: ObjectStore
    jobs: JobStore
    limits: LimitSettings

    def paintings(self, batch: Choice, wanted: Sequence[Wanted], uploads: Uploads) -> list[Painting]:
        """How each item is to be painted; the styles that are sent are stored.

        Raises:
            InvalidField, StyleNotFound, InvalidImage: no item could be painted so.
        """

        @cache
        def chosen(style_id: tuple[str, ...], mode: StyleMode) -> tuple[tuple[StyleInput, ...], Sizes]:
            """The styles of a line; those of the batch when it names none."""
            found = choose(StyleChoice(style_id=style_id) if style_id else batch, mode)
            return self._keep_styles(found, uploads)

        made = []
        for one in wanted:
            options = one.line or batch
            with _naming_its_line(one):
                style_options.check_limits(options, self.limits)
                made.append(Painting(options, *chosen(one.line.style_id if one.line else (), options.mode)))
        return made

    def items(
        self, wanted: Sequence[Wanted], paintings: Sequence[Painting], files: Mapping[str, Read]
    ) -> list[BatchItem]:
        """Store the pictures; an item each, with what is wrong with it if anything is."""
        uses = Counter(one.image for one in wanted if isinstance(one.image, str))
        numbers = {name: number for number, name in enumerate(files)}

        @cache  # thousands of lines may name one picture
        def sent(name: str) -> tuple[str, Sides]:
            key, data = self._input_key(name, numbers), files[name]()
            sides = images.measure(data, self.limits.images)
            self.store.put(key, data)
            return key, sides

        @cache
        def stored(key: str) -> tuple[str, Sides]:
            return key, images.measure(self._fetch(key), self.limits.images)

        def make(one: Wanted, painting: Painting) -> BatchItem:
            name = one.image if isinstance(one.image, str) else None
            item = _item(one, name)
            try:
                key, sides = sent(name) if name is not None else stored(self._stored_key(one.image))
                payload = self._payload(sides, key, painting)
            except (InvalidImage, NotFound, *OF_UPLOADS) as error:
                return item.model_copy(update={"error": JobError(code=error.code, detail=str(error))})
            owns = name is not None and uses[name] == 1
            return item.model_copy(update={"payload": payload, "owns_input": owns})

        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(make, wanted, paintings))

    def _payload(self, sides: Sides, key: str, painting: Painting) -> StylizationPayload:
        size = style_options.check(painting.options, self.limits, sides, styles=len(painting.styles))
        if painting.options.mode is StyleMode.FINE:
            for field, its_sides in painting.sizes.items():
                style_options.check_shape(field, its_sides, size)
        return style_options.payload(painting.options, size, content_key=key, styles=painting.styles)

    def _keep_styles(self, chosen: ChosenStyles, uploads: Uploads) -> tuple[tuple[StyleInput, ...], Sizes]:
        sizes = uploads.check(chosen.files)
        keys = {name: input_key(self.tenant, self.batch_id, name) for name in chosen.files}
        for name, data in chosen.files.items():
            self.store.put(keys[name], data)
        return chosen.stored(keys), sizes

    def _input_key(self, name: str, numbers: Mapping[str, int]) -> str:
        if name not in numbers:
            raise ObjectNotFound(
                f"`image` {HOLDS_URL}" if URL.match(name) else f"No file that is named {name!r} was sent."
            )
        return input_key(self.tenant, self.batch_id, str(numbers[name]))

    def _stored_key(self, image: str | StoredImage) -> str:
        """Of a picture in the object store; whatever is another tenant's is not there."""
        match image:
            case StoredImage(job=str(job)):
                found = self.jobs.get(self.tenant, job)
                if found.type is not JobType.STYLIZATION or found.status is not JobStatus.SUCCEEDED:
                    raise ObjectNotFound(f"The job {job} is no stylisation that succeeded: it has no picture.")
                made = StylizationResult.model_validate(found.result, extra="ignore").image
                return image_key(self.tenant, job, made.media_type)
            case StoredImage(key=str(key)) if key.startswith(inbox_folder(self.tenant)) and _can_be_a_key(key):
                return key
            case _:
                raise ObjectNotFound("`key` must name an object below inbox/ and your tenant's name.")

    def _fetch(self, key: str) -> bytes:
        try:
            return self.store.get(key)
        except ObjectNotFound:
            raise ObjectNotFound("There is no such picture in the object store, or it is kept no longer.") from None


def _item(one: Wanted, name: str | None) -> BatchItem:
    """A picture that no manifest gives an id keeps its path in the results."""
    shown = None if name is None else shown_name(parts_of(name))
    return BatchItem(custom_id=one.custom_id, name=shown, output=stem_of(shown) if shown and one.line is None else None)


@contextmanager
def _naming_its_line(one: Wanted) -> Iterator[None]:
    """What is wrong with an item of the manifest is told with its line; an unknown style of the batch is not its."""
    try:
        yield
    except (InvalidField, StyleNotFound) as error:
        if one.line is None or (isinstance(error, StyleNotFound) and not one.line.style_id):
            raise
        raise type(error)(f"{one.place}: {error}") from None


def _can_be_a_key(key: str) -> bool:
    """Whether the object store takes it. It names its object as it stands: nothing in it is resolved.

    Some stores answer a backslash with an error of their own, others take it for a slash.
    """
    no_control = all(unicodedata.category(letter) not in {"Cc", "Cs"} for letter in key)  # Cs: no UTF-8
    return (
        no_control and "\\" not in key and not {"", ".", ".."} & {*key.split("/")} and len(key.encode()) <= LONGEST_KEY
    )
