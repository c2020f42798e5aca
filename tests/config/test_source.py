"""Files with many proxies, and the flags that come with them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vaurien import plugins
from vaurien.authority.certificates import make_leaf
from vaurien.cli.resume import resumed
from vaurien.config.configuration import Configuration
from vaurien.config.document import Document, DocumentError, Flag
from vaurien.config.sections import Sections, origin_of
from vaurien.config.source import Source
from vaurien.config.state import to_document
from vaurien.control.store import Store
from vaurien.control.writer import CONFIG_DIGEST
from vaurien.errors import UnknownNameError
from vaurien.net.address import Address

A_PROXY = '[proxies.a]\nbackend = "h:1"\n'


def flags(**values: str | bool) -> Document:
    sections = Sections()
    for key, value in values.items():
        sections.add("vaurien", key, value, Flag(f"--{key}"))
    return sections.document()


def source_of(config: object, **values: str | bool) -> Source:
    plugins.install()
    return Source(str(config), plugins.load_named, flags(**values))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "v.toml"
    path.write_text("")
    return path


def understood(config: Path, text: str, **values: str | bool) -> Configuration:
    config.write_text(text)
    source = source_of(config, **values)
    return source.understand(source.read())


def test_settings_of_the_process(config: Path) -> None:
    text = (
        'http = true\nhttp-port = 1\nlog-level = "warning"\njournal = "j"\ndrain = 2.5\n'
        "stay_connected = true\n[statsd]\nenabled = true\nsample-rate = 0.1\n"
        "[protocols.tcp]\nbuffer = 5\n" + A_PROXY
    )
    settings = understood(config, text)
    assert settings.http == Address("localhost", 1)
    assert (settings.log_level, settings.drain) == ("warning", 2.5)
    assert settings.journal == "j"
    assert str(origin_of(settings.document, "journal")) == f"{config}: journal"
    assert str(origin_of(settings.document, "http_port")) == f"{config}: http-port"
    assert settings.statsd is not None
    assert settings.statsd.sample_rate == 0.1
    assert settings.classic["stay_connected"] is True
    assert settings.classic["protocol.tcp.buffer"] == 5


def test_flags_win_over_the_file_and_that_over_defaults(config: Path) -> None:
    config.write_text('http = true\nlog-level = "error"\nseed = 1\n' + A_PROXY)
    defaults = flags(log_level="warning", journal="default")
    source = Source(str(config), plugins.load_named, flags(http=False, seed="7"), defaults)
    told = source.understand(source.read())
    assert told.http is None
    assert told.log_level == "error"
    assert told.journal == "default"
    assert told.state.seed == 7


def test_a_seed_is_drawn_once(config: Path) -> None:
    config.write_text(A_PROXY)
    source = source_of(config)
    first, second = (source.understand(source.read()).state for _ in range(2))
    assert first.seed == second.seed
    assert len({understood(config, A_PROXY).state.seed for _ in range(5)}) > 1


def test_behaviors_are_found_with_their_defaults(config: Path) -> None:
    told = understood(config, f"[behaviors.delay]\nsleep = 2\n{A_PROXY}")
    find = told.names.behaviors.get
    assert find("delay").make({}).settings()["sleep"] == 2
    assert find("hang").plugin.name == "hang"
    with pytest.raises(UnknownNameError):
        find("troubles.Super")  # the API takes no paths


@pytest.mark.usefixtures("plugin_folder")
def test_classes(config: Path) -> None:
    text = (
        '[behaviors.loud]\ncallable = "troubles.Super"\nfoo = 3\n'
        '[protocols.words]\ncallable = "troubles:Lines"\n'
        '[proxies.a]\nbackend = "h:1"\nprotocol = "words"\n'
        'rules = [{behavior = "loud", word = "x"}, {behavior = "troubles.Second"}]\n'
    )
    (declared,) = understood(config, text).state.proxies
    assert declared.protocol.name == "words"
    assert [rule.name for rule in declared.plan.rules] == ["loud", "super"]
    assert declared.plan.rules[0].behavior.settings()["foo"] == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[behaviors.nope]\n", "behaviors.nope is an unknown behavior"),
        (
            "[behaviors.delay]\nslep = 1\n",
            "behaviors.delay.slep = 1 is an unknown option: it takes",
        ),
        ("[behaviors.delay]\nsleep = -1\n", "behaviors.delay.sleep = -1 is not allowed: it takes"),
        ('[protocols.tcp]\nbuffer = "x"\n', "protocols.tcp.buffer = 'x' is not allowed: it takes"),
        (
            '[behaviors.x]\ncallable = "no.Where"\n',
            "behaviors.x.callable is refused: 'no.",
        ),
        ('proxy = "h:1"\n', "proxy = 'h:1' is an unknown key"),
    ],
)
def test_what_is_wrong(text: str, problem: str, config: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        understood(config, text)
    assert str(caught.value).startswith(f"{config}: {problem}")


def test_a_file_declares_a_proxy(config: Path) -> None:
    with pytest.raises(DocumentError, match=r"proxies declares no proxy: it takes a table"):
        understood(config, "seed = 1")
    nothing = source_of("")
    assert nothing.understand(nothing.read()).state.proxies == ()


def test_with_an_api_a_file_may_say_that_there_is_none(config: Path) -> None:
    """A file that is cut off does not, wherever the API comes from."""
    assert understood(config, "http = true\n[proxies]").state.proxies == ()
    config.write_text("")
    half = source_of(config, http=True)
    with pytest.raises(DocumentError, match="declares no proxy"):
        half.understand(half.read())


def test_a_seed_that_is_none(config: Path) -> None:
    with pytest.raises(DocumentError, match="--seed='x' is not allowed"):
        understood(config, A_PROXY, seed="x")


def test_a_digest_is_that_of_what_is_said(config: Path) -> None:
    def digest(text: str) -> str:
        config.write_text(text)
        source = source_of(config)
        return source.digest(source.read())

    text = '[proxies.a]\nbackend = "h:1"\nlisten = "h:2"\n'
    assert digest(text) == digest('# hello\n[proxies.a]\nlisten = "h:2"\nbackend = "h:1"\n')
    assert digest(text) != digest(text.replace("h:1", "h:3"))
    assert digest("x = 1979-05-27\n") != digest("x = 1979-05-28\n")  # a date is no mistake here
    seeded = source_of(config, seed="7")
    assert seeded.digest(seeded.read()) == digest("seed = 7\nx = 1979-05-28\n")


@pytest.mark.usefixtures("plugin_folder")
def test_a_saved_rule_of_an_old_plugin_is_what_it_was(config: Path, tmp_path: Path) -> None:
    """Though an option of the plugin is called like a key of rules."""
    text = (
        '[behaviors.old]\ncallable = "troubles.Old"\nstart = "there"\n'
        '[proxies.a]\nbackend = "h:1"\nbehavior = "30:old"\n'
    )
    told = understood(config, text)
    state = told.state
    with closing(Store(str(tmp_path / "state"))) as store:
        store.prepare({**to_document(state), CONFIG_DIGEST: "digest"}).commit()
        found = resumed(store, "digest", told)
    assert found is not None
    assert found[0] == state


def test_a_digest_is_also_that_of_certificates(config: Path, tmp_path: Path) -> None:
    def digest() -> str:
        (tmp_path / "leaf.pem").write_bytes(make_leaf(None, ["a"], datetime.now(UTC)).pem)
        source = source_of(config)
        document = source.read()
        return source.digest(document, source.understand(document).state)

    config.write_text('[proxies.a]\nbackend = "h:1"\n')
    assert digest() == digest()
    files = f'{{ mode = "terminate", cert = "{tmp_path}/leaf.pem" }}'
    config.write_text(f'[proxies.a]\nbackend = "h:1"\ntls = {files}\n')
    assert digest() != digest()
