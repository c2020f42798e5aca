"""Takes an order: reserves the item, charges the customer, has it shipped, and mails a receipt.

It works as long as whatever fails passes, and never does anything twice.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import TypeVar
from uuid import uuid4

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

T = TypeVar("T")
Address = tuple[str, int]
LIMIT = 0.7
"""Seconds that an answer may take."""
ATTEMPTS = 3
PATIENCE = 3
"""Seconds after which the database is not tried again."""
NO_HEADERS: Mapping[str, str] = {}
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""The answers of HTTP that are worth another attempt."""
REFUSALS = redis.exceptions.NoPermissionError, redis.exceptions.AuthenticationError
"""The errors of Redis that are the same next time."""
LONGEST_WAIT = 5
"""Seconds that the payment service may ask to wait."""


class Checkout:
    def __init__(self, orders: Address, cache: Address, payments: Address, mail: Address) -> None:
        self.orders, self.payments, self.mail = orders, payments, mail
        self.cache = redis.Redis(
            *cache,
            socket_timeout=LIMIT,
            socket_connect_timeout=LIMIT,
            retry=Retry(NoBackoff(), 0),
        )
        self.pool: list[psycopg.Connection] = []

    def place(self, customer: str, item: str) -> str:
        """Return the identifier of the order."""
        order = str(uuid4())
        cents = self.price(item)
        self.reserve(order, customer, item, cents)
        charge = self.charge(order, customer, cents)
        self.query("UPDATE orders SET state = 'paid' WHERE id = %s", order)
        receipt = self.receipt(charge)
        self.ship(order)
        self.send_mail(order, customer, receipt)
        return order

    # Redis: a cache, without which there is the database; and a set, without which nothing is
    # shipped.

    def price(self, item: str) -> int:
        with suppress(redis.RedisError):
            known = self.cache.get(f"price:{item}")
            if known is not None:
                return int(known)
        ((cents,),) = self.query("SELECT cents FROM items WHERE name = %s", item)
        with suppress(redis.RedisError):
            self.cache.set(f"price:{item}", cents, ex=60)
        return int(cents)

    def ship(self, order: str) -> None:
        for attempt in range(ATTEMPTS):
            try:
                self.cache.sadd("to-ship", order)
                return
            except redis.RedisError as error:
                if attempt == ATTEMPTS - 1 or isinstance(error, REFUSALS):
                    raise
            self.cache.connection_pool.disconnect()  # after READONLY, there is another master
            pause(attempt)

    # The database.

    def reserve(self, order: str, customer: str, item: str, cents: int) -> None:
        def work(connection: psycopg.Connection) -> None:
            if connection.execute("SELECT 1 FROM orders WHERE id = %s", [order]).fetchone():
                return  # it was committed, and the answer lost
            connection.execute(
                "INSERT INTO orders (id, customer, cents, state) VALUES (%s, %s, %s, 'new')",
                [order, customer, cents],
            )
            connection.execute("UPDATE items SET stock = stock - 1 WHERE name = %s", [item])

        self.transaction(work)

    def query(self, sql: str, *values: object) -> list[tuple]:
        def work(connection: psycopg.Connection) -> list[tuple]:
            cursor = connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

        return self.transaction(work)

    def transaction(self, work: Callable[[psycopg.Connection], T]) -> T:
        """Do all of it, again from its beginning if something fails that may pass."""
        end = time.monotonic() + PATIENCE
        for attempt in range(ATTEMPTS):
            try:
                with self.connection() as own, limited(own), own.transaction():
                    return work(own)
            except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
                if attempt == ATTEMPTS - 1 or time.monotonic() > end:
                    raise
            pause(attempt)
        raise AssertionError

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lend a connection, and keep it if nothing has happened to it."""
        connection = self.pool.pop() if self.pool else connect(self.orders)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self.pool.append(connection)

    # Payments.

    def charge(self, order: str, customer: str, cents: int) -> str:
        body = json.dumps({"account": customer, "order": order, "cents": cents})
        answer = self.ask("POST", "/charges", body, {"Idempotency-Key": order})
        return str(json.loads(answer)["id"])

    def receipt(self, charge: str) -> str:
        return self.ask("GET", f"/receipts/{charge}").decode()

    def ask(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] = NO_HEADERS
    ) -> bytes:
        for attempt in range(ATTEMPTS):
            wait = 0.0
            connection = http.client.HTTPConnection(*self.payments, timeout=LIMIT)
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                answer = response.read()  # which raises IncompleteRead ...
                if "Content-Length" not in response.headers:
                    raise http.client.IncompleteRead(answer)  # ... but not after half a head
                if response.status < 400:
                    return answer
                if response.status not in PASSING:
                    raise RuntimeError(f"the payment service refuses: {response.status}")
                wait = float(response.headers.get("Retry-After") or 0)
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            if attempt == ATTEMPTS - 1 or wait > LONGEST_WAIT:
                break
            pause(attempt, wait)
        raise RuntimeError("the payment service does not answer")

    # The mail.

    def send_mail(self, order: str, customer: str, receipt: str) -> None:
        mail = EmailMessage()
        mail["From"] = "shop@shop.example"
        mail["To"] = f"{customer}@mail.example"
        mail["Subject"] = f"Your order {order}"
        mail["Message-ID"] = f"<{order}@shop.example>"  # by which a second copy is known
        mail.set_content(receipt)
        for attempt in range(ATTEMPTS):
            try:
                client = smtplib.SMTP(*self.mail, "shop.example", timeout=LIMIT)
                try:
                    client.send_message(mail)
                    return  # whatever comes of QUIT
                finally:
                    with suppress(OSError, smtplib.SMTPException):
                        client.quit()
                    client.close()
            except smtplib.SMTPRecipientsRefused as error:
                if all(code >= 500 for code, _ in error.recipients.values()):
                    raise
            except smtplib.SMTPResponseException as error:
                if error.smtp_code >= 500:
                    raise
            except (OSError, smtplib.SMTPException):
                pass
            pause(attempt)
        raise RuntimeError("the mail cannot be sent")


def pause(attempt: int, least: float = 0.0) -> None:
    """Wait before the next attempt: longer each time, and not in step with others."""
    time.sleep(max(least, 0.05 * 2**attempt * random.uniform(1, 2)))


def connect(address: Address) -> psycopg.Connection:
    host, port = address
    return psycopg.connect(
        host=host, port=port, user="postgres", autocommit=True, connect_timeout=2
    )


@contextmanager
def limited(connection: psycopg.Connection) -> Iterator[None]:
    """Break a connection off if what is asked takes too long."""
    own = socket.socket(fileno=os.dup(connection.fileno()))
    timer = threading.Timer(LIMIT, own.shutdown, [socket.SHUT_RDWR])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        own.close()
