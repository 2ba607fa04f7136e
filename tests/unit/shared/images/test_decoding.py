"""Decoding what clients send, encoding what we made."""

import io
import struct
import zlib
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from shared import images
from shared.errors import (
    CorruptImage,
    EmptyImage,
    ImageTooLarge,
    ImageTooSmall,
    InvalidImage,
    UnsupportedImage,
)
from shared.images import ImageFormat, ImageLimits, Provenance
from shared.images.color_profiles import SRGB

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000, max_side=4000, min_side=16)
PROVENANCE = Provenance(software='Likeness <test> "&', model="m", settings="mode=fast")


def picture(image_format: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **save: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(buffer, image_format, **save)
    return buffer.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A valid header, some KB of data and very many pixels."""
    return png(struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0), zlib.compress(b"\0" * 100_000))


def png(header: bytes, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "MPO"])
def test_the_formats_of_phones_are_taken(image_format: str) -> None:
    data = picture(image_format)
    images.check(data, LIMITS)
    assert images.decode(data, LIMITS).size == (64, 48)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        pytest.param(b"", EmptyImage, "0 bytes", id="empty"),
        pytest.param(b"hello, I am a .jpg", UnsupportedImage, "text, .* JPEG, PNG, WebP", id="text"),
        pytest.param(picture("TIFF"), UnsupportedImage, "a TIFF.* JPEG, PNG, WebP", id="tiff"),
        pytest.param(picture("JPEG", (600, 600))[:-9000], CorruptImage, "truncated", id="truncated jpeg"),
        pytest.param(picture("PNG", (600, 600))[:-9000], CorruptImage, "truncated", id="truncated png"),
        pytest.param(picture("WEBP", (600, 600))[:-9000], InvalidImage, "damaged|header", id="truncated webp"),
        pytest.param(png_bomb(30_000, 30_000), ImageTooLarge, "1,000,000 pixels", id="bomb"),
        pytest.param(picture(size=(4001, 20)), ImageTooLarge, "4,000 px a side", id="long side"),
        pytest.param(picture(size=(15, 400)), ImageTooSmall, "16 px", id="short side"),
        pytest.param(b"\xff\xd8\xff" + b"x" * 1_000_000, ImageTooLarge, "1,000,000 are accepted", id="bytes"),
    ],
)
@pytest.mark.parametrize("act", [images.check, images.decode])
def test_bad_files_are_refused_with_what_is_wrong(
    act: object, data: bytes, error: type[InvalidImage], says: str
) -> None:
    assert callable(act)
    with pytest.raises(error, match=says):
        act(data, LIMITS)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 600))
def test_no_bytes_raise_anything_but_our_errors(noise: bytes, image_format: str, cut: int) -> None:
    data = picture(image_format)
    for hostile in (noise, data[:cut] + noise, data[:cut] + noise + data[cut + len(noise) :]):
        try:
            images.check(hostile, LIMITS)
            images.decode(hostile, LIMITS)
        except InvalidImage:
            pass


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_comes_out_upright(orientation: int) -> None:
    """Red above blue in the upright picture, however the pixels lie in the file."""
    upright = Image.new("RGB", (40, 60), "blue")
    upright.paste("red", (0, 0, 40, 30))
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    lying = upright.transpose(undo) if undo is not None else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    lying.save(buffer, "PNG", exif=exif)
    decoded = images.decode(buffer.getvalue(), LIMITS)
    assert decoded.size == (40, 60)
    assert decoded.getpixel((20, 5)) == (255, 0, 0)
    assert decoded.getpixel((20, 55)) == (0, 0, 255)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, to the log of whoever runs it
def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = picture("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert images.decode(data, LIMITS).size == (64, 48)


def test_transparency_becomes_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(buffer, "PNG")
    assert images.decode(buffer.getvalue(), LIMITS).getpixel((5, 5)) == (255, 255, 255)


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (32, 32), (255, 0, 0, 51)).save(buffer, "PNG")
    assert images.decode(buffer.getvalue(), LIMITS).getpixel((5, 5)) == (255, 204, 204)


def test_opacity_can_be_kept_beside_the_colours() -> None:
    layered = Image.new("RGBA", (32, 32), (10, 20, 30, 51))
    layered.paste((7, 7, 7, 0), (0, 0, 16, 32))
    buffer = io.BytesIO()
    layered.save(buffer, "PNG")
    found = images.decode_with_alpha(buffer.getvalue(), LIMITS)
    image, alpha = found.image, found.alpha
    assert (image.mode, image.getpixel((20, 5))) == ("RGB", (10, 20, 30))
    assert image.getpixel((5, 5)) == (255, 255, 255)  # what nobody sees has no colour
    assert alpha is not None
    assert (alpha.mode, alpha.getpixel((20, 5)), alpha.getpixel((5, 5))) == ("L", 51, 0)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_an_opaque_picture_has_no_opacity(mode: str) -> None:
    assert images.decode_with_alpha(picture(mode=mode), LIMITS).alpha is None


def test_the_transparent_colour_of_a_palette_is_transparent() -> None:
    palette = Image.new("P", (32, 32), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(1, (0, 0, 16, 32))
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", transparency=1)
    found = images.decode_with_alpha(buffer.getvalue(), LIMITS)
    image, alpha = found.image, found.alpha
    assert alpha is not None
    assert (alpha.getpixel((3, 3)), alpha.getpixel((20, 3)), image.getpixel((20, 3))) == (0, 255, (255, 0, 0))


def test_opacity_turns_with_the_picture() -> None:
    lying = Image.new("RGBA", (60, 40), (0, 0, 0, 255))
    lying.putpixel((0, 0), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    buffer = io.BytesIO()
    lying.save(buffer, "PNG", exif=exif)
    found = images.decode_with_alpha(buffer.getvalue(), LIMITS)
    image, alpha = found.image, found.alpha
    assert alpha is not None
    assert image.size == alpha.size == (40, 60)
    assert (alpha.getpixel((39, 0)), alpha.getpixel((0, 0))) == (0, 255)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (32, 32), 128 * 257).save(buffer, "PNG")
    assert images.decode(buffer.getvalue(), LIMITS).getpixel((5, 5)) == (128, 128, 128)


def test_sixteen_bits_a_channel_become_eight() -> None:
    """Pillow writes no such file: this one is made by hand."""
    row = b"\0" + struct.pack(">HHH", 0x1234, 0x8000, 0xFFFF) * 20
    header = struct.pack(">IIBBBBB", 20, 20, 16, 2, 0, 0, 0)
    data = png(header, zlib.compress(row * 20))
    assert images.decode(data, LIMITS).getpixel((5, 5)) == (0x12, 0x80, 0xFF)


def test_grey_and_cmyk_become_rgb() -> None:
    assert images.decode(picture("JPEG", mode="L"), LIMITS).mode == "RGB"
    assert images.decode(picture("JPEG", mode="CMYK"), LIMITS).mode == "RGB"


def test_cmyk_keeps_its_colours() -> None:
    buffer = io.BytesIO()
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(buffer, "JPEG", quality=100)
    red, green, blue = images.decode(buffer.getvalue(), LIMITS).getpixel((5, 5))  # type: ignore[misc]
    assert red > 250
    assert max(green, blue) < 5


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_of_an_animation_the_first_picture_is_taken(image_format: str) -> None:
    first, second = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    buffer = io.BytesIO()
    first.save(buffer, image_format, save_all=True, append_images=[second], duration=100, lossless=True)
    assert images.decode(buffer.getvalue(), LIMITS).getpixel((5, 5)) == (255, 0, 0)


# --- colour profiles -----------------------------------------------------------------------------------------


def swapped_profile() -> bytes:
    """The profile of a device whose first channel is blue and whose third is red: sRGB's, two tags' names swapped."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    start, end = 128, 128 + 4 + 12 * int.from_bytes(profile[128:132], "big")  # the table of tags
    names = profile[start:end].replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    return profile[:start] + names + profile[end:].replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_an_embedded_profile_says_what_the_numbers_mean(image_format: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), (255, 0, 0)).save(buffer, image_format, quality=100, icc_profile=swapped_profile())
    red, _, blue = images.decode(buffer.getvalue(), LIMITS).getpixel((5, 5))  # type: ignore[misc]
    assert red < 5
    assert blue > 250


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "CMYK", "P"])
@pytest.mark.parametrize("profile", [b"nonsense", SRGB, SRGB[:300]])
def test_a_useless_profile_does_not_cost_the_picture(mode: str, profile: bytes) -> None:
    """Damaged, or of another kind of picture than the one it lies in."""
    ramp = Image.linear_gradient("L").resize((64, 48)).convert(mode)
    plain, labelled = io.BytesIO(), io.BytesIO()
    ramp.save(plain, "JPEG" if mode == "CMYK" else "PNG")
    ramp.save(labelled, "JPEG" if mode == "CMYK" else "PNG", icc_profile=profile)
    found, expected = (images.decode(file.getvalue(), LIMITS) for file in (labelled, plain))
    assert found.tobytes() == expected.tobytes()


