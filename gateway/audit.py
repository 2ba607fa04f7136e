"""`/v1/audit`: who did what, to whom, where, and how it came out; docs/audit.md says what it is good for."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.audit_csv import CSV, lines
from gateway.auth import Scope
from gateway.context import caller, services
from gateway.errors import VerificationUnderWay
from gateway.web.bodies import Body, read_query
from gateway.web.operations import Operation, operation
from gateway.web.responses import Document, document
from shared.audit.log import AuditQuery
from shared.errors import NotFound
from shared.schemas import AuditEntry, AuditVerification, Id
from shared.schemas.texts import Moment

blueprint = APIBlueprint("audit", __name__, url_prefix="/v1/audit")

JSON = "application/json"
AT_ONCE_S = 5.0  # a verification that takes longer is answered while it goes on
SIGN_OF_LIFE_S = 2.0
RETRY_AFTER_S = 10.0


class AuditFilter(Body):
    """What is left out does not matter."""

    since: Annotated[Moment | None, Field(description="from this time on, such as 2026-11-22T08:00:00Z")] = None
    until: Annotated[Moment | None, Field(description="before this time, such as 2026-11-23T08:00:00Z")] = None
    gallery: Id | None = Field(None, description="the gallery's id")
    person: Id | None = Field(None, description="a person's pseudonym (`uid`), or with `gallery` his id")
    device: Id | None = Field(None, description="the door or camera's id, as requests name it")
    action: Id | None = Field(None, description="verification, recognition, enrolment, person.erased, key.created, ...")
    order: Literal["newest", "oldest"] = Field("newest", description="which entries come first")

    def query(self) -> AuditQuery:
        return AuditQuery(
            since=self.since,
            until=self.until,
            gallery=self.gallery,
            person=self._uid(),
            device=self.device,
            action=self.action,
            newest_first=self.order == "newest",
        )

    def _uid(self) -> str | None:
        """An erased person's id leads nowhere; his pseudonym does."""
        if self.person is None or self.gallery is None:
            return self.person
        try:
            return services().galleries.get_person(caller().tenant, self.gallery, self.person).uid
        except NotFound:
            return self.person


class AuditPageQuery(AuditFilter):
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,15}$")] | None = Field(
        None, description="`next_cursor` of the page before"
    )
    limit: int = Field(50, ge=1, le=1000, description="most entries on the page")


class VerificationQuery(Body):
    head: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="the head that an earlier verification told: 64 hexadecimal digits"
    )


class AuditList(Document):
    entries: list[AuditEntry]
    next_cursor: str | None = Field(
        None, description="null on the last page; a page may hold fewer entries than asked for, or none, before it"
    )


@blueprint.get("")
@operation(Operation({200: AuditList}, scope=Scope.AUDIT_READ, query=AuditPageQuery))
def list_entries() -> Response:
    """Read the audit, newest first unless `order` says otherwise."""
    asked = read_query(AuditPageQuery)
    cursor = int(asked.cursor) if asked.cursor else None
    page = services().audit.page(caller().tenant, asked.query(), cursor=cursor, limit=asked.limit)
    following = None if page.cursor is None else str(page.cursor)
    return document(AuditList(entries=page.entries, next_cursor=following))


@blueprint.get("/export")
@operation(Operation({200: CSV}, scope=Scope.AUDIT_READ, query=AuditFilter))
def export_entries() -> Response:
    """The same as CSV, all of it, streamed.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    query, tenant = read_query(AuditFilter).query(), caller().tenant
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response(lines(services().audit.entries(tenant, query)), content_type=CSV, headers=headers)


@blueprint.get("/verification")
@operation(Operation({200: AuditVerification}, scope=Scope.AUDIT_READ, query=VerificationQuery))
def verify_log() -> Response:
    """Verify the whole log: that nothing was altered, removed, inserted, moved or cut off.

    Note `head` elsewhere, and give it later as `head`: against somebody who may write to the object store and to
    Redis, that alone helps. A long log takes minutes; the answer then begins with white space. One at a time.
    """
    asked, tenant, audit = read_query(VerificationQuery), caller().tenant, services().audit
    verifying = services().verifying
    if not verifying.begin(tenant):
        raise VerificationUnderWay("Another verification of this audit is under way.", retry_after=RETRY_AFTER_S)

    def verify() -> AuditVerification:
        try:
            return audit.verify(tenant, [asked.head] if asked.head else [])
        finally:
            verifying.end(tenant)  # which may be long after the client went

    pool = ThreadPoolExecutor(1)
    running = pool.submit(verify)
    pool.shutdown(wait=False)  # its one thread ends with the verification
    try:
        return Response(running.result(AT_ONCE_S).model_dump_json(), content_type=JSON)
    except StillRunning:
        return Response(_in_time(running), content_type=JSON)


def _in_time(running: "Future[AuditVerification]") -> Iterator[str]:
    """White space until it is done: neither the client nor anybody between should think that nothing comes."""
    while True:
        yield "\n"
        try:
            found = running.result(SIGN_OF_LIFE_S)
        except StillRunning:
            continue
        yield found.model_dump_json()
        return
