"""An INI file and the TOML that is made of it declare the same proxy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from commands import Understand
from vaurien import plugins
from vaurien.cli.import_ini import Kept, toml_of
from vaurien.config import ini as ini_files
from vaurien.config.configuration import Configuration
from vaurien.config.document import merged
from vaurien.config.sections import ADDRESSES, origin_of
from vaurien.config.source import Source
from vaurien.config.state import State, to_document
from vaurien.net.spec import ProxySpec

FILES = {
    "nothing": "[vaurien]\nseed = 1\n",
    "a mix": "[vaurien]\nseed = 1\nbehavior = 20:delay, 10.5:error\n[behavior:delay]\nsleep = 2\n",
    "the older word": "[vaurien]\nseed = 2\nbehavior = 100:hang\n[handler:delay]\nsleep = 3\n",
    "rules": (
        "[vaurien]\nseed = 3\nprotocol = redis\nrule =\n"
        "    delay sleep=2 percent=10 command=GET direction=to_client\n"
        "    error fault=READONLY command=~^S times=3 name=mine\n"
        "    hang start=5 stop=1e2 scope=connection\n"
        "    latency delay=0.1..0.5/60 percent=0..50/60\n"
        "[behavior:delay]\nbefore = no\n"
    ),
    "limits": (
        "[vaurien]\nseed = 4\nproxy = [::1]:0\nbackend = unix:/run/x\ntimeout = 0\n"
        "connect_timeout = 2.5\nmax-connections = 9\nbacklog = 10\ndrain = 1\n"
    ),
    "tls": (
        "[vaurien]\nseed = 9\ntls = both\ntls_insecure = yes\ntls-minimum = 1.3\n"
        "tls_server_name = a.example\n"
    ),
    "a protocol's options": "[vaurien]\nseed = 5\nprotocol = postgresql\n[protocol:postgresql]\n",
    "a variable": "[vaurien]\nseed = 6\nbackend = ${PLACE}:80\ntimeout = ${SECONDS}\n",
    "a fault's parameters": (
        "[vaurien]\nseed = 7\nprotocol = redis\nbehavior = 30:error\n"
        "[behavior:error]\nfault = MOVED\nslot = 7\n"
    ),
    "a level in capitals": "[vaurien]\nseed = 1\nlog_level = INFO\n",
    "a profile": "[vaurien]\nseed = 8\nprofile = 3g\nrule = hang\n",
}
CLASSES = (
    "[vaurien]\nseed = 9\nprotocol = words\nbehavior = 20:shout,10:troubles.Super\n"
    "rule = shout foo=3 word=GET\n[behavior:shout]\ncallable = troubles.Super\nfoo = 2\n"
    "[protocol:words]\ncallable = troubles:Lines\nstrict = on\n"
)


def acting(spec: ProxySpec) -> ProxySpec:
    """Without rules that never do anything: flags and INI files have one if they say nothing."""
    rules = tuple(rule for rule in spec.plan.rules if not rule.behavior.inert)
    return replace(spec, plan=replace(spec.plan, rules=rules))


def only(settings: Configuration) -> ProxySpec:
    (spec,) = settings.state.proxies
    return acting(spec)


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_it_declares_the_same(
    text: str, understand: Understand, plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "example")
    monkeypatch.setenv("SECONDS", "7")
    ini, toml = plugin_folder / "v.ini", plugin_folder / "v.toml"
    ini.write_text(text)
    toml.write_text(toml_of(ini_files.read(str(ini), Kept()), str(ini)))
    source = Source(str(toml), plugins.load_named)
    told = source.understand(source.read())
    old = understand("--config", str(ini))
    assert only(told) == only(old)
    assert told.drain == old.drain
    assert origin_of(told.document, "http") == origin_of(old.document, "http")


@pytest.mark.usefixtures("plugin_folder")
def test_classes_under_names_of_their_own(understand: Understand, tmp_path: Path) -> None:
    """Each way makes classes anew, so they are compared as documents."""
    ini, toml = tmp_path / "v.ini", tmp_path / "v.toml"
    ini.write_text(CLASSES)
    toml.write_text(toml_of(ini_files.read(str(ini), Kept()), str(ini)))
    source = Source(str(toml), plugins.load_named)
    first, second = (source.understand(source.read()).state for _ in range(2))
    old = understand("--config", str(ini))
    assert to_document(State(first.proxies)) == to_document(State(old.state.proxies))
    assert first.proxies == second.proxies  # reading again does not


def test_variables_are_filled_in_if_they_need_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "example")
    ini = tmp_path / "v.ini"
    ini.write_text("[vaurien]\nbackend = ${PLACE}:80\n")
    proxies = merged(ADDRESSES, ini_files.read(str(ini))).content["proxies"]
    assert proxies == {"vaurien": {"listen": "localhost:8000", "backend": "example:80"}}


@pytest.mark.usefixtures("plugin_folder")
def test_what_old_plugins_do_not_declare_is_what_it_looks_like(
    understand: Understand, tmp_path: Path
) -> None:
    ini, toml = tmp_path / "v.ini", tmp_path / "v.toml"
    ini.write_text(
        "[vaurien]\nseed = 1\nbehavior = 100:old\n"
        "[behavior:old]\ncallable = troubles.Old\nfoo = 2\nspeed = 5\nloud = true\nword = x\n"
    )
    toml.write_text(toml_of(ini_files.read(str(ini)), str(ini)))
    source = Source(str(toml), plugins.load_named)
    proxies = source.understand(source.read()).state.proxies
    old = understand("--config", str(ini)).state.proxies
    assert to_document(State(proxies)) == to_document(State(old))
    settings = proxies[0].plan.rules[0].behavior.settings()
    assert (settings["foo"], settings["speed"], settings["loud"]) == (2, 5, True)
