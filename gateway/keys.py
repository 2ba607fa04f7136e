"""`/v1/keys`: API keys, who may make them and for whom; `/v1/whoami`: what the caller's own key is.

Nobody gives what he does not have: a key cannot make or rotate one that has scopes it lacks or that outlives it,
and keys of other tenants exist only for those with the scope `tenants`. A change is told to the outbox before it
is made, so that none goes untold; one that then fails was told of all the same.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, StringConstraints, model_validator

from gateway.auth import ApiKey, Role, Scope
from gateway.context import caller, services
from gateway.errors import ApiKeyNotFound, Forbidden
from gateway.telling import tell_of
from gateway.web.bodies import TEXTS, Body, read_body, read_query
from gateway.web.operations import Operation, operation
from gateway.web.responses import Document, document, optional
from shared.errors import InvalidField
from shared.schemas import Id
from shared.schemas.texts import Text

blueprint = APIBlueprint("keys", __name__, url_prefix="/v1")

LONGEST_GRACE_S = 30 * 24 * 3600
LONGEST_LIFE_DAYS = 3650


class NewKey(Body):
    tenant: Id | None = Field(None, description="another one than your own: for keys with the scope `tenants`; its id")
    name: Text | None = Field(
        None, description="what the key is for: text of 1 to 200 characters, not only blanks, none a control character"
    )
    scopes: Annotated[tuple[Scope, ...], TEXTS] = Field(
        (), description=f"a list of scopes ({', '.join(Scope)}), unless there is a `role`"
    )
    role: Role | None = Field(None, description="a bundle of scopes")
    expires_in_days: int | None = Field(
        None, ge=1, le=LONGEST_LIFE_DAYS, description="left out: when your own key does, if it does"
    )

    @model_validator(mode="after")
    def _says_what_for(self) -> Self:
        if bool(self.scopes) == (self.role is not None):
            raise InvalidField("Give either `scopes`, a list of at least one, or a `role`.")
        return self


class Rotation(Body):
    grace_seconds: int = Field(
        0, ge=0, le=LONGEST_GRACE_S, description="for so long the former secret is good beside the new one"
    )


class KeyPage(Body):
    tenant: Id | None = Field(None, description="only this tenant's keys")
    cursor: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")] | None = Field(
        None, description="`next_cursor` of the page before"
    )
    limit: int = Field(100, ge=1, le=200, description="most keys on the page")


class KeyDocument(Document):
    id: str
    tenant: str
    name: str | None
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = Field(description="null: it does not expire")
    former_secret_until: datetime | None = optional("after a rotation with grace")


class KeyWithToken(KeyDocument):
    token: str | None = optional("shown this once; left out where an answer is repeated by its `Idempotency-Key`")


class KeyList(Document):
    keys: list[KeyDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


class Whoami(Document):
    key: str
    tenant: str
    name: str | None
    scopes: list[Scope]
    expires_at: datetime | None = Field(description="null: it does not expire")


@blueprint.post("/keys")
@operation(Operation({201: KeyWithToken}, scope=Scope.ADMIN, body=NewKey))
def create_key() -> Response:
    """Make an API key. Its token is shown this once.

    Nobody can give a scope that his own key lacks.
    """
    sent, keys = read_body(NewKey), services().keys
    scopes = sent.role.scopes if sent.role else frozenset(sent.scopes)
    _require_all(scopes)
    tenant, key_id, expires_at = sent.tenant or caller().tenant, keys.new_id(), _expiry(sent.expires_in_days)
    if tenant != caller().tenant:
        caller().require(Scope.TENANTS)
    _tell("key.created", tenant, key_id, scopes)
    token = keys.create(tenant, scopes, expires_at=expires_at, name=sent.name, key_id=key_id)
    made = KeyWithToken(**_members(keys.get(key_id)), token=token)
    return document(made, 201, headers={"Location": f"/v1/keys/{key_id}"})


@blueprint.get("/keys")
@operation(Operation({200: KeyList}, scope=Scope.ADMIN, query=KeyPage))
def list_keys() -> Response:
    """List your tenant's keys in the order of their ids; with the scope `tenants` those of every tenant."""
    page = read_query(KeyPage)
    if page.tenant not in {None, caller().tenant}:
        caller().require(Scope.TENANTS)
    tenant = page.tenant or (None if caller().may(Scope.TENANTS) else caller().tenant)
    found = list(islice(services().keys.listed(tenant, after=page.cursor or ""), page.limit + 1))
    shown = [KeyDocument(**_members(key)) for key in found[: page.limit]]
    return document(KeyList(keys=shown, next_cursor=shown[-1].id if len(found) > page.limit else None))


