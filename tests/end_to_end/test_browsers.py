"""A page of another site, in a real browser."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from peers import PATIENCE, serving_in_thread
from serving import Served, served

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
PAGE = """<!doctype html>
<form method="post" enctype="text/plain" action="http://{api}{path}">
<input name='{{"name": "evil", "upstream": "169.254.169.254:80", "x": "' value='"}}'>
</form>
<script>
for (const path of ["/proxies", "/v1/proxies", "/reset", "/v1/reset"]) {{
  for (const method of ["POST", "PUT", "DELETE"]) {{
    try {{
      const request = new XMLHttpRequest();
      request.open(method, "http://{api}" + path, false);
      request.send('{{"name": "evil", "upstream": "h:1", "backend": "h:1"}}');
    }} catch (refused) {{ }}
  }}
}}
document.forms[0].submit();
</script>
"""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--dump-dom",
]

LIMIT = 45.0
"""Seconds that a browser may take."""

pytestmark = pytest.mark.skipif(not BROWSER, reason="there is no chromium")


class Pages(http.server.BaseHTTPRequestHandler):
    """Another site: every path but that of an icon is the page."""

    page = ""

    def do_GET(self) -> None:
        data = self.page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("browser")
    with served("--port", "0", "--host", "127.0.0.1", log=folder / "log") as process:
        yield process


def visited(url: str, folder: Path) -> str:
    """The document that a browser ends up with."""
    words = [BROWSER, *FLAGS, f"--user-data-dir={folder}", url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)
    return done.stdout


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/proxies", '"status":403'),
        ("/v1/proxies", '"status": 403'),
        ("/reset", '"status":403'),
    ],
)
def test_a_form_and_scripts_of_another_site_change_nothing(
    api: Served, tmp_path: Path, path: str, form: str
) -> None:
    Pages.page = PAGE.format(api=api.http, path=path)
    with serving_in_thread(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)) as site:
        shown = visited(f"http://{site}/", tmp_path)
    assert "is another site" in shown
    assert form in shown
    with closing(HTTPConnection(api.http.host, api.http.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/proxies")
        assert json.loads(connection.getresponse().read()) == {}
