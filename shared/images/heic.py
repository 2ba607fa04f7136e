"""The picture that a HEIC file shows, by libheif; of what lies beside it nothing is opened.

pi-heif's own Pillow plugin is not used: it shifts gray of more than 8 bits up in place, by the depth that the file
declares, and writes behind the end of the pixels where the coded picture has another (found by fuzzing version 1.4.0).
Here the buffer is only ever read, and only as far as it goes.
"""

from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile

COLORS = frozenset({"L", "RGB", "RGBA", "RGBa"})  # of 8 bits a channel, to which libheif brings all colors


class HeicImageFile(ImageFile):
    """Upright: the container's turns and mirrors are followed by libheif, so that EXIF must not turn it again."""

    format = "HEIC"
    format_description = "HEIF container of HEVC pictures (ISO/IEC 23008-12)"

    def _open(self) -> None:
        from pi_heif import HeifFile, options  # a quarter of a second that only those who need it wait for

        options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
        found = HeifFile(self.fp, convert_hdr_to_8bit=True, hdr_to_16bit=False, remove_stride=False)
        self._coded: Any = found[found.primary_index]
        self._size = self._coded.size
        self._mode = self._coded.mode if self._coded.mode in COLORS else "L"
        if profile := self._coded.info.get("icc_profile"):
            self.info["icc_profile"] = profile

    def load(self) -> Any:
        """Decode the pixels, once."""
        if (coded := self._coded) is not None:
            data, stride, mode, self._size = coded.data, coded.stride, coded.mode, coded.size
            if mode in COLORS:
                made = Image.frombytes(mode, self._size, data, "raw", mode, stride, 1)
            else:
                deep = Image.frombytes("I;16", self._size, data, "raw", "I;16", stride, 1)
                scale = 255 / ((1 << coded.info["bit_depth"]) - 1)
                made = deep.point(lambda value: value * scale + 0.5).convert("L")
            self.im, self._coded = made.im, None
        return super().load()
