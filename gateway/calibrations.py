"""`/v1/galleries/{gallery}/calibrations`: thresholds measured on a gallery's own people, or on its users' photos."""

from typing import Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, model_validator

from gateway.auth import PEOPLE, Scope
from gateway.context import caller, context, services
from gateway.policies import GENERAL, policy_of
from gateway.telling import tell
from gateway.web.bodies import Body, OptionalArchiveFile, read_body, read_query
from gateway.web.operations import Operation, accepts_job, operation
from gateway.web.paging import IdPage, page_of
from gateway.web.responses import Document, accept, document
from shared.errors import CalibrationNotFound, Conflict, InvalidField
from shared.schemas import Calibration, CalibrationPayload, Gallery, Id, JobType, PolicyKind, Priority

blueprint = APIBlueprint("calibrations", __name__, url_prefix="/v1/galleries/<id:gallery>/calibrations")


class NewCalibration(Body):
    """A target, and what to measure it on: the gallery's own templates unless an archive is sent."""

    target_fmr: float | None = Field(
        None, ge=1e-7, le=0.1, description="false match rate of 1:1 verification, from 1e-7 to 0.1"
    )
    target_fpir: float | None = Field(
        None, ge=1e-4, le=0.5, description="false positive identification rate of 1:K search, from 1e-4 to 0.5"
    )
    archive: OptionalArchiveFile = None
    feedback: bool = Field(True, description="put the threshold above the false matches that were reported")
    measure: bool = Field(
        True,
        description="false: raise the model's own threshold above those, for a gallery too small to measure one on",
    )

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target_fmr is None) == (self.target_fpir is None):
            raise InvalidField("Send one of `target_fmr` (1:1) and `target_fpir` (1:K).")
        if not self.measure and self.archive is not None:
            raise InvalidField("`archive` is to be measured on: leave it out with `measure=false`.")
        return self

    @property
    def target(self) -> tuple[PolicyKind, float]:
        if self.target_fmr is not None:
            return PolicyKind.VERIFICATION, self.target_fmr
        return PolicyKind.IDENTIFICATION, self.target_fpir or 0.0


class CalibrationDocument(Document):
    calibration: Calibration
    in_use: bool = Field(description="false when the gallery has moved to another model since")


class CalibrationList(Document):
    calibrations: list[CalibrationDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


@blueprint.post("")
@accepts_job(Scope.ADMIN, NewCalibration)
def calibrate(gallery: str) -> Response:
    """Measure a threshold for a target rate, and use it from then on.

    The policy is named after the target (`verify-fmr-1e-4`, `identify-fpir-1e-2`); requests that name it,
    or leave it to be the default, get the measured threshold, and answers name the calibration.
    False matches that were reported (POST .../feedback) raise the threshold above their scores; nothing lowers it.
    """
    sent = read_body(NewCalibration)
    kind, target = sent.target
    services().galleries.get_gallery(caller().tenant, gallery)
    files = context().uploads.archive(sent.archive)
    return accept(
        JobType.CALIBRATION,
        files,
        lambda keys: CalibrationPayload(
            gallery=gallery,
            archive_key=keys.get("archive"),
            kind=kind,
            target=target,
            feedback=sent.feedback,
            measure=sent.measure,
        ),
        Priority.BULK,
    )


@blueprint.get("")
@operation(Operation({200: CalibrationList}, scopes=PEOPLE, query=IdPage))
def list_calibrations(gallery: str) -> Response:
    """List a gallery's calibrations, in the order of their policies."""
    page = read_query(IdPage)
    found = services().galleries.get_gallery(caller().tenant, gallery)
    listed = sorted(found.calibrations, key=lambda one: (one.policy, one.created_at))
    shown, more = page_of(listed, page, lambda one: one.id)
    views = [_view(found, calibration) for calibration in shown]
    return document(CalibrationList(calibrations=views, next_cursor=more))


@blueprint.get("/<id:policy>")
@operation(Operation({200: CalibrationDocument}, scopes=PEOPLE))
def get_calibration(gallery: str, policy: str) -> Response:
    """Read the calibration of a policy."""
    found = services().galleries.get_gallery(caller().tenant, gallery)
    return document(_view(found, _of(found, policy)))


@blueprint.delete("/<id:policy>")
@operation(Operation({204: None}, scope=Scope.ADMIN, problems=(409,)))
def delete_calibration(gallery: str, policy: str) -> Response:
    """Go back to the threshold that the model came with.

    A policy that only the calibration makes known is not forgotten while the gallery's access rules name it.
    """

    def without(found: Gallery) -> Gallery:
        gone = _of(found, policy)
        needed = gone.model == found.model and policy not in GENERAL[gone.kind]
        if needed and policy == policy_of(gone.kind, found.access):
            raise Conflict(f"The gallery's access rules name {policy!r}: name another policy there first.")
        return found.model_copy(update={"calibrations": tuple(one for one in found.calibrations if one != gone)})

    tenant, galleries = caller().tenant, services().galleries
    without(galleries.get_gallery(tenant, gallery))  # only what will be done is told
    tell("calibration.deleted", gallery=gallery, policy=policy)
    galleries.update_gallery(tenant, gallery, without)
    return Response(status=204)


def _of(gallery: Gallery, policy: Id) -> Calibration:
    """The one in use, or else another model's."""
    others = [one for one in gallery.calibrations if one.policy == policy]
    if not others:
        raise CalibrationNotFound(f"The gallery {gallery.id!r} has no calibration of {policy!r}.")
    return gallery.calibration(policy) or others[-1]


def _view(gallery: Gallery, calibration: Calibration) -> CalibrationDocument:
    return CalibrationDocument(calibration=calibration, in_use=calibration.model.digest == gallery.model.digest)
