"""The `likeness webhooks` commands: where the gateway tells what happened."""

from typing import Annotated

import typer

from gateway.client.admin_documents import NewWebhook
from gateway.client.commands import output
from gateway.client.commands.people import Yes, confirm
from gateway.client.commands.session import Session, online

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK")]

webhooks = typer.Typer(help="Where the gateway tells what happened.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(webhooks, name="webhooks")


@webhooks.command("list")
@online
def list_webhooks(session: Session) -> None:
    """List the webhooks."""
    columns: dict[str, output.Column] = {"webhook": "id", "url": "url", "status": "status", "events": "events"}
    session.table(session.client.webhooks.list(), columns)


@webhooks.command("create")
@online
def create_webhook(
    session: Session,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="an https URL of yours")],
    events: Annotated[str | None, typer.Option(help="such as job.succeeded,job.failed; default: all")] = None,
    description: Annotated[str | None, typer.Option(help="what it is for")] = None,
) -> None:
    """Have events sent to a URL; the secret that signs them is shown this once.

    Example: likeness webhooks create https://example.org/likeness --events job.succeeded,job.failed
    """
    wanted = [event.strip() for event in events.split(",") if event.strip()] if events else None
    _show_once(session, session.client.webhooks.create(target, events=wanted, description=description))


@webhooks.command("rotate")
@online
def rotate_secret(session: Session, webhook: WebhookId) -> None:
    """Give a webhook a new secret, shown this once; for a while both sign."""
    _show_once(session, session.client.webhooks.rotate_secret(webhook))


@webhooks.command("delete")
@online
def delete_webhook(session: Session, webhook: WebhookId, yes: Yes = False) -> None:
    """Delete a webhook: nothing more is sent there."""
    confirm(f"Delete {webhook}?", yes=yes)
    session.client.webhooks.delete(webhook)
    session.give({"deleted": webhook}, f"{webhook} is deleted.")


@webhooks.command("ping")
@online
def ping_webhook(session: Session, webhook: WebhookId) -> None:
    """Send an event that says nothing; `likeness webhooks deliveries` tells whether it arrived."""
    delivery = session.client.webhooks.ping(webhook)
    session.give(delivery, f"delivery {delivery['id']}")


@webhooks.command("deliveries")
@online
def list_deliveries(
    session: Session,
    webhook: WebhookId,
    most: Annotated[int, typer.Option("--limit", min=1, help="most deliveries to list")] = 50,
) -> None:
    """List what was sent to a webhook and how it went, newest first."""
    found = zip(session.client.webhooks.deliveries(webhook), range(most), strict=False)
    columns: dict[str, output.Column] = {
        "delivery": "id",
        "event": "event",
        "state": "state",
        "created": output.moment("created_at"),
        "attempts": lambda one: len(one["attempts"]),
        "last": lambda one: (
            (one["attempts"][-1].get("error") or one["attempts"][-1]["status"]) if one["attempts"] else ""
        ),
    }
    session.table([delivery for delivery, _ in found], columns)


def _show_once(session: Session, made: NewWebhook) -> None:
    if session.as_json:
        output.write_json(made)
        return
    output.say(made.get("secret") or f"Its secret got lost on the way: likeness webhooks rotate {made['id']}")
    output.note(f"{made['id']} sends {', '.join(made['events'])} to {made['url']}.")
    output.note("Verify what arrives with the secret (verify_webhook): it is not shown again.")