# --- what we make --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_what_we_make_decodes_and_says_that_it_was_made(image_format: ImageFormat) -> None:
    made = images.encode(Image.new("RGB", (61, 33), "teal"), image_format, PROVENANCE)
    with Image.open(io.BytesIO(made)) as read:
        read.load()
        assert (read.format, read.size) == (image_format.value.upper(), (61, 33))
        packet = read.info.get("xmp") or read.info["XML:com.adobe.xmp"].encode()
    (description,) = ElementTree.fromstring(packet)[0]  # noqa: S314 - our own output
    xmp = {name.rpartition("}")[2]: value for name, value in description.items()}
    assert xmp["DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert xmp["CreatorTool"] == PROVENANCE.software
    assert (xmp["Model"], xmp["Settings"]) == ("m", "mode=fast")


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_what_we_make_says_that_it_is_srgb(image_format: ImageFormat) -> None:
    with Image.open(io.BytesIO(images.encode(Image.new("RGB", (32, 32)), image_format, PROVENANCE))) as made:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(made.info["icc_profile"]))
    assert ImageCms.getProfileDescription(profile).startswith("sRGB")


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_equal_pictures_are_equal_bytes(image_format: ImageFormat) -> None:
    one, other = (images.encode(Image.new("RGB", (32, 32), "teal"), image_format, PROVENANCE) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_nothing_of_the_photos_own_metadata_is_passed_on(image_format: ImageFormat) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    exif.get_ifd(0x8825)[1] = "N"  # where
    photo = images.decode(picture("JPEG", exif=exif, comment=b"private", icc_profile=swapped_profile()), LIMITS)
    made = images.encode(photo, image_format, PROVENANCE)
    with Image.open(io.BytesIO(made)) as read:
        assert not read.getexif()
    assert b"private" not in made
    assert b"taken at home" not in made


@pytest.mark.parametrize("image_format", [ImageFormat.PNG, ImageFormat.WEBP])
def test_opacity_is_put_back_at_the_size_of_what_we_make(image_format: ImageFormat) -> None:
    alpha = Image.new("L", (10, 8), 255)
    alpha.paste(0, (0, 0, 5, 8))
    made = images.encode(Image.new("RGB", (40, 32), "teal"), image_format, PROVENANCE, alpha=alpha)
    found = images.decode_with_alpha(made, LIMITS)
    image, opacity = found.image, found.alpha
    assert image.size == (40, 32)
    assert opacity is not None
    assert (opacity.getpixel((2, 10)), opacity.getpixel((37, 10))) == (0, 255)


def test_a_jpeg_lies_on_white_where_it_would_be_transparent() -> None:
    made = images.encode(Image.new("RGB", (40, 32)), ImageFormat.JPEG, PROVENANCE, alpha=Image.new("L", (40, 32), 0))
    assert images.decode(made, LIMITS).getpixel((5, 5)) == (255, 255, 255)
