"""Run a command behind proxies that a configuration declares."""

from __future__ import annotations

from collections.abc import Sequence

from ..cli.execute import environment_of
from ..config.configuration import Configuration
from ..embedded.chaos import Chaos
from ..embedded.trace import Trace
from ..errors import OptionError
from .command import CommandRunner
from .scenarios import Scenario


class Runner(CommandRunner):
    """Proxies, open from the beginning to ``close``, and a command that is run over and over."""

    def __init__(self, configuration: Configuration, command: Sequence[str], job: int = 0) -> None:
        """Open the proxies.

        Raises:
            VaurienError: a proxy cannot be opened, or has a place of its own and is not the first.
        """
        for spec in configuration.state.proxies if job else ():
            if spec.listen.path or spec.listen.port:
                raise OptionError(
                    f"with --jobs, each run has proxies of its own, but {spec.name!r} listens on "
                    f"{spec.listen}: leave out its listen"
                )
        self._chaos = Chaos(configuration.state.seed)
        try:
            self._chaos.open(configuration.state.proxies)
            environment = environment_of(configuration, self._chaos.proxies.address_of)
        except BaseException:
            self._chaos.close()
            raise
        super().__init__(command, environment, job)

    def close(self) -> None:
        super().close()
        self._chaos.close()

    def prepare(self, scenario: Scenario | None) -> None:
        chaos = self._chaos
        for proxy in chaos:
            proxy.clear_rules()
            proxy.reset_all()
            proxy.forget()
        for name, entry in () if scenario is None else scenario.entries():
            chaos[name].add_rules(entry)

    def ports(self) -> set[int]:
        return {proxy.port for proxy in self._chaos}

    def trace(self) -> Trace:
        return self._chaos.trace()
