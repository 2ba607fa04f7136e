"""The gateway's application factory: everything it talks to is passed in."""

import io
from importlib.metadata import version
from typing import IO, cast

from apiflask import APIFlask
from flask import Request
from werkzeug.routing import BaseConverter

from gateway import (
    batches,
    calibrations,
    detections,
    docs,
    errors,
    evaluations,
    face_models,
    galleries,
    gatekeeper,
    health,
    jobs,
    liveness,
    migrations,
    openapi,
    parting,
    persons,
    recognitions,
    styles,
    stylizations,
    trainings,
    verifications,
    visualisations,
)
from gateway.context import EXTENSION, Context, Services
from gateway.operations import operation_of
from gateway.uploads import Uploads
from shared.settings import Settings


class MemoryRequest(Request):
    """Keeps uploads in memory, whose size the body's limit bounds: photos of faces never touch the disk."""

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        return io.BytesIO()


class IdConverter(BaseConverter):
    """Any one segment of a path, also an empty one: the gatekeeper says what an id may be."""

    regex = "[^/]*"


def create_app(settings: Settings, services: Services) -> APIFlask:
    app = APIFlask(
        __name__,
        title="Likeness",
        version=version("likeness"),
        docs_path=None,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]  # what Flask takes; APIFlask's annotation forgets it
    )
    app.request_class = MemoryRequest
    app.config.update(
        MAX_CONTENT_LENGTH=settings.limits.body_bytes,
        DESCRIPTION=openapi.DESCRIPTION,
        LICENSE={"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        SERVERS=[{"url": "/"}],
        AUTO_OPERATION_ID=True,
        AUTO_404_RESPONSE=False,
    )
    app.url_map.converters["id"] = IdConverter
    app.url_map.merge_slashes = False  # an empty id is answered as one
    app.extensions[EXTENSION] = Context(settings, services, Uploads(services.store, settings.limits))
    app.before_request(gatekeeper.begin)
    app.before_request(gatekeeper.admit)
    app.after_request(parting.finish)
    errors.register(app)
    modules = (
        galleries,
        persons,
        verifications,
        recognitions,
        detections,
        evaluations,
        calibrations,
        migrations,
        face_models,
        trainings,
        liveness,
        stylizations,
        batches,
        styles,
        visualisations,
        jobs,
        health,
        docs,
    )
    for module in modules:
        app.register_blueprint(module.blueprint)
    app.spec_processor(lambda spec: openapi.complete(app, cast("openapi.Json", spec)))
    _require_operations(app)
    return app


def _require_operations(app: APIFlask) -> None:
    for endpoint, view in app.view_functions.items():
        if operation_of(view) is None and endpoint != gatekeeper.SPEC:
            raise LookupError(f"The route {endpoint} has no operation.")
