"""The status codes of HTTP that are not successes: their phrases, and the texts of error pages.

The phrases are those of the IANA registry (RFC 9110 and the documents it lists), except for
306 and 418, which it reserves and people remember; the status codes under ``UNREGISTERED``
are in use without being registered.
"""

from __future__ import annotations

from typing import NamedTuple


class Status(NamedTuple):
    """The texts of a status code."""

    phrase: str
    text: str
    """What the page of the error says: it goes over the wire."""


REGISTERED: dict[int, Status] = {
    300: Status("Multiple Choices", "There are several versions of this."),
    301: Status("Moved Permanently", "This is somewhere else now."),
    302: Status("Found", "This is somewhere else for the time being."),
    303: Status("See Other", "The answer is to be had somewhere else, with a GET."),
    304: Status("Not Modified", "What you have is still good."),
    305: Status("Use Proxy", "This is to be had through a proxy only."),
    306: Status("Switch Proxy", "Not in use any more."),
    307: Status("Temporary Redirect", "Ask somewhere else this time, with the same method."),
    308: Status("Permanent Redirect", "Ask somewhere else from now on, with the same method."),
    400: Status("Bad Request", "The request makes no sense to the server."),
    401: Status("Unauthorized", "Say who you are."),
    402: Status("Payment Required", "This is to be paid for."),
    403: Status("Forbidden", "You may not do this."),
    404: Status("Not Found", "There is no such thing."),
    405: Status("Method Not Allowed", "This method can't be used here."),
    406: Status("Not Acceptable", "There is no version that you accept."),
    407: Status("Proxy Authentication Required", "Say to the proxy who you are."),
    408: Status("Request Timeout", "The request took too long to arrive."),
    409: Status("Conflict", "It collides with the state that this is in."),
    410: Status("Gone", "There is no such thing any more."),
    411: Status("Length Required", "A Content-Length is required."),
    412: Status("Precondition Failed", "A condition of the request does not hold."),
    413: Status("Content Too Large", "The request is larger than the server takes."),
    414: Status("URI Too Long", "The target of the request is longer than the server takes."),
    415: Status("Unsupported Media Type", "The server does not take content of this type."),
    416: Status("Range Not Satisfiable", "There is no such part of it."),
    417: Status("Expectation Failed", "What the Expect header asks for can't be done."),
    418: Status("I'm a teapot", "A joke that stayed: no coffee to be had here."),
    421: Status("Misdirected Request", "This server does not answer for that name."),
    422: Status("Unprocessable Content", "The content is well-formed, and makes no sense."),
    423: Status("Locked", "Somebody has locked it."),
    424: Status("Failed Dependency", "Something else has failed that this needs."),
    425: Status("Too Early", "The request may be a replay, since it came as early data."),
    426: Status("Upgrade Required", "The server wants another protocol for this."),
    428: Status("Precondition Required", "The request must be conditional."),
    429: Status("Too Many Requests", "You ask too often."),
    431: Status("Request Header Fields Too Large", "The head is larger than the server takes."),
    451: Status("Unavailable For Legal Reasons", "The law does not allow it."),
    500: Status("Internal Server Error", "Something went wrong inside the server."),
    501: Status("Not Implemented", "The server can't do this."),
    502: Status("Bad Gateway", "The server behind gave no valid answer."),
    503: Status("Service Unavailable", "The server can't answer at the moment."),
    504: Status("Gateway Timeout", "The server behind did not answer in time."),
    505: Status("HTTP Version Not Supported", "The server does not speak this version of HTTP."),
    506: Status("Variant Also Negotiates", "The server is not well configured."),
    507: Status("Insufficient Storage", "There is no room to store it."),
    508: Status("Loop Detected", "The server went round in circles."),
    510: Status("Not Extended", "The request needs an extension."),
    511: Status("Network Authentication Required", "The network wants a log-in first."),
}

UNREGISTERED: dict[int, Status] = {
    419: Status("Page Expired", "Laravel: the form's token is too old."),
    420: Status("Enhance Your Calm", "Once Twitter's: you ask too often."),
    440: Status("Login Time-out", "IIS: the session has expired."),
    499: Status("Client Closed Request", "Proxies: the client went away before the answer."),
    509: Status("Bandwidth Limit Exceeded", "Hosting sites: the month's traffic is used up."),
    520: Status("Web Server Returned an Unknown Error", "Cloudflare: the origin's answer is odd."),
    521: Status("Web Server Is Down", "Cloudflare: the origin refuses connections."),
    522: Status("Connection Timed Out", "Cloudflare: no connection to the origin in time."),
    523: Status("Origin Is Unreachable", "Cloudflare: there is no way to the origin."),
    524: Status("A Timeout Occurred", "Cloudflare: the origin took too long to answer."),
    525: Status("SSL Handshake Failed", "Cloudflare: no TLS handshake with the origin."),
    526: Status("Invalid SSL Certificate", "Cloudflare: the origin's certificate is not valid."),
    529: Status("Site is overloaded", "Some APIs: there is too much to do at the moment."),
    530: Status("Site is frozen", "Some hosting sites and CDNs: the site is switched off."),
    598: Status("Network Read Timeout Error", "Some proxies: a read from behind timed out."),
    599: Status("Network Connect Timeout Error", "Some proxies: a connection timed out."),
}

STATUSES = {**REGISTERED, **UNREGISTERED}
