"""The error tree: one stable code a class, drawn in the docstring as it is."""

import re

from shared import errors
from shared.errors import LikenessError


def tree(base: type[LikenessError]) -> list[type[LikenessError]]:
    own = [cls for cls in base.__subclasses__() if cls.__module__ == errors.__name__]
    return [base, *(found for cls in own for found in tree(cls))]


def test_codes_are_unique_and_snake_case() -> None:
    codes = [cls.code for cls in tree(LikenessError)]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_the_drawing_shows_every_class_under_its_parent() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^([│├└─ ]*)([A-Z]\w+)", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            if depth:
                drawn[found[2]] = path[depth - 1]
        elif drawn:
            break
    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in tree(LikenessError)[1:]}
