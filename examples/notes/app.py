"""Notes over HTTP, kept in PostgreSQL and cached in Redis.

What it promises when these fail:

- it answers within LIMIT seconds, whatever they do;
- without the cache it works, only slower;
- without the database it reads what is cached, and refuses the rest with 503;
- a change that it has confirmed is kept, and one that is repeated is made once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import asyncpg
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

T = TypeVar("T")
LIMIT = 3.0
"""Seconds that an answer may take."""
CACHE_LIMIT = 0.5
"""The same for what the cache does, ..."""
DATABASE_LIMIT = 1.0
"""... and for each step of the database."""
ATTEMPTS = 2
FRESH = 30
"""Seconds after which the cache forgets, also what it could not be told has changed."""
TABLE = "CREATE TABLE IF NOT EXISTS notes (name text PRIMARY KEY, text text NOT NULL)"
WRITE = "INSERT INTO notes VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET text = $2"
READ = "SELECT text FROM notes WHERE name = $1"
FAILURES = (OSError, asyncio.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What is raised when the database fails: the statements themselves are right."""


class Notes:
    def __init__(self, database: str, cache: str) -> None:
        self.database = database
        self.cache = redis.Redis.from_url(
            cache,
            socket_timeout=CACHE_LIMIT,
            socket_connect_timeout=CACHE_LIMIT,
            retry=Retry(NoBackoff(), 0),
        )

    async def read(self, request: Request) -> Response:
        name = request.path_params["name"]
        text = None
        with suppress(redis.RedisError, OSError):
            if (known := await self.cache.get(name)) is not None:
                text = known.decode()
        if text is None:
            text = await self.query(lambda own: own.fetchval(READ, name))
            if text is None:
                return JSONResponse({"error": "there is no such note"}, 404)
            with suppress(redis.RedisError, OSError):
                await self.cache.set(name, text, ex=FRESH)
        return JSONResponse({"name": name, "text": text})

    async def write(self, request: Request) -> Response:
        name, text = request.path_params["name"], str((await request.json())["text"])
        await self.query(lambda own: own.execute(WRITE, name, text))
        with suppress(redis.RedisError, OSError):
            await self.cache.delete(name)
        return JSONResponse({"name": name, "text": text})

    async def query(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Do it, once more if it fails: all that is done here may be done twice."""
        for attempt in range(ATTEMPTS):
            try:
                connection = await asyncpg.connect(
                    self.database, timeout=DATABASE_LIMIT, command_timeout=DATABASE_LIMIT
                )
                try:
                    return await work(connection)
                finally:
                    connection.terminate()
            except FAILURES:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError


async def healthy(request: Request) -> Response:
    return Response("ok\n")


async def unavailable(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "try again later"}, 503, {"Retry-After": "1"})


def limited(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        async with asyncio.timeout(LIMIT):
            return await handler(request)

    return handle


def make_app(database: str, cache: str) -> Starlette:
    notes = Notes(database, cache)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await notes.query(lambda own: own.execute(TABLE))
        yield
        await notes.cache.aclose()

    return Starlette(
        routes=[
            Route("/healthy", healthy),
            Route("/notes/{name}", limited(notes.read), methods=["GET"]),
            Route("/notes/{name}", limited(notes.write), methods=["PUT"]),
        ],
        exception_handlers=dict.fromkeys(FAILURES, unavailable),
        lifespan=lifespan,
    )


def from_environment() -> Starlette:
    return make_app(os.environ["DATABASE"], os.environ["CACHE"])
