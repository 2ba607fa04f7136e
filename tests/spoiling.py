"""Ways to spoil a photo, each in three strengths: for the limits of the quality check, its tests and their proof.

What the check was fitted on is CHOSEN_ON; UNSEEN and BENT were looked at afterwards only.
"""

import io
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB
Values = npt.NDArray[np.float64]
Spoil = Callable[[Pixels, float, np.random.Generator], Pixels]


def _rounded(values: Values) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _gray(values: Values) -> Pixels:
    """(H, W) in [0, 255]."""
    return _rounded(np.repeat(values[..., None], 3, axis=2).astype(np.float64))


def _coded(photo: Pixels, kind: str, **options: Any) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, kind, **options)
    return np.asarray(Image.open(file).convert("RGB"))


def _resized(photo: Pixels, factor: float, how: Image.Resampling) -> Image.Image:
    height, width = photo.shape[:2]
    return Image.fromarray(photo).resize((max(1, round(width * factor)), max(1, round(height * factor))), how)


def _back(picture: Image.Image, photo: Pixels, how: Image.Resampling) -> Pixels:
    return np.asarray(picture.convert("RGB").resize((photo.shape[1], photo.shape[0]), how))


def _places(photo: Pixels) -> tuple[Values, Values]:
    y, x = np.mgrid[0 : photo.shape[0], 0 : photo.shape[1]].astype(np.float64)
    return x, y


