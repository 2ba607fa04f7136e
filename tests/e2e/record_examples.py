"""Records the examples of the OpenAPI document from the real system: nobody made an answer up.

`make examples` starts a system, makes the calls below and writes gateway/web/examples.json. A test
(tests/unit/gateway/test_examples.py) holds each example against the schemas as they are now.
"""

import base64
import io
import json
import re
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from gateway.web.openapi import EXAMPLES
from shared.embedded.stack import Stack

FACES = Path(__file__).parents[1] / "data" / "faces"
SHOWN_BASE64 = 40  # characters of a file
SECRETS = {
    re.compile(r"lk_([a-z0-9]{1,32})_[A-Za-z0-9_-]{43}"): r"lk_\1_" + "x" * 43,
    re.compile(r"whsec_[A-Za-z0-9+/=]+"): "whsec_" + base64.b64encode(bytes(24)).decode(),
    re.compile(r"X-Amz-Signature=[0-9a-f]+"): "X-Amz-Signature=...",
    re.compile(r"X-Amz-Credential=[^&\"]+"): "X-Amz-Credential=...",
    re.compile(r"http://127\.0\.0\.1:[0-9]+"): "https://objects.example.com",
    re.compile(r"https://127\.0\.0\.1:[0-9]+"): "https://example.com",
}
Json = dict[str, Any]


SETTINGS = {"LIKENESS_WEBHOOKS__NETWORKS": "127.0.0.0/8"}
PEOPLE = [
    ("grace-hopper", "Grace Hopper", "hopper.jpg"),
    ("eileen-collins", "Eileen Collins", "collins.png"),
    ("barack-obama", "Barack Obama", "obama-1.jpg"),
]
RECEIVER = "https://127.0.0.1:8443"  # where nobody listens
HOURS = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "07:30", "to": "19:00"}]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def photo(name: str) -> str:
    return base64.b64encode((FACES / name).read_bytes()).decode()


def archive(files: Mapping[str, bytes]) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, data in files.items():
            made.writestr(name, data)
    return base64.b64encode(buffer.getvalue()).decode()


class Recorder:
    """Makes calls and keeps, for each operation, the first request's body and the first answer of each status."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60)
        paths = self._http.get("/openapi.json").json()["paths"]
        self._operations = [
            (re.compile(re.sub(r"{\w+}", "[^/]+", path)), method, outline["operationId"])
            for path, methods in paths.items()
            for method, outline in methods.items()
        ]
        self.examples: dict[str, Json] = {}

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, wait: int = 0) -> Any:
        """The answer's JSON. Raises for what no example should show."""
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        answer = self._http.request(method, path, json=body, headers=headers)
        if answer.status_code >= 400:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        kept = self.examples.setdefault(self._operation(method, path), {"answers": {}})
        if body is not None:
            kept.setdefault("request", _shown(body, most=100))
        if answer.headers.get("Content-Type") != "application/json":
            return answer.text
        kept["answers"].setdefault(str(answer.status_code), _shown(answer.json()))
        return answer.json()

    def _operation(self, method: str, path: str) -> str:
        bare = path.partition("?")[0]
        fits = [
            (pattern.pattern.count("[^/]+"), operation)
            for pattern, its, operation in self._operations
            if its == method.lower() and pattern.fullmatch(bare)
        ]
        return str(min(fits)[1])  # the most literal one


def _shown(value: Any, most: int = 3) -> Any:
    """Without secrets, with no more of a file than shows what it is and no more of a list than `most`."""
    match value:
        case dict():
            return {name: _shown(one, most) for name, one in value.items()}
        case list():
            return [_shown(one, most) for one in value[:most]]
        case str() if len(value) > 2000:
            return value[:SHOWN_BASE64]
        case str():
            for secret, public in SECRETS.items():
                value = secret.sub(public, value)
            return value
        case _:
            return value


