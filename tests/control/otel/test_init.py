"""The packages of OpenTelemetry are imported only where they are asked for."""

from __future__ import annotations

import subprocess
import sys


def test_without_it_nothing_is_imported() -> None:
    program = "import sys, vaurien.control.otel, vaurien.cli.running; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not [
        name for name in done.stdout.split() if name.startswith(("opentelemetry", "google."))
    ]
