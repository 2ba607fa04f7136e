"""API keys: `Authorization: Bearer lk_{id}_{secret}`; what they let in, and where they are kept.

A secret is 256 random bits and shown once. What is stored is its SHA-256: slow password hashes protect what
can be guessed, and nobody guesses 256 bits, so a fast hash loses nothing and takes microseconds.
A key that was rotated has a new secret; the former one is good until its grace is over.
"""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path

from gateway.errors import ApiKeyNotFound, Forbidden, LastAdminKey, Unauthorized
from shared.errors import ConfigurationError, ObjectNotFound
from shared.schemas import Id, Message
from shared.storage.store import ObjectStore

PREFIX = "keys/"
TOKEN_ID = re.compile(r"[a-z0-9]{1,32}")
TOKEN = re.compile(rf"lk_({TOKEN_ID.pattern})_([A-Za-z0-9_-]{{43}})")
FIRST_ID = "first"
FIRST_TENANT = "default"
READERS = 8  # objects that are read at the same time
MOST_UNKNOWN = 10_000  # ids that are remembered to be no key's


class Scope(StrEnum):
    ENROL = "enrol"
    VERIFY = "verify"
    RECOGNISE = "recognise"
    STYLISE = "stylise"
    ADMIN = "admin"
    SCORES_READ = "scores:read"
    AUDIT_READ = "audit:read"
    TENANTS = "tenants"  # keys of any tenant


PEOPLE = (Scope.ENROL, Scope.VERIFY, Scope.RECOGNISE, Scope.ADMIN)  # any one lets read who is in a gallery
PAINTING = (Scope.STYLISE, Scope.ADMIN)  # any one lets read styles and batches of pictures


class Role(StrEnum):
    """Bundles of scopes under a name."""

    OWNER = "owner"
    ADMIN = "admin"
    DESK = "desk"
    DOOR = "door"
    ARTIST = "artist"
    AUDITOR = "auditor"

    @property
    def scopes(self) -> frozenset[Scope]:
        return _ROLES[self]


_ROLES: Mapping[Role, frozenset[Scope]] = {
    Role.OWNER: frozenset(Scope),
    Role.ADMIN: frozenset(Scope) - {Scope.TENANTS},
    Role.DESK: frozenset({Scope.ENROL, Scope.VERIFY, Scope.RECOGNISE}),
    Role.DOOR: frozenset({Scope.VERIFY, Scope.RECOGNISE}),
    Role.ARTIST: frozenset({Scope.STYLISE}),
    Role.AUDITOR: frozenset({Scope.AUDIT_READ}),
}


class FormerSecret(Message):
    """Of a key that was rotated; good until the grace is over."""

    sha256: str
    until: datetime


class ApiKey(Message):
    """What is known about a key; never the secret itself."""

    id: str
    tenant: Id
    scopes: frozenset[Scope]
    sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    name: str | None = None
    former: FormerSecret | None = None

    def may(self, *scopes: Scope) -> bool:
        """Whether it has any one of these."""
        return not self.scopes.isdisjoint(scopes)

    def require(self, *scopes: Scope, why: str = "") -> None:
        """Raises Forbidden, naming the scopes, unless it has any one of these."""
        if not self.may(*scopes):
            raise Forbidden(*(scope.value for scope in scopes), why=why)

    def opened_by(self, secret: str) -> bool:
        """Whether this is its secret, and its time is not over."""
        digest, now = _digest(secret), datetime.now(UTC)
        former = self.former and now < self.former.until and hmac.compare_digest(self.former.sha256, digest)
        return bool(hmac.compare_digest(self.sha256, digest) or former) and not self.expired

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


