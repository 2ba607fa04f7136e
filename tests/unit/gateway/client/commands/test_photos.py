"""The photos that a command names, and what the picture of each is called."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.client.commands.folders import lost_pictures, packed, skipped
from gateway.client.commands.photos import find_photos
from shared.errors import InvalidField
from tests.unit.gateway.conftest import PHOTO

OUT = Path("where-no-photos-are")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("a.jpg", "b.png", "sub/c.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PHOTO)
    return folder


def test_photos_of_a_folder_keep_their_places(photos: Path) -> None:
    (photos / "notes.txt").write_text("no photo")
    (photos / ".hidden.jpg").write_bytes(PHOTO)
    assert [one.output for one in find_photos([str(photos)], "png", OUT).photos] == ["a.png", "b.png", "sub/c.png"]


def test_a_photo_that_is_named_twice_is_painted_once(photos: Path) -> None:
    named = [str(photos / "a.jpg"), str(photos / "*.jpg"), str(photos)]
    assert [one.output for one in find_photos(named, "jpeg", OUT).photos] == ["a.jpeg", "b.jpeg", "sub/c.jpeg"]


def test_photos_that_differ_by_the_suffix_only_do_not_share_a_picture(photos: Path) -> None:
    (photos / "a.png").write_bytes(PHOTO)
    found = find_photos([str(photos)], "jpeg", OUT).photos
    assert [one.output for one in found][:3] == ["a.jpg.jpeg", "a.png.jpeg", "b.jpeg"]


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Makes files in the working folder; the pictures of what is named, by photo."""
    monkeypatch.chdir(tmp_path)

    def find(files: str, *named: str, folder: str = "out") -> dict[str, str]:
        for file in map(Path, files.split()):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(PHOTO)
        found = find_photos(named, "jpeg", Path(folder)).photos
        return {str(one.file.relative_to(tmp_path.resolve())): one.output for one in found}

    return find


Outputs = Callable[..., dict[str, str]]


@pytest.mark.parametrize("named", [("a/x.jpg", "b/x.jpg"), ("b/x.jpg", "a/x.jpg"), ("a", "b")])
def test_photos_of_one_name_are_told_apart_by_their_folders(outputs: Outputs, named: tuple[str, ...]) -> None:
    assert outputs("a/x.jpg b/x.jpg", *named) == {"a/x.jpg": "a/x.jpeg", "b/x.jpg": "b/x.jpeg"}


def test_photos_whose_folders_have_one_name_too_are_numbered_whatever_their_order(outputs: Outputs) -> None:
    expected = {"1/a/x.jpg": "a/x.jpg.jpeg", "2/a/x.jpg": "a/x.jpg-2.jpeg"}
    assert outputs("1/a/x.jpg 2/a/x.jpg", "1/a/x.jpg", "2/a/x.jpg") == expected
    assert outputs("", "2/a", "1/a") == expected


def test_a_photo_named_as_the_picture_of_another_has_a_picture_of_its_own(outputs: Outputs) -> None:
    found = outputs("in/a.jpg in/a.png in/a.jpg.png", "in")
    assert found == {"in/a.jpg": "a.jpg.jpeg", "in/a.png": "a.png.jpeg", "in/a.jpg.png": "a.jpg.png.jpeg"}


def test_pictures_differ_by_more_than_the_case_of_letters(outputs: Outputs) -> None:
    found = outputs("in/A.jpg in/a.JPG in/b/X.jpg in/B/x.jpg", "in")
    assert len({output.casefold() for output in found.values()}) == len(found)


def test_no_picture_is_named_as_a_folder_of_others(outputs: Outputs) -> None:
    assert outputs("in/a.png in/a.jpeg/b.jpg", "in") == {
        "in/a.png": "a.png.jpeg",
        "in/a.jpeg/b.jpg": "a.jpeg/b.jpeg",
    }


@pytest.mark.parametrize("named", ["in", "in/**", "in/**/*.jp*g", "in/*"])
def test_pictures_within_the_photos_folder_are_not_painted_again(outputs: Outputs, named: str) -> None:
    assert set(outputs("in/1.jpg in/out/1.jpeg in/out/b/2.jpeg", named, folder="in/out")) == {"in/1.jpg"}


@pytest.mark.parametrize("named", [["in"], ["in/1.jpeg", "in/2.jpg"], ["in/*"]])
def test_a_photo_is_not_taken_for_its_own_picture(outputs: Outputs, named: list[str]) -> None:
    with pytest.raises(InvalidField, match="choose another folder"):
        outputs("in/1.jpeg in/2.jpg", *named, folder="in")


def test_a_picture_may_lie_beside_its_photo(outputs: Outputs) -> None:
    assert outputs("2.jpg", "2.jpg", folder=".") == {"2.jpg": "2.jpeg"}
    assert outputs("2.jpeg", "*.jpg", folder=".") == {"2.jpg": "2.jpeg"}


@pytest.mark.parametrize("name", ["absent.jpg", "absent/*.jpg"])
def test_what_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidField, match="absent"):
        find_photos([str(tmp_path / name)], "jpeg", OUT)


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="No JPEG"):
        find_photos([str(tmp_path)], "jpeg", OUT)


def test_files_of_a_folder_that_are_no_pictures_are_listed(photos: Path) -> None:
    (photos / "notes.txt").write_text("no photo")
    (photos / "sub" / "old.tiff").write_bytes(b"II*")
    (photos / "out").mkdir()
    (photos / "out" / "notes.txt").write_text("beside the pictures")
    (photos / ".hidden.jpg").write_bytes(PHOTO)
    found = find_photos([str(photos), str(photos)], "png", photos / "out")
    assert [one.output for one in found.photos] == ["a.png", "b.png", "sub/c.png", "sub/old.png"]
    assert [Path(problem.file).name for problem in found.left_out] == ["notes.txt", ".hidden.jpg"]


def test_photos_behind_a_link_are_found_once(photos: Path) -> None:
    (photos / "again").symlink_to(photos / "sub")
    (photos / "sub" / "up").symlink_to(photos)
    assert len(find_photos([str(photos)], "png", OUT).photos) == 3


def test_a_picture_that_was_left_out_of_a_folder_is_lost_wherever_the_folder_lies(tmp_path: Path) -> None:
    folder = tmp_path / ".private" / "photos"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(PHOTO)
    (folder / ".hidden.jpg").write_bytes(PHOTO)
    assert not lost_pictures(skipped(find_photos([str(folder)], "png", OUT).left_out))
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    assert lost_pictures(skipped(find_photos([str(folder)], "png", OUT).left_out))


def test_a_folder_whose_photos_cannot_be_read_is_refused_with_the_first(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "1.jpg").write_bytes(b"")
    with pytest.raises(InvalidField, match=r"ada/1\.jpg cannot be read \(The file is empty\.\)"), packed(tmp_path):
        pass
