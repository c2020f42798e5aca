"""What flags and files come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import Refuse, Understand
from vaurien.cli.running import classic_of
from vaurien.net.address import Address
from vaurien.net.tls.spec import Tls
from vaurien.values.messages import Direction


def test_defaults(understand: Understand) -> None:
    settings = understand()
    assert settings.state.proxies[0].listen == Address("localhost", 8000)
    assert settings.state.proxies[0].backend == Address("localhost", 80)
    assert settings.state.proxies[0].protocol.name == "tcp"
    assert [
        (rule.behavior.name, rule.percent) for rule in settings.state.proxies[0].plan.rules
    ] == [("dummy", 100)]
    assert settings.http is None
    assert settings.statsd is None
    assert settings.journal == ""
    assert settings.drain == 5.0
    assert {**classic_of(settings.state.proxies[0]), **settings.classic} == {
        "proxy": "localhost:8000",
        "backend": "localhost:80",
        "protocol": "tcp",
        "timeout": 0.0,
        "backlog": 8192,
        "bufsize": 8192,
        "stay_connected": False,
        "sync": False,
        "pool_max_size": 100,
        "pool_timeout": 30,
    }


def test_everything_by_flags(understand: Understand) -> None:
    settings = understand(
        *["--proxy", "[::1]:1", "--backend", "unix:/run/x.sock"],
        *["--behavior", "5.5:error,10:delay", "--behavior-delay-sleep", "2"],
        *[
            "--rule",
            "delay sleep=3 before=no percent=10 direction=to_client",
            "--rule",
            "hang times=1",
        ],
        *["--seed", "7", "--journal", "j", "--timeout", "0", "--connect-timeout", "2.5"],
        *["--max-connections", "9", "--backlog", "10", "--drain", "0", "--http", "--http-host"],
        *["127.0.0.1", "--http-port", "0", "--log-level", "DEBUG", "--log-output", "l"],
        *["--statsd.enabled", "--statsd.host", "h", "--statsd.port", "1", "--statsd.prefix", "p"],
        *["--statsd.sample-rate", "0.5", "--max-plugin-threads", "3", "--stay-connected"],
        *["--sync", "--bufsize", "1", "--pool-max-size", "2", "--pool-timeout", "3"],
        *["--protocol-tcp-keep-alive", "--protocol-tcp-buffer=5"],
    )
    (proxy,) = settings.state.proxies
    assert (str(proxy.listen), str(proxy.backend)) == (
        "[::1]:1",
        "unix:/run/x.sock",
    )
    error, delay, slow, hang = proxy.plan.rules
    assert (error.low, error.high, delay.low, delay.high) == (0, 5.5, 5.5, 15.5)
    assert delay.behavior.settings() == {"sleep": 2.0, "before": True}
    assert slow.behavior.settings() == {"sleep": 3.0, "before": False}
    assert (slow.name, slow.percent, slow.direction) == ("delay-2", 10, Direction.TO_CLIENT)
    assert hang.times == 1
    assert proxy.plan.seed == 7
    assert (proxy.limits.timeout, proxy.limits.dial_timeout) == (0, 2.5)
    assert (proxy.limits.max_connections, proxy.limits.backlog) == (
        9,
        10,
    )
    assert settings.drain == 0
    assert settings.http == Address("127.0.0.1", 0)
    assert settings.statsd is not None
    assert settings.statsd.server == Address("h", 1)
    assert (settings.statsd.prefix, settings.statsd.sample_rate) == ("p", 0.5)
    assert settings.journal == "j"
    assert (settings.log_level, settings.log_output) == ("debug", "l")
    assert settings.max_plugin_threads == 3
    assert {**classic_of(settings.state.proxies[0]), **settings.classic} == {
        "proxy": "[::1]:1",
        "backend": "unix:/run/x.sock",
        "protocol": "tcp",
        "timeout": 0.0,
        "backlog": 10,
        "bufsize": 1,
        "stay_connected": True,
        "sync": True,
        "pool_max_size": 2,
        "pool_timeout": 3,
        "protocol.tcp.keep_alive": True,
        "protocol.tcp.buffer": 5,
    }


def test_everything_by_a_file(understand: Understand, tmp_path: Path) -> None:
    config = tmp_path / "v.ini"
    config.write_text(
        "[vaurien]\nproxy = h:1\nbackend = h:2\nprotocol = tcp\n"
        "behavior =\n    5:error\n    10:delay\n"
        "rule =\n    delay sleep=3\n    hang\n"
        "seed = 7\nhttp = true\nhttp_port = 1\ntimeout = 2\nstay_connected = yes\n"
        "log_level = Warning\nmax_connections = 4\n"
        "[behavior:delay]\nsleep = 2\nbefore = false\n"
        "[handler:hang]\n"
        "[protocol:tcp]\nkeep_alive = true\n"
        "[statsd]\nenabled = true\nsample_rate = 0.1\n"
    )
    settings = understand("--config", str(config))
    (proxy,) = settings.state.proxies
    assert (str(proxy.listen), str(proxy.backend)) == ("h:1", "h:2")
    error, delay, slow, _ = proxy.plan.rules
    assert (error.high, delay.high) == (5, 15)
    assert delay.behavior.settings() == {"sleep": 2.0, "before": False}
    assert slow.behavior.settings() == {"sleep": 3.0, "before": False}
    assert proxy.plan.seed == 7
    assert settings.http == Address("localhost", 1)
    assert proxy.limits.max_connections == 4
    assert settings.log_level == "warning"
    assert settings.classic["stay_connected"] is True
    assert settings.classic["protocol.tcp.keep_alive"] is True
    assert settings.statsd is not None
    assert settings.statsd.sample_rate == 0.1


def test_flags_win_over_the_file_even_at_their_default(
    understand: Understand, tmp_path: Path
) -> None:
    config = tmp_path / "v.ini"
    config.write_text(
        "[vaurien]\nproxy = h:1\nbackend = h:2\nhttp = true\nrule = hang\n"
        "[behavior:delay]\nsleep = 2\nbefore = false\n"
    )
    settings = understand(
        *["--config", str(config), "--proxy", "localhost:8000", "--no-http"],
        *["--behavior", "20:delay", "--behavior-delay-before", "--rule", "error percent=1"],
    )
    (proxy,) = settings.state.proxies
    assert str(proxy.listen) == "localhost:8000"
    assert str(proxy.backend) == "h:2"
    assert settings.http is None
    delay, error = proxy.plan.rules
    assert delay.behavior.settings() == {"sleep": 2.0, "before": True}
    assert error.behavior.name == "error"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[vaurien]\nprox = 1\n",
            "[vaurien] prox='1' is an unknown key (did you mean 'proxy'?): it takes one of proxy, ",
        ),
        ("[vaurien]\nconfig = x\n", "[vaurien] config='x' is an unknown key: it takes one of "),
        (
            "[statsd]\nrate = 1\n",
            "[statsd] rate='1' is an unknown key: it takes one of enabled, host, ",
        ),
        ("[statsd]\nport = x\n", "[statsd] port='x' is not allowed: it takes a whole number"),
        ("[vaurien]\nproxy =\n  a\n  b\n", "[vaurien] proxy=['a', 'b'] is a list: it takes"),
        (
            "[vaurien]\nbehavior = 5:nope\n",
            "[vaurien] behavior='nope' is an unknown behavior: it takes",
        ),
        (
            "[vaurien]\nrule = hang x\n",
            "[vaurien] rule='hang x' is not a rule: 'x' is not KEY=VALUE",
        ),
        ("[behavior:nope]\n", "[behavior:nope] is an unknown behavior: it takes one of "),
        (
            "[behavior:delay]\nslep = 2\n",
            "[behavior:delay] slep=2 is an unknown option: it takes one of",
        ),
        (
            "[handler:delay]\nsleep = x\n",
            "[handler:delay] sleep='x' is not allowed: it takes a number of at least 0",
        ),
        ("[protocol:tcp]\nkeep_alive = x\n", "[protocol:tcp] keep_alive='x' is not allowed"),
        (
            "[behavior:x]\ncallable = no.Where\n",
            "[behavior:x] callable is refused: 'no.Where' cannot be imported: ModuleNotFoundError",
        ),
    ],
)
def test_a_mistake_in_a_file(text: str, line: str, refuse: Refuse, tmp_path: Path) -> None:
    config = tmp_path / "v.ini"
    config.write_text(text)
    assert refuse("--config", str(config)).startswith(f"{config}: {line}")


def test_a_seed_is_drawn_if_there_is_none(understand: Understand) -> None:
    assert len({understand().state.proxies[0].plan.seed for _ in range(5)}) > 1


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (r"hang path=~(a)\1", "back references are not supported"),
        (r"hang path=~\Aa\Z", r"the very end is $ or \z"),
    ],
)
def test_a_pattern_with_a_backslash_is_judged_as_it_was_written(
    refuse: Refuse, rule: str, why: str
) -> None:
    assert why in refuse("--protocol", "http", "--rule", rule)


def test_a_pattern_with_a_backslash_is_as_it_was_written(understand: Understand) -> None:
    settings = understand("--protocol", "http", "--rule", r"hang path=~^/api/\d+$")
    (match,) = settings.state.proxies[0].plan.rules[-1].match
    assert match.written == r"~^/api/\d+$"


def test_tls_by_flags(understand: Understand) -> None:
    flags = ["--tls", "originate", "--tls-insecure", "--tls-server-name", "a.example"]
    tls = understand(*flags, "--tls-minimum=1.3").state.proxies[0].tls
    wanted = Tls(mode="originate", insecure=True, server_name="a.example", minimum="1.3")
    assert tls == wanted
    assert understand().state.proxies[0].tls is None


def test_what_is_wrong_with_tls_names_the_flag(refuse: Refuse) -> None:
    modes = "it takes one of pass, terminate, originate, both"
    assert "--tls='x' is not allowed" in refuse("--tls=x")
    assert f"--tls is missing: {modes}" in refuse("--tls-ca=x")
    assert "--tls-ca='' is not allowed: it takes FILE" in refuse("--tls=both", "--tls-ca=")
    assert "--tls-cert='/none' cannot be read" in refuse("--tls=both", "--tls-cert=/none")