def faces(call: Recorder) -> None:
    rules = {"timezone": "Europe/Paris", "groups": ["staff"], "opening_hours": HOURS}
    call("POST", "/v1/galleries", {"id": "staff", "lookalikes": "flag", "access": rules})
    call("PATCH", "/v1/galleries/staff", {"templates_per_person": 5})
    for person, name, portrait in PEOPLE:
        known = {"name": name, "external_id": f"hr-{len(name)}", "groups": ["staff"], "tags": ["2026"]}
        call("PUT", f"/v1/galleries/staff/persons/{person}", {**known, "consent": {"reference": "form 17"}})
        call("POST", f"/v1/galleries/staff/persons/{person}/faces", {"image": photo(portrait)}, wait=30)
    claim = {"image": photo("hopper.jpg"), "person": "grace-hopper", "device": "main-entrance"}
    call("POST", "/v1/galleries/staff/verifications", claim, wait=30)
    probe = {"image": photo("hopper.jpg"), "device": "main-entrance"}
    seen = call("POST", "/v1/galleries/staff/recognitions", probe, wait=30)["id"]
    report = {"job": seen, "kind": "wrong_person"}
    told = call("POST", "/v1/galleries/staff/feedback", report)["id"]
    pair = {"image_a": photo("macron-2014.jpg"), "image_b": photo("macron-2025.jpg")}
    call("POST", "/v1/comparisons", pair, wait=30)
    call("POST", "/v1/detections", {"image": photo("collins.png")}, wait=30)
    for path in ("", "/staff", "/staff/persons?limit=2", "/staff/persons/grace-hopper", "/staff/feedback"):
        call("GET", f"/v1/galleries{path}")
    call("GET", f"/v1/galleries/staff/feedback/{told}")
    photos = archive({"ada/1.jpg": (FACES / "hopper.jpg").read_bytes()})
    call("POST", "/v1/trainings", {"archive": photos, "name": "staff-tuned", "margin": 0.2})
    call("POST", "/v1/models", {"manifest": encoded("{}"), "weights": encoded("")})
    call("GET", "/v1/models")


def measuring(call: Recorder) -> None:
    call("POST", "/v1/galleries/staff/calibrations", {"target_fpir": 0.01, "measure": False}, wait=30)
    policy = call("GET", "/v1/galleries/staff/calibrations")["calibrations"][0]["calibration"]["policy"]
    call("GET", f"/v1/galleries/staff/calibrations/{policy}")
    call("POST", "/v1/galleries/staff/evaluations", {"seed": 7})
    migration = call("POST", "/v1/galleries/staff/migrations", {"model": "accurate"})["id"]
    path = f"/v1/galleries/staff/migrations/{migration}"
    for person, _, portrait in PEOPLE:
        call("POST", f"{path}/faces", {"image": photo(portrait), "person": person}, wait=30)
    call("GET", path)
    call("POST", f"{path}/cut-over", {"leave_behind": False})
    call("POST", f"{path}/roll-back")
    call("DELETE", path)
    session = call("POST", "/v1/liveness-sessions", {"gallery": "staff"})["id"]
    call("GET", f"/v1/liveness-sessions/{session}")
    frames = {"frames": [photo("hopper.jpg")] * 10}
    call("POST", f"/v1/liveness-sessions/{session}/frames", frames, wait=30)


def people(call: Recorder) -> None:
    text = archive({f"{person}/1.jpg": (FACES / portrait).read_bytes() for person, _, portrait in PEOPLE})
    call("POST", "/v1/galleries", {"id": "visitors"})
    batch = call("POST", "/v1/galleries/visitors/enrolment-batches", {"archive": text, "device": "desk"})["id"]
    follow(call, batch)
    merged = {"from": "ada-lovelace"}
    call("PUT", "/v1/galleries/visitors/persons/ada-lovelace", {"name": "Ada"})
    call("POST", "/v1/galleries/visitors/persons/grace-hopper/merge", merged)
    exported = call("GET", "/v1/galleries/visitors/export")
    call("DELETE", "/v1/galleries/visitors/persons/grace-hopper")
    log = call("GET", "/v1/erasures")
    call("POST", "/v1/erasures/replay", {"log": encoded(log)})
    call("POST", "/v1/galleries/visitors/imports", {"archive": encoded(exported), "on_conflict": "skip"}, wait=30)


