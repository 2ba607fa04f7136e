"""A process that writes the audit until it is killed: `python -m tests.integration.audit_writer`, settings on stdin."""

import json
import sys

from pydantic import SecretStr

from shared.audit.log import AuditLog
from shared.galleries.store import GalleryStore
from shared.outbox import Outbox
from shared.queue import connect
from shared.settings import RedisSettings, S3Settings
from shared.storage.s3_store import S3Store
from tests.integration.batch_work import PREFIX
from workers.auditing import Auditor

if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    redis = connect(RedisSettings(url=SecretStr(given["redis"])))
    store = S3Store(S3Settings.model_validate(given["s3"]))
    auditor = Auditor(Outbox(redis, PREFIX), AuditLog(store, redis, PREFIX), GalleryStore(store, redis, PREFIX), store)
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    while True:
        auditor.work()
