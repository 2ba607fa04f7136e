"""Files of the object store on their way out: through the gateway, or by a URL of the store that holds for minutes."""

import hashlib

from flask import Response, request

from gateway.context import context, services
from gateway.web.prefer import wants_representation
from shared.settings import Downloads

URL_S = 300  # to begin with; a transfer that has begun may take longer


def stored(key: str, media_type: str, *, name: str, sha256: str | None = None) -> Response:
    """An object of the store; `name` is that of the file for whoever saves it, `sha256` the object's if it is known.

    With `Prefer: return=representation` always the object itself: for pages that may reach no server but this one,
    as those of the console.

    Raises:
        ObjectNotFound
    """
    if wants_representation(request.headers.get("Prefer")):
        return sent(services().store.get(key), media_type, sha256)
    match context().settings.s3.downloads:
        case Downloads.GATEWAY:
            return sent(services().store.get(key), media_type, sha256)
        case Downloads.PRESIGNED:
            services().store.stat(key)  # what is not there is told here, not by the store
            url = services().store.download_url(key, URL_S, media_type=media_type, name=name)
            return Response(status=302, headers={"Location": url})


def sent(data: bytes, media_type: str, sha256: str | None = None) -> Response:
    """Bytes, or the part of them that the request asks for; 304 for a client that has them."""
    response = Response(data, 200, content_type=media_type)
    response.set_etag(sha256 or hashlib.sha256(data).hexdigest())
    response.make_conditional(request, accept_ranges=True, complete_length=len(data))
    return response
