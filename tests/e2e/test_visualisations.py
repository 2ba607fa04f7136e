"""What the network sees, end to end."""

import io
import zipfile

import httpx
from PIL import Image

from gateway.client import Client
from tests.e2e.conftest import PHOTOS, Restricted


def test_a_sheet_of_units_is_drawn_from_a_zip_of_photos(
    client: Client, http: httpx.Client, restricted: Restricted
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for photo in sorted(PHOTOS.glob("obama-*.jpg")):
            archive.write(photo, f"photos/{photo.name}")
        archive.writestr("photos/broken.jpg", b"no picture")
    accepted = http.post(
        "/v1/visualisations",
        files={"archive": ("photos.zip", packed.getvalue())},
        data={"layer": "relu2_1", "units": "[5, 11]"},
    )
    assert accepted.status_code == 202, accepted.text
    job = client.jobs.wait(accepted.json()["id"], None).document
    assert job["status"] == "succeeded", job
    assert (job["result"]["units"], job["result"]["pictures"]) == ([5, 11], 4)
    assert [problem["file"] for problem in job["result"]["problems"]] == ["photos/broken.jpg"]
    with restricted({"stylise"}) as artist:
        sheet = artist.jobs.get(job["id"]).report()["sheet.png"]
    with Image.open(io.BytesIO(sheet)) as drawn:
        drawn.load()
        assert drawn.format == "PNG"
        assert drawn.width > 700