class KeyStore:
    """The keys in the object store, each trusted for `cache_seconds` before it is read again."""

    def __init__(self, store: ObjectStore, cache_seconds: float) -> None:
        self._store = store
        self._cache_seconds = cache_seconds
        self._cache: dict[str, tuple[float, ApiKey]] = {}
        self._unknown: dict[str, float] = {}  # ids that no key has -> when they were looked up, the oldest first
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
        if parsed and key and key.opened_by(parsed[2]):
            return key
        raise Unauthorized("This API key is not valid.")

    def create(
        self,
        tenant: str,
        scopes: Iterable[Scope],
        *,
        expires_at: datetime | None = None,
        name: str | None = None,
        key_id: str | None = None,
    ) -> str | None:
        """Store a new key; its token, which cannot be had again, or None when the id is taken."""
        secret = secrets.token_urlsafe(32)
        key = ApiKey(
            id=key_id or self.new_id(),
            tenant=tenant,
            scopes=frozenset(scopes),
            sha256=_digest(secret),
            created_at=datetime.now(UTC),
            expires_at=expires_at,
            name=name,
        )
        if not self._store.put_if_absent(_object_key(key.id), key.model_dump_json().encode()):
            return None
        self._forget(key.id)
        return _token(key.id, secret)

    @staticmethod
    def new_id() -> str:
        return secrets.token_hex(8)

    def get(self, key_id: str) -> ApiKey:
        """As it is stored now. Raises ApiKeyNotFound."""
        if TOKEN_ID.fullmatch(key_id):
            with suppress(ObjectNotFound):
                return ApiKey.model_validate_json(self._store.get(_object_key(key_id)))
        raise _not_found(key_id)

    def listed(self, tenant: str | None, *, after: str = "") -> Iterator[ApiKey]:
        """A tenant's keys, or those of all, in the order of their ids."""
        names = self._store.keys(PREFIX, after=_object_key(after) if after else "")
        with ThreadPoolExecutor(READERS) as pool:
            while some := list(islice(names, READERS)):
                found = pool.map(self._read, some)
                yield from (key for key in found if key and tenant in {None, key.tenant})

    def rotate(self, key_id: str, grace: timedelta) -> tuple[ApiKey, str]:
        """Give a key a new secret; the key and its token, which cannot be had again.

        The former secret is good for the time of `grace` yet, one before that no longer.

        Raises:
            ApiKeyNotFound: also when it was revoked meanwhile.
        """
        secret, until = secrets.token_urlsafe(32), datetime.now(UTC) + grace

        def change(stored: bytes) -> bytes:
            key = ApiKey.model_validate_json(stored)
            former = FormerSecret(sha256=key.sha256, until=until) if grace else None
            return key.model_copy(update={"sha256": _digest(secret), "former": former}).model_dump_json().encode()

        try:
            changed = ApiKey.model_validate_json(self._store.update(_object_key(key_id), change))
        except ObjectNotFound:
            raise _not_found(key_id) from None
        self._forget(key_id)
        return changed, _token(key_id, secret)

    def delete(self, key_id: str) -> None:
        """Revoke a key; other gateways learn of it within their cache time."""
        self._store.delete(_object_key(key_id))
        self._forget(key_id)

    def keep_an_admin(self, key: ApiKey) -> None:
        """Raises LastAdminKey when no other usable key can make keys in its tenant, or in all, if this one can."""
        if key.may(Scope.ADMIN) and not self._another(key, {Scope.ADMIN}, key.tenant):
            raise LastAdminKey("This is the tenant's last key that can make keys: make another one first.")
        of_all = {Scope.ADMIN, Scope.TENANTS}
        if key.scopes >= of_all and not self._another(key, of_all, None):
            raise LastAdminKey("This is the last key that can make keys for every tenant: make another one first.")

    def _another(self, key: ApiKey, scopes: set[Scope], tenant: str | None) -> bool:
        """Whether another usable key has all of these."""
        found = self.listed(tenant)
        return any(one.scopes >= scopes for one in found if one.id != key.id and not one.expired)

    def delete_unless_last(self, key: ApiKey) -> None:
        """Revoke a key, and take it back if nobody is left who can make keys: the other one went at the same time.

        Raises:
            ApiKeyNotFound, LastAdminKey
        """
        former = self.get(key.id).model_dump_json().encode()
        self.delete(key.id)
        try:
            self.keep_an_admin(key)
        except LastAdminKey:
            self._store.put_if_absent(_object_key(key.id), former)
            raise

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
            read_at, cached = self._cache.get(key_id, (self._unknown.get(key_id, -float("inf")), None))
        if now - read_at < self._cache_seconds:
            return cached
        try:
            key = ApiKey.model_validate_json(self._store.get(_object_key(key_id)))
        except ObjectNotFound:
            self._remember_unknown(key_id, now)
            return None
        with self._lock:
            self._unknown.pop(key_id, None)
            self._cache[key_id] = (now, key)
        return key

    def _remember_unknown(self, key_id: str, now: float) -> None:
        """So that asking again and again tells by its time no more than it does of a key that there is."""
        with self._lock:
            self._cache.pop(key_id, None)
            self._unknown.pop(key_id, None)
            self._unknown[key_id] = now
            if len(self._unknown) > MOST_UNKNOWN:
                del self._unknown[next(iter(self._unknown))]

    def _forget(self, key_id: str) -> None:
        with self._lock:
            self._cache.pop(key_id, None)
            self._unknown.pop(key_id, None)

    def _read(self, object_key: str) -> ApiKey | None:
        """None when it was revoked between listing and reading."""
        try:
            return ApiKey.model_validate_json(self._store.get(object_key))
        except ObjectNotFound:
            return None


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


def _token(key_id: str, secret: str) -> str:
    return f"lk_{key_id}_{secret}"


def _not_found(key_id: str) -> ApiKeyNotFound:
    return ApiKeyNotFound(f"There is no key {key_id!r}. GET /v1/keys lists yours.")


def _object_key(key_id: str) -> str:
    return f"{PREFIX}{key_id}.json"