def pictures(call: Recorder) -> None:
    painting = {"image": photo("obama-1.jpg"), "title": "A portrait", "artist": "unknown", "licence": "CC0"}
    call("PUT", "/v1/styles/portrait", painting)
    painted = {"content": photo("collins.png"), "style_id": "great-wave", "size": 256}
    job = call("POST", "/v1/stylizations", painted, wait=30)["id"]
    several = {"images": [photo("collins.png"), photo("hopper.jpg")], "style_id": "great-wave", "size": 128}
    batch = call("POST", "/v1/batches", several)["id"]
    for act in ("pause", "resume"):
        call("POST", f"/v1/batches/{batch}/{act}")
    follow(call, batch)
    again = call("POST", "/v1/batches", {**several, "mode": "fine"})["id"]
    call("POST", f"/v1/batches/{again}/cancel")
    slow = call("POST", "/v1/stylizations", {**painted, "mode": "fine"})["id"]
    call("POST", f"/v1/jobs/{slow}/cancel")
    pixels = archive({f"{portrait}": (FACES / portrait).read_bytes() for _, _, portrait in PEOPLE})
    seen = call("POST", "/v1/visualisations", {"archive": pixels, "kind": "units", "layer": "conv2_2", "units": [1]})
    call("POST", f"/v1/jobs/{seen['id']}/cancel")
    for path in ("jobs?limit=2", f"jobs/{job}", "styles?limit=2", "styles/great-wave", "batches?limit=2"):
        call("GET", f"/v1/{path}")
    call("GET", "/v1/stylizations/estimate?mode=fine&width=1024&height=768")


def operating(call: Recorder) -> None:
    key = call("POST", "/v1/keys", {"name": "main entrance", "role": "door", "expires_in_days": 90})["id"]
    call("POST", f"/v1/keys/{key}/rotate", {"grace_seconds": 3600})
    for path in ("keys?limit=2", f"keys/{key}", "whoami", "audit?limit=2", "audit/verification"):
        call("GET", f"/v1/{path}")
    call("POST", "/v1/uploads", {"bytes": 5_000_000, "media_type": "application/zip"})
    hook = {"url": f"{RECEIVER}/likeness", "events": ["job.succeeded", "job.failed"]}
    made = call("POST", "/v1/webhooks", hook)["id"]
    path = f"/v1/webhooks/{made}"
    call("PATCH", path, {"description": "the till"})
    call("POST", f"{path}/rotate-secret")
    delivery = call("POST", f"{path}/ping")["id"]
    for place in (path, "/v1/webhooks", f"{path}/deliveries"):
        call("GET", place)
    call("POST", f"{path}/deliveries/{delivery}/retry")
    call("DELETE", path)
    for place in ("/healthz", "/readyz"):
        call("GET", place)


def follow(call: Recorder, batch: str) -> None:
    until = time.monotonic() + 120
    while call("GET", f"/v1/batches/{batch}")["status"] not in {"succeeded", "failed"}:
        if time.monotonic() > until:
            raise TimeoutError(batch)
        time.sleep(0.5)
    call("GET", f"/v1/batches/{batch}/items")


def main() -> None:
    with tempfile.TemporaryDirectory() as home, Stack(Path(home), settings=SETTINGS) as info:
        call = Recorder(info.url, info.api_key)
        for scenario in (faces, pictures, measuring, people, operating):
            scenario(call)
    EXAMPLES.write_text(json.dumps(call.examples, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    sys.stdout.write(f"{len(call.examples)} operations have examples: {EXAMPLES.name}\n")


if __name__ == "__main__":
    main()
