"""How much large requests may have in memory together, with their bodies and with the files that they name."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flask import g, request

from gateway.context import context
from gateway.errors import GatewayBusy

WAIT_S = 10.0
LARGE = 4 * 2**20  # bytes; requests with less are not reckoned: others cannot keep an ordinary photo out


class MemoryBudget:
    """So many bytes for all of them; whoever finds nothing left waits a while."""

    def __init__(self, total: int) -> None:
        self._left = self._total = total
        self._changed = threading.Condition()

    @contextmanager
    def spend(self, amount: int) -> Iterator[None]:
        """Have so many bytes in the body; no request may ask for more than there is.

        Raises:
            GatewayBusy: others had them for too long.
        """
        amount = min(amount, self._total)
        with self._changed:
            if not self._changed.wait_for(lambda: self._left >= amount, WAIT_S):
                raise GatewayBusy("Too many large requests are being read: try again later.")
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()


def reckon_body() -> None:
    """Have the request's body in memory: as many bytes as it says, or as it may have. Raises GatewayBusy."""
    most, announced = request.max_content_length or 0, request.content_length
    unknown = announced is None and "Transfer-Encoding" in request.headers
    reckon(most if unknown else min(announced or 0, most))


def reckon(size: int) -> None:
    """Have so many bytes more in memory, until the request ends: of its body, or of files that a small body names.

    Raises:
        GatewayBusy
    """
    g.held_bytes = g.get("held_bytes", 0) + size
    if g.held_bytes > LARGE:
        if "reserved" not in g:
            g.reserved = ExitStack()
        g.reserved.enter_context(context().uploads.budget.spend(size))


def give_back(_: BaseException | None) -> None:
    """After every request: what it had of the memory is others' again."""
    if "reserved" in g:
        g.reserved.close()
