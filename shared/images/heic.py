"""The picture that a HEIC file shows, by libheif; nothing else in it is opened.

Of pi-heif only its binding is used, and of that as little as a picture needs. Fuzzing version 1.4.0 for half an hour
found that its Pillow plugin writes behind the end of gray pixels where the file declares another depth than they have,
and that its reading of metadata ends the process where the name of a kind is no text. Pixels are only ever read here,
and only as far as they go; metadata is not read at all.
"""

from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile

from shared.processors import processors

COLORS = frozenset({"L", "RGB", "RGBA", "RGBa"})  # of 8 bits a channel, to which libheif brings all colors
ICC = frozenset({"prof", "rICC"})
TO_EIGHT_BITS, NO_BGR, KEEP_STRIDE, NO_SHIFT, ANY_DECODER, WITH_LIMITS = True, False, False, False, "", False


class HeicImageFile(ImageFile):
    """Upright: the container's turns and mirrors are followed by libheif, so that EXIF must not turn it again."""

    format = "HEIC"
    format_description = "HEIF container of HEVC pictures (ISO/IEC 23008-12)"

    def _open(self) -> None:
        from _pi_heif import load_file  # libheif is loaded with the first file that needs it

        data = self.fp.read() if self.fp else b""
        found = load_file(data, processors(), TO_EIGHT_BITS, NO_BGR, KEEP_STRIDE, NO_SHIFT, ANY_DECODER, WITH_LIMITS)
        self._coded: Any = next(one for one in found if one is not None and one.primary)
        self._size, mode = self._coded.size_mode
        self._mode = mode if mode in COLORS else "L"
        profile = self._coded.color_profile
        if profile.get("type") in ICC and profile["data"]:
            self.info["icc_profile"] = profile["data"]

    def load(self) -> Any:
        """Decode the pixels, once."""
        if (coded := self._coded) is not None:
            data, stride = coded.data, coded.stride
            self._size, mode = coded.size_mode
            if mode in COLORS:
                made = Image.frombytes(mode, self._size, data, "raw", mode, stride, 1)
            else:
                deep = Image.frombytes("I;16", self._size, data, "raw", "I;16", stride, 1)
                scale = 255 / ((1 << coded.bit_depth) - 1)
                made = deep.point(lambda value: value * scale + 0.5).convert("L")
            self.im, self._coded = made.im, None
        return super().load()
