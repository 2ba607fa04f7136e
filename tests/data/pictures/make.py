"""Make the pictures of this folder; see README.md for what is needed."""

from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

HERE = Path(__file__).parent
RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def save(name: str, image: Image.Image, **options: Any) -> None:
    image.save(HERE / f"{name}.heic", chroma=444, **options)


def halves(width: int, height: int) -> Image.Image:
    made = Image.new("RGB", (width, height), BLUE)
    made.paste(RED, (0, 0, width, height // 2))
    return made


def transparent() -> Image.Image:
    made = halves(64, 64).convert("RGBA")
    made.paste((*RED, 0), (0, 0, 32, 32))
    made.paste((*BLUE, 51), (32, 32, 64, 64))
    return made


def swapped_profile() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    start, end = 128, 128 + 4 + 12 * int.from_bytes(profile[128:132], "big")
    names = profile[start:end].replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    return profile[:start] + names + profile[end:].replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def main() -> None:
    pillow_heif.register_heif_opener()
    face = Image.open(HERE.parent / "faces" / "hopper.jpg").convert("RGB")
    face.thumbnail((360, 360), Image.Resampling.LANCZOS)
    save("portrait", face, quality=60)
    save("red-above-blue", halves(64, 64), quality=90)
    save("transparent", transparent(), quality=90)
    save("swapped-profile", Image.new("RGB", (64, 64), RED), quality=90, icc_profile=swapped_profile())
    second = Image.new("RGB", (64, 48), GREEN)
    save("second-is-primary", halves(64, 64), quality=90, save_all=True, append_images=[second], primary_index=1)
    save("gray", Image.linear_gradient("L").resize((64, 64)), quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = halves(150, 100).transpose(Image.Transpose.ROTATE_90)
    save("grid-on-its-side", lying, quality=90, tile_size=64, exif=exif.tobytes())
    ramp = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (64, 1))
    deep = pillow_heif.from_bytes("RGB;16", (64, 64), np.dstack([ramp] * 3).tobytes())
    deep.save(HERE / "ten-bits.heic", quality=90, chroma=444)
    gray = pillow_heif.from_bytes("I;16", (64, 64), ramp.tobytes())
    gray.save(HERE / "gray-of-ten-bits.heic", quality=90)


if __name__ == "__main__":
    main()
