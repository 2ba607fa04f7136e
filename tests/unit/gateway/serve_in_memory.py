"""Run by test_server.py, with a port, a Redis URL and a file for the key: the gateway over a MemoryStore."""

import sys
import threading

from apiflask import APIFlask
from pydantic import SecretStr

from gateway.__main__ import Server
from gateway.app import create_app
from gateway.auth import KeyStore, hand_over_first_key
from gateway.context import Services
from shared import logs, styles
from shared.batches import BatchStore
from shared.gallery_store import GalleryStore
from shared.jobs import JobStore
from shared.liveness_sessions import LivenessSessions
from shared.presence import Presence
from shared.queue import connect
from shared.settings import LogFormat, RedisSettings, S3Settings, Settings
from shared.storage import MemoryStore

port, redis_url, key_file = sys.argv[1:]
settings = Settings(
    log_format=LogFormat.JSON,
    redis=RedisSettings(url=SecretStr(redis_url)),
    s3=S3Settings(endpoint="unused:1", access_key="key", secret_key=SecretStr("not-a-placeholder")),
)
store = MemoryStore()
styles.seed(store)


def build(stopping: threading.Event) -> APIFlask:
    keys = KeyStore(store, 5)
    token = hand_over_first_key(keys, None)
    with open(key_file, "w") as file:  # noqa: PTH123
        file.write(token or "")
    redis = connect(settings.redis)
    jobs = JobStore(redis, "test:", settings.jobs, lambda *_: None)
    galleries, presence = GalleryStore(store, redis, "test:"), Presence(redis, "test:")
    liveness = LivenessSessions(redis, "test:")
    batches = BatchStore(redis, "test:", store, retention_seconds=3600)
    return create_app(settings, Services(store, jobs, galleries, keys, presence, liveness, batches, stopping))


logs.configure(settings)
Server(build, host="127.0.0.1", port=int(port), threads=8).run()
