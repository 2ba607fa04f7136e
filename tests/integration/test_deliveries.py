"""Deliveries against a real Redis and real receivers: retries, lost messages, dead workers, receivers that fail."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared.schemas import (
    Attempt,
    DeliveryState,
    WebhookEvent,
    WebhookStatus,
)
from shared.webhooks.settings import WebhookSettings
from tests.integration.webhook_world import PREFIX, TENANT, MakeWorld, World, failing, slow
from tests.receivers import Answer, Receiver, receiving

# --- retries ---


def test_a_failed_attempt_is_made_again_under_the_same_id(world: World, receiver: Receiver) -> None:
    receiver.respond = lambda _: Answer(500 if len(receiver.received) < 3 else 204, body=b"")
    webhook = world.add(receiver.url)
    world.happen()
    world.work_until(lambda: world.states(webhook) == [DeliveryState.DELIVERED])
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert len({received.body for received in receiver.received}) == 1
    (delivery,) = world.log(webhook)
    assert [attempt.status for attempt in delivery.attempts] == [500, 500, 204]
    assert delivery.attempts[0].error == "The receiver answered 500."
    assert delivery.attempts[2].error is None


def test_attempts_follow_the_schedule_with_a_little_jitter(make_world: MakeWorld, receiver: Receiver) -> None:
    world = make_world(retry_seconds="100,1000")
    receiver.respond = failing()
    webhook = world.add(receiver.url)
    world.happen()
    world.dispatcher.dispatch()
    world.work()
    (delivery,) = world.log(webhook)
    assert delivery.state is DeliveryState.PENDING
    assert 80 <= (delivery.next_attempt_at or 0) - time.time() <= 120
    world.dispatcher.dispatch()
    assert world.published == []


def test_the_default_schedule_goes_on_for_three_days() -> None:
    assert 3 <= sum(WebhookSettings().retry_delays) / 86400 < WebhookSettings().log_days


def test_after_the_last_attempt_a_delivery_failed(world: World, receiver: Receiver) -> None:
    receiver.respond = failing()
    webhook = world.add(receiver.url)
    world.happen()
    world.work_until(lambda: world.states(webhook) == [DeliveryState.FAILED])
    (delivery,) = world.log(webhook)
    assert len(delivery.attempts) == 4 == len(receiver.received)
    assert delivery.next_attempt_at is None
    assert world.webhooks.get(TENANT, webhook.id).enabled


@pytest.mark.parametrize(("asked", "least", "most"), [("60", 59, 61), ("999999", 3599, 3601), ("0", 0, 1)])
def test_a_busy_receiver_is_given_the_time_it_asks_for(
    world: World, receiver: Receiver, asked: str, least: float, most: float
) -> None:
    receiver.respond = failing(503, Retry_After=asked)
    webhook = world.add(receiver.url)
    world.happen()
    world.dispatcher.dispatch()
    world.work()
    (delivery,) = world.log(webhook)
    assert least <= (delivery.next_attempt_at or 0) - time.time() <= most


# --- disabling ---


def test_410_disables_a_webhook_and_cancels_what_waits(world: World, receiver: Receiver) -> None:
    receiver.respond = failing(410)
    webhook = world.add(receiver.url)
    for number in range(5):
        world.happen(number)
    world.dispatcher.dispatch()
    world.courier.deliver(world.published[0])
    disabled = world.webhooks.get(TENANT, webhook.id)
    assert disabled.status is WebhookStatus.DISABLED
    assert "410" in str(disabled.disabled_reason)
    assert sorted(world.states(webhook)) == [DeliveryState.CANCELLED] * 4 + [DeliveryState.FAILED]
    world.work()
    world.happen()
    world.dispatcher.dispatch()
    assert len(receiver.received) == 1
    assert world.published == []


def test_a_receiver_that_always_fails_is_disabled_with_the_reason(world: World, receiver: Receiver) -> None:
    receiver.respond = failing()
    webhook = world.add(receiver.url)
    for number in range(2):
        world.happen(number)
    world.work_until(lambda: not world.webhooks.get(TENANT, webhook.id).enabled)
    assert "2 deliveries" in str(world.webhooks.get(TENANT, webhook.id).disabled_reason)


def test_a_success_in_between_begins_the_count_anew(world: World, receiver: Receiver) -> None:
    webhook = world.add(receiver.url)
    for respond in (failing(), lambda _: Answer(), failing()):
        receiver.respond = respond
        world.happen()
        world.work_until(lambda: all(state.finished for state in world.states(webhook)) and not world.published)
    assert world.webhooks.get(TENANT, webhook.id).enabled


def test_enabled_again_a_webhook_hears_of_what_happens_from_then_on(world: World, receiver: Receiver) -> None:
    receiver.respond = failing(410)
    webhook = world.add(receiver.url)
    world.happen(1)
    world.work_until(lambda: not world.webhooks.get(TENANT, webhook.id).enabled)
    receiver.respond = lambda _: Answer()
    world.webhooks.change(TENANT, webhook.id, {"status": WebhookStatus.ENABLED})
    world.happen(2)
    world.work_until(lambda: DeliveryState.DELIVERED in world.states(webhook))
    assert json.loads(receiver.received[-1].body)["data"]["id"] == "b2"


# --- lost and doubled messages, dead workers ---


def test_a_message_that_comes_twice_makes_one_attempt(world: World, receiver: Receiver) -> None:
    world.add(receiver.url)
    world.happen()
    world.dispatcher.dispatch()
    world.published *= 3
    world.work()
    assert len(receiver.received) == 1


def test_two_workers_never_send_one_delivery_at_once(world: World, receiver: Receiver) -> None:
    receiver.respond = slow(0.2)
    world.add(receiver.url)
    world.happen()
    world.dispatcher.dispatch()
    (delivery,) = world.published
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(world.courier.deliver, [delivery] * 8))
    assert len(receiver.received) == 1


def test_a_message_that_is_lost_is_sent_again(make_world: MakeWorld, receiver: Receiver) -> None:
    world = make_world(lost_after=0.05)
    world.add(receiver.url)
    world.happen()
    world.dispatcher.dispatch()
    world.published.clear()
    world.work_until(lambda: len(receiver.received) == 1)


def test_a_worker_that_dies_in_an_attempt_loses_its_token(make_world: MakeWorld, receiver: Receiver) -> None:
    world = make_world(lease_margin=-0.9)  # of an attempt of a second
    webhook = world.add(receiver.url)
    world.happen()
    world.dispatcher.dispatch()
    (delivery,) = world.published
    world.published.clear()
    stale = world.deliveries.claim(delivery)
    assert stale is not None
    assert world.deliveries.claim(delivery) is None
    world.work_until(lambda: world.states(webhook) == [DeliveryState.DELIVERED])
    attempt = Attempt(at=0, ms=0, error="late")
    assert world.deliveries.settle(stale, DeliveryState.FAILED, attempt) is None
    assert world.states(webhook) == [DeliveryState.DELIVERED]


def test_a_delivery_is_asked_for_again_with_all_its_retries(world: World, receiver: Receiver) -> None:
    receiver.respond = failing()
    webhook = world.add(receiver.url)
    world.happen()
    world.work_until(lambda: world.states(webhook) == [DeliveryState.FAILED])
    receiver.respond = lambda _: Answer(500 if len(receiver.received) < 7 else 200)
    (failed,) = world.log(webhook)
    assert world.deliveries.retry(webhook, failed.id).state is DeliveryState.PENDING
    world.work_until(lambda: world.states(webhook) == [DeliveryState.DELIVERED])
    assert len(receiver.received) == 7
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1


def test_a_webhook_deleted_in_between_leaves_nothing(world: World, receiver: Receiver, redis: Redis) -> None:
    webhook = world.add(receiver.url)
    world.happen()
    world.dispatcher.dispatch()
    world.webhooks.delete(TENANT, webhook.id)
    world.work()
    assert receiver.received == []
    assert redis.keys(f"{PREFIX}deliver*") == redis.keys(f"{PREFIX}webhook*") == []


# --- nobody holds up anybody ---


def test_of_one_webhook_few_deliveries_are_in_the_queue_and_one_while_it_fails(
    world: World, receiver: Receiver
) -> None:
    receiver.respond = failing()
    world.add(receiver.url)
    for number in range(20):
        world.happen(number)
    world.dispatcher.dispatch()
    world.dispatcher.dispatch()
    assert len(world.published) == 2
    first, second = world.published
    world.published.clear()
    world.courier.deliver(first)
    assert world.published == []  # the second is still out, and that is all there may be
    world.courier.deliver(second)
    assert len(world.published) == 1


def test_a_slow_receiver_does_not_hold_up_the_others(make_world: MakeWorld, receiver: Receiver) -> None:
    world = make_world(concurrency=2, timeout_seconds=3)
    with receiving(slow(2)) as tarpit, ThreadPoolExecutor(8) as pool:
        stuck = world.add(tarpit.url)
        for number in range(50):
            world.happen(number)
        world.dispatcher.dispatch()
        world.add(receiver.url, tenant="other")
        world.happen(99, tenant="other")
        world.dispatcher.dispatch()
        began = time.monotonic()
        tasks = [pool.submit(world.courier.deliver, one) for one in world.published]
        while not receiver.received and time.monotonic() - began < 1.5:
            time.sleep(0.01)
        assert time.monotonic() - began < 1
        assert len(receiver.received) == 1
        assert world.states(stuck).count(DeliveryState.DELIVERED) == 0
        for task in tasks:
            task.result()


def test_a_fast_receiver_gets_all_without_waiting_for_the_next_turn(world: World, receiver: Receiver) -> None:
    webhook = world.add(receiver.url)
    for number in range(30):
        world.happen(number)
    world.dispatcher.dispatch()
    world.work()  # each attempt that ends lets the next ones go
    assert len(receiver.received) == 30
    assert set(world.states(webhook)) == {DeliveryState.DELIVERED}


def test_what_waits_and_what_is_remembered_is_bounded(make_world: MakeWorld, receiver: Receiver, redis: Redis) -> None:
    world = make_world(waiting=10, log_entries=5, retry_seconds="100")
    receiver.respond = failing()
    webhook = world.add(receiver.url)
    for number in range(25):
        world.happen(number)
    world.dispatcher.dispatch()
    assert len(world.log(webhook)) == 10
    assert world.deliveries.dropped(webhook) == 15
    assert world.deliveries.discard(webhook.id) == 10
    assert world.states(webhook) == [DeliveryState.CANCELLED] * 5
    assert len(redis.keys(f"{PREFIX}delivery:*")) == 5


def test_however_much_waits_all_of_it_is_cancelled(world: World, receiver: Receiver) -> None:
    webhook = world.add(receiver.url)
    for number in range(1203):
        assert world.deliveries.create(webhook, WebhookEvent.PING, "{}", delivery=f"d{number}")
    world.deliveries.hand_out()
    assert world.deliveries.discard(webhook.id) == 1203
    assert world.deliveries.hand_out() == []
    assert set(world.states(webhook)) == {DeliveryState.CANCELLED}
