"""Names of files, as archivers of all systems write them."""

import pytest

from shared.file_names import HIDDEN, NESTED, NO_PHOTO, is_picture, joined, parts_of, shown_name, why_left_out


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("ada/1.jpg", "ada/1.jpg"),
        ("./ada/1.jpg", "ada/1.jpg"),
        ("ada//1.jpg", "ada/1.jpg"),
        ("ada\\1.jpg", "ada/1.jpg"),
        ("C:\\photos\\1.jpg", "photos/1.jpg"),
        ("c:/photos/1.jpg", "photos/1.jpg"),
        ("\\\\server\\share\\1.jpg", "server/share/1.jpg"),
        ("/etc/passwd", "etc/passwd"),
        ("../../evil.jpg", "evil.jpg"),
        ("bob/../ada/1.jpg", "ada/1.jpg"),
        ("a:b.jpg", "a:b.jpg"),
        ("Zu\u0308rich.jpg", "Z\u00fcrich.jpg"),
        ("..", ""),
        (".", ""),
        ("", ""),
    ],
)
def test_a_name_is_cleaned(name: str, cleaned: str) -> None:
    assert joined(parts_of(name)) == cleaned


def test_a_shown_name_is_one_line_of_bounded_length() -> None:
    assert shown_name(("a\nb", "\udcff\u202e.jpg")) == r"a\nb/\udcff\u202e.jpg"
    assert len(shown_name(("x" * 999 + ".jpg",))) == 255
    assert shown_name(("folder", "x" * 254)) == "x" * 254, "what is cut off leaves no root"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.jpg", None),
        ("A.JPEG", None),
        ("scan.gif", None),  # whoever sends it hears what became of it
        (".DS_Store", HIDDEN),
        ("__MACOSX/._a.jpg", HIDDEN),
        ("THUMBS.DB", HIDDEN),
        ("more.zip", NESTED),
        ("notes.txt", NO_PHOTO),
        ("README", NO_PHOTO),
        ("jpg", NO_PHOTO),
    ],
)
def test_what_is_no_photo_is_told_by_its_name(name: str, reason: str | None) -> None:
    assert why_left_out(parts_of(name)) == reason


def test_a_picture_is_one_whether_it_can_be_read_or_not() -> None:
    assert all(is_picture((name,)) for name in ("a.png", "a.TIFF", "a.cr2", "._a.jpg"))
    assert not any(is_picture(parts) for parts in (("a.mov",), ("a",), ()))
