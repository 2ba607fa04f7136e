"""The quality of a folder of results as it is handed out: JSON, a Markdown table, a sheet of pictures with figures."""

import json
from dataclasses import asdict, dataclass
from statistics import fmean

from PIL import Image

from shared.archives import FileProblem
from shared.ml.style.quality import CONTENT_LAYER, StyleQuality
from shared.ml.style.sheets import Cell, draw_sheet, to_png

MOST_DRAWN = 40  # results on the sheet; the table has all

_SIDE = 220  # px of a picture on the sheet
_READING = (
    f"Content cost: per position of VGG-16's {CONTENT_LAYER}. Gram cost: per layer, and their weighted sum. Both are 0 "
    "for a picture that equals its model; smaller is closer. SSIM: luminance, to the content; 1 is the same. Colour: "
    "sliced Wasserstein distance of the colours in CIE L*a*b*, in units of Delta E, to the style and to the content."
)
_COLUMNS = ("content cost", "style cost", "SSIM", "ΔE style", "ΔE content")


@dataclass(frozen=True, eq=False)
class Measured:
    """One result by name, with the pictures that it was made from."""

    result: str
    content: str
    style: str
    quality: StyleQuality
    thumbnails: tuple[Image.Image, ...] = ()  # content, style, result


@dataclass(frozen=True, eq=False)
class QualityReport:
    name: str
    measured: tuple[Measured, ...]  # at least one
    problems: tuple[FileProblem, ...]  # results that could not be measured

    @property
    def mean(self) -> StyleQuality:
        """Of every figure over the results."""
        found = [one.quality for one in self.measured]
        return StyleQuality(
            content_cost=fmean(one.content_cost for one in found),
            gram_costs={layer: fmean(one.gram_costs[layer] for one in found) for layer in found[0].gram_costs},
            style_cost=fmean(one.style_cost for one in found),
            ssim=fmean(one.ssim for one in found),
            colour_distance=fmean(one.colour_distance for one in found),
            colour_distance_to_content=fmean(one.colour_distance_to_content for one in found),
        )


def thumbnail(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE))
    return small


def files(report: QualityReport) -> dict[str, bytes]:
    """report.json, report.md and report.png, with the bytes of each."""
    return {
        "report.json": to_json(report).encode(),
        "report.md": to_markdown(report).encode(),
        "report.png": to_png(draw(report)),
    }


def to_json(report: QualityReport) -> str:
    results = [
        {"result": one.result, "content": one.content, "style": one.style, **asdict(one.quality)}
        for one in report.measured
    ]
    problems = [asdict(problem) for problem in report.problems]
    found = {"name": report.name, "results": results, "mean": asdict(report.mean), "problems": problems}
    return json.dumps(found, indent=1, allow_nan=False)


def table(report: QualityReport) -> list[list[str]]:
    """A row of words per result, under a first one of headings; the mean is the last, where there are several."""
    layers = list(report.measured[0].quality.gram_costs)
    rows = [["result", *_COLUMNS[:2], *(f"Gram {layer}" for layer in layers), *_COLUMNS[2:]]]
    named = [(one.result, one.quality) for one in report.measured]
    if len(named) > 1:
        named.append((f"mean of {len(named):,}", report.mean))
    for name, found in named:
        grams = [f"{found.gram_costs[layer]:.3g}" for layer in layers]
        rows.append([name, f"{found.content_cost:.3g}", f"{found.style_cost:.3g}", *grams, *_others(found)])
    return rows


def to_markdown(report: QualityReport) -> str:
    headings, *rows = table(report)
    lines = [f"# Quality of {_escaped(report.name)}", "", _READING, ""]
    lines += [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    lines += [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in rows]
    if report.problems:
        lines += ["", "## Left out", ""]
        lines += [f"- {_escaped(problem.file)}: {_escaped(problem.reason)}" for problem in report.problems]
    return "\n".join([*lines, ""])


def draw(report: QualityReport) -> Image.Image:
    """Content, style and result side by side with the figures, a row each."""
    shown = [one for one in report.measured if one.thumbnails][:MOST_DRAWN]
    rows = [
        [
            *(
                Cell(image, (name,), _SIDE)
                for image, name in zip(one.thumbnails, (one.content, one.style, one.result), strict=True)
            ),
            Cell(None, _figures(one.quality), _SIDE + 40),
        ]
        for one in shown
    ]
    left_out = len(report.measured) - len(shown)
    more = f" {left_out:,} more results are in the table only." if left_out else ""
    return draw_sheet(f"Quality of {report.name}", _READING + more, rows)


def _figures(found: StyleQuality) -> tuple[str, ...]:
    ssim, to_style, to_content = _others(found)
    return (
        f"content cost {found.content_cost:.3g}",
        f"style cost {found.style_cost:.3g}",
        *(f"Gram {layer} {cost:.3g}" for layer, cost in found.gram_costs.items()),
        f"SSIM {ssim}",
        f"colour to style {to_style}, to content {to_content}",
    )


def _others(found: StyleQuality) -> list[str]:
    return [f"{found.ssim:.3f}", f"{found.colour_distance:.1f}", f"{found.colour_distance_to_content:.1f}"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
