"""Configuration: read once, typed, no default secret."""

import pytest

from shared.errors import ConfigurationError
from shared.settings import Device, load_settings

NEEDED = {
    "LIKENESS_REDIS__URL": "redis://:hidden@localhost/0",
    "LIKENESS_S3__ENDPOINT": "localhost:9000",
    "LIKENESS_S3__ACCESS_KEY": "somebody",
    "LIKENESS_S3__SECRET_KEY": "9f8a7c6b5d4e3f2a",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DEVICE", raising=False)


@pytest.mark.parametrize("name", list(NEEDED))
def test_a_missing_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match=name):
        load_settings()


@pytest.mark.parametrize("secret", ["changeme", "minioadmin", "", "Password"])
def test_placeholders_are_refused_as_secrets(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("LIKENESS_S3__SECRET_KEY", secret)
    with pytest.raises(ConfigurationError, match="placeholder"):
        load_settings()


def test_a_wrong_value_is_named_but_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_JOBS__MAX_ATTEMPTS", "private-typo")
    with pytest.raises(ConfigurationError, match="LIKENESS_JOBS__MAX_ATTEMPTS") as caught:
        load_settings()
    assert "private-typo" not in str(caught.value)


@pytest.mark.parametrize("name", ["DEVICE", "LIKENESS_DEVICE"])
def test_the_device_has_a_short_name_too(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "cuda")
    assert load_settings().device is Device.CUDA


def test_secrets_are_masked_wherever_settings_are_printed() -> None:
    settings = load_settings()
    for printed in (repr(settings), str(settings), settings.model_dump_json()):
        assert "9f8a7c6b5d4e3f2a" not in printed
        assert "hidden" not in printed


def test_nested_values_come_from_double_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_JOBS__LEASE_SECONDS", "2.5")
    assert load_settings().jobs.lease_seconds == 2.5
