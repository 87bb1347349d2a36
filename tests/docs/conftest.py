"""The scripts that draw the companion's pictures can be imported by its tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "docs"))
