"""A worker that mails what is in its outbox, and tries again until it is sent or refused.

A mail may arrive twice, if the server's answer to it is lost, but never not at all: no one can know
more.  Both copies have the same Message-ID, so that whoever receives them can tell.
"""

from __future__ import annotations

import smtplib
import sqlite3
import sys
import time
from contextlib import suppress
from email.message import EmailMessage
from uuid import uuid4

LIMIT = 1.0
"""Seconds that the server may take for an answer."""
FIRST_PAUSE = 30.0
"""Seconds after which a mail is tried again; each time they are doubled."""
LONGEST_PAUSE = 3600.0
TABLE = """
CREATE TABLE IF NOT EXISTS mails (
    id TEXT PRIMARY KEY,
    recipient TEXT NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0
)
"""


class Outbox:
    """Mails that are waiting, sent or refused."""

    def __init__(self, path: str, host: str, port: int) -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute(TABLE)
        self.server = host, port

    def close(self) -> None:
        self.database.close()

    def add(self, recipient: str, text: str) -> str:
        """Have a mail sent; return its identifier."""
        number = str(uuid4())
        self.database.execute(
            "INSERT INTO mails (id, recipient, text) VALUES (?, ?, ?)", (number, recipient, text)
        )
        return number

    def state(self, number: str) -> str:
        found = self.database.execute("SELECT state FROM mails WHERE id = ?", (number,))
        return str(found.fetchone()[0])

    def work(self, now: float) -> None:
        """Try all mails that are due."""
        due = self.database.execute(
            "SELECT id, recipient, text, attempts FROM mails WHERE state = 'waiting' AND due <= ?",
            (now,),
        )
        for number, recipient, text, attempts in due.fetchall():
            state = self.send(number, recipient, text)
            pause = min(FIRST_PAUSE * 2**attempts, LONGEST_PAUSE)
            self.database.execute(
                "UPDATE mails SET state = ?, attempts = attempts + 1, due = ? WHERE id = ?",
                (state, now + pause, number),
            )

    def send(self, number: str, recipient: str, text: str) -> str:
        """Return the state that a mail is in after an attempt."""
        mail = EmailMessage()
        mail["From"] = "outbox@shop.example"
        mail["To"] = recipient
        mail["Subject"] = "News"
        mail["Message-ID"] = f"<{number}@shop.example>"
        mail.set_content(text)
        try:
            client = smtplib.SMTP(*self.server, "shop.example", timeout=LIMIT)
            try:
                client.send_message(mail)
            finally:
                with suppress(OSError, smtplib.SMTPException):  # what comes of QUIT is no matter
                    client.quit()
                client.close()
        except smtplib.SMTPRecipientsRefused as error:
            return after(*(code for code, _ in error.recipients.values()))
        except smtplib.SMTPResponseException as error:
            return after(error.smtp_code)
        except (OSError, smtplib.SMTPException):
            return "waiting"
        return "sent"


def after(*codes: int) -> str:
    """Return the state that a mail is in after answers other than success."""
    return "refused" if min(codes) >= 500 else "waiting"


def main() -> None:
    path, host, port = sys.argv[1:]
    outbox = Outbox(path, host, int(port))
    while True:
        outbox.work(time.time())
        time.sleep(1)


if __name__ == "__main__":
    main()
