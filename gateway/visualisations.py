"""`/v1/visualisations`: what the style network sees, as a sheet of pictures."""

from typing import Annotated, Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import AfterValidator, Field, model_validator

from gateway.auth import Scope
from gateway.context import context
from gateway.web.bodies import JSON_LIST, Body, PicturesFile, read_body
from gateway.web.operations import accepts_job
from gateway.web.responses import accept
from shared.errors import InvalidField
from shared.ml.style.options import LAYERS, Method, check_layers
from shared.schemas import JobType, Priority, VisualisationKind, VisualisationPayload

blueprint = APIBlueprint("visualisations", __name__, url_prefix="/v1/visualisations")

MOST_UNITS = 24
COUNT = 9  # units on a sheet, where none are named


def _known_layer(layer: str) -> str:
    check_layers([layer])
    return layer


Layer = Annotated[str, Field(json_schema_extra={"enum": list(LAYERS)}), AfterValidator(_known_layer)]
Units = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=512, strict=True)], ...], Field(min_length=1, max_length=MOST_UNITS)
]
UNITS_ARE = f"a JSON list of up to {MOST_UNITS} numbers of units, such as [3, 17]; default: the most telling ones"


class Visualisation(Body):
    archive: PicturesFile
    kind: VisualisationKind = Field(
        VisualisationKind.UNITS,
        description="units: the nine patches that activate each unit most; content, style: what layers keep of them",
    )
    layer: Layer | None = Field(None, description="of VGG-16; needed with kind units, and only there")
    units: Annotated[Units | None, JSON_LIST] = Field(None, description=UNITS_ARE)
    count: int | None = Field(
        None, ge=1, le=MOST_UNITS, description="an integer: how many of the most telling units to choose; default: 9"
    )
    method: Method | None = Field(
        None, description="how to go back from a unit to the pixels: guided (the default) or deconvnet"
    )
    seed: int | None = Field(None, ge=0, lt=2**32, description="of the noise that kinds content and style begin with")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        of_units = self.kind is VisualisationKind.UNITS
        if of_units and self.layer is None:
            raise InvalidField(f"`layer` is needed with kind=units; the layers are: {', '.join(LAYERS)}.")
        if not of_units and any(value is not None for value in (self.layer, self.units, self.count, self.method)):
            raise InvalidField(
                f"`layer`, `units`, `count` and `method` are only for kind=units; kind={self.kind} shows five layers."
            )
        if self.units is not None and self.count is not None:
            raise InvalidField("Send `units` or `count`: name the units, or have so many of them chosen.")
        if of_units and self.seed is not None:
            raise InvalidField("`seed` is only for kind=content and kind=style, which begin with noise.")
        return self


@blueprint.post("")
@accepts_job(Scope.STYLISE, Visualisation)
def visualise() -> Response:
    """Show what the style network sees, on pictures of yours in a ZIP; the sheet is at the job's `links.report`.

    Kind `units` shows the places that activate a layer's units most, one per picture, beside what comes back from the
    unit to the pixels. Kinds `content` and `style` show what layers keep of up to four pictures.
    """
    sent = read_body(Visualisation)
    return accept(
        JobType.VISUALISATION,
        context().uploads.archive(sent.archive, "pictures"),
        lambda keys: VisualisationPayload(
            archive_key=keys["archive"],
            kind=sent.kind,
            layer=sent.layer,
            units=None if sent.units is None else tuple(dict.fromkeys(sent.units)),
            count=sent.count or COUNT,
            method=sent.method or Method.GUIDED,
            seed=sent.seed or 0,
        ),
        Priority.BULK,
    )
