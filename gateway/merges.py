"""`/v1/galleries/{gallery}/persons/{person}/merge`: two records that turned out to be one person's."""

from apiflask import APIBlueprint
from flask import Response, g
from pydantic import Field

from gateway.auth import Scope
from gateway.context import caller, services, trace_id
from gateway.persons import PersonWithFaces, with_faces
from gateway.web.bodies import Body, read_body
from gateway.web.operations import Operation, operation
from gateway.web.responses import document
from shared.galleries.merging import Asked, Merger
from shared.ml.face.verification import verification_profile
from shared.schemas import FaceWarning, Gallery, Id

blueprint = APIBlueprint("merges", __name__, url_prefix="/v1/galleries/<id:gallery>/persons/<id:person>/merge")

SAME_PERSON = "verify-fmr-1e-3"  # below its threshold the two would not be taken for one person


class Merge(Body):
    source: Id = Field(alias="from")


class MergedPerson(PersonWithFaces):
    warnings: list[FaceWarning] = Field(description="`identity_conflict`: the two do not look alike")
    surplus: int = Field(description="faces beyond what the gallery keeps of one person: the weakest, deleted")


@blueprint.post("")
@operation(Operation({200: MergedPerson}, scope=Scope.ADMIN, body=Merge))
def merge_persons(gallery: str, person: str) -> Response:
    """Merge the person `from` into this one: his faces move here, then he is erased (reason `merged`).

    What this person lacks (name, external id, tags, attributes, consent) is taken from the other, but neither
    groups nor validity; of two dates of expiry the earlier one holds. Nothing is refused, since somebody who knows
    says so: two who do not look alike are merged with a warning. Repeating a merge that was interrupted completes
    it.
    """
    sent = read_body(Merge)
    found = services().galleries.get_gallery(caller().tenant, gallery)
    merger = Merger(services().galleries, services().eraser, services().outbox)
    asked = Asked(caller().tenant, caller().id, trace_id())
    merged = merger.merge(asked, found, person, sent.source)
    g.personal = True  # not kept for a repetition
    answer = MergedPerson(
        **with_faces(found, merged.person).model_dump(),
        warnings=_warnings(found, merged.likeness),
        surplus=merged.surplus,
    )
    return document(answer, exclude=None if caller().may(Scope.SCORES_READ) else {"warnings": {"__all__": {"score"}}})


def _warnings(gallery: Gallery, likeness: float | None) -> list[FaceWarning]:
    cards = services().face_models.cards(caller().tenant)
    curve = next((card.curve for card in cards if card.digest == gallery.model.digest), None)
    if likeness is None or curve is None or likeness >= verification_profile(SAME_PERSON, curve).threshold:
        return []
    detail = "The two do not look like one person: were their photos those of one?"
    return [FaceWarning(code="identity_conflict", detail=detail, score=likeness)]
