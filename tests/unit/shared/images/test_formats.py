"""By what a file is known, and what is said of one that is not read."""

import gzip
import io
import zipfile

import pytest
from PIL import Image

from shared import images
from shared.errors import UnsupportedImage
from shared.images import Format, ImageLimits
from shared.images.formats import ACCEPTED, SUFFIXES, describe, identify, is_accepted_name, is_picture_name
from tests.unit.shared.images.heif_files import PICTURES, coded_avif, coded_heic, heif

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000, max_side=4000, min_side=16)


def written(image_format: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 48), 60).convert(mode).save(buffer, image_format)
    return buffer.getvalue()


FILES = {
    Format.JPEG: written("JPEG"),
    Format.PNG: written("PNG"),
    Format.WEBP: written("WEBP"),
    Format.HEIC: (PICTURES / "portrait.heic").read_bytes(),
    Format.AVIF: written("AVIF"),
    Format.GIF: written("GIF", "P"),
    Format.BMP: written("BMP"),
}


@pytest.mark.parametrize("kind", Format)
def test_every_format_is_known_by_its_first_bytes_and_read(kind: Format) -> None:
    data = FILES[kind]
    assert identify(data) is kind
    assert images.check(data, LIMITS) == images.decode(data, LIMITS).size
    assert images.media_type(data) == f"image/{kind.lower()}"


def test_a_heif_file_says_by_its_other_brands_which_codec_it_needs() -> None:
    for part, brand, kind in ((coded_heic(), b"heic", Format.HEIC), (coded_avif(), b"avif", Format.AVIF)):
        data = heif([part], brand=brand)
        assert identify(data[:8] + b"mif1" + data[12:]) is kind


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "a")
    return buffer.getvalue()


def brand(name: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + name + bytes(4) + name + b"isom"


OTHERS = {
    "a TIFF": written("TIFF"),
    "DNG, NEF, ARW, CR2": b"MM\0*" + bytes(60),
    "a raw photo (CR3)": brand(b"crx "),
    "a raw photo (RAF": b"FUJIFILMCCD-RAW 0201",
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    "a Photoshop file (PSD)": b"8BPS\0\1" + bytes(20),
    "a JPEG 2000": written("JPEG2000"),
    "a JPEG XL": b"\xff\x0a" + bytes(20),
    "an icon (ICO)": written("ICO"),
    "a TGA picture": written("TGA"),
    "a Netpbm picture": written("PPM"),
    "a film (MP4 or MOV)": brand(b"isom"),
    "a film (MP4 or MOV),": brand(b"qt  "),
    "a film (WebM or Matroska)": b"\x1aE\xdf\xa3" + bytes(20),
    "a film (AVI)": b"RIFF\0\0\0\0AVI LIST",
    "a ZIP archive": zipped(),
    "an archive (gzip)": gzip.compress(b"a"),
    "an HTML page": b"\n<!DOCTYPE html><html><body>Not found</body></html>",
    "text, a URL": b"https://example.com/ada.jpg\n",
    "base64 text": b"/9j/4AAQSkZJRgABAQ",
    "base64 text,": b"data:image/png;base64,iVBORw0KGgo",
    "text, not a picture": "Ein Brief, lang genug für jeden".encode(),
    "no format that is known": bytes(range(128, 256)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_file_is_named_with_what_is_read_and_what_to_do(name: str) -> None:
    with pytest.raises(UnsupportedImage) as refused:
        images.check(OTHERS[name], LIMITS)
    assert name.rstrip(",") in str(refused.value)
    assert ACCEPTED in str(refused.value)
    assert str(refused.value) == describe(OTHERS[name])
    assert str(refused.value).count(".") >= 2  # what it is, and the way out


def test_names_are_told_apart_whatever_their_case() -> None:
    assert is_accepted_name("a/IMG_0001.HEIC")
    assert not is_accepted_name("a/scan.tiff")
    assert is_picture_name("a/scan.TIFF")
    assert not is_picture_name("a/notes.txt")


def test_every_format_has_suffixes_of_its_own() -> None:
    assert sum(len(kind.suffixes) for kind in Format) == len(SUFFIXES)
    assert {".jpg", ".png", ".webp", ".heic", ".heif", ".avif", ".gif", ".bmp"} <= SUFFIXES
