"""Which formats of pictures are read, how a file is known to be of one, and what is said of all the others.

Only a file's content tells its format; its name is looked at where files are chosen from a folder or an archive.
TIFF is not read: libtiff's dozens of codecs are the largest attack surface of any decoder here, for files that
phones and browsers do not make. GIF and BMP are: their decoders are Pillow's own, small and bounded by the header.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath


class Format(StrEnum):
    """The formats that are read. JPEG includes MPO, a JPEG with a second picture behind it: the first one is used."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    HEIC = "HEIC"
    AVIF = "AVIF"
    GIF = "GIF"
    BMP = "BMP"

    @property
    def media_type(self) -> str:
        return f"image/{self.value.lower()}"

    @property
    def suffixes(self) -> frozenset[str]:
        """Of file names, in small letters."""
        return _SUFFIXES[self]


_SUFFIXES = {
    Format.JPEG: frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}),
    Format.PNG: frozenset({".png", ".apng"}),
    Format.WEBP: frozenset({".webp"}),
    Format.HEIC: frozenset({".heic", ".heif", ".hif", ".heics", ".heifs"}),
    Format.AVIF: frozenset({".avif"}),
    Format.GIF: frozenset({".gif"}),
    Format.BMP: frozenset({".bmp", ".dib"}),
}
*_FIRST, _LAST = Format
ACCEPTED = f"{', '.join(_FIRST)} or {_LAST}"
SUFFIXES = frozenset[str]().union(*_SUFFIXES.values())
# Of pictures that are not read: what is left out of a folder because of its name is told of, not passed over.
FOREIGN_SUFFIXES = (
    frozenset[str]()
    | {".tif", ".tiff"}
    | {".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2", ".raw"}
    | {".psd", ".svg", ".svgz", ".jp2", ".j2k", ".jpx", ".jxl", ".ico", ".tga"}
    | {".eps", ".ai", ".pdf", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".hdr", ".wmf", ".emf", ".avifs"}
    | {".mp4", ".mov", ".m4v"}
)


def is_accepted_name(name: str) -> bool:
    """Whether a file's name says that it is a picture of a format that is read."""
    return PurePath(name).suffix.lower() in SUFFIXES


def is_picture_name(name: str) -> bool:
    """Whether a file's name says that it is a picture at all, or a film, of whatever format."""
    return PurePath(name).suffix.lower() in SUFFIXES | FOREIGN_SUFFIXES


HEAD_BYTES = 1024  # of a file: enough to know it by
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf", b"1pic"})  # a picture of some codec
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # bytes


def identify(data: bytes) -> Format | None:
    """The format that a file is of by its first bytes; None: none of those that are read."""
    if data.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.WEBP
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Format.GIF
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return Format.BMP
    return _of_brands(brands(data))


def brands(data: bytes) -> list[bytes]:
    """Of a file in boxes (ISO/IEC 14496-12) what it says that it is, the major brand first; of other files none."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), len(data), HEAD_BYTES)
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def _of_brands(found: list[bytes]) -> Format | None:
    """A picture whose major brand leaves its codec open has it among the others."""
    if not found or found[0] not in _HEIC_BRANDS | _AVIF_BRANDS | _HEIF_BRANDS:
        return None
    for brand in found:
        if brand in _HEIC_BRANDS:
            return Format.HEIC
        if brand in _AVIF_BRANDS:
            return Format.AVIF
    return Format.HEIC  # by the standard's own name, HEIF; libheif says when it is of a codec that it lacks


@dataclass(frozen=True)
class _Foreign:
    """A format that is not read: what it is called, how it begins, and the way out."""

    name: str
    starts: tuple[bytes, ...]
    advice: str = "Save it as JPEG and send that."


_UNPACK = "Unpack it and send the photos; many at once go into the `archive` of a batch."
_FILM = "Send a photo, or single frames of the film."
_FOREIGN = (
    _Foreign("a TIFF, or a raw photo that is built like one (DNG, NEF, ARW, CR2)", (b"II*\0", b"MM\0*", b"II+\0")),
    _Foreign("a raw photo (RAF, ORF or RW2)", (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")),
    _Foreign("a PDF", (b"%PDF",), "Export the page, or the photo in it, as JPEG."),
    _Foreign("a PostScript file (EPS)", (b"%!PS", b"\xc5\xd0\xd3\xc6")),
    _Foreign("a Photoshop file (PSD)", (b"8BPS",)),
    _Foreign("a JPEG 2000", (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    _Foreign("a JPEG XL", (b"\0\0\0\x0cJXL ", b"\xff\x0a")),
    # of no other colors than red, green, blue or gray, and without a name inside: TGA has no mark of its own
    _Foreign("a TGA picture", (b"\0\0\2\0\0\0", b"\0\0\3\0\0\0", b"\0\0\n\0\0\0", b"\0\0\x0b\0\0\0")),
    _Foreign("an icon (ICO)", (b"\0\0\1\0", b"\0\0\2\0")),
    _Foreign("an OpenEXR picture", (b"v/1\1",)),
    _Foreign("a Netpbm picture", (b"P1\n", b"P2\n", b"P3\n", b"P4\n", b"P5\n", b"P6\n", b"P7\n")),
    _Foreign("a film (WebM or Matroska)", (b"\x1aE\xdf\xa3",), _FILM),
    _Foreign("a ZIP archive", (b"PK\3\4", b"PK\5\6"), _UNPACK),
    _Foreign("an archive (gzip)", (b"\x1f\x8b",), _UNPACK),
    _Foreign("an archive (RAR)", (b"Rar!",), _UNPACK),
    _Foreign("an archive (7z)", (b"7z\xbc\xaf",), _UNPACK),
)
_RAW_BRANDS = frozenset({b"crx "})


def describe(data: bytes) -> str:
    """Of a file that is not of an accepted format: which it is, as far as can be told, and the way out."""
    name, advice = _told(data[:HEAD_BYTES])
    return f"The file is {name}; a picture must be {ACCEPTED}. {advice}"


def _told(head: bytes) -> tuple[str, str]:
    for foreign in _FOREIGN:
        if head.startswith(foreign.starts):
            return foreign.name, foreign.advice
    if head[:4] == b"RIFF":
        return ("a film (AVI)" if head[8:12] == b"AVI " else "a RIFF file that is no WebP"), _FILM
    if found := brands(head):
        return ("a raw photo (CR3)", _Foreign.advice) if found[0] in _RAW_BRANDS else ("a film (MP4 or MOV)", _FILM)
    return next(_told_of_text(head), ("of no format that is known here", _Foreign.advice))


def _told_of_text(head: bytes) -> Iterator[tuple[str, str]]:
    if b"\0" in head or not (text := head.decode("utf-8-sig", errors="ignore").strip()):
        return
    small = text.lower()
    if "<svg" in small:
        yield "an SVG drawing", _Foreign.advice
    if small.startswith(("<!doctype html", "<html")):
        yield "an HTML page", "Perhaps it was saved in place of the photo: send the photo itself."
    if small.startswith(("http://", "https://")):
        yield "text, a URL", "Nothing is fetched: send the photo itself."
    if small.startswith("data:") or text.startswith(("/9j/", "iVBORw0KGgo", "UklGR")):
        yield "base64 text, not the picture itself", "Decode it, or send it as the field's value in a JSON body."
    if sum(character.isprintable() or character.isspace() for character in text) >= 0.95 * len(text):
        yield "text, not a picture", "Send the photo itself."
