"""Dialogues of a client with a mail server: a reply to each command, in order, under any fault."""

from __future__ import annotations

import pytest

from scenario import Peer, World
from vaurien.protocols.smtp.parser import Smtp

MAIL = b"MAIL FROM:<a@x>\r\n"
DATA, CONTENT, NOOP, RSET = b"DATA\r\n", b"Subject: x\r\n\r\nhi\r\n.\r\n", b"NOOP\r\n", b"RSET\r\n"


def rcpt(*names: str) -> bytes:
    return b"".join(b"RCPT TO:<%b@x>\r\n" % name.encode() for name in names)


class Server:
    """A mail server; those whose names begin with ``no`` are recipients that it does not know."""

    def __init__(self, *, lmtp: bool = False, refuses: str = "") -> None:
        self.lmtp = lmtp
        self.refuses = refuses
        self.heard: list[str] = []
        self.delivered: list[int] = []
        """The number of recipients of each mail."""
        self._input = b""
        self._recipients: int | None = None  # of the mail under way
        self._content = False
        self._asked = 0  # lines of an authentication

    def __call__(self, peer: Peer, data: bytes) -> None:
        self._input += data
        while b"\n" in self._input:
            line, _, rest = self._input.partition(b"\n")
            words = line.decode().upper().split()
            if words[:1] == ["BDAT"] and len(rest) < int(words[1]):
                return
            self._input = rest
            if words[:1] == ["BDAT"]:
                self._input = rest[int(words[1]) :]
            peer.say(self._reply(line.strip(), words))

    def _reply(self, line: bytes, words: list[str]) -> bytes:
        if self._content:
            if line != b".":
                return b""
            self._content = False
            return self._deliver()
        if self._asked:
            self._asked -= 1
            return b"334 more\r\n" if self._asked else b"235 welcome\r\n"
        verb = words[0] if words else ""
        self.heard.append(verb)
        if verb and verb == self.refuses:
            return b"554 refused %b\r\n" % verb.encode()
        match verb:
            case "EHLO" | "LHLO" if (verb == "LHLO") is self.lmtp:
                self._recipients = None
                return b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
            case "MAIL" if self._recipients is None:
                self._recipients = 0
            case "RCPT" if self._recipients is not None:
                if ":<NO" in words[1]:
                    return b"550 unknown\r\n"
                self._recipients += 1
            case "MAIL" | "RCPT":
                return b"503 sequence\r\n"
            case "DATA" | "BDAT" if not self._recipients:
                return b"503 no recipients\r\n"
            case "DATA":
                self._content = True
                return b"354 go\r\n"
            case "BDAT":
                return self._deliver() if words[-1] == "LAST" else b"250 chunk\r\n"
            case "RSET":
                self._recipients = None
            case "AUTH":
                self._asked = 2 if words[1] == "LOGIN" else 0
                return b"334 more\r\n" if self._asked else b"235 welcome\r\n"
            case "NOOP" | "QUIT":
                pass
            case _:
                return b"500 unknown\r\n"
        return b"250 %b\r\n" % verb.lower().encode()

    def _deliver(self) -> bytes:
        count, self._recipients = self._recipients or 0, None
        self.delivered.append(count)
        return b"250 delivered\r\n" * (count if self.lmtp else 1)


def talk(
    server: Server, steps: list[bytes], *rules: str, seed: int | None = None, tls: str = "refuse"
) -> list[str]:
    """Return the codes that a client gets, which says what it has to say in these steps."""
    world = World(
        *rules, protocol=Smtp(tls=tls), on_data=server, seed=seed or 0, whole=seed is None
    )
    client = world.client()
    world.run(lambda: world.backends)
    world.backends[0].say(b"220 x\r\n")
    world.run(seconds=10)
    for step in steps:
        client.say(step)
        world.run(seconds=10)
    assert world.proxy.gave_up == 0
    _, *lines = bytes(client.heard).decode().splitlines()
    return [line[:3] for line in lines if line[3:4] == " "]


