"""What every route of the API needs: its scopes, and a body that would be taken. A new route gets its line here.

`test_every_route.py` takes each through, and fails for a route without a line.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.gateway.conftest import PHOTO

PEOPLE = "enrol verify recognise admin"
PAINTING = "stylise admin"
BATCHES = "stylise enrol admin"
ANY_WORK = "enrol verify recognise stylise admin"
CHECKING = "verify recognise"
ANY = ""


@dataclass(frozen=True)
class Route:
    """How a route is called.

    Attributes:
        scopes: any one of these is needed; ANY for every key.
        json: a JSON body; `{name}` in it stands for the id of an object.
        fields, files: those of a form, if there is no JSON body.
        kept: the answer is kept for a repetition by its Idempotency-Key.
        own: the id in the path is that of an object of the caller's own, whosoever else has one of that id.
    """

    scopes: str
    json: Mapping[str, Any] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    kept: bool = True
    own: bool = False


def folder(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name in names:
            packed.writestr(name, PHOTO)
    return buffer.getvalue()


PEOPLE_ZIP = {"archive": folder("ada/1.jpg", "bob/1.jpg")}
IMAGE = {"image": PHOTO}
PAIR = {"image_a": PHOTO, "image_b": PHOTO}
MODEL_FILES = {"manifest": b"{}", "weights": b"x"}

GALLERY = "/v1/galleries/{gallery}"
PERSON = f"{GALLERY}/persons/{{person}}"
MIGRATION = f"{GALLERY}/migrations/{{migration}}"
BATCH = "/v1/batches/{batch}"
JOB = "/v1/jobs/{job}"
WEBHOOK = "/v1/webhooks/{webhook}"

ROUTES: Mapping[str, Route] = {
    "GET /v1/whoami": Route(ANY),
    "GET /v1/keys": Route("admin"),
    "POST /v1/keys": Route("admin", json={"scopes": ["admin"]}),
    "GET /v1/keys/{key}": Route("admin"),
    "DELETE /v1/keys/{key}": Route("admin"),
    "POST /v1/keys/{key}/rotate": Route("admin"),
    "GET /v1/audit": Route("audit:read"),
    "GET /v1/audit/export": Route("audit:read"),
    "GET /v1/audit/verification": Route("audit:read"),
    "GET /v1/galleries": Route(PEOPLE),
    "POST /v1/galleries": Route("admin", json={"id": "new"}),
    f"GET {GALLERY}": Route(PEOPLE),
    f"PATCH {GALLERY}": Route("admin", json={"templates_per_person": 3}),
    f"DELETE {GALLERY}": Route("admin"),
    f"GET {GALLERY}/persons": Route(PEOPLE),
    f"GET {PERSON}": Route(PEOPLE),
    f"PUT {PERSON}": Route("enrol", json={"name": "Ada"}),
    f"DELETE {PERSON}": Route("admin"),
    f"POST {PERSON}/faces": Route("enrol", files=IMAGE),
    f"DELETE {PERSON}/faces/{{face}}": Route("enrol"),
    f"GET {PERSON}/faces/{{face}}/thumbnail": Route(PEOPLE),
    f"DELETE {PERSON}/lock": Route("admin"),
    f"POST {PERSON}/merge": Route("admin", json={"from": "bob"}, kept=False),
    f"GET {GALLERY}/export": Route("admin"),
    f"POST {GALLERY}/imports": Route("admin", files={"archive": b"{}"}),
    "GET /v1/erasures": Route("admin"),
    "POST /v1/erasures/replay": Route("admin", files={"log": b""}),
    f"POST {GALLERY}/enrolment-batches": Route("enrol", files=PEOPLE_ZIP),
    f"POST {GALLERY}/verifications": Route("verify", fields={"person": "ada"}, files=IMAGE),
    f"POST {GALLERY}/recognitions": Route("recognise", files=IMAGE),
    f"GET {GALLERY}/feedback": Route("admin"),
    f"POST {GALLERY}/feedback": Route("verify admin", json={"job": "{verified}", "kind": "wrong_person"}),
    f"GET {GALLERY}/feedback/{{report}}": Route("admin"),
    f"DELETE {GALLERY}/feedback/{{report}}": Route("admin"),
    f"POST {GALLERY}/evaluations": Route("admin", json={}),
    f"GET {GALLERY}/calibrations": Route(PEOPLE),
    f"POST {GALLERY}/calibrations": Route("admin", json={"target_fmr": 0.001}),
    f"GET {GALLERY}/calibrations/{{policy}}": Route(PEOPLE),
    f"DELETE {GALLERY}/calibrations/{{policy}}": Route("admin"),
    f"POST {GALLERY}/migrations": Route("admin", json={"model": "{accurate}"}),
    f"GET {MIGRATION}": Route("enrol admin"),
    f"DELETE {MIGRATION}": Route("admin"),
    f"POST {MIGRATION}/faces": Route("enrol", fields={"person": "ada"}, files=IMAGE),
    f"POST {MIGRATION}/cut-over": Route("admin"),
    f"POST {MIGRATION}/roll-back": Route("admin"),
    f"POST {MIGRATION}/complete": Route("admin"),
    "POST /v1/comparisons": Route("verify", files=PAIR),
    "POST /v1/detections": Route("verify", files=IMAGE),
    "POST /v1/liveness-sessions": Route(CHECKING),
    "GET /v1/liveness-sessions/{session}": Route(CHECKING),
    "POST /v1/liveness-sessions/{session}/frames": Route(CHECKING, json={"frames": ["{photo}"] * 10}),
    "GET /v1/models": Route(ANY),
    "POST /v1/models": Route("admin", files=MODEL_FILES),
    "DELETE /v1/models/{model}": Route("admin"),
    "POST /v1/trainings": Route("admin", fields={"name": "new"}, files=PEOPLE_ZIP),
    "POST /v1/stylizations": Route("stylise", fields={"style_id": "poppies"}, files={"content": PHOTO}),
    "GET /v1/stylizations/estimate": Route("stylise"),
    "POST /v1/visualisations": Route("stylise", fields={"layer": "conv3_1"}, files=PEOPLE_ZIP),
    "GET /v1/styles": Route(PAINTING),
    "GET /v1/styles/{style}": Route(PAINTING),
    "PUT /v1/styles/{style}": Route("stylise", files=IMAGE, own=True),
    "DELETE /v1/styles/{style}": Route("stylise"),
    "GET /v1/styles/{style}/image": Route(PAINTING),
    "GET /v1/styles/{style}/thumbnail": Route(PAINTING),
    "GET /v1/batches": Route(BATCHES),
    "POST /v1/batches": Route("stylise", fields={"style_id": "poppies"}, files={"images": PHOTO}),
    f"GET {BATCH}": Route(PAINTING),  # of a batch of stylisations, as the test makes
    f"POST {BATCH}/pause": Route(PAINTING),
    f"POST {BATCH}/resume": Route(PAINTING),
    f"POST {BATCH}/cancel": Route(PAINTING),
    f"GET {BATCH}/items": Route(PAINTING),
    f"GET {BATCH}/manifest": Route(PAINTING),
    f"GET {BATCH}/events": Route(PAINTING),
    f"GET {BATCH}/results.zip": Route(PAINTING),
    f"GET {BATCH}/images/{{job}}": Route(PAINTING),
    "GET /v1/jobs": Route(ANY),
    f"GET {JOB}": Route(PAINTING),  # of the jobs that the test makes: stylisations and a visualisation
    f"POST {JOB}/cancel": Route(PAINTING),
    f"GET {JOB}/events": Route(PAINTING),
    f"GET {JOB}/image": Route(PAINTING),
    f"GET {JOB}/previews/{{step}}": Route(PAINTING),
    f"GET {JOB}/report/{{file}}": Route(PAINTING),
    "POST /v1/uploads": Route(ANY_WORK, json={"bytes": 100}),
    "DELETE /v1/uploads/{upload}": Route(ANY_WORK),
    "GET /v1/webhooks": Route("admin"),
    "POST /v1/webhooks": Route("admin", json={"url": "https://93.184.215.14/hook"}),
    f"GET {WEBHOOK}": Route("admin"),
    f"PATCH {WEBHOOK}": Route("admin", json={"description": "changed"}),
    f"DELETE {WEBHOOK}": Route("admin"),
    f"POST {WEBHOOK}/rotate-secret": Route("admin"),
    f"POST {WEBHOOK}/ping": Route("admin"),
    f"GET {WEBHOOK}/deliveries": Route("admin"),
    f"POST {WEBHOOK}/deliveries/{{delivery}}/retry": Route("admin"),
}
