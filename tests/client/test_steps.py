"""Steps, and what runs them."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from client.scripted import Script, answer
from vaurien.client import ApiError, AsyncClient, Client, ClientError, ConflictError, NotFoundError
from vaurien.client.steps import (
    Answer,
    Asynchronous,
    Json,
    Request,
    Steps,
    Undoable,
    block,
    checked,
    listed,
    operation,
    path_of,
)


class Methods:
    @operation
    def twice(self, path: str, *, body: object = None) -> Steps[list[int]]:
        """Ask twice."""
        first = yield Request("GET", path)
        second = yield Request("PUT", path, body)
        return [first.status, second.status]

    @operation
    def is_there(self) -> Steps[bool]:
        try:
            yield Request("GET", "/")
        except ClientError:
            return False
        return True

    @block
    def changed(self) -> Undoable[str]:
        before = yield Request("GET", "/")
        yield Request("PUT", "/")
        return "value", self._putting(before.status)

    def _putting(self, body: object) -> Steps[None]:
        yield Request("PUT", "/", body)


class Sync(Methods, Client):
    def __init__(self, script: Script) -> None:
        self._transport = script


class AsyncScript:
    def __init__(self, script: Script) -> None:
        self.script = script

    async def send(self, request: Request) -> Answer:
        return self.script.send(request)


class Async(Methods, Asynchronous):
    def __init__(self, script: Script) -> None:
        self._transport = AsyncScript(script)


def sync(script: Script) -> list[int]:
    return Sync(script).twice("/x", body=1)


def in_loop(script: Script) -> list[int]:
    return asyncio.run(Async(script).twice("/x", body=1))


def test_an_operation_blocks_or_is_a_coroutine() -> None:
    for ran in (sync, in_loop):
        script = Script(answer(200), answer(204))
        assert ran(script) == [200, 204]
        assert script.asked == ["GET /x", "PUT /x"]
        assert script.bodies == [None, 1]


def test_an_operation_may_do_without_an_answer() -> None:
    gone = ClientError("gone")
    assert not Sync(Script(gone)).is_there()
    assert not asyncio.run(Async(Script(gone)).is_there())
    assert Sync(Script({})).is_there()
    with pytest.raises(ClientError, match="gone"):
        Sync(Script(gone)).twice("/x")
    with pytest.raises(ClientError, match="gone"):
        asyncio.run(Async(Script(gone)).twice("/x"))


def test_a_block_is_undone_after() -> None:
    script = Script(answer(203), {}, {})
    with Sync(script).changed() as value:
        assert value == "value"
        assert len(script.asked) == 2
    assert script.asked == ["GET /", "PUT /", "PUT /"]
    assert script.bodies == [None, None, 203]


def test_a_block_is_undone_after_an_exception() -> None:
    script = Script(answer(203), {}, {})
    with pytest.raises(ZeroDivisionError), Sync(script).changed():
        _ = 1 / 0
    assert script.bodies == [None, None, 203]


async def _fail(script: Script) -> None:
    async with Async(script).changed() as value:
        assert value == "value"
        _ = 1 / 0


def test_a_block_is_undone_after_an_exception_in_the_loop() -> None:
    script = Script(answer(203), {}, {})
    with pytest.raises(ZeroDivisionError):
        asyncio.run(_fail(script))
    assert script.bodies == [None, None, 203]


def test_a_block_that_does_not_begin_undoes_nothing() -> None:
    script = Script(answer(200), ClientError("gone"))
    with pytest.raises(ClientError, match="gone"), Sync(script).changed():
        pytest.fail("the block ran")
    assert script.asked == ["GET /", "PUT /"]


def test_methods_are_functions_that_describe_themselves() -> None:
    twice = vars(Methods)["twice"]
    assert inspect.isfunction(twice)
    assert twice.__doc__ == Sync(Script()).twice.__doc__ == "Ask twice."
    assert "self, path: 'str'" in str(inspect.signature(twice))


def test_both_clients_have_the_same_methods() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(Client) == names(AsyncClient)


# Paths and answers.


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (path_of("v1", "proxies", "a/b c"), "/v1/proxies/a%2Fb%20c"),
        (path_of("v1", "größe?"), "/v1/gr%C3%B6%C3%9Fe%3F"),
        (path_of("v1", limit=3, proxy="", after=None, dry_run=True), "/v1?limit=3&dry_run=true"),
        (path_of("v1", proxy="a&b =c"), "/v1?proxy=a%26b%20%3Dc"),
        (path_of("v1", connection=0), "/v1?connection=0"),
    ],
)
def test_a_path_is_quoted(path: str, text: str) -> None:
    assert path == text


def test_a_good_answer() -> None:
    assert checked(answer(201, {"a": 1})) == {"a": 1}
    assert checked(answer(204)) == {}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ApiError), (404, NotFoundError), (409, ConflictError), (412, ConflictError)],
)
def test_a_refusal(status: int, kind: type[ApiError]) -> None:
    with pytest.raises(kind, match="no") as caught:
        checked(answer(status, {"detail": "no"}))
    assert caught.value.status == status
    assert type(caught.value) is kind


def test_a_refusal_of_access_is_told_in_older_words() -> None:
    body = {"status": "error", "errors": [{"location": "header", "description": "not you"}]}
    with pytest.raises(ApiError, match=r"^not you$"):
        checked(answer(403, body))


@pytest.mark.parametrize("body", [b"oops", b"[]", b"\xff"])
@pytest.mark.parametrize("status", [200, 404, 502])
def test_an_answer_of_something_else(status: int, body: bytes) -> None:
    with pytest.raises(ClientError, match=f"as vaurien does: status {status}: "):
        checked(Answer(status, {}, body))


def test_an_empty_refusal() -> None:
    with pytest.raises(ApiError, match=r"^status 502$"):
        checked(answer(502))


def test_a_list_of_objects() -> None:
    assert listed({"rules": [{"a": 1}]}, "rules") == [{"a": 1}]
    wrongs: list[Json] = [{}, {"rules": 3}, {"rules": [3]}]
    for wrong in wrongs:
        with pytest.raises(ClientError, match="there is no list of rules"):
            listed(wrong, "rules")
