"""`/v1/galleries/{gallery}/enrolment-batches`: many people enrolled at once, from an archive or a manifest."""

from typing import Self

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field, model_validator

from gateway.auth import Scope
from gateway.batches.acceptance import accept_batch
from gateway.batches.enrolment_input import photos_of, read_enrolments
from gateway.batches.enrolment_intake import EnrolmentIntake
from gateway.batches.files import files_of
from gateway.batches.results import BatchDocument
from gateway.context import caller, context, services
from gateway.faces.enrollees import Stricter
from gateway.policies import Device
from gateway.web.bodies import Body, OptionalArchiveFile, OptionalLinesFile, read_body
from gateway.web.operations import Operation, operation
from shared.errors import InvalidField

blueprint = APIBlueprint("enrolment_batches", __name__, url_prefix="/v1/galleries/<id:gallery>/enrolment-batches")


class NewEnrolments(Body):
    archive: OptionalArchiveFile = None
    manifest: OptionalLinesFile = Field(
        None, description="JSON lines: a person, a photo, and what is to be known of the person"
    )
    device: Device = None
    conflicts: Stricter = None

    @model_validator(mode="after")
    def _has_photos(self) -> Self:
        if self.archive is None and self.manifest is None:
            raise InvalidField("Send an `archive` with a folder of photos per person, or a `manifest` of lines.")
        return self


@blueprint.post("")
@operation(Operation({202: BatchDocument}, scope=Scope.ENROL, body=NewEnrolments))
def create_enrolments(gallery: str) -> Response:
    """Enrol many people; what is wrong with one photo is an error of that one.

    Without a manifest every photo of the archive is enrolled, for the person whose id its folder is. People who
    are not there are created by the first face of theirs that is stored, with what a manifest says of them. Photos
    are deleted as each one is done.
    """
    limits = context().settings.limits
    request.max_content_length = limits.batch_bytes
    sent = read_body(NewEnrolments)
    found = services().galleries.get_gallery(caller().tenant, gallery)
    with context().uploads.opened_archive(sent.archive) as (archive, most):
        files = None if archive is None else files_of([], archive, limits, most=most)
        said = sent.manifest
        photos = photos_of(files or {}) if said is None else read_enrolments(said, files, limits)
        if not photos:
            raise InvalidField("There is no photo in the archive.")
        return accept_batch(
            lambda batch: EnrolmentIntake(
                services(), caller(), found, batch, limits, device=sent.device, conflicts=sent.conflicts
            ).items(photos),
            gallery=gallery,
        )
