"""A URL by which a client may PUT one object of one size: AWS Signature Version 4 in the query string.

After docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. The SDK signs the host only; with the length
among the signed headers the store itself refuses whatever is longer or shorter than was announced.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from shared.settings import S3Settings

ALGORITHM = "AWS4-HMAC-SHA256"
SIGNED_HEADERS = "content-length;host"


def presigned_put(settings: S3Settings, key: str, size: int, seconds: int, *, now: datetime | None = None) -> str:
    """Good for so many seconds, for a body of exactly `size` bytes; `settings` name the store as the client does."""
    moment = now or datetime.now(UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    scope = f"{day}/{settings.region}/s3/aws4_request"
    path = f"/{settings.bucket}/{quote(key)}"
    query = urlencode(
        {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{settings.access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": seconds,
            "X-Amz-SignedHeaders": SIGNED_HEADERS,
        },
        quote_via=quote,
        safe="",
    )
    host = settings.endpoint.removesuffix(":443" if settings.secure else ":80")  # clients leave these out
    headers = f"content-length:{size}\nhost:{host}\n"
    request = "\n".join(("PUT", path, query, headers, SIGNED_HEADERS, "UNSIGNED-PAYLOAD"))
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = _hmac(_signing_key(settings, day), to_sign).hex()
    scheme = "https" if settings.secure else "http"
    return f"{scheme}://{host}{path}?{query}&X-Amz-Signature={signature}"


def _signing_key(settings: S3Settings, day: str) -> bytes:
    key = f"AWS4{settings.secret_key.get_secret_value()}".encode()
    for part in (day, settings.region, "s3", "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
