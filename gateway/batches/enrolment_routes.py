"""`/v1/galleries/{gallery}/enrolment-batches`: many people enrolled at once, from an archive or a manifest."""

from typing import Self

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field, model_validator

from gateway.auth import Scope
from gateway.batches.acceptance import accept_batch
from gateway.batches.enrolment_input import Photo, names_of, photos_of, read_enrolments
from gateway.batches.enrolment_intake import EnrolmentIntake
from gateway.batches.files import SentFiles, files_of, nothing_in
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

    Without a manifest every photo of the archive is enrolled, for the person whose id its folder is; a photo whose
    person its folders do not tell is refused. Other files are `skipped`, each with its reason. People who are not
    there are created by the first face of theirs that is stored, with what a manifest says of them. Photos are
    deleted as each one is done.
    """
    limits = context().settings.limits
    request.max_content_length = limits.batch_bytes
    sent = read_body(NewEnrolments)
    into = services().galleries.get_gallery(caller().tenant, gallery)
    with context().uploads.opened_archive(sent.archive) as (archive, most):
        found = files_of([], archive, limits, most=most, by_manifest=sent.manifest is not None)
        photos = _photos(sent, found)
        return accept_batch(
            lambda batch: EnrolmentIntake(
                services(), caller(), into, batch, limits, device=sent.device, conflicts=sent.conflicts
            ).items(photos),
            skipped=found.left_out if sent.manifest is None else found.besides(names_of(photos)),
            gallery=gallery,
        )


def _photos(sent: NewEnrolments, found: SentFiles) -> list[Photo]:
    if sent.manifest is not None:
        readers = None if sent.archive is None else found.readers
        return read_enrolments(sent.manifest, readers, context().settings.limits)
    if not found.files:
        raise nothing_in(found.left_out, "photo")
    return photos_of(found.files)
