"""API keys: `Authorization: Bearer lk_{id}_{secret}`.

A secret is 256 random bits and shown once. What is stored is its SHA-256: slow password hashes protect what
can be guessed, and nobody guesses 256 bits, so a fast hash loses nothing and takes microseconds.
"""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from gateway.errors import Forbidden, Unauthorized
from shared.errors import ConfigurationError, ObjectNotFound
from shared.schemas import Id, Message
from shared.storage import ObjectStore

PREFIX = "keys/"
TOKEN = re.compile(r"lk_([a-z0-9]{1,32})_([A-Za-z0-9_-]{43})")
FIRST_ID = "first"
FIRST_TENANT = "default"


class Scope(StrEnum):
    ENROL = "enrol"
    VERIFY = "verify"
    RECOGNISE = "recognise"
    STYLISE = "stylise"
    ADMIN = "admin"
    SCORES_READ = "scores:read"
    AUDIT_READ = "audit:read"
    TENANTS = "tenants"  # keys of any tenant


class ApiKey(Message):
    """What is known about a key; never the secret itself."""

    id: str
    tenant: Id
    scopes: frozenset[Scope]
    sha256: str
    created_at: datetime
    expires_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        """Raises Forbidden, naming the scope."""
        if not self.may(scope):
            raise Forbidden(scope.value)


class KeyStore:
    """The keys in the object store, each trusted for `cache_seconds` before it is read again."""

    def __init__(self, store: ObjectStore, cache_seconds: float) -> None:
        self._store = store
        self._cache_seconds = cache_seconds
        self._cache: dict[str, tuple[float, ApiKey]] = {}
        self._lock = threading.Lock()

    def authenticate(self, authorization: str | None) -> ApiKey:
        """The key behind an Authorization header.

        Raises:
            Unauthorized: it is missing, unknown, wrong or expired; which of these is not told.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if not authorization or scheme.lower() != "bearer":
            raise Unauthorized("An API key is required: send `Authorization: Bearer lk_...`.")
        parsed = TOKEN.fullmatch(token.strip())
        key = self._find(parsed[1]) if parsed else None
        if parsed and key and hmac.compare_digest(key.sha256, _digest(parsed[2])) and not _expired(key):
            return key
        raise Unauthorized("This API key is not valid.")

    def create(
        self,
        tenant: str,
        scopes: Iterable[Scope],
        *,
        expires_at: datetime | None = None,
        key_id: str | None = None,
    ) -> str | None:
        """Store a new key; its token, which cannot be had again, or None when the id is taken."""
        secret = secrets.token_urlsafe(32)
        key = ApiKey(
            id=key_id or secrets.token_hex(8),
            tenant=tenant,
            scopes=frozenset(scopes),
            sha256=_digest(secret),
            created_at=datetime.now(UTC),
            expires_at=expires_at,
        )
        if not self._store.put_if_absent(_object_key(key.id), key.model_dump_json().encode()):
            return None
        return f"lk_{key.id}_{secret}"

    def delete(self, key_id: str) -> None:
        """Revoke a key; other gateways learn of it within their cache time."""
        self._store.delete(_object_key(key_id))
        with self._lock:
            self._cache.pop(key_id, None)

    def create_first(self) -> str | None:
        """The token of the first key, made now; None when there is a key already.

        Its id is fixed and its object made only if absent: of gateways that start together one makes it.
        """
        if next(self._store.keys(PREFIX), None) is not None:
            return None
        return self.create(FIRST_TENANT, Scope, key_id=FIRST_ID)

    def _find(self, key_id: str) -> ApiKey | None:
        now = time.monotonic()
        with self._lock:
            read_at, cached = self._cache.get(key_id, (-float("inf"), None))
        if cached and now - read_at < self._cache_seconds:
            return cached
        try:
            key = ApiKey.model_validate_json(self._store.get(_object_key(key_id)))
        except ObjectNotFound:
            with self._lock:
                self._cache.pop(key_id, None)
            return None
        with self._lock:
            self._cache[key_id] = (now, key)
        return key


def hand_over_first_key(keys: KeyStore, path: Path | None) -> str | None:
    """Create the first key if there is none, and write it to `path`, readable by its owner only.

    Returns:
        The token when there is no file to write it to: the caller shows it, once.

    Raises:
        ConfigurationError: the file cannot be written; the key is withdrawn, the next start makes one.
    """
    token = keys.create_first()
    if token is None or path is None:
        return token
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(f"{token}\n")
    except OSError as error:
        keys.delete(FIRST_ID)
        raise ConfigurationError(f"LIKENESS_AUTH__FIRST_KEY_FILE cannot be written: {error}.") from None
    return None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _expired(key: ApiKey) -> bool:
    return key.expires_at is not None and key.expires_at <= datetime.now(UTC)


def _object_key(key_id: str) -> str:
    return f"{PREFIX}{key_id}.json"
