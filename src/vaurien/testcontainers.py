"""``vaurien serve`` in a container, for tests that use the package ``testcontainers``.

Law: what runs in the container is vaurien as it is; here is only where it can be reached.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from .client import Client, ProxyHandle

PORT = 8474
PROXY_PORTS = range(8666, 8698)
"""Where proxies listen in the container, as in the containers of Toxiproxy."""


class VaurienContainer(DockerContainer):
    """A container that runs ``vaurien serve``, with an API that asks for a token.

    ``image`` is one that has vaurien installed.  A container has as many proxies as ports:
    engines publish them when it starts.
    """

    def __init__(
        self, image: str, *, port: int = PORT, proxy_ports: Iterable[int] = PROXY_PORTS
    ) -> None:
        super().__init__(image)
        self._port = port
        self._free = list(proxy_ports)
        self._token = secrets.token_urlsafe(32)
        self.with_env("VAURIEN_TOKEN", self._token)
        self.with_exposed_ports(port, *self._free)
        words = ["vaurien", "serve", "--host", "0.0.0.0", "--port", str(port)]
        self.with_command([*words, f"--allow-host={self.get_docker_client().host()}"])
        self.waiting_for(LogMessageWaitStrategy("ready: "))

    @property
    def client(self) -> Client:
        """A client of the API."""
        host = self.get_container_host_ip()
        return Client(host, self.get_exposed_port(self._port), token=self._token)

    def create(
        self,
        name: str,
        *,
        backend: str,
        rules: Sequence[Mapping[str, object]] = (),
        **table: object,
    ) -> ProxyHandle:
        """Create a proxy on a free port; ``backend`` is as the container reaches it.

        Raises:
            ValueError: all published ports are taken, or the API refuses it.
        """
        if not self._free:
            raise ValueError("all ports that the container publishes are taken")
        listen = f":{self._free[0]}"
        handle = self.client.create(name, backend=backend, rules=rules, listen=listen, **table)
        del self._free[0]
        return handle

    def address(self, name: str) -> tuple[str, int]:
        """Return the host and the port where tests reach a proxy."""
        _, port = self.client.proxy(name).address()
        return self.get_container_host_ip(), self.get_exposed_port(port)
