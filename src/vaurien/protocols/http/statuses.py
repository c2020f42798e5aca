"""The statuses of HTTP that are no success: their phrases, and what they tell.

The phrases are those of the IANA registry (RFC 9110 and the documents it lists), but for
306 and 418, which it reserves and people remember; the statuses under ``UNREGISTERED`` are
in use without being in it.
"""

from __future__ import annotations

from typing import NamedTuple


class Told(NamedTuple):
    """What a status tells."""

    phrase: str
    meaning: str


REGISTERED: dict[int, Told] = {
    300: Told("Multiple Choices", "There are several versions of this."),
    301: Told("Moved Permanently", "This is somewhere else now."),
    302: Told("Found", "This is somewhere else for the time being."),
    303: Told("See Other", "The answer is to be had somewhere else, with a GET."),
    304: Told("Not Modified", "What you have is still good."),
    305: Told("Use Proxy", "This is to be had through a proxy only."),
    306: Told("Switch Proxy", "Not in use any more."),
    307: Told("Temporary Redirect", "Ask somewhere else this time, with the same method."),
    308: Told("Permanent Redirect", "Ask somewhere else from now on, with the same method."),
    400: Told("Bad Request", "The request makes no sense to the server."),
    401: Told("Unauthorized", "Say who you are."),
    402: Told("Payment Required", "This is to be paid for."),
    403: Told("Forbidden", "You may not do this."),
    404: Told("Not Found", "There is no such thing."),
    405: Told("Method Not Allowed", "This method can't be used here."),
    406: Told("Not Acceptable", "There is no version that you accept."),
    407: Told("Proxy Authentication Required", "Say to the proxy who you are."),
    408: Told("Request Timeout", "The request took too long to arrive."),
    409: Told("Conflict", "It collides with the state that this is in."),
    410: Told("Gone", "There is no such thing any more."),
    411: Told("Length Required", "A Content-Length is required."),
    412: Told("Precondition Failed", "A condition of the request does not hold."),
    413: Told("Content Too Large", "The request is larger than the server takes."),
    414: Told("URI Too Long", "The target of the request is longer than the server takes."),
    415: Told("Unsupported Media Type", "The server does not take content of this type."),
    416: Told("Range Not Satisfiable", "There is no such part of it."),
    417: Told("Expectation Failed", "What the Expect header asks for can't be done."),
    418: Told("I'm a teapot", "A joke that stayed: no coffee to be had here."),
    421: Told("Misdirected Request", "This server does not answer for that name."),
    422: Told("Unprocessable Content", "The content is well-formed, and makes no sense."),
    423: Told("Locked", "Somebody has locked it."),
    424: Told("Failed Dependency", "Something else has failed that this needs."),
    425: Told("Too Early", "The request may be a replay, since it came as early data."),
    426: Told("Upgrade Required", "The server wants another protocol for this."),
    428: Told("Precondition Required", "The request must be conditional."),
    429: Told("Too Many Requests", "You ask too often."),
    431: Told("Request Header Fields Too Large", "The head is larger than the server takes."),
    451: Told("Unavailable For Legal Reasons", "The law does not allow it."),
    500: Told("Internal Server Error", "Something went wrong inside the server."),
    501: Told("Not Implemented", "The server can't do this."),
    502: Told("Bad Gateway", "The server behind gave no valid answer."),
    503: Told("Service Unavailable", "The server can't answer at the moment."),
    504: Told("Gateway Timeout", "The server behind did not answer in time."),
    505: Told("HTTP Version Not Supported", "The server does not speak this version of HTTP."),
    506: Told("Variant Also Negotiates", "The server is not well configured."),
    507: Told("Insufficient Storage", "There is no room to store it."),
    508: Told("Loop Detected", "The server went round in circles."),
    510: Told("Not Extended", "The request needs an extension."),
    511: Told("Network Authentication Required", "The network wants a log-in first."),
}

UNREGISTERED: dict[int, Told] = {
    419: Told("Page Expired", "Laravel: the form's token is too old."),
    420: Told("Enhance Your Calm", "Once Twitter's: you ask too often."),
    440: Told("Login Time-out", "IIS: the session has expired."),
    499: Told("Client Closed Request", "Proxies: the client went away before the answer."),
    509: Told("Bandwidth Limit Exceeded", "Hosting sites: the month's traffic is used up."),
    520: Told("Web Server Returned an Unknown Error", "Cloudflare: the origin's answer is odd."),
    521: Told("Web Server Is Down", "Cloudflare: the origin refuses connections."),
    522: Told("Connection Timed Out", "Cloudflare: no connection to the origin in time."),
    523: Told("Origin Is Unreachable", "Cloudflare: there is no way to the origin."),
    524: Told("A Timeout Occurred", "Cloudflare: the origin took too long to answer."),
    525: Told("SSL Handshake Failed", "Cloudflare: no TLS handshake with the origin."),
    526: Told("Invalid SSL Certificate", "Cloudflare: the origin's certificate is not valid."),
    529: Told("Site is overloaded", "Some APIs: there is too much to do at the moment."),
    530: Told("Site is frozen", "Some hosting sites and CDNs: the site is switched off."),
    598: Told("Network Read Timeout Error", "Some proxies: a read from behind timed out."),
    599: Told("Network Connect Timeout Error", "Some proxies: a connection timed out."),
}

STATUSES = {**REGISTERED, **UNREGISTERED}
