"""What handshakes tell: all that is known, and nothing else."""

from __future__ import annotations

import pytest

from tls_talk import NAME, client_context, hello_of
from vaurien.net.tls.facts import offered
from vaurien.parsing.client_hello import ClientHello, read_client_hello


@pytest.mark.parametrize("name", [NAME, None])
@pytest.mark.parametrize("alpn", [("h2", "http/1.1"), ()])
def test_what_is_offered(name: str | None, alpn: tuple[str, ...]) -> None:
    context = client_context(alpn=alpn)
    context.check_hostname = False
    hello = read_client_hello(hello_of(context, name))
    assert isinstance(hello, ClientHello)
    wanted = {"sni": name, "alpn": ",".join(alpn), "tls_version": "TLSv1.3"}
    assert offered(hello) == {label: text for label, text in wanted.items() if text}


def test_without_a_hello_nothing_is_known() -> None:
    assert offered(None) == {}
