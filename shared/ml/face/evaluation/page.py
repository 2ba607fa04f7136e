"""The report to look at: one PNG page with curves, histograms, tables and the worst errors as pictures.

Drawn with matplotlib's Figure, never with pyplot: nothing global, so any thread may draw one.
"""

import io
from collections.abc import Mapping
from functools import cache

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ft2font import FT2Font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter
from PIL import Image

from shared.ml.face.evaluation.markdown import READING, data_line, rate
from shared.ml.face.evaluation.report import EvaluationReport, FnirAtFpir, PairError, Rate, TarAtFar
from shared.ml.face.face_set import FaceSet

_GENUINE, _IMPOSTOR = "#1f6fb4", "#d9622b"
_INK, _MUTED, _GRID = "#1d232b", "#68717d", "#e4e7eb"
_SMALLEST, _LARGEST = np.array([0.68, 0.82, 0.93]), np.array([0.03, 0.15, 0.38])  # RGB of the curves, by K
_DPI = 110
_WIDTH = 14.0  # inches


def draw_page(report: EvaluationReport, faces: FaceSet) -> bytes:
    """The page as a PNG file; the pictures come from the faces' thumbnails, where they have any."""
    lines = max(len(report.identification), len(report.verification.tar_at_far))
    worst = [2.0 if errors else 0.1 for errors in (report.closest_impostors, report.farthest_genuine)]
    heights = [1.9, 4.2, 4.2, 0.9 + 0.32 * lines, *worst, 0.6]
    figure = Figure(
        figsize=(_WIDTH, sum(heights)),
        dpi=_DPI,
        facecolor="white",
        layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06),
    )
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    rows = [figure.add_subfigure(grid[index]) for index in range(len(heights))]
    _title(rows[0], report)
    left, right = rows[1].subplots(1, 2)
    _histogram(left, report)
    _roc(right, report)
    left, right = rows[2].subplots(1, 2)
    _det(left, report)
    _open_set(right, report)
    _tables(rows[3], report)
    pictures = dict(zip(faces.names, faces.thumbnails, strict=True)) if faces.thumbnails else {}
    _errors(rows[4], "Most similar photos of two people", report.closest_impostors, pictures)
    _errors(rows[5], "Least similar photos of one person", report.farthest_genuine, pictures)
    rows[6].text(0.012, 0.5, _wrapped(READING), size=8, color=_MUTED, va="center")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _title(part: SubFigure, report: EvaluationReport) -> None:
    name = f": {drawable(report.data.name)}" if report.data.name else ""
    part.text(0.012, 0.92, f"Face evaluation{name}", size=20, weight="bold", va="top", color=_INK, parse_math=False)
    about = f"Model {report.model.name} ({report.model.digest[:12]}), seed {report.seed}. {data_line(report)}"
    part.text(0.012, 0.63, drawable(about), size=10, color=_MUTED, va="top", parse_math=False)
    tiles = _tiles(report)
    for index, (value, caption) in enumerate(tiles):
        x = 0.012 + index * 0.988 / len(tiles)
        part.text(x, 0.38, value, size=19, weight="bold", color=_GENUINE, va="top")
        part.text(x, 0.1, caption, size=9, color=_MUTED, va="top")


def _tiles(report: EvaluationReport) -> list[tuple[str, str]]:
    found = report.verification
    tiles = []
    if found.folds:
        tiles.append((f"{found.folds.accuracy:.2%}", f"1:1 accuracy, ± {found.folds.deviation:.2%} over ten folds"))
    if found.equal_error_rate is not None:
        tiles.append((f"{found.equal_error_rate:.2%}", "equal error rate, all pairs"))
    # the strictest that is not rough, if there is one
    measured = sorted((point for point in found.tar_at_far if point.tar), key=lambda p: (p.note is None, -p.target))
    if measured and measured[-1].tar:
        tiles.append((f"{measured[-1].tar.value:.2%}", f"TAR at FAR {measured[-1].target:g}"))
    if report.identification:
        largest = report.identification[-1]
        tiles.append((f"{largest.rank_1.value:.2%}", f"rank-1 among {largest.persons:,} people"))
        if fnir := largest.fnir_at_fpir[0].fnir:
            tiles.append((f"{fnir.value:.2%}", f"FNIR at FPIR {largest.fnir_at_fpir[0].target:g} among them"))
    return tiles or [("–", "too few photos for any figure")]


