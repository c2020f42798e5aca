"""The systems that speak TLS, all with the same certificate, versions and ciphers."""

from __future__ import annotations

from collections.abc import Callable

from certificate import NAME, certificate
from processes import HOST
from systems import System, Task, haproxy, needs, needs_vaurien, vaurien

TROUBLE = "tls"
"""Keeps them out of works without TLS."""


def _haproxy_terminating(task: Task) -> list[str]:
    bind = f"ssl crt {certificate(task.folder)} ssl-min-ver TLSv1.2"
    return haproxy(bind=bind)(task)


def _haproxy_both(task: Task) -> list[str]:
    path = certificate(task.folder)
    bind = f"ssl crt {path} ssl-min-ver TLSv1.2"
    server = f"ssl verify required ca-file {path} verifyhost {NAME} sni str({NAME})"
    return haproxy(bind=bind, server=server)(task)


def _stunnel(task: Task) -> list[str]:
    path = task.write(
        "stunnel.conf",
        f"""foreground = yes
pid =
debug = err
[bench]
accept = {HOST}:{task.listen}
connect = {HOST}:{task.backend}
cert = {certificate(task.folder)}
sslVersionMin = TLSv1.2
""",
    )
    return ["stunnel", path]


def _vaurien_tls(mode: str, *flags: str) -> Callable[[Task], list[str]]:
    def command(task: Task) -> list[str]:
        path = str(certificate(task.folder))
        shown = ["--tls-cert", path]
        verified = ["--tls-ca", path, "--tls-server-name", NAME]
        keys = {"pass": [], "terminate": shown, "both": [*shown, *verified]}
        protocol = ["--protocol", task.protocol] if task.protocol else []
        return vaurien("--tls", mode, *keys[mode], *protocol, *flags)(task)

    return command


TLS_SYSTEMS = (
    System(
        "haproxy-tls",
        "HAProxy, TLS",
        _haproxy_terminating,
        needs("haproxy"),
        trouble=TROUBLE,
    ),
    System("stunnel", "stunnel", _stunnel, needs("stunnel"), trouble=TROUBLE),
    System(
        "vaurien-tls",
        "vaurien, terminate",
        _vaurien_tls("terminate"),
        needs_vaurien,
        trouble=TROUBLE,
    ),
    System(
        "haproxy-both",
        "HAProxy, TLS on both sides",
        _haproxy_both,
        needs("haproxy"),
        trouble=TROUBLE,
        tls_backend=True,
    ),
    System(
        "vaurien-both",
        "vaurien, both",
        _vaurien_tls("both"),
        needs_vaurien,
        trouble=TROUBLE,
        tls_backend=True,
    ),
    System(
        "vaurien-pass",
        "vaurien, pass",
        _vaurien_tls("pass"),
        needs_vaurien,
        trouble=TROUBLE,
        tls_backend=True,
    ),
)
