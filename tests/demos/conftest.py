"""The figures of the demos are found beside them, as the demos find them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "demos"))
