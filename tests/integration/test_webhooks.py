"""Webhooks against a real Redis and real receivers: what is told to whom, and by which secrets it is verified."""

import json
import time

import pytest
from redis import Redis
from standardwebhooks import Webhook as OfficialWebhook
from standardwebhooks.webhooks import WebhookVerificationError

from shared.jobs import JobStore, NewJob
from shared.outbox import NewOccurrence, Reader
from shared.schemas import (
    ComparisonPayload,
    DeliveryState,
    JobError,
    JobType,
    Model,
    WebhookEvent,
    WebhookStatus,
)
from shared.settings import JobSettings
from shared.webhooks.deliveries import delivery_id
from shared.webhooks.subscriptions import MOST_SECRETS, OVERLAP_S
from tests.integration.webhook_world import PREFIX, TENANT, MakeWorld, World
from tests.receivers import Receiver

MODEL = Model(name="m", digest="d")
PAYLOAD = ComparisonPayload(image_a_key="a", image_b_key="b", model=MODEL, policy="p")


# --- what is told ---


def test_a_jobs_outcome_reaches_its_receiver_signed_and_without_its_content(
    world: World, receiver: Receiver, redis: Redis
) -> None:
    webhook = world.add(receiver.url)
    jobs = JobStore(redis, PREFIX, JobSettings(), lambda *_: None)
    job = jobs.claim(jobs.submit(NewJob(TENANT, JobType.COMPARISON, PAYLOAD)).id)
    assert job is not None
    assert jobs.fail(job, JobError(code="corrupt_image", detail="damaged"))
    world.dispatcher.dispatch()
    world.work()
    (received,) = receiver.received
    said = OfficialWebhook(webhook.secrets[0].text).verify(received.body, received.headers)
    assert said["type"] == "job.failed"
    links = {"self": f"/v1/jobs/{job.id}"}
    assert said["data"] == {"id": job.id, "type": "comparison", "status": "failed", "links": links}
    assert set(said) == {"type", "timestamp", "data"}
    assert said["timestamp"].endswith("+00:00")
    assert world.states(webhook) == [DeliveryState.DELIVERED]
    with pytest.raises(WebhookVerificationError):
        OfficialWebhook(webhook.secrets[0].text).verify(received.body + b" ", received.headers)


def test_every_kind_of_occurrence_has_its_event_and_others_have_none(world: World, receiver: Receiver) -> None:
    world.add(receiver.url)
    world.happen(7)
    erased = {"gallery": "staff", "uid": "u-1", "person": "ada", "reason": "expired"}
    for kind, data in (("person.expired", erased), ("key.created", {"key": "k"}), ("person.erased", {"no": "uid"})):
        world.outbox.append(NewOccurrence(tenant=TENANT, kind=kind, data=data))
    world.work_until(lambda: len(receiver.received) == 2)
    batch, person = (json.loads(received.body) for received in receiver.received)
    assert (batch["type"], batch["data"]["id"], batch["data"]["failed"]) == ("batch.finished", "b7", 1)
    assert person["data"] == {
        "id": "u-1",
        "gallery": "staff",
        "reason": "expired",
        "links": {"gallery": "/v1/galleries/staff"},
    }
    assert world.outbox.read(Reader.WEBHOOKS) == []  # the unreadable one does not stand in the way either


def test_an_event_goes_to_those_of_the_tenant_who_want_it_once(world: World, receiver: Receiver) -> None:
    wants = world.add(receiver.url, WebhookEvent.BATCH_FINISHED)
    others = [
        world.add(receiver.url, WebhookEvent.JOB_FAILED),
        world.add(receiver.url, tenant="other"),
        world.webhooks.change(TENANT, world.add(receiver.url).id, {"status": WebhookStatus.DISABLED}),
    ]
    world.happen()
    page = world.outbox.read(Reader.WEBHOOKS)
    world.dispatcher.dispatch()
    for occurrence in page:  # read again, as after a crash between the deliveries and the reader's position
        world.dispatcher._fan_out(occurrence, world.webhooks.all(TENANT))
    world.dispatcher.dispatch()
    world.work()
    (received,) = receiver.received
    assert received.headers["webhook-id"] == delivery_id(page[0].id, wants.id)
    assert [world.log(webhook) for webhook in others] == [[], [], []]


# --- secrets ---


def test_while_a_secret_is_replaced_both_verify_for_a_day(make_world: MakeWorld, receiver: Receiver) -> None:
    now = [time.time()]
    world = make_world(clock=lambda: now[0])
    webhook = world.add(receiver.url)
    former = OfficialWebhook(webhook.secrets[0].text)
    present = OfficialWebhook(world.webhooks.rotate(TENANT, webhook.id).secrets[0].text)
    world.happen()
    world.work_until(lambda: len(receiver.received) == 1)
    for verifier in (former, present):
        verifier.verify(receiver.received[0].body, receiver.received[0].headers)
    now[0] -= OVERLAP_S + 1  # as if it had been replaced a day ago
    webhook = world.add(receiver.url, WebhookEvent.PING)
    former = OfficialWebhook(webhook.secrets[0].text)
    present = OfficialWebhook(world.webhooks.rotate(TENANT, webhook.id).secrets[0].text)
    assert world.deliveries.create(webhook, WebhookEvent.PING, "{}", delivery="ping")
    world.work_until(lambda: len(receiver.received) == 2)
    present.verify(receiver.received[1].body, receiver.received[1].headers)
    with pytest.raises(WebhookVerificationError):
        former.verify(receiver.received[1].body, receiver.received[1].headers)


def test_however_often_a_secret_is_replaced_few_are_kept(world: World) -> None:
    webhook = world.add("http://127.0.0.1:1/")
    made = {world.webhooks.rotate(TENANT, webhook.id).secrets[0].text for _ in range(10)}
    assert len(made) == 10
    assert len(world.webhooks.get(TENANT, webhook.id).secrets) == MOST_SECRETS
    assert "whsec_" not in repr(world.webhooks.get(TENANT, webhook.id))
