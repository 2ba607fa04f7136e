"""The gateway's process is light: no torch, no numpy, no OpenCV."""

import subprocess
import sys

SCRIPT = """
import sys
import gateway.__main__, gateway.wsgi
print(*sorted({"torch", "torchvision", "numpy", "cv2", "workers"} & set(sys.modules)))
"""


def test_the_gateway_loads_no_model_library() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
