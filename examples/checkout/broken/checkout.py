"""Takes an order: reserves the item, charges the customer, has it shipped, and mails a receipt.

It works as long as everything else does.  ``bugs.toml`` lists what is wrong with it.
"""

from __future__ import annotations

import http.client
import json
import os
import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import make_msgid
from uuid import uuid4

import psycopg
import redis
from psycopg import errors

Address = tuple[str, int]
LIMIT = 0.7
"""Seconds that an answer may take."""
ATTEMPTS = 3


class Checkout:
    def __init__(self, orders: Address, cache: Address, payments: Address, mail: Address) -> None:
        self.orders, self.payments, self.mail = orders, payments, mail
        self.cache = redis.Redis(*cache, socket_timeout=None)
        self.pool: list[psycopg.Connection] = []

    def place(self, customer: str, item: str) -> str:
        """Return the identifier of the order."""
        order = str(uuid4())
        cents = self.price(item)
        self.reserve(order, customer, item, cents)
        charge = self.charge(order, customer, cents)
        self.query("UPDATE orders SET state = 'paid' WHERE id = %s", order)
        receipt = self.receipt(charge)
        self.cache.sadd("to-ship", order)
        self.send_mail(order, customer, receipt)
        return order

    # The cache.

    def price(self, item: str) -> int:
        known = self.cache.get(f"price:{item}")
        if known is not None:
            return int(known)
        ((cents,),) = self.query("SELECT cents FROM items WHERE name = %s", item)
        self.cache.set(f"price:{item}", cents, ex=60)
        return int(cents)

    # The database.

    def reserve(self, order: str, customer: str, item: str, cents: int) -> None:
        with self.connection() as connection:
            self.execute(connection, "BEGIN")
            self.execute(
                connection,
                "INSERT INTO orders (id, customer, cents, state) VALUES (%s, %s, %s, 'new')",
                *(order, customer, cents),
            )
            self.execute(connection, "UPDATE items SET stock = stock - 1 WHERE name = %s", item)
            self.execute(connection, "COMMIT")

    def query(self, sql: str, *values: object) -> list[tuple]:
        for _ in range(ATTEMPTS - 1):
            try:
                with self.connection() as connection:
                    return self.execute(connection, sql, *values)
            except psycopg.OperationalError:
                pass
        with self.connection() as connection:
            return self.execute(connection, sql, *values)

    def execute(self, connection: psycopg.Connection, sql: str, *values: object) -> list[tuple]:
        with limited(connection):
            try:
                cursor = connection.execute(sql, values or None)
            except (errors.DeadlockDetected, errors.SerializationFailure):
                connection.rollback()
                cursor = connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        connection = self.pool.pop() if self.pool else connect(self.orders)
        try:
            yield connection
        finally:
            self.pool.append(connection)

    # Payments.

    def charge(self, order: str, customer: str, cents: int) -> str:
        body = json.dumps({"account": customer, "order": order, "cents": cents})
        return str(json.loads(self.ask("POST", "/charges", body))["id"])

    def receipt(self, charge: str) -> str:
        return self.ask("GET", f"/receipts/{charge}").decode()

    def ask(self, method: str, path: str, body: str | None = None) -> bytes:
        for _ in range(ATTEMPTS):
            connection = http.client.HTTPConnection(*self.payments, timeout=LIMIT)
            try:
                connection.request(method, path, body)
                response = connection.getresponse()
                answer = b""
                while chunk := response.read(4096):
                    answer += chunk
                if response.status < 400:
                    return answer
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
        raise RuntimeError("the payment service does not answer")

    # The mail.

    def send_mail(self, order: str, customer: str, receipt: str) -> None:
        for _ in range(ATTEMPTS):
            mail = EmailMessage()
            mail["From"] = "shop@shop.example"
            mail["To"] = f"{customer}@mail.example"
            mail["Subject"] = f"Your order {order}"
            mail["Message-ID"] = make_msgid(domain="shop.example")
            mail.set_content(receipt)
            try:
                with smtplib.SMTP(*self.mail, "shop.example", timeout=LIMIT) as client:
                    client.send_message(mail)
                return
            except (OSError, smtplib.SMTPException):
                pass
        raise RuntimeError("the mail cannot be sent")


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
