"""What importing the clients costs, and that the rest of vaurien is not needed for it."""

from __future__ import annotations

import subprocess
import sys


def test_it_imports_nothing_of_ours_and_little_else() -> None:
    code = (
        "import sys, vaurien.client; "
        "ours = [name for name in sys.modules if name.startswith('vaurien')]; "
        "assert all(name.startswith('vaurien.client') for name in ours[1:]), ours; "
        "assert not {'http.client', 'argparse', 'asyncio', 'ssl'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
