"""A file as text inside a body: base64, as whoever made it made it; and what is said where the text is a URL or a path.

Nothing is ever fetched or opened for a caller: the gateway would reach what they cannot.
"""

import base64
import binascii
import re

from pydantic_core import PydanticCustomError

NOT_BASE64 = "invalid_base64"

DATA_URL = re.compile(r"\s*data:([^,]{0,100}),", re.IGNORECASE)
URL = re.compile(r"\s*[a-z][a-z0-9+.-]{1,20}:/", re.IGNORECASE)
PATH = re.compile(
    r"""\s*(?:
    (?:~|\.{1,2})?/(?!9j/)   # /home/ada.jpg, ./ada.jpg; every JPEG in base64 begins with /9j/
    | [a-z]:[\\/]            # C:\\photos
    | [^\n]*\\               # photos\\ada
    | [^\n]*\.[a-z0-9]{2,5}\s*$  # ada.jpg
    )""",
    re.IGNORECASE | re.VERBOSE,
)
LONGEST_PATH = 1024
SKIPPED = dict.fromkeys(map(ord, " \t\r\n"))
ALPHABET = SKIPPED | str.maketrans("-_", "+/")  # of URLs (RFC 4648, 5) too

SEND = "send the file itself: a file part of a form, base64 in JSON, or `upload:{id}` of POST /v1/uploads."
HOLDS_URL = f"holds a URL, and nothing is fetched from anywhere: {SEND}"
HOLDS_PATH = f"holds the path of a file, and no file is opened here: {SEND}"


def decode_base64(text: str) -> bytes:
    """Of either alphabet, with or without padding, line breaks and the prefix of a data URL.

    Raises:
        PydanticCustomError: NOT_BASE64; its message goes on after the field's name.
    """
    if (found := DATA_URL.match(text)) and found[1].lower().endswith("base64"):
        text = text[found.end() :]
    elif found:
        raise PydanticCustomError(NOT_BASE64, "is a data URL that is not in base64.")
    elif place := named_place(text):
        raise PydanticCustomError(NOT_BASE64, place)
    bare = text.translate(ALPHABET).rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError(NOT_BASE64, "is not valid base64.") from None


def named_place(text: str) -> str | None:
    """What is wrong with text that says where a file is instead of holding it; None: it does not."""
    if URL.match(text):
        return HOLDS_URL
    return HOLDS_PATH if len(text) <= LONGEST_PATH and PATH.match(text) else None
