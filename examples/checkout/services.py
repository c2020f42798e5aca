"""The payment service and the mail server of the example, in one process.

usage: python services.py PAYMENTS_PORT MAIL_PORT
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

CHARGES: dict[str, dict[str, object]] = {}
"""What was charged, by identifiers."""
MAILS: list[str] = []
TERMS = "".join(f"{number}. We are sorry for this condition.\n" for number in range(1, 21))


class Payments(BaseHTTPRequestHandler):
    """Charges accounts, and knows a request that is repeated by its Idempotency-Key.

    ``GET /charges/ACCOUNT`` and ``GET /mails/ADDRESS`` are for whoever checks what was done.
    """

    protocol_version = "HTTP/1.1"
    lock: ClassVar = threading.Lock()
    keys: ClassVar[dict[str, dict[str, object]]] = {}

    def do_POST(self) -> None:
        charge = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        with self.lock:
            known = self.keys.get(key) if key else None
            if known is None:
                known = charge | {"id": f"ch_{len(CHARGES) + 1}"}
                CHARGES[str(known["id"])] = known
                if key:
                    self.keys[key] = known
        self.answer(201, json.dumps(known))

    def do_GET(self) -> None:
        kind, name = self.path.strip("/").split("/")
        if kind == "receipts" and name in CHARGES:
            self.answer(200, TERMS + f"\nPaid: {CHARGES[name]['cents']} cents.\nThank you.\n")
        elif kind == "charges":
            self.answer(200, json.dumps([c for c in CHARGES.values() if c["account"] == name]))
        elif kind == "mails":
            self.answer(200, json.dumps([m for m in MAILS if f"\nTo: {name}" in m]))
        else:
            self.answer(404, "there is no such thing")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words: object) -> None:
        """Be quiet."""


class Mail(socketserver.StreamRequestHandler):
    """Takes mail for anybody."""

    def handle(self) -> None:
        self.say("220 mail.example ready")
        for line in self.rfile:
            verb = line.strip().upper()[:4]
            if verb == b"DATA":
                self.say("354 go ahead")
                content = "\n".join(self.content())
                if not content.endswith("\n."):
                    return  # the client has gone in the middle
                MAILS.append(content)
                self.say("250 taken")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def content(self) -> Iterator[str]:
        for line in self.rfile:
            yield line.decode().rstrip("\r\n")
            if line == b".\r\n":
                return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *words: object) -> None:
        """A client that goes away is no error."""


def main() -> None:
    payments, mail = map(int, sys.argv[1:])
    taking = MailServer(("127.0.0.1", mail), Mail)
    threading.Thread(target=taking.serve_forever, daemon=True).start()
    ThreadingHTTPServer.handle_error = MailServer.handle_error  # type: ignore[method-assign]
    ThreadingHTTPServer(("127.0.0.1", payments), Payments).serve_forever()


if __name__ == "__main__":
    main()
