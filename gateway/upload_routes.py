"""`/v1/uploads`: a file goes straight into the object store; a later request names it instead of carrying it."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, g
from pydantic import Field, StringConstraints

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.errors import UploadTooLarge
from gateway.web.bodies import Body, read_body
from gateway.web.operations import Operation, operation
from gateway.web.references import REFERENCE
from gateway.web.responses import Document, document
from shared.errors import Unavailable

blueprint = APIBlueprint("uploads", __name__, url_prefix="/v1/uploads")

SENDING = (Scope.ENROL, Scope.VERIFY, Scope.RECOGNISE, Scope.STYLISE, Scope.ADMIN)  # whose requests have files
URL_S = 900  # long enough to begin with; a transfer that has begun may take longer


class NewUpload(Body):
    bytes: int = Field(ge=1, description="of the file, exactly")
    media_type: Annotated[str, StringConstraints(pattern=r"^[a-z]+/[A-Za-z0-9.+-]{1,100}$")] | None = Field(
        None, description="a media type, such as application/zip"
    )
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="the file's SHA-256 in 64 lower-case hexadecimal digits; compared when it is used"
    )


class UploadDocument(Document):
    id: str
    reference: str = Field(description="what a file field takes instead of a file")
    method: str = Field(description="how the file is sent: PUT")
    url: str = Field(description="where to; it needs no API key, so keep it to yourself")
    headers: dict[str, str] = Field(description="to send with it")
    expires_at: datetime = Field(description="of the URL")
    kept_until: datetime = Field(description="when the file is deleted unless a request has used it")


@blueprint.post("")
@operation(Operation({201: UploadDocument}, scopes=SENDING, body=NewUpload, problems=(409, 413)))
def create_upload() -> Response:
    """Announce a file, then PUT it to the `url` of the answer.

    Any file field of any request takes the `reference` instead of a file. A file is used once: it is deleted when
    the request that named it has been accepted, and a day later in any case.
    """
    sent = read_body(NewUpload)
    most = context().settings.limits.upload_bytes
    if sent.bytes > most:
        raise UploadTooLarge(f"The file has {sent.bytes:,} bytes; at most {most:,} are accepted.")
    new = services().incoming.announce(caller().tenant, sent.bytes, sent.sha256)
    made = UploadDocument(
        id=new.id,
        reference=f"{REFERENCE}{new.id}",
        method="PUT",
        url=services().store.upload_url(new.key, sent.bytes, URL_S),
        headers={"Content-Type": sent.media_type or "application/octet-stream"},
        expires_at=datetime.fromtimestamp(datetime.now(UTC).timestamp() + URL_S, UTC),
        kept_until=datetime.fromtimestamp(new.expires_at, UTC),
    )
    return document(made, 201)


@blueprint.delete("/<id:upload>")
@operation(Operation({204: None}, scopes=SENDING))
def delete_upload(upload: str) -> Response:
    """Delete a file that no request has used."""
    tenant = caller().tenant
    services().incoming.find(tenant, upload)
    services().incoming.delete(tenant, [upload])
    return Response(status=204)


def forget_used(response: Response) -> Response:
    """After every request: delete the files that it named, if it was accepted."""
    used = g.get("used_uploads")
    if used and response.status_code < 400:
        with suppress(Unavailable):  # then they end with their day
            services().incoming.delete(caller().tenant, used)
    return response
