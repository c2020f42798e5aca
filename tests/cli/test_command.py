"""The command as a whole: help, versions, and mistakes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import Refuse, Understand
from vaurien import registry
from vaurien.cli.command import counted, vaurien
from vaurien.config.presets import Presets
from vaurien.config.settings import GONE_PROTOCOL_OPTIONS, SETTINGS
from vaurien.errors import choices
from vaurien.plugins import BEHAVIORS
from vaurien.version import __version__


def help_text(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        vaurien.main(["--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_help_fits_into_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = help_text(capsys)
    lines = [line for line in text.splitlines() if " / --no-" not in line]  # can't be broken
    assert max(map(len, lines)) <= 80


def test_help_lists_every_flag_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_text(capsys)
    place = 0
    for heading in dict.fromkeys(setting.heading for setting in SETTINGS):
        if heading != SETTINGS[-1].heading:
            assert text.index(f"\n{heading}:\n") > place
            place = text.index(f"\n{heading}:\n")
    for setting in SETTINGS:
        assert f"\n  {setting.flag} " in text
        assert text.index(f"\n{setting.heading}:\n") < text.index(f"\n  {setting.flag} ")
    for flag in ("--config", "--version", "-h, --help"):
        assert f"\n  {flag} " in text


def test_help_says_which_flags_have_no_effect(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_text(capsys)
    gone = text[text.index("\nWithout effect") :]
    for flag in ("--stay-connected", "--sync", "--bufsize", "--pool-max-size", "--pool-timeout"):
        assert f"\n  {flag} " in gone
    for name in GONE_PROTOCOL_OPTIONS:
        assert f"\n  --protocol-NAME-{name.replace('_', '-')} " in gone


def test_help_lists_the_options_of_all_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_text(capsys)
    for flag in (
        "--behavior-delay-sleep NUMBER",
        "--behavior-delay-before / --no-behavior-delay-before",
        "--behavior-error-inject / --no-behavior-error-inject",
        "--behavior-transient-agitate NUMBER",
        "--handler-NAME-OPTION",
    ):
        assert f"\n  {flag}" in text


@pytest.mark.parametrize("flags", [["--help"], ["--proxy", "h:1", "--version"]])
def test_help_that_cannot_be_written(flags: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vaurien", *flags],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    line = "vaurien: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_help_survives_a_plugin_that_cannot_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> object:
        raise RuntimeError("no luck")

    registry.behaviors.register_lazily("unlucky", fail)
    assert "RuntimeError: no luck" in " ".join(help_text(capsys).split())


def test_version_among_other_flags(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        vaurien.main(["--proxy", "localhost:1", "--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["--proxy", "foo"],
            "--proxy='foo' is not an address: it takes HOST:PORT, [IPV6]:PORT or unix:/path",
        ),
        (
            ["--backend", "h:65536"],
            "--backend='h:65536' is not an address: it takes a port from 0 to 65535",
        ),
        (
            ["--backend", "h:0"],
            "--backend='h:0' is not a backend: it takes HOST:PORT, [IPV6]:PORT or unix:/path, "
            "the port not 0",
        ),
        (
            ["--http-port", "99999"],
            "--http-port='99999' is not allowed: it takes a whole number from 0 to 65535",
        ),
        (["--timeout", "x"], "--timeout='x' is not allowed: it takes a number of at least 0"),
        (["--timeout=-1"], "--timeout='-1' is not allowed: it takes a number of at least 0"),
        (["--seed", "1.5"], "--seed='1.5' is not allowed: it takes a whole number of at least 0"),
        (["--http=perhaps"], "--http='perhaps' is not allowed: it takes true or false"),
        (
            ["--log-level", "loud"],
            "--log-level='loud' is not allowed: "
            "it takes one of critical, error, warning, info, debug",
        ),
        (
            ["--statsd.sample_rate", "2"],
            "--statsd.sample_rate='2' is not allowed: it takes a number from 0.0001 to 1",
        ),
        (
            ["--behavior", "delay"],
            "--behavior='delay' is not a mix: 'delay' is not a part of a mix: "
            "it takes PERCENT:NAME",
        ),
        (
            ["--behavior", "60:delay,50:error"],
            "--behavior='60:delay,50:error' is too much: "
            "the behavior total needs to be 100 or less",
        ),
        (
            ["--behavior", "20:nope"],
            "--behavior='nope' is an unknown behavior: "
            f"it takes one of {choices(sorted(BEHAVIORS), 'nope', 'behavior')}",
        ),
        (
            ["--profile", "pigeon"],
            "--profile='pigeon' is an unknown profile: "
            f"it takes one of {choices(sorted(Presets().profiles), 'pigeon', 'profile')}",
        ),
        (
            ["--protocol", "ftp"],
            "--protocol='ftp' is an unknown protocol: it takes one of http, memcache, "
            "mysql, postgresql, redis, smtp, tcp, tls",
        ),
        (
            ["--behavior-delay-sleep", "x"],
            "--behavior-delay-sleep='x' is not allowed: it takes a number of at least 0",
        ),
        (
            ["--handler-delay-sleep", "x"],
            "--handler-delay-sleep='x' is not allowed: it takes a number of at least 0",
        ),
        (
            ["--behavior-delay-before=2"],
            "--behavior-delay-before='2' is not allowed: it takes true or false",
        ),
        (
            ["--protocol-tcp-buffer", "x"],
            "--protocol-tcp-buffer='x' is not allowed: it takes a whole number",
        ),
        (["--rule", "delay x"], "--rule='delay x' is not a rule: 'x' is not KEY=VALUE"),
        (
            ["--rule", "delay sleep=x"],
            "--rule 'delay sleep=x': sleep='x' is not allowed: it takes a number of at least 0",
        ),
        (
            ["--rule", "delay name=a", "--rule", "hang name=a"],
            "--rule 'hang name=a': name='a' is given to two rules",
        ),
        (
            ["--behavior-dely-sleep", "3"],
            "--behavior-dely-sleep is an unknown flag. Did you mean --behavior-delay-sleep "
            "or --behavior-delay-before?",
        ),
        (
            ["--handlers.dely.sleep=3"],
            "--handler-dely-sleep is an unknown flag. Did you mean --handler-delay-sleep "
            "or --handler-delay-before?",
        ),
        (["--profile", ""], "--profile='' is not allowed: it takes the name of a profile"),
        (["--recipe", ""], "--recipe='' is not allowed: it takes the name of a recipe"),
        (["--journal", ""], "--journal='' is not allowed: it takes FILE"),
        (["--proxi", "x"], "--proxi is an unknown flag. Did you mean --proxy or --profile?"),
        (["--zzz", "x"], "--zzz is an unknown flag. --help lists all flags."),
        (
            ["--behavior-delay-slep", "x"],
            "--behavior-delay-slep is an unknown flag. Did you mean --behavior-delay-sleep "
            "or --behavior-delay-before?",
        ),
        (["--proxy"], "Option '--proxy' requires an argument."),
        (["--behavior-delay-sleep"], "Option '--behavior-delay-sleep' requires an argument."),
        (["something"], "Got unexpected extra argument (something)"),
        (
            ["--config", "/nowhere"],
            "/nowhere: the file cannot be read: No such file or directory",
        ),
    ],
)
def test_a_mistake_is_one_line(words: list[str], line: str, refuse: Refuse) -> None:
    assert refuse(*words) == line


def test_what_a_mistake_repeats_is_escaped(refuse: Refuse) -> None:
    line = refuse("--log-level", "\x1b[2J")
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere.Trouble", "'nowhere.Trouble' cannot be imported: ModuleNotFoundError: "),
        ("troubles.Nothing", "'troubles.Nothing' cannot be imported: 'troubles' has no 'Nothing'"),
        ("broken:Trouble", "'broken:Trouble' cannot be imported: RuntimeError: two lines"),
        ("leaving:Trouble", "'leaving:Trouble' cannot be imported: SystemExit: 3"),
        (":Trouble", "':Trouble' cannot be imported: ValueError: "),
        ("troubles:", "'troubles:' cannot be imported: 'troubles' has no ''"),
        ("troubles.Lines", "'troubles.Lines' is not a behavior"),
        ("troubles.Nameless", "the behavior <class 'troubles.Nameless'> has no name"),
        ("os.getcwd", "<built-in function getcwd> is not a plugin"),
        ("collections.OrderedDict", "<class 'collections.OrderedDict'> is not a plugin"),
    ],
)
@pytest.mark.usefixtures("plugin_folder")
def test_a_plugin_that_is_none(path: str, reason: str, refuse: Refuse) -> None:
    line = refuse("--behavior", f"20:{path}")
    given = f"--behavior='20:{path}' " if path in reason else f"--behavior='{path}' "
    assert line.startswith((f"--behavior='{path}' is refused: {reason}", f"{given}{reason}"))


def test_a_log_that_cannot_be_written(refuse: Refuse, tmp_path: Path) -> None:
    line = refuse("--log-output", f"{tmp_path}/nowhere/log")
    reason = "cannot be written: No such file or directory"
    assert line == f"--log-output='{tmp_path}/nowhere/log' {reason}"


def test_a_mistake_in_a_file_names_it(refuse: Refuse, tmp_path: Path) -> None:
    config = tmp_path / "v.ini"
    config.write_text("[vaurien]\ntimeout = soon\n")
    line = refuse("--config", str(config))
    reason = "timeout='soon' is not allowed: it takes a number of at least 0"
    assert line == f"{config}: [vaurien] {reason}"


def test_a_file_of_another_form_is_for_another_command(refuse: Refuse, tmp_path: Path) -> None:
    config = tmp_path / "v.toml"
    config.write_text('seed = 1\n[proxies.a]\nbackend = "h:1"\n')
    line = refuse("--config", str(config))
    assert line.startswith(f"{config}: the file is not INI: File contains no section headers")
    assert line.endswith(f"; for TOML and JSON: vaurien serve --config {config}")


def imported(code: str) -> set[str]:
    """The modules that a new process has imported after running some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return set(done.stdout.split())


