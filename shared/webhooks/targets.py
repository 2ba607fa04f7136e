"""Where a webhook may go: public addresses only, so that nobody can reach our own network through us (SSRF).

The URL is read once, by the rules of browsers (WHATWG, pydantic's parser), and what was read is what is used: there is
no second parser to disagree with. A name is resolved once, every address is judged, and workers/delivery.py connects
to exactly these addresses: a name that changes its mind in between (DNS rebinding) gains nothing.
"""

import re
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from pydantic_core import Url, ValidationError

from shared.errors import ForbiddenTarget, InvalidField
from shared.webhooks.settings import WebhookSettings

MOST_CHARACTERS = 2048
LOOK_UP_S = 5.0
SPACES = re.compile(r"[\x00-\x20\x7f\\]")  # which browsers drop or change without a word

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LookUp = Callable[[str, int, float], Sequence[str]]
"""Host, port, seconds -> the addresses of the host. Raises OSError (also TimeoutError)."""

# IANA's special-purpose registries (2024): what is not globally reachable, or leads to something that is not. Python's
# own `is_global` differs between its releases and takes multicast for global.
_FORBIDDEN_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",  # Azure's metadata and DHCP server, which has a public address
        ),
    )
)  # fmt: skip
_GLOBAL_V6 = IPv6Network("2000::/3")  # all that is handed out for general use
_FORBIDDEN_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols' own: Teredo among them, which carries IPv4
            "2001:db8::/32", "3fff::/20",  # documentation
            "2002::/16",  # 6to4 carries IPv4
        ),
    )
)  # fmt: skip
_NAT64 = IPv6Network("64:ff9b::/96")  # where a network has no IPv4: the last 32 bits are the address that is meant


@dataclass(frozen=True)
class Target:
    """A URL in the parts that a request is made of.

    Attributes:
        url: the whole, as it is to be kept.
        host: a name in ASCII, or an address without brackets.
        path: with the query.
    """

    url: str
    scheme: str
    host: str
    port: int
    path: str


def look_up(host: str, port: int, seconds: float) -> Sequence[str]:
    """The system's resolver, which knows no limit of time of its own."""
    answer: Future[list[str]] = Future()

    def run() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.set_result(list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found)))
        except (OSError, UnicodeError) as error:
            answer.set_exception(OSError(str(error)))

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return answer.result(seconds)


# The same for a name that there is not and one of an inner network: who asks is not to learn which names there are.
UNREACHABLE = (
    "The host of `url` has no address that the internet can reach: check its name, try again later, or ask the "
    "operator to allow its network."
)


class TargetPolicy:
    """What the settings allow."""

    def __init__(self, settings: WebhookSettings, resolve: LookUp = look_up) -> None:
        self._allow_http = settings.allow_http
        self._ports = settings.allowed_ports
        self._networks = settings.allowed_networks
        self._resolve = resolve

    def read(self, url: str) -> Target:
        """Judge a URL as far as it can be without asking anybody.

        Raises:
            InvalidField: it is no URL that a webhook could have.
            ForbiddenTarget
        """
        if len(url) > MOST_CHARACTERS or SPACES.search(url):
            raise InvalidField(f"`url` must have at most {MOST_CHARACTERS} characters, no spaces and no backslashes.")
        try:
            parsed = Url(url)
        except ValidationError:
            raise InvalidField("`url` must be a URL like https://example.com/hook.") from None
        if parsed.scheme not in ({"https", "http"} if self._allow_http else {"https"}) or not parsed.host:
            raise InvalidField("`url` must begin with https://.")
        if parsed.username is not None or parsed.password is not None:
            raise InvalidField("`url` must not hold a user or a password: the signature shows that we sent it.")
        port = parsed.port or 0
        if not any(port in allowed for allowed in self._ports):
            raise ForbiddenTarget(f"`url` names port {port}; the operator allows {self._ports_in_words()}.")
        query = f"?{parsed.query}" if parsed.query is not None else ""
        host = parsed.host.strip("[]")
        target = Target(str(parsed).partition("#")[0], parsed.scheme, host, port, f"{parsed.path or '/'}{query}")
        if (address := _address(host)) is not None:
            self.admit(address)
        return target

    def addresses(self, host: str, port: int, seconds: float = LOOK_UP_S) -> list[Address]:
        """Where a host is, when all of its addresses are allowed: one that is not could be the one that is used.

        Raises:
            ForbiddenTarget: one is not, or the name cannot be resolved.
        """
        if (literal := _address(host)) is not None:
            self.admit(literal)
            return [literal]
        try:
            found = [_address(text) for text in self._resolve(host, port, seconds)]
        except (OSError, TimeoutError):
            raise ForbiddenTarget(UNREACHABLE) from None
        addresses = [address for address in found if address is not None and self._allows(address)]
        if not addresses or len(addresses) < len(found):
            raise ForbiddenTarget(UNREACHABLE)
        return addresses

    def admit(self, address: Address) -> None:
        """Raises ForbiddenTarget."""
        if not self._allows(address):
            raise ForbiddenTarget(UNREACHABLE)

    def _allows(self, address: Address) -> bool:
        if any(address.version == network.version and address in network for network in self._networks):
            return True
        return _is_public(address)

    def _ports_in_words(self) -> str:
        return ", ".join(f"{r[0]}" if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in self._ports)


def _address(text: str) -> Address | None:
    """An address; None for a name. A zone (fe80::1%eth0) makes none."""
    try:
        return ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _FORBIDDEN_V4)
    if address in _NAT64:
        return _is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_V6 and not any(address in network for network in _FORBIDDEN_V6)
