"""Whose photo each file of an archive or a folder is: one rule for enrolments, measurements and the command line.

The folder that is named by a person may lie in folders that are around everybody, and may hold folders that say what
is in them: words such as `photos`, `export` or `front`, and dates, name nobody and are passed over wherever they stand.
Whatever could be read in two ways is refused, naming the paths: a wrong guess makes one person of two.
"""

import re
import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import takewhile

from shared.file_names import Parts, shown_name

# Words that no person is called by, and that are no ids: no name of a person is made of them alone.
_WORDS = """
photo photos photograph photographs picture pictures pic pics image images img imgs snapshots portrait portraits
headshot headshots mugshots selfie selfies face faces scan scans passports badges webcam dcim camera roll album albums
gallery
foto fotos fotografie fotografien bild bilder aufnahmen gesicht gesichter visages imagen imagenes imágenes caras rostros
immagine immagini volti imagem imagens afbeelding afbeeldingen bilde billeder zdjęcie zdjęcia kuva kuvat fotky fényképek
фото фотографии снимки 写真 照片 图片 圖片 相片 사진 صور
front frontal left right profile side original originals raw edited cropped crops resized thumbnails thumbs
export exports import imports upload uploads download downloads archive archives backup backups dataset data wrapper
folder folders subfolder sub nested inner files ordner dossier carpeta cartella
people persons users members employees staff personnel students customers visitors subjects
personen leute mitarbeiter personnes personas persone
"""
NOBODY = frozenset(_WORDS.split())
DATE = re.compile(r"\d{4}[-_. ]\d{1,2}[-_. ]\d{1,2}|\d{1,2}[-_. ]\d{1,2}[-_. ]\d{4}")
CAMERAS = re.compile(r"\d{3}[0-9A-Za-z_]{5}")  # Design rule for Camera File system (JEITA CP-3461)
REMEDY = "put the photos of each person into one folder that is named by their id"


@dataclass(frozen=True)
class Unclear:
    """Whose photo it is cannot be told; the reason follows the name of the file."""

    reason: str


def people_of(paths: Sequence[Parts]) -> list[str | Unclear]:
    """Whose photo each file is: the name of a folder, in NFC, or why that cannot be told."""
    places = _placed([tuple(unicodedata.normalize("NFC", part) for part in path) for path in paths])
    homes: dict[str, list[Parts]] = {}  # of those who would be one person -> the paths of their folders
    deeper: dict[str, list[Parts]] = {}  # the same where more than one folder may be the person
    crowded: dict[str, Parts] = {}  # a folder that holds such ones -> the first of them
    for place in places:
        if place.naming:
            known = (homes if len(place.naming) == 1 else deeper).setdefault(_key(place.names[-1]), [])
            if place.home not in known[:2]:
                known.append(place.home)
        if len(place.naming) > 1:
            crowded.setdefault(_key(place.names[0]), place.home)

    def person(place: _Place) -> str | Unclear:
        if not place.naming:
            return Unclear(_nobody(place.path[:-1]))
        name, here = place.names[-1], f"lies in `{shown_name(place.home)}`"
        alone = len(place.naming) == 1
        if other := _another((homes if alone else deeper)[_key(name)], place.home):
            return Unclear(f"{here}, and `{shown_name(other)}` would be the same person: {REMEDY}")
        if not alone:
            return Unclear(f"{here}, and more than one of these folders may name its person: {REMEDY}")
        if below := crowded.get(_key(name)):
            return Unclear(f"{here}, and `{shown_name(below)}` may be a person as well: {REMEDY}")
        return name

    return [person(place) for place in places]


def names_nobody(folder: str) -> bool:
    """Whether its name says what is in it, or when it was made, and not who."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", folder).casefold())
    return bool(words) and (NOBODY.issuperset(words) or DATE.fullmatch(folder) is not None)


@dataclass(frozen=True)
class _Place:
    """Of a file: which of its folders may name its person, below those that are around everybody."""

    path: Parts
    naming: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.path[index] for index in self.naming)

    @property
    def home(self) -> Parts:
        """The path of the last of these folders."""
        return self.path[: self.naming[-1] + 1]


def _placed(paths: Sequence[Parts]) -> list[_Place]:
    places = [
        _Place(path, tuple(index for index in range(len(path) - 1) if not _is_passed_over(path[: index + 1])))
        for path in paths
    ]
    around = _around({place.names for place in places if place.naming})
    return [_Place(place.path, place.naming[around:]) for place in places]


def _is_passed_over(folders: Parts) -> bool:
    """Whether the last of these folders names nobody; a camera numbers those in its own (100APPLE, 101_PANA)."""
    *_, around, name = ("", *folders)
    return names_nobody(name) or (around.casefold() == "dcim" and CAMERAS.fullmatch(name) is not None)


def _around(names: Set[tuple[str, ...]]) -> int:
    """How many folders are around everybody: the same ones for all, with different ones below them."""
    if not names:
        return 0
    same = sum(1 for _ in takewhile(lambda folders: len(set(folders)) == 1, zip(*names, strict=False)))
    depth = min(same, min(map(len, names)) - 1)
    return depth if len({one[depth] for one in names}) > 1 else 0


def _another(known: Sequence[Parts], home: Parts) -> Parts | None:
    return next((one for one in known if one != home), None)


def _nobody(folders: Parts) -> str:
    if not folders:
        return "lies in no folder: put it into one that is named by its person's id"
    return f"lies in `{shown_name(folders)}`, which names nobody: {REMEDY}"


def _key(name: str) -> str:
    """The same for names that are taken for one another: whatever their case, their form or their width."""
    return unicodedata.normalize("NFKC", name).casefold()
