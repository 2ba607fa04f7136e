"""Telling the outbox what a request did, for the audit and the webhooks.

It is told before it is done, so that nothing is done untold: who dies in between has told what he did not do, and who
then repeats it tells it twice. What would be refused is not told: try it first on what is there.
"""

from collections.abc import Mapping

from gateway.context import caller, services, trace_id
from shared.outbox import NewOccurrence


def tell(kind: str, **data: object) -> None:
    """`data` is flat JSON without names, pictures or secrets. Raises QueueUnavailable."""
    tell_of(caller().tenant, kind, data)


def tell_of(tenant: str, kind: str, data: Mapping[str, object]) -> None:
    """The same of a tenant who may be another one than the caller's."""
    told = NewOccurrence(tenant=tenant, kind=kind, actor=caller().id, trace=trace_id(), data=data)
    services().outbox.append(told)
