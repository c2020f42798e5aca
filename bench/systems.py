"""The systems that are compared, and how each is set up to forward one port to another."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from processes import HOST, START_LIMIT, Server, free_ports, listening, wait_until
from results import Failure

DELAY = 0.1
"""Seconds by which the delayed systems delay every request, unless a work says otherwise."""
MANY = 200
"""The number of proxies of a system with many."""
CONFIGURATION = "vaurien.toml"
"""The name of the file that declares many proxies."""
GAVE_UP = re.compile(r"parser gave up.*(?:\n {4}.*)*?\n {4}(\w[\w.]*: .*)")
"""What vaurien logs when a parser gives up; the last line gives the reason."""


@dataclass(frozen=True)
class Task:
    """What a forwarder has to do, all on loopback."""

    ports: tuple[int, ...]
    """The port to listen on, or one for each proxy."""
    backend: int
    api: int
    """A free port, for a forwarder that is set up over HTTP."""
    folder: Path
    """The folder for its configuration and its log."""
    protocol: str = ""
    """The backend's protocol, for a forwarder that parses it."""
    rate: int = 0
    """Bytes per second of each connection, for a forwarder that throttles."""
    delay: float = DELAY
    """Seconds, for a forwarder that delays."""

    @property
    def listen(self) -> int:
        return self.ports[0]

    def write(self, name: str, text: str) -> str:
        """Write a configuration file; return its path."""
        path = self.folder / f"{self.listen}-{name}"
        path.write_text(text, encoding="utf-8")
        return str(path)


@dataclass(frozen=True)
class Running:
    """A running system: the port to connect to, and its process unless it is ``direct``."""

    port: int
    server: Server | None
    task: Task | None = None
    """The task of the process."""

    @property
    def gave_up(self) -> list[str]:
        """Why parsers of vaurien gave up."""
        output = self.server.output() if self.server else ""
        return GAVE_UP.findall(output)

    def check_understood(self) -> None:
        """Raise Failure if a parser gave up: the rest was as fast as without parsing."""
        for reason in self.gave_up:
            raise Failure(f"a parser gave up: {reason}")


def _available() -> str:
    return ""


def _nothing(_task: Task) -> None:
    return None


@dataclass(frozen=True)
class System:
    """One row of each table."""

    name: str
    title: str
    command: Callable[[Task], list[str]] | None = None
    """None: no forwarder at all, the load goes to the backend itself."""
    missing: Callable[[], str] = _available
    """Why it is not available on this machine; empty if it is."""
    set_up: Callable[[Task], None] = _nothing
    """What remains to be set up once the process runs."""
    trouble: str = ""
    """What it does to requests, for works that measure that: ``delay``, ``rate``, ``distance``.

    ``pipelining``, ``api``, ``tls``: nothing, but for works with a client that pipelines, asks the
    API, or speaks TLS, only."""
    tls_backend: bool = False
    """The backend has to speak TLS."""
    framed: bool = False
    """Parses the traffic; for works that have a protocol."""
    proxies: int = 1
    """Its number of proxies, all for the same backend; for works that measure many."""

    @contextmanager
    def running(
        self, backend: int, folder: Path, protocol: str = "", rate: int = 0, delay: float = DELAY
    ) -> Iterator[Running]:
        """Forward to a port for the block. Raises Failure if it does not start."""
        if self.command is None:
            yield Running(backend, None)
            return
        api, *ports = free_ports(1 + self.proxies)
        task = Task(tuple(ports), backend, api, folder, protocol, rate, delay)
        server = Server(self.command(task), folder)
        try:
            self.set_up(task)
            for port in task.ports:
                server.wait_for(port)
            yield Running(task.listen, server, task)
        finally:
            server.stop()


def needs(program: str) -> Callable[[], str]:
    """Return whether a program is on the PATH."""
    return lambda: "" if shutil.which(program) else f"{program} is not on the PATH"


def needs_vaurien() -> str:
    """Return whether this Python has it."""
    found = importlib.util.find_spec("vaurien") and importlib.util.find_spec("vaurien.__main__")
    return "" if found else "vaurien is not installed for this Python"


