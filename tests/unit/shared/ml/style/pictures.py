"""Where the pictures of these tests lie."""

from pathlib import Path

_ROOT = Path(__file__).parents[5]

PORTRAIT = _ROOT / "tests" / "data" / "faces" / "collins.png"
WAVE = _ROOT / "shared" / "style_library" / "great-wave.jpg"
