"""The `likeness keys` commands: who may call the API, and for what."""

import re
from typing import Annotated

import typer

from gateway.client.admin_documents import NewKey
from gateway.client.commands import output
from gateway.client.commands.people import Yes, confirm
from gateway.client.commands.session import Session, online
from shared.errors import InvalidField

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="its id: what stands between the underscores of lk_ID_…")]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}

keys = typer.Typer(help="Who may call the API, and for what.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(keys, name="keys")


@keys.command("create")
@online
def create_key(
    session: Session,
    scopes: Annotated[str | None, typer.Option(help="such as enrol,verify,recognise,stylise")] = None,
    role: Annotated[str | None, typer.Option(help="or: owner | admin | desk | door | artist | auditor")] = None,
    tenant: Annotated[str | None, typer.Option(help="whose key it is; default: your own tenant")] = None,
    name: Annotated[str | None, typer.Option(help="what it is for, such as front-door")] = None,
    expires: Annotated[str | None, typer.Option(help="such as 90d; default: when your own does, if it does")] = None,
) -> None:
    """Make an API key; its token is shown this once.

    Example: likeness keys create --tenant acme --scopes enrol,verify,recognise,stylise --expires 90d
    """
    if (scopes is None) == (role is None):
        raise InvalidField("Name one of --scopes and --role.")
    made = session.client.keys.create(
        tenant=tenant,
        name=name,
        scopes=[scope.strip() for scope in scopes.split(",") if scope.strip()] if scopes else None,
        role=role,
        expires_in_days=_days(expires),
    )
    _show_once(session, made)


@keys.command("list")
@online
def list_keys(
    session: Session, tenant: Annotated[str | None, typer.Option(help="only the keys of this tenant")] = None
) -> None:
    """List the keys: never their tokens, which nobody knows any more."""
    columns: dict[str, output.Column] = {
        "key": "id",
        "tenant": "tenant",
        "name": "name",
        "scopes": "scopes",
        "created": output.moment("created_at"),
        "expires": output.moment("expires_at"),
    }
    session.table(session.client.keys.list(tenant), columns)


@keys.command("rotate")
@online
def rotate_key(
    session: Session,
    key_id: KeyId,
    grace: Annotated[str, typer.Option(help="for how long the former token goes on, such as 1h")] = "0s",
) -> None:
    """Give a key a new token, shown this once; the former one ends, now or after --grace."""
    _show_once(session, session.client.keys.rotate(key_id, grace_seconds=seconds(grace)))


@keys.command("revoke")
@online
def revoke_key(session: Session, key_id: KeyId, yes: Yes = False) -> None:
    """Revoke a key: within seconds it opens nothing any more."""
    confirm(f"Revoke {key_id}?", yes=yes)
    session.client.keys.revoke(key_id)
    session.give({"revoked": key_id}, f"{key_id} is revoked.")


@keys.command("whoami")
@online
def whoami(session: Session) -> None:
    """Show what the key in use may do."""
    session.fields(session.client.keys.whoami())


def _show_once(session: Session, made: NewKey) -> None:
    if session.as_json:
        output.write_json(made)
        return
    output.say(made.get("token") or f"Its token got lost on the way: likeness keys rotate {made['id']}")
    until = made["expires_at"] or "it is revoked"
    output.note(f"{made['id']} of {made['tenant']}: {', '.join(made['scopes'])}; good until {until}.")
    output.note("Keep it where secrets are kept: it is not shown again.")


def seconds(text: str) -> int:
    """Of a duration such as 90d, 12h, 30m or 45s."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if not found:
        raise InvalidField(f"{text!r} is no duration: say a number with s, m, h or d, such as 90d.")
    return int(found[1]) * UNITS[found[2]]


def _days(text: str | None) -> int | None:
    if text is None:
        return None
    days, rest = divmod(seconds(text), UNITS["d"])
    if rest or not days:
        raise InvalidField("--expires counts in days, such as 90d.")
    return days
