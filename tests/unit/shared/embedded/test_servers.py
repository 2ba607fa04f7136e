import json
import threading
from pathlib import Path

from shared.embedded.servers import write_private


def test_a_reader_never_sees_half_of_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    written = threading.Event()
    write_private(path, json.dumps(["0" * 200_000]))

    def write() -> None:
        for number in range(200):
            write_private(path, json.dumps([str(number) * 200_000]))
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    reads = 0
    while not written.is_set():
        json.loads(path.read_text())
        reads += 1
    writer.join()
    assert reads > 1


def test_a_private_file_is_for_its_owner_only_even_where_a_public_one_was(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secrets.json"]
