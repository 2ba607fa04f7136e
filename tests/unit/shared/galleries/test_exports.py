"""The file format of a gallery's export: what is written is read back, what is damaged is refused by its line."""

import base64
import gzip
import hashlib
import io
import json
import struct
import uuid
from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidExport
from shared.galleries import exports
from shared.galleries.exports import BadLine, FaceLine, GalleryLine, PersonLine
from shared.galleries.store import Template
from shared.schemas import Consent, FaceSource, GalleryRules, Model, Person

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MODEL = Model(name="sface", digest="d1")
HEADER = GalleryLine(gallery="staff", rules=GalleryRules(), model=MODEL, exported_at=NOW, likeness="1.0")
UNIT = (0.6, 0.8, 0.0)


def somebody(person: str = "ada", **fields: Any) -> Person:
    return Person(id=person, uid=uuid.uuid4().hex, created_at=NOW, **fields)


def face_of(person: Person, face: str = "f1", **fields: Any) -> Template:
    made = {"embedding": UNIT, "model_digest": "d1", "quality": 0.9, "created_at": NOW, "person_uid": person.uid}
    return Template(person=person.id, face=face, **{**made, **fields})


def exported(*people: Person) -> list[bytes]:
    return list(exports.write(HEADER, people, [face_of(person, f"f-{person.id}") for person in people]))


def checked(data: bytes) -> tuple[GalleryLine, int]:
    with exports.opened(io.BytesIO(data)) as file:
        return exports.check(file, lambda _: None)


def contents(data: bytes) -> list[tuple[int, PersonLine | FaceLine | BadLine]]:
    with exports.opened(io.BytesIO(data)) as file:
        return list(exports.contents(file))


def sealed(lines: list[bytes], persons: int = 1, faces: int = 1) -> bytes:
    """Lines with an end that is right."""
    data = b"".join(lines)
    end = {"kind": "end", "persons": persons, "faces": faces, "sha256": hashlib.sha256(data).hexdigest()}
    return data + json.dumps(end).encode() + b"\n"


def changed(line: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(line), **fields}).encode() + b"\n"


@pytest.mark.parametrize("pack", [pytest.param(bytes, id="plain"), pytest.param(gzip.compress, id="gzip")])
def test_what_is_written_is_read_back(pack: Callable[[bytes], bytes]) -> None:
    ada = somebody(
        name="Ada Lovelace ♥",
        external_id="4711",
        tags=("night", "day"),
        groups=("staff",),
        attributes={"badge": 7, "height": 1.5, "trained": True, "floor": "7"},
        valid_until=NOW,
        consent=Consent(reference="form 12", given_at=NOW),
    )
    data = pack(b"".join(exports.write(HEADER, [ada], [face_of(ada)])))
    assert checked(data) == (HEADER, 2)
    (_, person), (_, face) = contents(data)
    assert isinstance(person, PersonLine)
    assert isinstance(face, FaceLine)
    assert person.person() == ada
    assert face.template(MODEL, 3) == face_of(ada, embedding=array("f", UNIT), source=FaceSource.IMPORT)


def test_an_export_has_labels_but_neither_pictures_nor_how_a_face_came_here() -> None:
    ada = somebody()
    known = face_of(ada, label="passport", thumbnail=b"jpeg", made_person=True, source=FaceSource.BATCH)
    (_, _, line, _) = exports.write(HEADER, [ada], [known])
    told = json.loads(line)
    assert told["label"] == "passport"
    assert told.keys().isdisjoint({"thumbnail", "made_person", "source"})


def test_a_face_of_nobody_in_the_export_is_not_in_it() -> None:
    ada, gone = somebody(), somebody()
    lines = list(exports.write(HEADER, [ada], [face_of(gone), face_of(somebody("eve"), "f2"), face_of(ada, "f3")]))
    assert [json.loads(line).get("face") for line in lines] == [None, None, "f3", None]


def test_the_bytes_of_an_embedding_are_little_endian_float32() -> None:
    (_, _, line, _) = exported(somebody())
    assert base64.b64decode(json.loads(line)["embedding"]) == struct.pack("<3f", *UNIT)


