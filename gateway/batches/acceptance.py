"""Accepting a batch of either kind: what it needs is stored, then its record is made, then it is answered."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from flask import Response

from gateway.batches.results import batch_document, batch_url
from gateway.context import caller, chosen_id, services
from gateway.web.responses import document
from shared.archives import FileProblem
from shared.errors import BatchNotFound
from shared.schemas import Batch, BatchItem, SkippedFile

RETRY_AFTER_S = 2


def accept_batch(
    take_in: Callable[[str], Sequence[BatchItem]], *, skipped: Sequence[FileProblem], gallery: str | None = None
) -> Response:
    """Make a batch of what `take_in` stores and returns for its id; of enrolments where there is a gallery.

    What `take_in` has stored is deleted again when it fails. `skipped` are files that were sent and are no items.
    """
    told = [SkippedFile(name=problem.file, reason=problem.reason) for problem in skipped]
    batch = _accepted(caller().tenant, chosen_id(), take_in, told, gallery)
    headers = {"Location": batch_url(batch.id), "Retry-After": str(RETRY_AFTER_S)}
    return document(batch_document(batch), 202, headers=headers)


def _accepted(
    tenant: str,
    batch_id: str,
    take_in: Callable[[str], Sequence[BatchItem]],
    skipped: Sequence[SkippedFile],
    gallery: str | None,
) -> Batch:
    given = services()
    with suppress(BatchNotFound):
        return given.batches.get(tenant, batch_id)  # the same request, sent again because its answer was lost
    with given.batches.intakes.under_way(tenant, batch_id):
        items = take_in(batch_id)
        return given.batches.create(tenant, batch_id, items, skipped, actor=caller().id, gallery=gallery)
