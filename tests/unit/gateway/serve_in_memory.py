"""Run by test_server.py, with a port, a Redis URL and a file for the key: the gateway over a MemoryStore."""

import sys
import threading

from apiflask import APIFlask
from pydantic import SecretStr

from gateway.app import create_app
from gateway.auth import KeyStore, hand_over_first_key
from gateway.server import Server
from gateway.wsgi import assemble
from shared import logs, styles
from shared.queue import connect
from shared.settings import LogFormat, RedisSettings, S3Settings, Settings
from shared.storage.store import MemoryStore

port, redis_url, key_file = sys.argv[1:]
settings = Settings(
    log_format=LogFormat.JSON,
    redis=RedisSettings(url=SecretStr(redis_url), key_prefix="test:"),
    s3=S3Settings(endpoint="unused:1", access_key="key", secret_key=SecretStr("not-a-placeholder")),
)
store = MemoryStore()
styles.seed(store)


def build(stopping: threading.Event) -> APIFlask:
    keys = KeyStore(store, 5)
    token = hand_over_first_key(keys, None)
    with open(key_file, "w") as file:  # noqa: PTH123
        file.write(token or "")
    return create_app(settings, assemble(settings, store, connect(settings.redis), lambda *_: None, stopping))


logs.configure(settings)
Server(build, host="127.0.0.1", port=int(port), threads=8).run()