def noise(photo: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    """Of each color by itself; `sigma` in grey levels."""
    return _rounded(photo + random.normal(0, sigma, photo.shape))


def night(photo: Pixels, gain: float, random: np.random.Generator) -> Pixels:
    """So much less light, and so much gain: the noise of few photons and of reading them out, then JPEG."""
    photons = random.poisson(photo / gain) + random.normal(0, 2, photo.shape)
    return jpeg(_rounded(np.rint(np.clip(photons, 0, 255)) * gain), 60, random)


def jpeg(photo: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    return _coded(photo, "JPEG", quality=int(quality))


def webp(photo: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    return _coded(photo, "WEBP", quality=int(quality))


def one_bit(photo: Pixels, dots: float, _: np.random.Generator) -> Pixels:
    """A print in black dots, spread by error diffusion; so many for each pixel."""
    fine = _resized(photo, dots, Image.Resampling.BICUBIC).convert("L").convert("1").convert("L")
    return _back(fine, photo, Image.Resampling.BOX)


def halftone(photo: Pixels, cell: float, _: np.random.Generator) -> Pixels:
    """Black dots that grow, `cell` pixels apart, at 45 degrees."""
    x, y = _places(photo)
    along, across = (2 * np.pi / cell * (x + sign * y) / 2**0.5 for sign in (1, -1))
    return _gray(255.0 * (photo.mean(axis=2) / 255 > (np.cos(along) + np.cos(across)) / 4 + 0.5))


def dithered(photo: Pixels, doublings: float, _: np.random.Generator) -> Pixels:
    """Eight colors by an ordered (Bayer) dither."""
    matrix: Values = np.zeros((1, 1))
    for _step in range(int(doublings)):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    height, width = photo.shape[:2]
    limits = np.tile((matrix + 0.5) / matrix.size, (height // len(matrix) + 1, width // len(matrix) + 1))
    return _rounded(np.where(photo / 255 > limits[:height, :width, None], 255.0, 0.0))


def screen(photo: Pixels, depth: float, _: np.random.Generator) -> Pixels:
    """A photo of a display: stripes of red, green and blue, dark rows between, seen by another grid."""
    stripes = np.full((3, 3, 3), 1.0 - depth)
    for color in range(3):
        stripes[:2, color, color] = 1
    stripes[2] *= 0.5
    height, width = photo.shape[:2]
    shown = np.kron(photo, np.ones((3, 3, 1))) * np.tile(stripes, (height, width, 1)) * 1.6
    seen = cv2.resize(shown, None, fx=1 / (2.3 + 0.16 * depth), fy=1 / (2.3 + 0.16 * depth))
    return _rounded(np.asarray(cv2.resize(seen, (width, height)), np.float64))


def mosaic(photo: Pixels, side: float, _: np.random.Generator) -> Pixels:
    """Squares of one color."""
    return _back(_resized(photo, 1 / side, Image.Resampling.BOX), photo, Image.Resampling.NEAREST)


def posterized(photo: Pixels, levels: float, _: np.random.Generator) -> Pixels:
    """So many levels of each color."""
    step = 255 / (levels - 1)
    return _rounded(np.rint(photo / step) * step)


def palette(photo: Pixels, colors: float, _: np.random.Generator) -> Pixels:
    picture = Image.fromarray(photo).quantize(int(colors), dither=Image.Dither.NONE)
    return np.asarray(picture.convert("RGB"))


def sharpened(photo: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.UnsharpMask(2, int(100 * strength), 0)))


def impulses(photo: Pixels, part: float, random: np.random.Generator) -> Pixels:
    """Salt and pepper."""
    drawn = random.random(photo.shape[:2])[..., None]
    return np.where(drawn < part / 2, 0, np.where(drawn > 1 - part / 2, 255, photo)).astype(np.uint8)


def speckle(photo: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    """Noise in proportion to the light."""
    return _rounded(photo * (1 + random.normal(0, sigma, photo.shape)))


def film_grain(photo: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    """Noise whose neighbours are alike."""
    grain = cv2.GaussianBlur(random.normal(0, 1, photo.shape[:2]), (0, 0), 1)
    return _rounded(photo + np.asarray(sigma / grain.std() * grain, np.float64)[..., None])


def interlaced(photo: Pixels, shift: float, _: np.random.Generator) -> Pixels:
    """Every other line from a moment later."""
    moved = photo.copy()
    moved[::2] = np.roll(moved[::2], int(shift), axis=1)
    return moved


def scan_lines(photo: Pixels, depth: float, _: np.random.Generator) -> Pixels:
    darker = photo.astype(np.float64)
    darker[::2] *= 1 - depth
    return _rounded(darker)


def sketch(photo: Pixels, sigma: float, _: np.random.Generator) -> Pixels:
    """Nothing but edges, black on white."""
    values = photo.astype(np.float64)
    return _gray(255 - 6 * np.abs(values - cv2.GaussianBlur(values, (0, 0), sigma)).max(axis=2))


def print_and_scan(photo: Pixels, cell: float, random: np.random.Generator) -> Pixels:
    """A fine halftone, scanned a little out of focus."""
    large = np.asarray(_resized(photo, 2, Image.Resampling.BICUBIC))
    dots = Image.fromarray(halftone(large, cell, random)).filter(ImageFilter.GaussianBlur(1))
    return jpeg(noise(_back(dots, photo, Image.Resampling.BILINEAR), 4, random), 70, random)


def flattened(photo: Pixels, radius: float, _: np.random.Generator) -> Pixels:
    """Looks like oil paint: mean shift in space and color."""
    return np.asarray(cv2.pyrMeanShiftFiltering(photo, radius, 2.5 * radius))


def avif(photo: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    return _coded(photo, "AVIF", quality=int(quality), speed=9)


def enlarged(photo: Pixels, factor: float, _: np.random.Generator) -> Pixels:
    """Shrunk, enlarged and sharpened: rings around every edge."""
    small = _resized(photo, 1 / factor, Image.Resampling.LANCZOS)
    back = Image.fromarray(_back(small, photo, Image.Resampling.LANCZOS))
    return np.asarray(back.filter(ImageFilter.UnsharpMask(factor, 300, 0)))


def canvas(photo: Pixels, depth: float, random: np.random.Generator) -> Pixels:
    """A rough ground that shows through."""
    height, width = photo.shape[:2]
    rough = np.kron(np.abs(random.normal(0, 0.5, (height // 2 + 1, width // 2 + 1))), np.ones((2, 2)))
    return _rounded(photo * (1 - depth * rough[:height, :width, None].clip(0, 1)))


def frosted(photo: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    """Behind rough glass: every pixel comes from somewhere beside it."""
    x, y = ((place + random.normal(0, sigma, place.shape)).astype(np.float32) for place in _places(photo))
    return np.asarray(cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def solarized(photo: Pixels, limit: float, _: np.random.Generator) -> Pixels:
    return np.where(photo < limit, photo, 255 - photo).astype(np.uint8)


def blurred(photo: Pixels, sigma: float, _: np.random.Generator) -> Pixels:
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), sigma), np.uint8)


def jpeg_2000(photo: Pixels, rate: float, _: np.random.Generator) -> Pixels:
    """So many times smaller."""
    return _coded(photo, "JPEG2000", quality_mode="rates", quality_layers=[rate])


def shaken(photo: Pixels, length: float, random: np.random.Generator) -> Pixels:
    """The camera moved in a straight line, so many pixels."""
    size = int(length) | 1
    center = ((size - 1) / 2, (size - 1) / 2)
    line = np.zeros((size, size), np.float32)
    line[size // 2] = 1
    turned = cv2.warpAffine(line, cv2.getRotationMatrix2D(center, random.uniform(0, 180), 1), (size, size))
    return np.asarray(cv2.filter2D(photo, -1, turned / turned.sum(), borderType=cv2.BORDER_REFLECT), np.uint8)


def denoised(photo: Pixels, gain: float, random: np.random.Generator) -> Pixels:
    """A night camera that cleans its pictures (non-local means)."""
    return np.asarray(cv2.fastNlMeansDenoisingColored(night(photo, gain, random), None, 12, 12, 5, 11), np.uint8)


def hatched(photo: Pixels, depth: float, _: np.random.Generator) -> Pixels:
    """Slanting lines, two pixels of each seven: a guilloche."""
    x, y = _places(photo)
    return _rounded(np.where(((x + y) % 7 < 2)[..., None], photo * (1 - depth), photo))


def colors_apart(photo: Pixels, shift: float, _: np.random.Generator) -> Pixels:
    """Red to one side and blue to the other: printing plates that do not meet."""
    moved = photo.copy()
    moved[..., 0] = np.roll(moved[..., 0], int(shift), axis=1)
    moved[..., 2] = np.roll(moved[..., 2], -int(shift), axis=0)
    return moved


def false_colors(photo: Pixels, part: float, _: np.random.Generator) -> Pixels:
    """As a heat camera shows it, laid over the photo."""
    shown = cv2.applyColorMap(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLORMAP_JET)[..., ::-1]
    return _rounded((1 - part) * photo.astype(np.float64) + part * shown.astype(np.float64))


def written_on(photo: Pixels, opacity: float, _: np.random.Generator) -> Pixels:
    """SAMPLE, all over it."""
    written = photo.copy()
    for row in range(0, photo.shape[0] + 24, 24):
        place = (-(row * 2 % 80), row)
        cv2.putText(written, "SAMPLE " * 8, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2, cv2.LINE_AA)
    return _rounded((1 - opacity) * photo.astype(np.float64) + opacity * written.astype(np.float64))


def rain(photo: Pixels, density: float, random: np.random.Generator) -> Pixels:
    """Bright streaks; a hundredth of the pixels begins one at 1."""
    drops = (random.random(photo.shape[:2]) < 0.01 * density).astype(np.float32)
    streaks = np.asarray(cv2.filter2D(drops, -1, np.eye(9, dtype=np.float32)), np.float64)
    return _rounded(photo + 200 * streaks.clip(0, 1)[..., None])


def equalized(photo: Pixels, limit: float, _: np.random.Generator) -> Pixels:
    """Contrast raised in every part by itself (CLAHE)."""
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(limit, (8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def checked(photo: Pixels, opacity: float, _: np.random.Generator) -> Pixels:
    """A fine board of dark and light squares shines through."""
    x, y = _places(photo)
    board = 255.0 * ((x // 5 + y // 5) % 2)
    return _rounded((1 - opacity) * photo + opacity * board[..., None])


def curved(photo: Pixels, gamma: float, _: np.random.Generator) -> Pixels:
    """Another gamma: the dark parts drown, or the light ones."""
    return _rounded(255 * (photo / 255) ** gamma)


def duotone(photo: Pixels, part: float, _: np.random.Generator) -> Pixels:
    """Printed in two inks, dark blue and orange."""
    gray = photo.mean(axis=2, keepdims=True) / 255
    inked = gray * np.array([255.0, 170.0, 60.0]) + (1 - gray) * np.array([10.0, 20.0, 90.0])
    return _rounded((1 - part) * photo + part * inked)


def cartoon(photo: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """Flat colors, and black lines where there are edges."""
    flat = cv2.bilateralFilter(photo, 9, 40 * strength, 5).astype(np.float64)
    gray = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float64), (0, 0), 1)
    edges = np.hypot(cv2.Sobel(gray, cv2.CV_64F, 1, 0), cv2.Sobel(gray, cv2.CV_64F, 0, 1))
    return _rounded(np.rint(flat / 24) * 24 * np.clip(1.6 - strength * edges / 120, 0, 1)[..., None])


def web_colors(photo: Pixels, steps: float, _: np.random.Generator) -> Pixels:
    """A palette of so many steps of each color, its error spread."""
    values = [round(255 * step / (steps - 1)) for step in range(int(steps))]
    palette_ = Image.new("P", (1, 1))
    palette_.putpalette([level for r in values for g in values for b in values for level in (r, g, b)])
    return np.asarray(Image.fromarray(photo).quantize(palette=palette_).convert("RGB"))


# --- nothing was fitted on these ---


def torn(photo: Pixels, shift: float, random: np.random.Generator) -> Pixels:
    """Bands of rows to the left and right, as of a stream that lost something."""
    moves = random.integers(-int(shift), int(shift) + 1, size=photo.shape[0] // 6 + 1)
    rows = [np.roll(row, moves[number // 6], axis=0) for number, row in enumerate(photo)]
    return np.stack(rows)


def photocopied(photo: Pixels, part: float, _: np.random.Generator) -> Pixels:
    """Black where it is darker than around, else white; the copy lies over the photo."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    copy = cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 15, 4)
    return _rounded((1 - part) * photo + part * copy[..., None].astype(np.float64))


def four_inks(photo: Pixels, cell: float, _: np.random.Generator) -> Pixels:
    """Offset print: a screen of dots of each ink, turned by 15, 75, 0 and 45 degrees."""
    inks = np.asarray(Image.fromarray(photo).convert("CMYK"), np.float64) / 255
    x, y = _places(photo)
    printed = np.zeros_like(inks)
    for ink, degrees in enumerate((15, 75, 0, 45)):
        turn = np.deg2rad(degrees)
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        limits = (np.cos(2 * np.pi * along / cell) + np.cos(2 * np.pi * across / cell)) / 4 + 0.5
        printed[..., ink] = inks[..., ink] > limits
    return np.asarray(Image.fromarray(_rounded(255 * printed), "CMYK").convert("RGB"))


def embossed(photo: Pixels, part: float, _: np.random.Generator) -> Pixels:
    """Lit from one side, laid over the photo."""
    relief = np.asarray(Image.fromarray(photo).convert("L").filter(ImageFilter.EMBOSS), np.float64)
    return _rounded((1 - part) * photo + part * relief[..., None])


def doubled(photo: Pixels, opacity: float, _: np.random.Generator) -> Pixels:
    """Exposed twice, the second time some pixels beside."""
    beside = np.roll(photo, (6, 9), axis=(0, 1)).astype(np.float64)
    return _rounded((1 - opacity) * photo + opacity * beside)


def passed_on(photo: Pixels, times: float, random: np.random.Generator) -> Pixels:
    """From messenger to messenger: made a little smaller or larger and compressed, again and again."""
    passed = photo
    for time in range(int(times)):
        smaller = _resized(passed, (0.8, 1.2)[time % 2], Image.Resampling.BILINEAR)
        passed = _back(Image.fromarray(jpeg(np.asarray(smaller), 25, random)), photo, Image.Resampling.BILINEAR)
    return passed


def negative(photo: Pixels, part: float, _: np.random.Generator) -> Pixels:
    """The negative of a film, laid over the photo."""
    return _rounded((1 - part) * photo + part * (255.0 - photo))


def smeared(photo: Pixels, side: float, _: np.random.Generator) -> Pixels:
    """Each pixel is the median of those around it."""
    return np.asarray(cv2.medianBlur(photo, int(side)))


# --- these bend the face, and add no detail ---


def _from(photo: Pixels, x: Values, y: Values) -> Pixels:
    """Every pixel from another place."""
    seen = x.astype(np.float32), y.astype(np.float32)
    return np.asarray(cv2.remap(photo, *seen, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def _around_the_middle(photo: Pixels) -> tuple[Values, Values, Values]:
    """x and y from the middle, and the distance to it."""
    x, y = _places(photo)
    dx, dy = x - photo.shape[1] / 2, y - photo.shape[0] / 2
    return dx, dy, np.hypot(dx, dy)


def _turned(photo: Pixels, dx: Values, dy: Values) -> Pixels:
    return _from(photo, photo.shape[1] / 2 + dx, photo.shape[0] / 2 + dy)


def rippled(photo: Pixels, height: float, _: np.random.Generator) -> Pixels:
    """Seen through waves of so many pixels."""
    x, y = _places(photo)
    return _from(photo, x + height * np.sin(y / 3), y + height * np.sin(x / 3))


def bulged(photo: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """Through a spy hole: the middle is enlarged."""
    dx, dy, _distance = _around_the_middle(photo)
    height, width = photo.shape[:2]
    pulled = 1 - strength * np.exp(-(((dx / width) ** 2 + (dy / height) ** 2) / 0.08))
    return _turned(photo, pulled * dx, pulled * dy)


def ringed(photo: Pixels, height: float, _: np.random.Generator) -> Pixels:
    """A stone was thrown into the middle."""
    dx, dy, distance = _around_the_middle(photo)
    pulled = 1 + height * np.sin(distance / 7) / (distance + 1)
    return _turned(photo, pulled * dx, pulled * dy)


def swirled(photo: Pixels, radians: float, _: np.random.Generator) -> Pixels:
    """Turned about the middle, the less the farther off."""
    dx, dy, distance = _around_the_middle(photo)
    angle = radians * np.exp(-((distance / (0.3 * photo.shape[0])) ** 2))
    return _turned(photo, np.cos(angle) * dx - np.sin(angle) * dy, np.sin(angle) * dx + np.cos(angle) * dy)


def squeezed(photo: Pixels, factor: float, _: np.random.Generator) -> Pixels:
    """Narrower; what is missing at the sides is gray."""
    narrow = Image.fromarray(photo).resize((round(photo.shape[1] * factor), photo.shape[0]), Image.Resampling.BICUBIC)
    whole = Image.new("RGB", (photo.shape[1], photo.shape[0]), (127, 127, 127))
    whole.paste(narrow, ((photo.shape[1] - narrow.width) // 2, 0))
    return np.asarray(whole)


def zoomed(photo: Pixels, part: float, _: np.random.Generator) -> Pixels:
    """The lens was turned meanwhile: blurred from the middle outwards."""
    height, width = photo.shape[:2]
    views = []
    for step in range(9):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1 + part * step / 8)
        views.append(cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REFLECT).astype(np.float64))
    return _rounded(np.mean(views, axis=0))


def lens(photo: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """A wide lens: straight lines bend outwards (Brown's first coefficient)."""
    dx, dy, distance = _around_the_middle(photo)
    pulled = (1 + strength * (2 * distance / photo.shape[0]) ** 2) / (1 + strength / 2)
    return _turned(photo, pulled * dx, pulled * dy)


def hazed(photo: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    """Hot air: every place is moved, and its neighbours nearly as much."""
    x, y = _places(photo)
    moves = [cv2.GaussianBlur(random.normal(0, 1, x.shape), (0, 0), 5) for _axis in range(2)]
    dx, dy = (sigma / move.std() * np.asarray(move, np.float64) for move in moves)
    return _from(photo, x + dx, y + dy)


Kinds = Mapping[str, tuple[Spoil, tuple[float, float, float]]]

CHOSEN_ON: Kinds = {
    "noise, σ": (noise, (20, 35, 50)),
    "night camera, gain": (night, (4, 8, 16)),
    "JPEG, quality": (jpeg, (10, 5, 3)),
    "WebP, quality": (webp, (10, 3, 0)),
    "1-bit print, dots a pixel": (one_bit, (3, 2, 1)),
    "halftone, cell px": (halftone, (3, 4, 6)),
    "ordered dither, doublings": (dithered, (1, 2, 3)),
    "photo of a screen, depth": (screen, (0.3, 0.6, 1)),
    "mosaic, px": (mosaic, (3, 4, 6)),
    "posterized, levels": (posterized, (8, 4, 2)),
    "palette, colors": (palette, (16, 8, 4)),
    "sharpened, times": (sharpened, (3, 6, 12)),
    "salt and pepper, part": (impulses, (0.03, 0.1, 0.25)),
    "speckle, σ": (speckle, (0.2, 0.35, 0.6)),
    "film grain, σ": (film_grain, (12, 25, 40)),
    "interlaced, shift px": (interlaced, (2, 4, 8)),
    "scan lines, depth": (scan_lines, (0.3, 0.6, 1)),
    "sketch, σ": (sketch, (1, 2, 4)),
    "printed and scanned, cell": (print_and_scan, (4, 6, 8)),
    "flattened, radius": (flattened, (8, 16, 30)),
    "AVIF, quality": (avif, (20, 8, 0)),
    "enlarged, times": (enlarged, (2, 3, 4)),
    "canvas, depth": (canvas, (0.3, 0.6, 1)),
    "frosted glass, σ": (frosted, (1, 2, 3)),
    "solarized, limit": (solarized, (192, 128, 64)),
    "blurred, σ": (blurred, (1, 2, 3)),
    "JPEG 2000, times smaller": (jpeg_2000, (60, 120, 250)),
    "shaken, px": (shaken, (5, 9, 15)),
    "night camera that cleans, gain": (denoised, (4, 8, 16)),
    "hatched, depth": (hatched, (0.3, 0.6, 1)),
    "colors apart, px": (colors_apart, (1, 3, 6)),
    "false colors, part": (false_colors, (0.3, 0.6, 1)),
    "written on, opacity": (written_on, (0.2, 0.5, 1)),
    "rain, density": (rain, (0.5, 1, 2)),
    "equalized, limit": (equalized, (4, 10, 40)),
    "checked, opacity": (checked, (0.1, 0.25, 0.5)),
    "gamma": (curved, (2, 3.5, 0.35)),
    "two inks, part": (duotone, (0.4, 0.7, 1)),
    "cartoon, strength": (cartoon, (1, 2, 4)),
    "web colors, steps": (web_colors, (6, 4, 3)),
}
UNSEEN: Kinds = {
    "torn, px": (torn, (2, 4, 8)),
    "photocopied, part": (photocopied, (0.3, 0.6, 1)),
    "four inks, cell px": (four_inks, (3, 4, 6)),
    "embossed, part": (embossed, (0.3, 0.6, 1)),
    "exposed twice, opacity": (doubled, (0.2, 0.35, 0.5)),
    "passed on, times": (passed_on, (3, 6, 12)),
    "negative, part": (negative, (0.3, 0.7, 1)),
    "smeared, px": (smeared, (5, 9, 13)),
}
BENT: Kinds = {
    "rippled, px": (rippled, (1, 2, 4)),
    "bulged, strength": (bulged, (0.2, 0.35, 0.5)),
    "ringed, px": (ringed, (2, 4, 6)),
    "swirled, radians": (swirled, (0.4, 0.8, 1.2)),
    "squeezed, to": (squeezed, (0.85, 0.7, 0.55)),
    "zoomed, part": (zoomed, (0.1, 0.2, 0.4)),
    "wide lens, strength": (lens, (0.2, 0.5, 1)),
    "hot air, σ px": (hazed, (1, 2, 3)),
}
