"""The environment of the measurements: the machine, and the versions of the programs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ASK = {
    "haproxy": ["haproxy", "-v"],
    "nginx": ["nginx", "-v"],
    "stunnel": ["stunnel", "-version"],
    "openssl": ["openssl", "version"],
    "redis": ["redis-server", "--version"],
    "memcached": ["memcached", "--version"],
    "mariadb": ["mariadbd", "--version"],
    "postgresql": ["pgbench", "--version"],
    "wrk": ["wrk", "-v"],
    "iperf3": ["iperf3", "--version"],
    "toxiproxy": ["toxiproxy-server", "-version"],
    "vaurien": [sys.executable, "-m", "vaurien", "--version"],
}


def versions() -> dict[str, str]:
    """Return the version of each program that is installed."""
    found = {"python": platform.python_version()}
    for name, command in ASK.items():
        if shutil.which(command[0]):
            # Some print it to standard error, and some exit with status 1.
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
            )
            if number := re.search(r"\d+\.\d+(\.\w+)*", done.stdout):
                found[name] = number[0]
    return found


def machine() -> dict[str, str]:
    """Return the processor, its cores, the kernel, and the load before the first run."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "load before": Path("/proc/loadavg").read_text(encoding="ascii").split()[0],
    }