@blueprint.get("/keys/<id:key>")
@operation(Operation({200: KeyDocument}, scope=Scope.ADMIN))
def get_key(key: str) -> Response:
    """Read what a key may do; never the key itself."""
    return document(KeyDocument(**_members(_find(key))))


@blueprint.post("/keys/<id:key>/rotate")
@operation(Operation({200: KeyWithToken}, scope=Scope.ADMIN, body=Rotation, body_optional=True))
def rotate_key(key: str) -> Response:
    """Give a key a new secret, for as long as it lives. The token is shown this once.

    With `grace_seconds` the former one is good for a while yet.
    """
    sent, found = read_body(Rotation, optional=True), _find(key)
    _require_all(found.scopes)
    _require_life(found.expires_at)
    _tell("key.rotated", found.tenant, found.id, found.scopes)
    changed, token = services().keys.rotate(found.id, timedelta(seconds=sent.grace_seconds))
    return document(KeyWithToken(**_members(changed), token=token))


@blueprint.delete("/keys/<id:key>")
@operation(Operation({204: None}, scope=Scope.ADMIN, problems=(409,)))
def revoke_key(key: str) -> Response:
    """Revoke a key; within seconds no gateway takes it any more.

    The last usable key with the scope `admin` of your own tenant cannot be revoked, nor the last one of all that has
    `tenants` beside it.
    """
    found, keys = _find(key), services().keys
    own = found.tenant == caller().tenant
    if own:
        keys.keep_an_admin(found)
    _tell("key.revoked", found.tenant, found.id, found.scopes)
    (keys.delete_unless_last(found) if own else keys.delete(found.id))
    return Response(status=204)


@blueprint.get("/whoami")
@operation(Operation({200: Whoami}))
def whoami() -> Response:
    """What the key is that you are calling with."""
    key = caller()
    return document(
        Whoami(key=key.id, tenant=key.tenant, name=key.name, scopes=sorted(key.scopes), expires_at=key.expires_at)
    )


def _find(key_id: str) -> ApiKey:
    """What is another tenant's is not there, unless the caller minds the keys of all."""
    found = services().keys.get(key_id)
    if found.tenant != caller().tenant and not caller().may(Scope.TENANTS):
        raise ApiKeyNotFound(f"There is no key {key_id!r}. GET /v1/keys lists yours.")
    return found


def _require_all(scopes: Collection[Scope]) -> None:
    for scope in sorted(scopes):
        if not caller().may(scope):
            raise Forbidden(scope.value)


def _expiry(days: int | None) -> datetime | None:
    expires_at = caller().expires_at if days is None else datetime.now(UTC) + timedelta(days=days)
    _require_life(expires_at)
    return expires_at


def _require_life(expires_at: datetime | None) -> None:
    """Nobody outlives his own key by one that he makes."""
    own = caller().expires_at
    if own and (expires_at is None or expires_at > own):
        raise InvalidField(f"Your own key expires at {own.isoformat()}: no key that it makes can last longer.")


def _tell(kind: str, tenant: str, key_id: str, scopes: Collection[Scope]) -> None:
    tell_of(tenant, kind, {"key": key_id, "scopes": sorted(scopes)})


def _members(key: ApiKey) -> dict[str, object]:
    kept = key.model_dump(include={"id", "tenant", "name", "created_at", "expires_at"})
    return {**kept, "scopes": sorted(key.scopes), "former_secret_until": key.former.until if key.former else None}