def in_all_ways(*steps: bytes) -> list[list[bytes]]:
    """All ways to say this: step by step, at once, two steps at a time, in halves."""
    whole = b"".join(steps)
    pairs = [b"".join(steps[place : place + 2]) for place in range(0, len(steps), 2)]
    return [list(steps), [whole], pairs, [whole[: len(whole) // 2], whole[len(whole) // 2 :]]]


def hello(lmtp: bool) -> bytes:
    return b"LHLO x\r\n" if lmtp else b"EHLO x\r\n"


@pytest.mark.parametrize("seed", [None, *range(5)])
@pytest.mark.parametrize("lmtp", [False, True])
@pytest.mark.parametrize("delay", [(), ("delay sleep=1",), ("delay sleep=1 before=false",)])
def test_content_is_refused_after_it_was_asked_for(
    lmtp: bool, seed: int | None, delay: tuple[str, ...]
) -> None:
    for steps in in_all_ways(hello(lmtp), MAIL, rcpt("b", "c"), DATA, CONTENT, NOOP, RSET):
        server = Server(lmtp=lmtp)
        rules = (*delay, "error fault=552 verb=DATA at=content", "error fault=451 verb=RSET")
        codes = talk(server, steps, *rules, seed=seed)
        results = ["552"] * (2 if lmtp else 1)
        assert codes == ["250", "250", "250", "250", "354", *results, "250", "451"]
        assert server.delivered == []


def test_a_client_that_may_not_send_its_content_is_told_once() -> None:
    server = Server(refuses="RSET")
    codes = talk(
        server,
        [b"EHLO x\r\n" + MAIL + rcpt("b") + DATA + CONTENT, NOOP],
        "error fault=552 verb=DATA at=content",
    )
    assert codes == ["250", "250", "250", "554", "250"]


@pytest.mark.parametrize("rules", [(), ("error fault=451 verb=NOOP",)])
@pytest.mark.parametrize("tls", ["refuse", "pass"])
def test_lines_that_the_server_takes_for_commands_are_answered_in_their_order(
    rules: tuple[str, ...], tls: str
) -> None:
    lines = ["500"] * CONTENT.count(b"\n")
    noop = "451" if rules else "250"
    for steps in in_all_ways(b"EHLO x\r\n", MAIL, DATA, CONTENT, NOOP, RSET):
        codes = talk(Server(), steps, *rules, tls=tls)
        assert codes == ["250", "250", "503", *lines, noop, "250"]
    for steps in in_all_ways(b"EHLO x\r\n", b"AUTH LOGIN\r\n", b"YQ==\r\n", b"YQ==\r\n", NOOP):
        codes = talk(Server(refuses="AUTH"), steps, tls=tls)
        assert codes == ["250", "554", "500", "500", "250"]


@pytest.mark.parametrize("delay", [(), ("delay sleep=1",)])
def test_lines_after_a_command_that_a_fault_refuses_are_answered(delay: tuple[str, ...]) -> None:
    rules = (*delay, "error fault=451 verb=DATA at=command", "error fault=535 verb=AUTH")
    for steps in in_all_ways(b"EHLO x\r\n", MAIL, rcpt("b"), DATA, CONTENT, RSET):
        server = Server()
        codes = talk(server, steps, *rules)
        assert codes == ["250"] * 3 + ["451", *["500"] * CONTENT.count(b"\n"), "250"]
        assert server.delivered == []
    for steps in in_all_ways(b"EHLO x\r\n", b"AUTH LOGIN\r\n", b"YQ==\r\n", b"YQ==\r\n"):
        assert talk(Server(), steps, *rules) == ["250", "535", "500", "500"]


def test_commands_that_are_pipelined_after_an_authentication_are_answered_in_order() -> None:
    said = [b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n" + MAIL + NOOP, NOOP]
    assert talk(Server(), said, "error fault=451 verb=NOOP") == ["250", "235", "250", "250", "451"]
    assert talk(Server(), said, "error fault=535 code=235") == ["250", "535", "250", "250", "250"]


@pytest.mark.parametrize("seed", [None, *range(5)])
@pytest.mark.parametrize("tls", ["refuse", "pass"])
@pytest.mark.parametrize("lmtp", [False, True])
def test_a_recipient_that_is_refused_by_its_reply_has_no_reply_to_the_content(
    lmtp: bool, tls: str, seed: int | None
) -> None:
    rules = ("error fault=550 verb=RCPT code=250 address=c@x", "error fault=451 verb=NOOP")
    names = ("b", "no", "c", "d")
    told = ["250", "550", "550", "250"]
    results = ["250"] * (2 if lmtp else 1)
    for steps in in_all_ways(hello(lmtp), MAIL, rcpt(*names), DATA, CONTENT, NOOP, RSET):
        codes = talk(Server(lmtp=lmtp), steps, *rules, seed=seed, tls=tls)
        assert codes == ["250", "250", *told, "354", *results, "451", "250"]
    chunks = (b"BDAT 2\r\nab", b"BDAT 2 LAST\r\ncd")
    for steps in in_all_ways(hello(lmtp), MAIL, rcpt(*names), *chunks, NOOP, RSET):
        codes = talk(Server(lmtp=lmtp), steps, *rules, seed=seed, tls=tls)
        assert codes == ["250", "250", *told, "250", *results, "451", "250"]


def test_a_refused_recipient_is_forgotten_with_its_mail() -> None:
    rule = "error fault=550 verb=RCPT code=250 address=c@x"
    first = hello(lmtp=True) + MAIL + rcpt("b", "c") + DATA + CONTENT
    second = MAIL + rcpt("d", "e") + DATA + CONTENT
    for steps in ([first, second], [first + second], [first[:-3], first[-3:] + second]):
        codes = talk(Server(lmtp=True), steps, rule)
        assert codes == [
            *("250", "250", "250", "550", "354", "250"),
            *("250", "250", "250", "354", "250", "250"),
        ]
    reset = MAIL + rcpt("c") + RSET + second
    assert talk(Server(lmtp=True), [hello(lmtp=True) + reset], rule) == [
        *("250", "250", "550", "250", "250", "250", "250", "354", "250", "250")
    ]


@pytest.mark.parametrize("lmtp", [False, True])
def test_a_mail_without_recipients_is_refused(lmtp: bool) -> None:
    rule = "error fault=550 verb=RCPT code=250"
    start = hello(lmtp) + MAIL + rcpt("b", "c")
    told = ["250", "250", "550", "550"]
    server = Server(lmtp=lmtp)
    assert talk(server, [start, DATA, NOOP], rule) == [*told, "503", "250"]
    assert "DATA" not in server.heard
    assert talk(Server(lmtp=lmtp), [start, b"BDAT 2 LAST\r\nab", NOOP], rule)[4:] == ["503", "250"]
    # the server has it already
    assert talk(Server(lmtp=lmtp), [start + DATA, CONTENT, NOOP], rule) == [
        *(*told, "354", "503", "250")
    ]


def test_a_rule_that_is_lifted_leaves_what_the_client_was_told() -> None:
    server = Server(lmtp=True)
    rule = "error fault=550 verb=RCPT code=250 address=c@x"
    world = World(rule, protocol=Smtp(tls="pass"), on_data=server, whole=True)
    client = world.client()
    world.run(lambda: world.backends)
    world.backends[0].say(b"220 x\r\n")
    client.say(hello(lmtp=True) + MAIL + rcpt("b", "c"))
    world.run(seconds=1)
    world.apply()
    client.say(DATA + CONTENT)
    world.run(seconds=1)
    assert bytes(client.heard).endswith(
        b"550 5.1.1 <c@x>: Recipient address rejected: User "
        b"unknown in local recipient table\r\n354 go\r\n250 delivered\r\n"
    )


def test_each_result_of_a_mail_may_fail() -> None:
    start = hello(lmtp=True) + MAIL + rcpt("b", "c", "d")
    rule = "error fault=452 verb=DATA code=250"
    codes = talk(Server(lmtp=True), [start + DATA + CONTENT, NOOP], rule)
    assert codes == ["250"] * 5 + ["354", "452", "452", "452", "250"]
    both = ("error fault=550 address=c@x code=250", rule)
    codes = talk(Server(lmtp=True), [start + DATA + CONTENT, NOOP], *both)
    assert codes == ["250", "250", "250", "550", "250", "354", "452", "452", "250"]
    refused = "error fault=552 verb=DATA at=content"
    codes = talk(Server(lmtp=True), [start + DATA, CONTENT, NOOP], both[0], refused)
    assert codes == ["250", "250", "250", "550", "250", "354", "552", "552", "250"]


@pytest.mark.parametrize("tls", ["refuse", "pass"])
def test_recipients_over_lmtp_are_sent_once(tls: str) -> None:
    for steps in in_all_ways(hello(lmtp=True), MAIL, rcpt("b", "c"), DATA, CONTENT, NOOP):
        server = Server(lmtp=True)
        codes = talk(server, steps, "duplicate-request verb=RCPT", tls=tls)
        assert codes == ["250"] * 4 + ["354", "250", "250", "250"]
        assert server.heard.count("RCPT") == 2


def test_recipients_are_sent_twice_where_the_server_refuses_lmtp() -> None:
    server = Server()
    steps = [hello(lmtp=True), hello(lmtp=False) + MAIL + rcpt("b", "c"), DATA + CONTENT, NOOP]
    codes = talk(server, steps, "duplicate-request verb=RCPT")
    assert codes == ["500", "250", "250", "250", "250", "354", "250", "250"]
    assert server.heard.count("RCPT") == 4


def test_an_authentication_within_a_mail_has_one_reply() -> None:
    start = hello(lmtp=True) + MAIL + rcpt("b", "c", "d")
    rules = ("error fault=550 code=250 address=d@x", "error fault=451 verb=NOOP")
    steps = [start, b"AUTH LOGIN\r\nYQ==\r\nYQ==\r\n", NOOP, DATA, CONTENT]
    codes = talk(Server(lmtp=True), steps, *rules)
    assert codes[:5] == ["250", "250", "250", "250", "550"]
    assert codes[5:] == ["334", "334", "235", "451", "354", "250", "250"]


def test_replies_in_pieces_are_replaced_as_a_whole() -> None:
    start = hello(lmtp=False) + MAIL + rcpt("b") + DATA + CONTENT
    for fault in ("552 verb=DATA at=content", "552 verb=DATA code=250"):
        rules = ("slicer size=1 delay=0.01", f"error fault={fault}", "duplicate-request verb=RCPT")
        codes = talk(Server(), [start, NOOP], *rules)
        assert codes == ["250", "250", "250", "354", "552", "250"]
    rules = ("slicer size=1", "error fault=550 code=250 address=c@x", "duplicate-request verb=RCPT")
    assert talk(Server(), [MAIL + rcpt("c", "b"), NOOP], *rules) == ["250", "550", "250", "250"]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("lmtp", [False, True])
def test_a_mail_has_a_recipient_that_the_server_has_yet_to_answer(lmtp: bool, seed: int) -> None:
    rules = ("error fault=550 code=250 address=c@x", "error fault=550 verb=RCPT address=d@x")
    start = hello(lmtp) + MAIL + rcpt("c")
    steps = [start, rcpt("b", *"d" * 40) + DATA + CONTENT, NOOP]
    codes = talk(Server(lmtp=lmtp), steps, *rules, seed=seed)
    assert codes == ["250", "250", "550", "250", *["550"] * 40, "354", "250", "250"]
