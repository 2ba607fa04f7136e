"""One object of each kind, all of the tenant `default`: for tests that go through every route."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.face_models import FaceModelStore
from shared.galleries.store import GalleryStore
from shared.ml.face.catalogue import ACCURATE_MODEL, DEFAULT_MODEL
from shared.schemas import VisualisationResult
from shared.storage.store import MemoryStore, preview_key, report_key
from tests.unit.gateway.conftest import MATCH, PHOTO, Api, FakeWorker, stylised
from tests.unit.gateway.route_table import PEOPLE_ZIP
from tests.unit.gateway.test_measuring import calibration
from tests.unit.shared.test_face_models import manifest

HOOK = "https://93.184.215.14/hook"  # an address, so that no test asks a name server
DRAWN = VisualisationResult(layer="conv3_1", units=[1], pictures=1, problems=[], seconds=1)


@dataclass
class World:
    """Makes the objects, as their tenant and as a worker would; `ids` names each."""

    api: Api
    worker: FakeWorker
    store: MemoryStore
    galleries: GalleryStore
    ids: dict[str, str] = field(default_factory=dict)

    def build(self) -> dict[str, str]:
        """The gallery `staff` is there already."""
        self.ids |= {"gallery": "staff", "person": "ada", "face": "f1", "step": "00010", "file": "sheet.png"}
        self.ids |= {"accurate": ACCURATE_MODEL.name, "photo": base64.b64encode(PHOTO).decode()}
        for make in (self._library, self._jobs, self._gallery, self._others):
            make()
        return self.ids

    def _library(self) -> None:
        added = self.api.put("/v1/styles/mine", data={"image": (io.BytesIO(PHOTO), "a.jpg")})
        assert added.status_code == 201, added.text
        FaceModelStore(self.store).put("default", manifest(), b"abc")
        self.ids |= {"style": "mine", "model": manifest().digest}

    def _jobs(self) -> None:
        painted = self._upload("/v1/stylizations", {"style_id": "poppies"}, content=PHOTO)
        self.worker.succeed(stylised)
        self.store.put(f"images/default/{painted}.png", b"png")
        self.store.put(preview_key("default", painted, 10), b"jpeg")
        drawn = self._upload("/v1/visualisations", {"layer": "conv3_1"}, **PEOPLE_ZIP)
        self.worker.succeed(DRAWN)
        self.store.put(report_key("default", drawn, "sheet.png"), b"png")
        verified = self._upload("/v1/galleries/staff/verifications", {"person": "ada"}, image=PHOTO)
        self.worker.succeed(MATCH)
        queued = self._upload("/v1/stylizations", {"style_id": "poppies"}, content=PHOTO)
        self.ids |= {"job": painted, "drawn": drawn, "verified": verified, "queued": queued}

    def _gallery(self) -> None:
        made = calibration()
        rules = {"thumbnails": True}
        self.galleries.update_gallery(
            "default", "staff", lambda gallery: gallery.with_calibration(made).model_copy(update=rules)
        )
        face = self.galleries.get_template("default", "staff", "ada", DEFAULT_MODEL.digest, "f1")
        # The second, so that the first is not the only one, which takes the scope `admin` to delete.
        for each in (face, face.model_copy(update={"face": "f2"})):
            self.galleries.put_template("default", "staff", each.model_copy(update={"thumbnail": PHOTO}))
        self.api.put("/v1/galleries/staff/persons/bob")
        feedback = {"job": self.ids["verified"], "kind": "wrong_person"}
        report = self._post("/v1/galleries/staff/feedback", feedback)
        migration = self._post("/v1/galleries/staff/migrations", {"model": ACCURATE_MODEL.name})
        self.ids |= {"policy": made.policy, "report": report, "migration": migration}

    def _others(self) -> None:
        batch = self._upload("/v1/batches", {"style_id": "poppies"}, images=PHOTO)
        self.store.put(f"images/default/{batch}-0.png", b"png")
        webhook = self._post("/v1/webhooks", {"url": HOOK})
        self.ids |= {"batch": batch, "item": f"{batch}-0", "webhook": webhook}
        self.ids["delivery"] = self._post(f"/v1/webhooks/{webhook}/ping")
        self.ids["upload"] = self._post("/v1/uploads", {"bytes": 100})
        self.ids["session"] = self._post("/v1/liveness-sessions", {})
        self.ids["key"] = self._post("/v1/keys", {"scopes": ["admin"]})

    def _post(self, path: str, body: Mapping[str, Any] | None = None) -> str:
        answer = self.api.post(path, json=body)
        assert answer.status_code in {200, 201, 202}, answer.text
        return str(answer.get_json()["id"])

    def _upload(self, path: str, fields: Mapping[str, str], **files: bytes) -> str:
        answer = self.api.upload(path, dict(fields), None, **files)
        assert answer.status_code in {200, 201, 202}, answer.text
        return str(answer.get_json()["id"])
