"""Two dispatchers, six workers, lost and doubled messages, receivers that fail: everything arrives all the same."""

import json
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable

from shared.schemas import (
    DeliveryState,
)
from shared.webhooks.targets import TargetPolicy
from tests.integration.webhook_world import TENANT, MakeWorld, World
from tests.receivers import Answer, Received, receiving
from workers.delivery import Sender
from workers.webhooks import Courier, Dispatcher

MESSAGES = (0, 1, 1, 1, 2)  # one in five is lost, one in five comes twice


class Meter:
    """A receiver that fails every third time and counts how much it is asked at once, by path."""

    def __init__(self) -> None:
        self._dice, self._guard = random.Random(7), threading.Lock()
        self._under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def __call__(self, received: Received) -> Answer:
        path = received.path
        with self._guard:
            self._under_way[path] += 1
            self.most[path] = max(self.most[path], self._under_way[path])
            status = 500 if self._dice.random() < 0.33 else 200
        time.sleep(0.002)
        with self._guard:
            self._under_way[path] -= 1
        return Answer(status)


class Storm:
    """Workers and the queue between them, which loses messages and doubles them."""

    def __init__(self, world: World, workers: int) -> None:
        self._world = world
        self._messages: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._dice, self._guard = random.Random(7), threading.Lock()
        self._workers = [threading.Thread(target=self._work) for _ in range(workers)]
        for worker in self._workers:
            worker.start()

    def publish(self, due: Iterable[str]) -> None:
        for delivery in due:
            with self._guard:
                copies = self._dice.choice(MESSAGES)
            for _ in range(copies):
                self._messages.put(delivery)

    def end(self) -> None:
        for _ in self._workers:
            self._messages.put(None)
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        world = self._world
        sender = Sender(world.settings, TargetPolicy(world.settings))
        courier = Courier(world.settings, world.webhooks, world.deliveries, sender, self.publish)
        while (delivery := self._messages.get()) is not None:
            courier.deliver(delivery)


def test_in_a_storm_everything_arrives_and_nobody_gets_more_at_a_time_than_his_share(make_world: MakeWorld) -> None:
    world = make_world(lost_after=0.1, retry_seconds=",".join(["0.01"] * 40), concurrency=3)
    storm, meter = Storm(world, workers=6), Meter()
    with receiving(meter) as receiver:
        webhooks = [world.add(f"{receiver.url}/{number}") for number in range(3)]
        for number in range(60):
            world.happen(number)
        dispatchers = [Dispatcher(world.outbox, world.webhooks, world.deliveries, storm.publish) for _ in range(2)]
        until = time.monotonic() + 60
        while any(set(world.states(webhook)) != {DeliveryState.DELIVERED} for webhook in webhooks):
            assert time.monotonic() < until
            for dispatcher in dispatchers:
                dispatcher.dispatch()
            time.sleep(0.01)
        storm.end()
    for webhook in webhooks:
        assert len(world.log(webhook)) == 60
        assert world.webhooks.get(TENANT, webhook.id).enabled
    arrived = {(one.path, json.loads(one.body)["data"]["id"]) for one in receiver.received}
    assert len(arrived) == 3 * 60
    assert max(meter.most.values()) <= 3
