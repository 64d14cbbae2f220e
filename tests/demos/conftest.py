"""Makes the files of the demos importable, as they are for the demos."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "demos"))
