"""Bearer tokens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vaurien.control.tokens import TOKEN, Right, TokenError, Tokens, configured, generate, needed

ONE, TWO, THREE = "a" * 16, "b" * 16, "c" * 16


def written(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "tokens"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_a_file_has_tokens_that_may_write_and_some_that_may_only_read(tmp_path: Path) -> None:
    file = written(tmp_path, f"# mine\n{ONE}\n\n  read {TWO}\r\n{THREE}")
    tokens = configured(file, {"VAURIEN_TOKEN": "d" * 16})
    for token, right in ((ONE, Right.WRITE), (TWO, Right.READ), (THREE, Right.WRITE)):
        assert tokens.right_of(f"Bearer {token}") is right
    assert tokens.right_of(f"Bearer {'d' * 16}") is Right.NONE
    assert tokens.right_of(f"Bearer read {TWO}") is Right.NONE


def test_the_environment_may_have_one() -> None:
    assert configured("", {"VAURIEN_TOKEN": ONE}).right_of(f"Bearer {ONE}") is Right.WRITE
    assert not configured("", {"VAURIEN_TOKEN": ""})
    assert not configured("", {})


def test_without_tokens_nothing_is_right() -> None:
    assert Tokens().right_of(f"Bearer {ONE}") is Right.NONE
    assert Tokens.of([ONE]).right_of("") is Right.NONE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no token"),
        ("# nothing\n", "has no token"),
        ("short\n", "line 1 is not [read] TOKEN: it takes 16 to 256 letters, digits and -._~+/"),
        (f"{ONE}\nread\n", "line 2 is not [read] TOKEN"),
        (f"write {ONE}\n", "line 1 is not [read] TOKEN"),
        (f"read {ONE} {TWO}\n", "line 1 is not [read] TOKEN"),
        (f"{ONE}\u00e9\n", "line 1 is not [read] TOKEN"),
        ("x" * 70_000, "is longer than 65536 bytes"),
    ],
)
def test_a_file_that_is_wrong_is_refused_and_its_tokens_are_not_shown(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(TokenError) as caught:
        configured(written(tmp_path, text))
    assert why in str(caught.value)
    assert ONE not in str(caught.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    for mode in (0o644, 0o604, 0o601, 0o620, 0o666):
        with pytest.raises(TokenError, match=f"open to others .mode {mode:04o}.: chmod 600"):
            configured(written(tmp_path, ONE, mode))
    for mode in (0o400, 0o440, 0o640):
        assert configured(written(tmp_path, ONE, mode))


def test_a_pipe_may_be_read(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, ONE.encode())
    os.close(write)
    assert configured(f"/dev/fd/{read}").right_of(f"Bearer {ONE}") is Right.WRITE
    os.close(read)


def test_a_file_that_is_not_there_and_a_wrong_variable() -> None:
    with pytest.raises(TokenError, match="/nowhere cannot be read: No such file"):
        configured("/nowhere")
    with pytest.raises(TokenError, match="VAURIEN_TOKEN is not a token: it takes 16 to 256"):
        configured("", {"VAURIEN_TOKEN": "secret"})


def test_a_token_is_made_if_others_can_reach_the_server_and_there_is_none() -> None:
    for tokens in (Tokens(), Tokens.of([ONE])):
        for public in (False, True):
            for insecure in (False, True):
                asked, made = needed(tokens, is_public=public, insecure=insecure)
                if tokens or insecure or not public:
                    assert (asked, made) == (tokens, "")
                else:
                    assert asked.right_of(f"Bearer {made}") is Right.WRITE


def test_made_tokens_differ_and_are_tokens() -> None:
    made = {generate() for _ in range(100)}
    assert len(made) == 100
    assert all(map(TOKEN.fullmatch, made))


def test_tokens_are_not_in_what_is_printed_of_them() -> None:
    assert ONE not in repr(Tokens.of([ONE]))
