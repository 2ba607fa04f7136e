"""Where webhooks may go: every range that is not public, every spelling of it, every name that leads there."""

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ForbiddenTarget, InvalidField
from shared.webhooks.settings import WebhookSettings
from shared.webhooks.targets import TargetPolicy, look_up

PUBLIC = "93.184.215.14"


class Names:
    """A resolver that knows what a test tells it."""

    def __init__(self, **known: Sequence[str]) -> None:
        self.known = {name.replace("_", "."): addresses for name, addresses in known.items()}

    def __call__(self, host: str, _port: int, _seconds: float) -> Sequence[str]:
        if host not in self.known:
            raise OSError("no such name")
        return self.known[host]


def policy(names: Names | None = None, **settings: object) -> TargetPolicy:
    return TargetPolicy(WebhookSettings.model_validate(settings), names or Names())


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3",  # noqa: S104 - an address that is refused, nothing listens there
        "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
        "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "168.63.129.16", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1",
        "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(ForbiddenTarget, match="no address that the internet can reach"):
        policy().admit(ip_address(address))


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:21f:cb07::1", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    policy().admit(ip_address(address))


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public(address: object) -> None:
    one = ip_address(str(address))
    if one.is_private or one.is_loopback or one.is_link_local or one.is_multicast or one.is_unspecified:
        with pytest.raises(ForbiddenTarget):
            policy().admit(one)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "%31%32%37.0.0.1", "１２７.0.0.1",
     "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]"],
)  # fmt: skip
def test_every_spelling_of_a_private_address_is_refused(host: str) -> None:
    with pytest.raises(ForbiddenTarget, match="no address that the internet can reach"):
        policy().read(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    ["", "example.com", "//example.com/", "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://x/",
     "javascript:alert(1)", "https://", "https://user@example.com/", "https://:word@example.com/",
     "https://a b.com/", "https://example.com\\@10.0.0.1/", "https://exa\tmple.com/", "https://example.com/\r\nHost: x",
     "https://[fe80::1%25lo]/", "https://example.com:99999/", "https://xn--a/", "https://example.com/" + "a" * 2048],
)  # fmt: skip
def test_what_is_no_plain_https_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidField, match="`url`"):
        policy().read(url)


@given(st.text(max_size=60))
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    try:
        target = policy().read(f"https://{text}")
    except (InvalidField, ForbiddenTarget):
        return
    assert target.scheme == "https"
    assert target.host
    assert target.host.isascii()
    assert policy().read(target.url) == target  # what is kept means the same when it is read again


def test_a_url_is_kept_in_its_normal_form() -> None:
    target = policy().read("https://BÜCHER.example:8443/ä?q=ü#part")
    assert target.host == "xn--bcher-kva.example"
    assert (target.port, target.path) == (8443, "/%C3%A4?q=%C3%BC")
    assert target.url == "https://xn--bcher-kva.example:8443/%C3%A4?q=%C3%BC"


def test_ports_are_those_of_the_settings() -> None:
    with pytest.raises(ForbiddenTarget, match="port 22; the operator allows 80, 443, 8080, 8443"):
        policy().read("https://example.com:22/")
    assert policy(ports="443,1024-65535").read("https://example.com:5000/").port == 5000


def test_http_is_for_those_who_allow_it() -> None:
    assert policy(allow_http=True).read("http://example.com/").port == 80


def test_a_name_is_refused_when_any_of_its_addresses_is() -> None:
    names = Names(good_example=[PUBLIC, "8.8.8.8"], mixed_example=[PUBLIC, "10.0.0.1"], empty_example=[])
    assert policy(names).addresses("good.example", 443) == [ip_address(PUBLIC), ip_address("8.8.8.8")]
    with pytest.raises(ForbiddenTarget, match="no address that the internet can reach"):
        policy(names).addresses("mixed.example", 443)
    for nowhere in ("empty.example", "unknown.example"):
        with pytest.raises(ForbiddenTarget, match="no address that the internet can reach"):
            policy(names).addresses(nowhere, 443)


def test_networks_of_the_settings_are_allowed_nonetheless() -> None:
    own = policy(networks="10.0.12.0/24, fd12::/64")
    own.admit(ip_address("10.0.12.7"))
    own.admit(ip_address("fd12::7"))
    for other in ("10.0.13.7", "fd13::7", "::ffff:10.0.12.7"):
        with pytest.raises(ForbiddenTarget):
            own.admit(ip_address(other))


def test_the_systems_resolver_finds_this_machine_and_nothing_that_is_no_name() -> None:
    assert "127.0.0.1" in look_up("localhost", 443, 5)
    for nonsense in ("a..b", "x" * 80 + ".example", "no-such-host.invalid"):
        with pytest.raises(OSError):  # noqa: PT011 - each resolver words it differently
            look_up(nonsense, 443, 5)
