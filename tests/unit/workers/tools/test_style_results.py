"""Which result belongs to which content and style."""

import json
from pathlib import Path

import pytest

from shared.errors import InvalidArchive, InvalidField
from workers.tools.style_results import Sources, Trial, find_trials


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results in `out`, contents in `photos`, a style beside them."""
    for name in ("out/ada.jpg", "out/ada-wave.png", "out/bob.webp", "photos/ada.png", "photos/bob.jpg", "wave.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "out" / "notes.txt").write_text("no picture")
    return tmp_path


def manifest(folder: Path, *lines: object) -> Path:
    path = folder / "out" / "manifest.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_one_content_and_one_style_serve_all_results(folder: Path) -> None:
    sources = Sources(folder / "photos" / "ada.png", folder / "wave.jpg")
    trials, problems = find_trials(folder / "out", sources)
    assert [trial.result.name for trial in trials] == ["ada-wave.png", "ada.jpg", "bob.webp"]
    assert {(trial.content, trial.style) for trial in trials} == {(sources.content, sources.style)}
    assert not problems


def test_contents_in_a_folder_are_matched_by_name(folder: Path) -> None:
    (folder / "photos" / "ad.png").write_bytes(b"x")  # ada.jpg does not begin with the word "ad"
    trials, _ = find_trials(folder / "out", Sources(folder / "photos", folder / "wave.jpg"))
    assert [trial.content.name for trial in trials] == ["ada.png", "ada.png", "bob.jpg"]


def test_a_result_whose_content_is_not_found_is_named(folder: Path) -> None:
    (folder / "photos" / "bob.jpg").unlink()
    trials, problems = find_trials(folder / "out", Sources(folder / "photos", folder / "wave.jpg"))
    assert len(trials) == 2
    assert [(problem.file, problem.reason) for problem in problems] == [
        ("bob.webp", "its content is not known: name it with --content")
    ]


def test_a_manifest_beside_the_results_says_what_was_made_from_what(folder: Path) -> None:
    manifest(
        folder,
        {"result": "ada.jpg", "content": "../photos/ada.png", "style": "../wave.jpg"},
        {"custom_id": "2", "error": "corrupt_image"},
        {"result": "bob.webp", "content": "../photos/bob.jpg"},
    )
    out = folder / "out"
    trials, problems = find_trials(out, Sources())
    assert trials == [Trial(out / "ada.jpg", out / "../photos/ada.png", out / "../wave.jpg")]
    assert [problem.reason for problem in problems] == ["its style is not known: name it with --style"]


def test_the_manifest_of_a_batch_names_files_and_contents_as_they_were_sent(folder: Path) -> None:
    (folder / "out" / "item-1.jpg").write_bytes(b"x")
    manifest(folder, {"custom_id": "item-1", "name": "bob.jpg", "file": "item-1.jpg"}, {"name": "x", "file": None})
    trials, _ = find_trials(folder / "out", Sources(folder / "photos", folder / "wave.jpg"))
    assert trials == [Trial(folder / "out" / "item-1.jpg", folder / "photos" / "bob.jpg", folder / "wave.jpg")]


@pytest.mark.parametrize(("text", "said"), [("{", "line 1: this is no JSON"), ("[]", "line 1: a JSON object")])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str, said: str) -> None:
    (folder / "out" / "manifest.jsonl").write_text(text)
    with pytest.raises(InvalidField, match=said):
        find_trials(folder / "out", Sources())


def test_folders_and_files_that_are_not_there_are_refused(folder: Path) -> None:
    with pytest.raises(InvalidArchive, match="is no directory"):
        find_trials(folder / "nowhere", Sources())
    with pytest.raises(InvalidArchive, match="There is no"):
        find_trials(folder / "out", Sources(folder / "nowhere.jpg"))
    (folder / "empty").mkdir()
    with pytest.raises(InvalidArchive, match="names no results"):
        find_trials(folder / "empty", Sources())