def _needs_nginx_stream() -> str:
    return needs("nginx")() or ("" if "--with-stream" in _nginx_build() else "nginx has no stream")


def _nginx_build() -> str:
    done = subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=False)
    return done.stderr


def haproxy(tuning: str = "", bind: str = "", server: str = "") -> Callable[[Task], list[str]]:
    """Return its command, with further words of its configuration."""

    def command(task: Task) -> list[str]:
        path = task.write(
            "haproxy.cfg",
            f"""global
    nbthread 1
    {tuning}
defaults
    mode tcp
    timeout connect 5s
    timeout client 10m
    timeout server 10m
listen bench
    bind {HOST}:{task.listen} {bind}
    server backend {HOST}:{task.backend} {server}
""",
        )
        return ["haproxy", "-db", "-f", path]

    return command


def _nginx_stream(task: Task) -> list[str]:
    dynamic = "--with-stream=dynamic" in _nginx_build()
    path = task.write(
        "stream.conf",
        f"""{"load_module modules/ngx_stream_module.so;" if dynamic else ""}
daemon off;
master_process off;
pid {task.folder}/{task.listen}.pid;
error_log stderr warn;
events {{ worker_connections 16384; }}
stream {{
    server {{
        listen {HOST}:{task.listen} backlog=4096;
        proxy_pass {HOST}:{task.backend};
    }}
}}
""",
    )
    return ["nginx", "-e", "stderr", "-c", path]


def _toxiproxy(task: Task) -> list[str]:
    return ["toxiproxy-server", "-host", HOST, "-port", str(task.api)]


def _toxiproxy_set_up(make_toxic: Callable[[Task], object] = _nothing) -> Callable[[Task], None]:
    def set_up(task: Task) -> None:
        wait_until(lambda: listening(task.api), START_LIMIT, "the API of toxiproxy-server")
        url = f"http://{HOST}:{task.api}/proxies"
        listen, backend = f"{HOST}:{task.listen}", f"{HOST}:{task.backend}"
        _post(url, {"name": "bench", "listen": listen, "upstream": backend, "enabled": True})
        if toxic := make_toxic(task):
            _post(f"{url}/bench/toxics", toxic)

    return set_up


def _latency_toxic(task: Task) -> object:
    attributes = {"latency": round(task.delay * 1000), "jitter": 0}
    return {"type": "latency", "stream": "upstream", "attributes": attributes}


def _bandwidth_toxic(task: Task) -> object:
    attributes = {"rate": task.rate // 1000}
    return {"type": "bandwidth", "stream": "upstream", "attributes": attributes}


def _post(url: str, body: object) -> None:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=START_LIMIT) as answer:
            answer.read()
    except OSError as error:
        raise Failure(f"{url}: {error}") from None


def vaurien(*flags: str) -> Callable[[Task], list[str]]:
    """Return its command, with further flags."""

    def command(task: Task) -> list[str]:
        ends = ["--proxy", f"{HOST}:{task.listen}", "--backend", f"{HOST}:{task.backend}"]
        return [sys.executable, "-m", "vaurien", *ends, *flags]

    return command


def _vaurien_framed(task: Task) -> list[str]:
    return vaurien("--protocol", task.protocol)(task)


def _vaurien_framed_armed(task: Task) -> list[str]:
    return vaurien("--protocol", task.protocol, *_NEVER)(task)


def _vaurien_throttled(task: Task) -> list[str]:
    return vaurien("--rule", f"bandwidth rate={task.rate} direction=to_backend")(task)


def _vaurien_distant(task: Task) -> list[str]:
    return vaurien("--rule", f"latency delay={task.delay} direction=to_backend")(task)


def _vaurien_serve(task: Task) -> list[str]:
    path = task.write(CONFIGURATION, configuration(task))
    return [sys.executable, "-m", "vaurien", "serve", "--config", path]


def _vaurien_api(task: Task) -> list[str]:
    return [sys.executable, "-m", "vaurien", "serve", "--host", HOST, "--port", str(task.api)]


