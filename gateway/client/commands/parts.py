"""Which parts of Likeness are installed: who only talks to a system has `likeness[cli]`, without models and servers."""

from importlib.util import find_spec

from shared.errors import ConfigurationError

KNOWN_BY = {"gateway": "flask", "workers": "torch", "embedded": "psutil"}
SYSTEM = tuple(KNOWN_BY)


def installed(part: str) -> bool:
    return find_spec(KNOWN_BY[part]) is not None


def require(*parts: str) -> None:
    """Raises ConfigurationError when one is not installed."""
    missing = [part for part in parts if not installed(part)]
    if missing:
        raise ConfigurationError(
            f"This needs what is not installed here: say make setup in a checkout, or pip install "
            f"'.[cli,{','.join(missing)}]'."
        )
