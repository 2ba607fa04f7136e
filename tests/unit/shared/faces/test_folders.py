"""Whose photo a file is: what may be read in two ways is refused, and nobody is merged with anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.faces.folders import Unclear, names_nobody, people_of
from shared.file_names import parts_of, shown_name


def people(*names: str) -> list[str | None]:
    """None: it cannot be told."""
    found = people_of([parts_of(name) for name in names])
    return [None if isinstance(one, Unclear) else one for one in found]


def reasons(*names: str) -> list[str]:
    found = people_of([parts_of(name) for name in names])
    return [one.reason if isinstance(one, Unclear) else "" for one in found]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["ada/1.jpg", "ada/2.jpg"], ["ada", "ada"]),
        (["ada/1.jpg", "bob/1.jpg"], ["ada", "bob"]),
        (["ada/photos/1.jpg", "bob/photos/1.jpg"], ["ada", "bob"]),
        (["ada/photos/1.jpg"], ["ada"]),
        (["photos/ada/1.jpg", "photos/bob/1.jpg"], ["ada", "bob"]),
        (["photos/ada/1.jpg"], ["ada"]),
        (["export/people/ada/photos/1.jpg"], ["ada"]),
        (["ada/front/1.jpg", "ada/left/1.jpg", "ada/3.jpg"], ["ada", "ada", "ada"]),
        (["ada/2026-05-01/1.jpg", "bob/31.12.2025/Camera Roll/1.jpg"], ["ada", "bob"]),
        (["acme/ada/1.jpg", "acme/bob/1.jpg"], ["ada", "bob"]),
        (["acme/hq/ada/1.jpg", "acme/hq/bob/Фото/1.jpg"], ["ada", "bob"]),
        (["./ada/1.jpg", "C:\\x\\..\\bob\\1.jpg", "/../eve//1.jpg"], ["ada", "bob", "eve"]),
        (["person-1/1.jpg", "user2/1.jpg", "face_3/1.jpg", "2024/1.jpg"], ["person-1", "user2", "face_3", "2024"]),
        ([], []),
    ],
)
def test_the_first_folder_below_what_is_around_everybody_names_the_person(
    names: list[str], expected: list[str]
) -> None:
    assert people(*names) == expected


@pytest.mark.parametrize(
    "names",
    [
        ["sales/john/1.jpg", "it/john/1.jpg"],
        ["acme/sales/john/1.jpg", "acme/it/john/1.jpg"],
        ["sales/john/photos/1.jpg", "it/john/photos/1.jpg"],
        ["photos/ada/1.jpg", "scans/ada/1.jpg"],
        ["Ada/1.jpg", "ada/1.jpg"],
        ["ada/1.jpg", "\uff41\uff44\uff41/1.jpg"],  # in the wide letters of East Asia
    ],
)
def test_two_paths_that_would_give_one_person_are_refused_each_naming_the_other(names: list[str]) -> None:
    assert people(*names) == [None, None]
    folders = [shown_name(parts_of(name.removesuffix("/1.jpg").removesuffix("/photos"))) for name in names]
    for said, own, other in zip(reasons(*names), folders, reversed(folders), strict=True):
        assert said.startswith(f"lies in `{own}`, and `{other}` would be the same person: ")


def test_the_folders_that_a_camera_numbers_name_nobody() -> None:
    assert people("ada/DCIM/100APPLE/1.jpg", "ada/DCIM/101APPLE/1.jpg", "bob/dcim/202611__/2.jpg") == [
        "ada", "ada", "bob",
    ]  # fmt: skip
    assert people("100APPLE/1.jpg", "101_PANA/2.jpg") == ["100APPLE", "101_PANA"], "elsewhere they may be ids"


def test_one_name_in_two_forms_is_one_person() -> None:
    """A folder that a Mac has copied beside that of another system: no screen shows the two apart."""
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    assert people(f"{composed}/1.jpg", f"{decomposed}/2.jpg", "bob/3.jpg") == [composed, composed, "bob"]
    assert people(f"{decomposed}/ada/1.jpg", f"{composed}/bob/2.jpg") == ["ada", "bob"], "nor are they two around them"


def test_departments_are_not_taken_for_people() -> None:
    assert people("sales/john/1.jpg", "it/mary/1.jpg") == [None, None]
    assert people("sales/john/1.jpg", "sales/mary/1.jpg", "it/peter/1.jpg") == [None, None, None]
    said = reasons("sales/john/1.jpg", "it/mary/1.jpg")[0]
    assert "`sales/john`" in said
    assert "put the photos of each person into one folder" in said


def test_a_folder_that_holds_photos_and_perhaps_people_is_refused_and_others_are_taken() -> None:
    names = ("sales/1.jpg", "sales/john/2.jpg", "bob/1.jpg")
    assert people(*names) == [None, None, "bob"]
    assert "`sales/john` may be a person as well" in reasons(*names)[0]


def test_a_person_alone_in_a_folder_that_may_be_a_person_is_refused() -> None:
    assert people("acme/ada/1.jpg") == [None]
    assert "`acme/ada`" in reasons("acme/ada/1.jpg")[0]


def test_a_photo_beside_the_folders_is_refused_and_changes_nothing_for_others() -> None:
    assert people("acme/ada/1.jpg", "acme/bob/1.jpg", "x.jpg") == ["ada", "bob", None]
    assert "lies in no folder" in reasons("x.jpg")[0]


def test_a_folder_that_names_nobody_is_nobody() -> None:
    assert people("photos/1.jpg", "ada/1.jpg") == [None, "ada"]
    assert "`photos`, which names nobody" in reasons("photos/1.jpg")[0]


@pytest.mark.parametrize("name", ["Photos", "camera-roll", "FRONT_LEFT", "2026-05-01", "fe\u0301nyke\u0301pek"])
def test_a_name_may_say_what_is_in_a_folder(name: str) -> None:
    assert names_nobody(name)


@pytest.mark.parametrize("name", ["ada", "photos of ada", "2026", "4711", "2024-001", "img-1", "", "---", "test"])
def test_a_name_that_may_be_a_persons_is_one(name: str) -> None:
    assert not names_nobody(name)


FOLDERS = st.sampled_from(["ada", "Ada", "bob", "photos", "sales", "it", "2026-05-01", "export"])
PATHS = st.lists(st.tuples(st.lists(FOLDERS, max_size=4), st.integers(0, 3)), max_size=8)


@given(PATHS)
def test_whatever_the_folders_a_person_has_one_home_and_is_named_by_it(made: list[tuple[list[str], int]]) -> None:
    paths = [(*folders, f"{number}.jpg") for folders, number in made]
    homes: dict[str, set[tuple[str, ...]]] = {}
    for path, person in zip(paths, people_of(paths), strict=True):
        if isinstance(person, Unclear):
            continue
        naming = [folder for folder in path[:-1] if not names_nobody(folder)]
        assert naming[-1] == person, "no other folder below it may be a person"
        last = max(index for index, folder in enumerate(path[:-1]) if folder == person)
        homes.setdefault(person.casefold(), set()).add(path[: last + 1])
    assert all(len(paths) == 1 for paths in homes.values())
