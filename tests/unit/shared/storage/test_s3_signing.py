"""URLs for clients; whether a server takes them is shown by tests/integration/test_storage.py."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from shared.settings import S3Settings
from shared.storage.s3_signing import presigned_put

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
SETTINGS = S3Settings(
    endpoint="minio:9000", access_key="key", secret_key=SecretStr("not-a-placeholder"), region="eu-central-1"
)


def url(settings: S3Settings = SETTINGS, key: str = "uploads/a/b", size: int = 5) -> str:
    return presigned_put(settings, key, size, 60, now=NOW)


def test_a_url_names_its_key_its_time_and_what_is_signed() -> None:
    parts = urlsplit(url(key="uploads/a b/ä+c"))
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "minio:9000", "/likeness/uploads/a%20b/%C3%A4%2Bc")
    query = {name: value for name, [value] in parse_qs(parts.query).items()}
    assert len(query.pop("X-Amz-Signature")) == 64
    assert query == {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "key/20261122/eu-central-1/s3/aws4_request",
        "X-Amz-Date": "20261122T103000Z",
        "X-Amz-Expires": "60",
        "X-Amz-SignedHeaders": "content-length;host",
    }


def test_a_signature_is_of_one_key_one_size_one_host_and_one_secret() -> None:
    other_secret = SETTINGS.model_copy(update={"secret_key": SecretStr("another")})
    other_host = SETTINGS.model_copy(update={"endpoint": "other:9000"})
    urls = [url(), url(key="uploads/a/c"), url(size=6), url(other_host), url(other_secret)]
    assert len({one.rpartition("=")[2] for one in urls}) == 5
    assert "not-a-placeholder" not in url()


@pytest.mark.parametrize(
    ("endpoint", "secure", "origin"),
    [("files.example:443", True, "https://files.example"), ("files.example:80", False, "http://files.example")],
)
def test_the_scheme_s_own_port_is_left_out_as_clients_do(endpoint: str, secure: bool, origin: str) -> None:
    public = SETTINGS.model_copy(update={"public_endpoint": endpoint, "public_secure": secure})
    assert url(public.of_clients).startswith(f"{origin}/likeness/")