def test_an_empty_gallery_is_an_export_too() -> None:
    assert checked(b"".join(exports.write(HEADER, [], []))) == (HEADER, 0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda _: [], "empty", id="empty"),
        pytest.param(lambda lines: lines[:-1], "line 3 without the line that every export ends with", id="no end"),
        pytest.param(lambda lines: lines[:1], "line 1 without", id="the header only"),
        pytest.param(lambda lines: [*lines[:2], *lines[3:]], "SHA-256 up to line 3", id="a line is missing"),
        pytest.param(lambda lines: [lines[0], lines[2], lines[1], lines[3]], "SHA-256", id="another order"),
        pytest.param(lambda lines: [*lines, lines[1]], "line 5 without", id="goes on after the end"),
        pytest.param(lambda lines: lines[1:], "Line 1 is not", id="no header"),
        pytest.param(lambda lines: [changed(lines[0], version=2), *lines[1:]], "Line 1.*`version`", id="version"),
        pytest.param(lambda lines: [changed(lines[0], format="x"), *lines[1:]], "Line 1.*`format`", id="format"),
        pytest.param(lambda _: [b"PK\x03\x04\xff"], "Line 1 is not.*JSON", id="a ZIP"),
        pytest.param(lambda _: [b"x" * 300_000], "Line 1 is longer", id="one long line"),
    ],
)
def test_what_is_damaged_or_not_whole_is_refused(damage: Callable[[list[bytes]], list[bytes]], message: str) -> None:
    with pytest.raises(InvalidExport, match=message):
        checked(b"".join(damage(exported(somebody()))))


def test_a_file_that_ends_within_a_line_is_refused() -> None:
    whole = b"".join(exported(somebody()))
    with pytest.raises(InvalidExport, match="line 4"):
        checked(whole[:-10])


def test_a_gzip_file_that_ends_too_early_is_refused() -> None:
    packed = gzip.compress(b"".join(exported(*(somebody(f"p{number}") for number in range(300)))))
    with pytest.raises(InvalidExport, match="gzip"):
        checked(packed[: len(packed) // 2])


def test_counts_that_do_not_fit_are_refused() -> None:
    header, person, face, _ = exported(somebody())
    with pytest.raises(InvalidExport, match="Line 4: 3 lines"):
        checked(sealed([header, person, face], persons=2))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_bit_that_is_wrong_is_noticed(data: st.DataObject) -> None:
    whole = bytearray(b"".join(exported(somebody())))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(InvalidExport):
        checked(bytes(whole))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"embedding": "!"}, "not valid base64"),
        ({"embedding": base64.b64encode(struct.pack("<2f", 0.6, 0.8)).decode()}, "8 bytes"),
        ({"embedding": base64.b64encode(struct.pack("<3f", 0.6, 0.8, 0.5)).decode()}, "unit length"),
        ({"embedding": base64.b64encode(struct.pack("<3f", 0, 0, 0)).decode()}, "unit length"),
        ({"embedding": base64.b64encode(struct.pack("<3f", float("nan"), 0, 1)).decode()}, "unit length"),
        ({"embedding": base64.b64encode(struct.pack("<3f", float("inf"), 0, 1)).decode()}, "unit length"),
    ],
)
def test_an_embedding_that_is_none_is_refused(fields: dict[str, Any], reason: str) -> None:
    line = exports.parse(changed(exported(somebody())[2], **fields))
    assert isinstance(line, FaceLine)
    with pytest.raises(ValueError, match=reason):
        line.template(MODEL, 3)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"uid": "1"}, "`uid`"),
        ({"id": "../eve"}, "`id`"),
        ({"name": "a\x00b"}, "`name`"),
        ({"name": "n" * 201}, "`name`"),
        ({"tags": ["t"] * 21}, "`tags`"),
        ({"attributes": {"a": {"b": 1}}}, "`attributes"),
        ({"attributes": {"a": 1e999}}, "`attributes"),
        ({"created_at": "2026-11-22T09:00:00"}, "`created_at`"),
        ({"surprise": 1}, "`surprise`"),
    ],
)
def test_a_person_is_bounded_as_in_a_request(fields: dict[str, Any], reason: str) -> None:
    line = exports.parse(changed(exported(somebody())[1], **fields))
    assert isinstance(line, BadLine)
    assert reason in line.reason


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"1", b'{"kind": "x"}', b'{"kind": []}', b"\xff", b"[" * 100_000])
def test_a_line_that_is_none_says_why(line: bytes) -> None:
    assert isinstance(exports.parse(line), BadLine)


def test_a_second_header_is_left_out() -> None:
    header, person, face, _ = exported(somebody())
    found = contents(sealed([header, header, person, face]))
    assert [type(line) for _, line in found] == [BadLine, PersonLine, FaceLine]
