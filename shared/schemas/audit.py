"""The audit: what a tenant's log says of one thing that happened, and of itself."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from shared.schemas.base import Message

FACT_ID = r"^[0-9]{1,19}-[0-9]{1,19}(\.[0-9]{1,6})?$"
Detail = str | int | bool | list[str] | None
"""What an entry may hold beside its fixed members. No fraction: its text would not be the same everywhere."""


class AuditFact(Message):
    """One thing that happened, before it has a place in the log."""

    id: str = Field(
        pattern=FACT_ID,
        description="names what happened for ever; it stands in the log once",
    )
    at: datetime = Field(description="when it happened")
    action: str = Field(description="verification, recognition, enrolment, person.erased, key.created, ...")
    actor: str | None = Field(description="id of the API key; null for what the system does by itself")
    request_id: str | None = Field(description="of the request that it began with")
    job: str | None = Field(None, description="the job that did it")
    gallery: str | None = None
    person: str | None = Field(
        None, description="a pseudonym, `uid` of the person; null when nobody was named or recognised, or he is gone"
    )
    device: str | None = Field(None, description="the door or camera, as the request named it")
    outcome: str | None = Field(None, description="the verdict; failed, cancelled or expired when there is none")
    reason: str | None = Field(None, description="why access was denied, or the code of the job's error")
    policy: str | None = None
    decision: str | None = Field(None, description="granted or denied")
    details: Mapping[str, Detail] = Field(default_factory=dict, description="what else belongs to the action")


class AuditEntry(AuditFact):
    """A line of the log. `hash` is of its canonical JSON without that member (docs/audit.md)."""

    sequence: int = Field(description="its place in the tenant's log, from 1")
    previous: str = Field(description="`hash` of the entry before")
    hash: str = Field(description="SHA-256 of the entry, hexadecimal")


class AuditHead(Message):
    """The newest entry of a log."""

    sequence: int = Field(description="of the newest entry; 0: the log is empty")
    hash: str = Field(description="of the newest entry")


class AuditProblem(Message):
    sequence: int = Field(description="where in the log")
    problem: str


class AuditVerification(Message):
    """What a verification of a whole log found."""

    valid: bool
    entries: int = Field(description="that were read")
    head: str = Field(description="`hash` of the newest entry; note it elsewhere")
    problems: list[AuditProblem] = Field(description="the first hundred")