def configuration(task: Task, rule: str = "") -> str:
    """Declare a proxy on each port of a task, without rules except for one of the first proxy."""
    proxies = [
        f"""[proxies.bench-{number}]
listen = "{HOST}:{port}"
backend = "{HOST}:{task.backend}"
{rule if not number else ""}
"""
        for number, port in enumerate(task.ports)
    ]
    return "".join(proxies)


def extra(text: str) -> System:
    """Return the system that ``NAME=command`` describes.

    In the command, ``{listen}`` and ``{backend}`` stand for HOST:PORT, and
    ``{listen_port}`` and ``{backend_port}`` for the port alone, and ``{protocol}``
    for the backend's protocol, where the work has one.

    Raises:
        ValueError: the text has no name, or no command.
    """
    name, _, line = text.partition("=")
    words = shlex.split(line)
    if not name or not words:
        raise ValueError(f"{text!r} is not NAME=command")

    def command(task: Task) -> list[str]:
        values = {
            "{listen}": f"{HOST}:{task.listen}",
            "{backend}": f"{HOST}:{task.backend}",
            "{listen_port}": str(task.listen),
            "{backend_port}": str(task.backend),
            "{protocol}": task.protocol,
        }
        filled = []
        for word in words:
            for mark, value in values.items():
                word = word.replace(mark, value)
            filled.append(word)
        return filled

    return System(name, name, command, needs(words[0]))


_NEVER = ("--rule", "delay percent=100 after=1000000000")
_NO_TIME = ("--behavior", "100:delay", "--behavior-delay-sleep", "0")
_DELAYED = ("--behavior", "100:delay", "--behavior-delay-sleep", str(DELAY))

SYSTEMS = (
    System("direct", "direct"),
    System("haproxy", "HAProxy", haproxy(), needs("haproxy")),
    System("haproxy-128k", "HAProxy, 128 KiB", haproxy("tune.bufsize 131072"), needs("haproxy")),
    System("nginx", "nginx stream", _nginx_stream, _needs_nginx_stream),
    System("toxiproxy", "Toxiproxy", _toxiproxy, needs("toxiproxy-server"), _toxiproxy_set_up()),
    System(
        "toxiproxy-100ms",
        "Toxiproxy, 100 ms",
        _toxiproxy,
        needs("toxiproxy-server"),
        _toxiproxy_set_up(_latency_toxic),
        trouble="delay",
    ),
    System(
        "toxiproxy-rate",
        "Toxiproxy, bandwidth",
        _toxiproxy,
        needs("toxiproxy-server"),
        _toxiproxy_set_up(_bandwidth_toxic),
        trouble="rate",
    ),
    System(
        "toxiproxy-distant",
        "Toxiproxy, latency",
        _toxiproxy,
        needs("toxiproxy-server"),
        _toxiproxy_set_up(_latency_toxic),
        trouble="distance",
    ),
    System("vaurien", "vaurien, quiet", vaurien(), needs_vaurien),
    System("vaurien-framed", "vaurien, framed", _vaurien_framed, needs_vaurien, framed=True),
    System(
        "vaurien-framed-armed",
        "vaurien, framed and armed",
        _vaurien_framed_armed,
        needs_vaurien,
        trouble="pipelining",
        framed=True,
    ),
    System("vaurien-armed", "vaurien, armed", vaurien(*_NEVER), needs_vaurien),
    System("vaurien-0ms", "vaurien, 0 ms delay", vaurien(*_NO_TIME), needs_vaurien),
    System("vaurien-200", "vaurien, 200 proxies", _vaurien_serve, needs_vaurien, proxies=MANY),
    System(
        "vaurien-api",
        "vaurien serve",
        _vaurien_api,
        needs_vaurien,
        _toxiproxy_set_up(),
        trouble="api",
    ),
    System("vaurien-100ms", "vaurien, delay", vaurien(*_DELAYED), needs_vaurien, trouble="delay"),
    System("vaurien-latency", "vaurien, latency", _vaurien_distant, needs_vaurien, trouble="delay"),
    System(
        "vaurien-distant", "vaurien, latency", _vaurien_distant, needs_vaurien, trouble="distance"
    ),
    System("vaurien-rate", "vaurien, bandwidth", _vaurien_throttled, needs_vaurien, trouble="rate"),
)
