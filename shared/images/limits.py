"""What is accepted of a picture, in numbers, judged by its header before any of it is decoded."""

from dataclasses import dataclass

from shared.errors import ImageTooLarge, ImageTooSmall

WORKING_PIXELS = 25_000_000  # what any camera of one sensor pixel a picture pixel makes is below that
STRONGEST_REDUCTION = 8  # the most that a JPEG's decoder scales by


@dataclass(frozen=True)
class ImageLimits:
    """The largest file in bytes; pixels and sides in px, as the file holds them.

    `max_pixels` is also what is decoded at the most. A JPEG that is stored row by row can be scaled down while it is
    decoded: of such `max_jpeg_pixels` are accepted (None: as of others). What has more than `working_pixels` is
    decoded at a half, a quarter or an eighth of its width and height.
    """

    max_bytes: int
    max_pixels: int
    max_side: int
    min_side: int
    max_jpeg_pixels: int | None = None
    working_pixels: int = WORKING_PIXELS

    def check_size(self, width: int, height: int, *, scales: bool) -> None:
        """`scales` is whether the picture is scaled down while it is decoded. Raises ImageTooLarge, ImageTooSmall."""
        most = (self.max_jpeg_pixels or self.max_pixels) if scales else self.max_pixels
        if width * height > most or max(width, height) > self.max_side:
            raise ImageTooLarge(
                f"The image is {width} × {height} px; at most {self._pixels_told()} and "
                f"{self.max_side:,} px a side are accepted. Scale it down."
            )
        if min(width, height) < self.min_side:
            raise ImageTooSmall(f"The image is {width} × {height} px; each side needs at least {self.min_side} px.")

    def reduction(self, width: int, height: int, *, side: int = 0) -> int:
        """What a picture's sides are divided by when it is decoded: 1, 2, 4 or 8. The longer one stays at `side` px."""
        divisor = 1
        while (
            width * height > self.working_pixels * divisor**2
            and divisor < STRONGEST_REDUCTION
            and max(width, height) >= side * divisor * 2
        ):
            divisor *= 2
        return divisor

    def _pixels_told(self) -> str:
        if self.max_jpeg_pixels is None:
            return f"{self.max_pixels:,} pixels"
        return f"{self.max_pixels:,} pixels ({self.max_jpeg_pixels:,} of a JPEG that is not progressive)"