def _axes(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", size=12, weight="bold", color=_INK)
    axes.set_xlabel(x, size=10, color=_INK)
    axes.set_ylabel(y, size=10, color=_INK)
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_MUTED)
    axes.tick_params(colors=_MUTED, labelsize=9)


def _nothing(axes: Axes, why: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", color=_MUTED, wrap=True)


def _histogram(axes: Axes, report: EvaluationReport) -> None:
    _axes(axes, "Scores", "cosine similarity", "part of the pairs")
    found = report.verification.histogram
    edges = np.array(found.edges)
    for counts, colour, name in ((found.impostor, _IMPOSTOR, "two people"), (found.genuine, _GENUINE, "one person")):
        share = np.array(counts) / max(1, sum(counts))
        axes.stairs(share, edges, fill=True, alpha=0.35, color=colour)
        axes.stairs(share, edges, color=colour, linewidth=1.5, label=f"{name} ({sum(counts):,} pairs)")
    used = np.flatnonzero(np.array(found.impostor) + np.array(found.genuine))
    axes.set_xlim(edges[used[0]] - 0.02, min(1.0, edges[used[-1] + 1] + 0.02))
    for point in report.verification.tar_at_far:
        if point.threshold is not None:
            axes.axvline(point.threshold, color=_MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
            axes.annotate(
                f"FAR {point.target:g}",
                (point.threshold, 0.98),
                xycoords=("data", "axes fraction"),
                rotation=90,
                size=8,
                color=_MUTED,
                ha="right",
                va="top",
            )
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylim(0, 1.22 * axes.get_ylim()[1])
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def _roc(axes: Axes, report: EvaluationReport) -> None:
    _axes(axes, "ROC, 1:1", "FAR (two people taken for one)", "TAR (one person recognised)")
    curve = report.verification.curve
    if not curve:
        return _nothing(axes, "no person has two photos")
    least = 1 / report.verification.impostor_pairs
    x = [max(point.false_positive_rate, least) for point in curve]
    y = [1 - point.false_negative_rate for point in curve]
    axes.semilogx(x, y, color=_GENUINE, linewidth=2)
    for point in report.verification.tar_at_far:
        if point.tar:
            at = point.target, point.tar.value
            axes.errorbar(*at, yerr=_bars(point.tar), fmt="o", color=_GENUINE, markersize=5, capsize=3)
            note = f"{point.tar.value:.2%}"
            axes.annotate(note, at, xytext=(6, -14), textcoords="offset points", size=9, color=_INK)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(least / 1.5, 1)
    shown = [value for far, value in zip(x, y, strict=True) if far > least]
    axes.set_ylim(max(0.0, min(shown, default=0.0) - 0.01), 1 + 0.02 * (1 - min(shown, default=0.0)) + 5e-4)
    return None


def _det(axes: Axes, report: EvaluationReport) -> None:
    _axes(axes, "Detection error trade-off, 1:1", "FAR", "1 - TAR (one person refused)")
    found = report.verification
    points = [p for p in found.curve if p.false_positive_rate > 0 and p.false_negative_rate > 0]
    if not points:
        return _nothing(axes, "no errors to trade off" if found.curve else "no person has two photos")
    x, y = [p.false_positive_rate for p in points], [p.false_negative_rate for p in points]
    axes.loglog(x, y, color=_GENUINE, linewidth=2)
    if equal := found.equal_error_rate:
        axes.loglog(equal, equal, "o", color=_IMPOSTOR, markersize=6)
        note, at = f"equal error rate {equal:.2%}", (equal, equal)
        axes.annotate(note, at, xytext=(8, 8), textcoords="offset points", size=9, color=_INK)
    axes.grid(visible=True, which="minor", color=_GRID, linewidth=0.3)
    return None


def _open_set(axes: Axes, report: EvaluationReport) -> None:
    _axes(axes, "Open set, 1:K", "FPIR (a stranger taken for somebody)", "FNIR (an enrolled person missed)")
    drawn = False
    shades = np.linspace(_SMALLEST, _LARGEST, len(report.identification))
    for at, shade in zip(report.identification, shades, strict=True):
        points = [p for p in at.curve if p.false_positive_rate > 0 and p.false_negative_rate > 0]
        if points:
            drawn = True
            x, y = [p.false_positive_rate for p in points], [p.false_negative_rate for p in points]
            axes.loglog(x, y, color=tuple(shade), linewidth=2, label=f"K = {at.persons:,}")
    if not drawn:
        return _nothing(axes, report.identification_note or "no errors to trade off")
    axes.grid(visible=True, which="minor", color=_GRID, linewidth=0.3)
    axes.legend(frameon=False, fontsize=9)
    return None


def _tables(part: SubFigure, report: EvaluationReport) -> None:
    left, right = part.subplots(1, 2)
    rows: list[tuple[str, ...]] = [
        (f"{p.target:g}", "–" if p.threshold is None else f"{p.threshold:.3f}", _interval(p))
        for p in report.verification.tar_at_far
    ]
    _table(left, "Verification at a promised FAR", ("FAR", "threshold", "TAR (95 % interval)"), rows)
    targets = [p.target for p in report.identification[0].fnir_at_fpir] if report.identification else []
    head = ("K", "rank-1", *(f"FNIR at FPIR {target:g}" for target in targets))
    rows_k: list[tuple[str, ...]] = [
        (
            f"{at.persons:,}",
            f"{at.rank_1.value:.2%}",
            *(
                f"{_about(p)}{p.fnir.value:.2%} (at {p.threshold:.3f})" if p.fnir else "too few photos"
                for p in at.fnir_at_fpir
            ),
        )
        for at in report.identification
    ]
    _table(right, "Identification at a promised FPIR", head, rows_k)


def _table(axes: Axes, title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    axes.set_axis_off()
    axes.set_title(title, loc="left", size=12, weight="bold", color=_INK)
    if not rows:
        axes.text(0, 0.8, "not measured: too few people", color=_MUTED)
        return
    longest = np.array([max(map(len, column)) + 3 for column in zip(head, *rows, strict=True)])
    table = axes.table(
        cellText=rows,
        colLabels=head,
        colWidths=(longest / longest.sum()).tolist(),
        loc="upper left",
        cellLoc="left",
        colLoc="left",
        edges="horizontal",
    )
    table.auto_set_font_size(False)
    table.set_fontsize(9.5)
    table.scale(1, 1.55)
    for (row, _), cell in table.get_celld().items():
        cell.set_edgecolor(_GRID)
        cell.get_text().set_color(_MUTED if row == 0 else _INK)


def _errors(part: SubFigure, title: str, errors: tuple[PairError, ...], pictures: Mapping[str, bytes]) -> None:
    if not errors:
        return
    part.suptitle(title, x=0.012, ha="left", size=12, weight="bold", color=_INK)
    grid = part.subplots(1, 8, squeeze=False)[0]
    for axes in grid:
        axes.set_axis_off()
        axes.set_anchor("N")
    for axes, error in zip(grid, errors, strict=False):
        axes.set_title(f"{error.score:.3f}", size=11, color=_INK, pad=3)
        if error.a in pictures and error.b in pictures:
            axes.imshow(np.concatenate([_pixels(pictures[error.a]), _pixels(pictures[error.b])], axis=1))
        caption = "\n".join(_fitted(name) for name in (error.a, error.b))
        at = 0.5, -0.06
        axes.text(*at, caption, transform=axes.transAxes, ha="center", va="top", size=7, color=_MUTED, parse_math=False)


def _pixels(jpeg: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))


def _bars(found: Rate) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    return np.array([[max(0.0, found.value - found.low)], [max(0.0, found.high - found.value)]])


def _interval(point: TarAtFar) -> str:
    return f"{_about(point)}{rate(point.tar)}" if point.tar else "too few pairs"


def _about(point: TarAtFar | FnirAtFpir) -> str:
    """A sign for what is rough."""
    return "≈ " if point.note else ""


def _fitted(name: str, length: int = 30) -> str:
    """The file of `person/file`, cut in the middle."""
    text = drawable(name.rpartition("/")[2])
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-length // 2 + 1 :]}"


def drawable(text: str) -> str:
    """With a box for each character that the page's font lacks."""
    known = _characters()
    return "".join(char if ord(char) in known else "□" for char in text)


@cache
def _characters() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())


def _wrapped(text: str, width: int = 230) -> str:
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += f"{word} "
    return "\n".join(line.strip() for line in lines)