def test_only_what_is_used_is_imported() -> None:
    modules = imported(
        "from vaurien.cli.command import configuration_given, vaurien\n"
        "words = ['--behavior', '5:error,10:delay', '--behavior-delay-sleep', '2']\n"
        "with vaurien.make_context('vaurien', words) as ctx: configuration_given(ctx)"
    )
    assert {"vaurien.behaviors.delay", "vaurien.behaviors.error"} <= modules
    assert not modules & {
        "asyncio",
        "configparser",
        "importlib.metadata",
        "json",
        "starlette",
        "tomllib",
        "uvicorn",
        "vaurien.behaviors.hang",
        "vaurien.behaviors.transient",
        "vaurien.control.journal",
        "vaurien.legacy",
    }


def test_recipes_come_after_the_profile(understand: Understand) -> None:
    words = ["--recipe", "flapping-link", "--recipe", "brown-out", "--profile", "3g"]
    (spec,) = understand(*words, "--rule", "hang times=1").state.proxies
    names = [rule.name for rule in spec.plan.rules]
    starts = [next(at for at, name in enumerate(names) if name.startswith(word)) for word in PLAYED]
    assert starts == sorted(starts)
    assert names[-1] == "hang"


PLAYED = ("3g", "flapping-link", "brown-out", "hang")


def test_a_profile_comes_before_the_rules(understand: Understand) -> None:
    settings = understand("--profile", "3g", "--rule", "hang times=1", "--seed", "1")
    names = [rule.name for rule in settings.state.proxies[0].plan.rules]
    profile = [str(entry["name"]) for entry in Presets().profile("3g")]
    assert names == ["dummy", *profile, "hang"]


def test_flags_of_behaviors_that_are_not_used_are_accepted(understand: Understand) -> None:
    settings = understand("--behavior", "20:error", "--behavior-delay-sleep", "2")
    assert [rule.behavior.name for rule in settings.state.proxies[0].plan.rules] == ["error"]
    assert settings.names.behaviors.get("delay").make({}).settings()["sleep"] == 2.0


def test_counting_in_words() -> None:
    assert [counted(number, "proxy", "proxies") for number in (0, 1, 2)] == [
        "0 proxies",
        "1 proxy",
        "2 proxies",
    ]


def test_the_name_of_a_file_is_not_empty(refuse: Refuse) -> None:
    assert "--config='' is not allowed: it takes the name of a file" in refuse("--config", "")
