"""The gateway's application factory: everything it talks to is passed in."""

import io
from importlib.metadata import version
from typing import IO, cast

from apiflask import APIFlask
from flask import Request
from werkzeug.formparser import FormDataParser
from werkzeug.routing import BaseConverter

from gateway import (
    audit,
    calibrations,
    console_routes,
    detections,
    docs,
    erasures,
    errors,
    evaluations,
    exports,
    face_models,
    feedback,
    galleries,
    health,
    jobs,
    keys,
    liveness,
    merges,
    migrations,
    persons,
    recognitions,
    styles,
    stylizations,
    trainings,
    upload_routes,
    verifications,
    visualisations,
    webhooks,
)
from gateway.batches import enrolment_routes
from gateway.batches import routes as batch_routes
from gateway.context import EXTENSION, Context, Services
from gateway.faces import person_limits
from gateway.uploads import Uploads
from gateway.web import cross_origin, gatekeeper, idempotency, memory_budget, openapi, parting
from gateway.web.operations import operation_of
from gateway.web.seats import Seats
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

    def make_form_data_parser(self) -> FormDataParser:
        """One that says when a form is damaged, where Werkzeug's own gives none of its fields."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser


class IdConverter(BaseConverter):
    """Any one segment of a path, also an empty one: the gatekeeper says what an id may be."""

    regex = "[^/]*"


def create_app(settings: Settings, services: Services) -> APIFlask:
    app = routed_app()
    equip(app, settings, services)
    return app


def equip(app: APIFlask, settings: Settings, services: Services) -> None:
    """Give the views what they work with."""
    limits = settings.limits
    app.config["MAX_CONTENT_LENGTH"] = limits.body_bytes
    app.extensions[EXTENSION] = Context(
        settings,
        services,
        Uploads(services.store, limits),
        Seats(limits.event_streams),
        Seats(limits.waiting_requests),
    )


def routed_app() -> APIFlask:
    """Every route and hook; what they work with is still to come."""
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
        DESCRIPTION=openapi.DESCRIPTION,
        LICENSE={"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        SERVERS=[{"url": "/"}],
        AUTO_OPERATION_ID=True,
        AUTO_404_RESPONSE=False,
    )
    app.url_map.converters["id"] = IdConverter
    app.url_map.merge_slashes = False  # an empty id is answered as one
    app.before_request(gatekeeper.begin)
    app.before_request(cross_origin.answer_preflight)
    app.before_request(gatekeeper.admit)
    app.after_request(parting.finish)
    app.after_request(cross_origin.finish)
    app.after_request(upload_routes.forget_used)
    app.after_request(idempotency.finish)  # what is registered last comes first: nothing is used up that is not kept
    app.teardown_request(memory_budget.give_back)
    errors.register(app)
    modules = (
        galleries,
        persons,
        person_limits,
        merges,
        exports,
        erasures,
        verifications,
        recognitions,
        detections,
        evaluations,
        calibrations,
        feedback,
        migrations,
        face_models,
        trainings,
        liveness,
        stylizations,
        batch_routes,
        enrolment_routes,
        styles,
        visualisations,
        webhooks,
        jobs,
        upload_routes,
        keys,
        audit,
        health,
        docs,
        console_routes,
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
