"""Writers that make, change and remove proxies: ``python calling.py PORT BACKEND CALLS``.

Each is a thread with a connection of its own to the API at the port.  It prints the seconds that
each call took, one per line.  It is a process of its own, as starting another program stops all
threads for a while.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time

WRITERS = 8
HOST = "127.0.0.1"
JSON = {"Content-Type": "application/json"}
RULES = [{"name": "slow", "behavior": "delay", "sleep": 0.1}]


class Writer(threading.Thread):
    """Makes and removes a proxy until it has made its part of the calls."""

    def __init__(self, api: int, backend: str, number: int, calls: int) -> None:
        super().__init__()
        self._connection = http.client.HTTPConnection(HOST, api, timeout=30)
        self._backend = backend
        self._name = f"writer-{number}"
        self._calls = calls
        self.took: list[float] = []

    def run(self) -> None:
        path = f"/v1/proxies/{self._name}"
        proxy = {"name": self._name, "listen": f"{HOST}:0", "backend": self._backend}
        while len(self.took) < self._calls:
            self._call("POST", "/v1/proxies", {**proxy, "rules": RULES})
            self._call("PATCH", f"{path}/rules/slow", {"sleep": 0.2})
            self._call("GET", path)
            self._call("GET", "/v1/connections")
            self._call("DELETE", path)
        self._connection.close()

    def _call(self, method: str, path: str, body: object = None) -> None:
        began = time.perf_counter()
        data, headers = (None, {}) if body is None else (json.dumps(body), JSON)
        self._connection.request(method, path, data, headers)
        with self._connection.getresponse() as response:
            told = response.read()
        self.took.append(time.perf_counter() - began)
        if response.status >= 400:
            sys.exit(f"{method} {path}: {response.status} {told[:200]!r}")


def main(api: str, backend: str, calls: str) -> None:
    writers = [
        Writer(int(api), backend, number, int(calls) // WRITERS) for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        print(*writer.took, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
