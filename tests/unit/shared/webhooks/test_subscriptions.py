"""The webhooks of a tenant as one object: their number is kept however many are made at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from shared.errors import TooManyWebhooks, WebhookNotFound
from shared.schemas import Webhook, WebhookEvent, WebhookStatus
from shared.storage.store import MemoryStore
from shared.webhooks.settings import WebhookSettings
from shared.webhooks.subscriptions import OVERLAP_S, WebhookStore, signing_secrets

FIELDS = {"url": "https://example.com/", "events": (WebhookEvent.JOB_FAILED,)}


@pytest.fixture
def webhooks() -> WebhookStore:
    return WebhookStore(MemoryStore())


def create(webhooks: WebhookStore, tenant: str = "acme") -> Webhook:
    return webhooks.create(tenant, WebhookStore.new_id(), FIELDS, most=5)


def test_of_many_that_are_made_at_once_so_many_are_kept_as_there_may_be(webhooks: WebhookStore) -> None:
    def attempt(_: int) -> bool:
        try:
            create(webhooks)
        except TooManyWebhooks:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(attempt, range(40)))
    assert made == len(webhooks.all("acme")) == 5


def test_each_tenant_has_his_own(webhooks: WebhookStore) -> None:
    mine, other = create(webhooks), create(webhooks, "other")
    assert webhooks.all("acme") == (mine,)
    for call in (
        lambda: webhooks.get("acme", other.id),
        lambda: webhooks.change("acme", other.id, {"url": "https://example.org/"}),
        lambda: webhooks.rotate("acme", other.id),
        lambda: webhooks.delete("acme", other.id),
    ):
        with pytest.raises(WebhookNotFound):
            call()
    assert webhooks.get("other", other.id) == other


def test_a_change_leaves_the_others_alone(webhooks: WebhookStore) -> None:
    first, second = create(webhooks), create(webhooks)
    disabled = webhooks.disable("acme", first.id, "because")
    assert (disabled.status, disabled.disabled_reason) == (WebhookStatus.DISABLED, "because")
    assert not disabled.wants(WebhookEvent.JOB_FAILED)
    assert webhooks.all("acme") == (disabled, second)
    assert webhooks.change("acme", first.id, {"status": WebhookStatus.ENABLED}) == first
    webhooks.delete("acme", first.id)
    assert webhooks.all("acme") == (second,)


def test_a_former_secret_signs_for_a_day(webhooks: WebhookStore) -> None:
    created = create(webhooks)
    rotated = webhooks.rotate("acme", created.id)
    present, former = rotated.secrets
    assert former.text == created.secrets[0].text
    until = former.until or 0
    assert signing_secrets(rotated, until - 1) == [present.text, former.text]
    assert signing_secrets(rotated, until) == [present.text]
    again = webhooks.rotate("acme", created.id)
    assert again.secrets[2].until == until  # a second change does not lengthen the first one's time
    assert 0 <= (again.secrets[1].until or 0) - until < OVERLAP_S


# --- settings ---


@pytest.mark.parametrize(
    "wrong",
    [
        {"ports": "0"},
        {"ports": "443,70000"},
        {"ports": "90-80"},
        {"ports": "https"},
        {"networks": "10.0.0.1/8"},
        {"networks": "home"},
        {"retry_seconds": "5,-1"},
        {"retry_seconds": "5,nan"},
        {"retry_seconds": "soon"},
    ],
)
def test_a_list_that_cannot_be_read_is_refused_at_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        WebhookSettings.model_validate(wrong)


def test_the_defaults_allow_nothing_private_and_no_http() -> None:
    settings = WebhookSettings()
    assert settings.allowed_networks == ()
    assert not settings.allow_http
