"""What a client would rather have (`Prefer`, RFC 7240): `wait=N`, `return=representation`.

Other preferences are ignored, as the RFC asks.
"""

import re

from gateway.errors import InvalidPrefer

LONGEST_WAIT_S = 30
# One preference: name, optional value (token or quoted string), parameters that are skipped. A quoted string that does
# not end goes to the end of the header: nothing is ever tried twice, however long the header is.
_QUOTED = r'"(?:[^"\\]|\\.?)*(?:"|\Z)'
_PREFERENCE = re.compile(rf'([^\s=;,"]+)\s*(?:=\s*({_QUOTED}|[^\s;,"]*))?((?:[^,"]|{_QUOTED})*)')


def wait_seconds(header: str | None) -> int | None:
    """The seconds of the first `wait` preference, at most 30; None when there is none.

    Raises:
        InvalidPrefer: its value is no whole number of seconds.
    """
    for name, value in _preferences(header or ""):
        if name.lower() == "wait":
            digits = value.strip('"')
            if not re.fullmatch(r"[0-9]{1,9}", digits):
                raise InvalidPrefer("Prefer: wait=N takes a whole number of seconds, 0 to 30.")
            return min(int(digits), LONGEST_WAIT_S)
    return None


def wants_representation(header: str | None) -> bool:
    """Whether the client would rather have the thing itself than be sent to where it is."""
    return any(
        (name.lower(), value.strip('"').lower()) == ("return", "representation")
        for name, value in _preferences(header or "")
    )


def _preferences(header: str) -> list[tuple[str, str]]:
    return [(match[1], match[2] or "") for match in _PREFERENCE.finditer(header)]
