"""Places an order, and looks whether everything that belongs to it was done, and once.

usage: python check.py broken|fixed

The program finds its services where VAURIEN_ORDERS_HOST and the like say; what was done is read
from the services themselves, at ORDERS, CACHE and PAYMENTS.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import redis

TABLES = """
SELECT pg_advisory_xact_lock(4711);
CREATE TABLE IF NOT EXISTS items (name text PRIMARY KEY, cents int, stock int);
CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, customer text, cents int, state text);
"""


def address(name: str) -> tuple[str, int]:
    host, port = os.environ[name].rsplit(":", 1)
    return host, int(port)


def listed(path: str) -> list[object]:
    """What the services list there."""
    connection = http.client.HTTPConnection(*address("PAYMENTS"))
    connection.request("GET", path)
    found = json.loads(connection.getresponse().read())
    connection.close()
    return list(found)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent / sys.argv[1]))
    from checkout import Checkout

    customer, item = f"c-{uuid4()}", f"tea-{uuid4()}"
    host, port = address("ORDERS")
    with psycopg.connect(host=host, port=port, user="postgres", autocommit=True) as orders:
        orders.execute(TABLES)
        orders.execute("INSERT INTO items VALUES (%s, 350, 10)", [item])
        proxies = ("ORDERS", "CACHE", "PAYMENTS", "MAIL")
        shop = Checkout(*(address(f"VAURIEN_{name}_ADDRESS") for name in proxies))
        order = shop.place(customer, item)

        rows = orders.execute("SELECT id, state FROM orders WHERE customer = %s", [customer])
        assert [(str(key), state) for key, state in rows] == [(order, "paid")], "the order is lost"
        stock = orders.execute("SELECT stock FROM items WHERE name = %s", [item]).fetchone()
        assert stock == (9,), f"the stock is {stock}, not 9"
    charges = listed(f"/charges/{customer}")
    assert len(charges) == 1, f"charged {len(charges)} times"
    with redis.Redis(*address("CACHE")) as cache:
        assert cache.srem("to-ship", order) == 1, "not shipped"
    mails = listed(f"/mails/{customer}")
    same = {line for mail in mails for line in str(mail).split("\n") if line[:10] == "Message-ID"}
    assert len(same) == 1, f"{len(same)} mails"
    assert "Thank you." in str(mails[0]), "the receipt is not whole"


if __name__ == "__main__":
    main()
