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
    300: Status("Multiple Choices", "Several versions are available."),
    301: Status("Moved Permanently", "This resource has a new permanent address."),
    302: Status("Found", "This resource is temporarily at another address."),
    303: Status("See Other", "Get the result from another address."),
    304: Status("Not Modified", "Your copy is current."),
    305: Status("Use Proxy", "Use a proxy to reach this resource."),
    306: Status("Switch Proxy", "This status is no longer used."),
    307: Status("Temporary Redirect", "Repeat the request at another address this time."),
    308: Status("Permanent Redirect", "Repeat the request at the new permanent address."),
    400: Status("Bad Request", "The server cannot understand the request."),
    401: Status("Unauthorized", "Log in first."),
    402: Status("Payment Required", "Payment is required."),
    403: Status("Forbidden", "You are not allowed to do this."),
    404: Status("Not Found", "There is nothing at this address."),
    405: Status("Method Not Allowed", "This method is not allowed here."),
    406: Status("Not Acceptable", "No acceptable version is available."),
    407: Status("Proxy Authentication Required", "Log in to the proxy first."),
    408: Status("Request Timeout", "The request took too long to arrive."),
    409: Status("Conflict", "The request conflicts with the current state."),
    410: Status("Gone", "This resource is gone for good."),
    411: Status("Length Required", "A Content-Length is required."),
    412: Status("Precondition Failed", "A condition of the request is false."),
    413: Status("Content Too Large", "The request body is too large."),
    414: Status("URI Too Long", "The URI is too long."),
    415: Status("Unsupported Media Type", "This media type is not supported."),
    416: Status("Range Not Satisfiable", "The requested range is not available."),
    417: Status("Expectation Failed", "The server cannot meet the Expect header."),
    418: Status("I'm a teapot", "This teapot does not brew coffee."),
    421: Status("Misdirected Request", "This server is not responsible for that host."),
    422: Status("Unprocessable Content", "The content is well-formed but makes no sense."),
    423: Status("Locked", "The resource is locked."),
    424: Status("Failed Dependency", "A request that this one depends on has failed."),
    425: Status("Too Early", "The request came as early data and may be a replay."),
    426: Status("Upgrade Required", "Switch to another protocol first."),
    428: Status("Precondition Required", "The request must be conditional."),
    429: Status("Too Many Requests", "You have sent too many requests."),
    431: Status("Request Header Fields Too Large", "The request header is too large."),
    451: Status("Unavailable For Legal Reasons", "Legal reasons forbid access."),
    500: Status("Internal Server Error", "The server failed unexpectedly."),
    501: Status("Not Implemented", "The server does not support this."),
    502: Status("Bad Gateway", "The upstream server sent an invalid response."),
    503: Status("Service Unavailable", "The server is temporarily unavailable."),
    504: Status("Gateway Timeout", "The upstream server did not respond in time."),
    505: Status("HTTP Version Not Supported", "This version of HTTP is not supported."),
    506: Status("Variant Also Negotiates", "The server is misconfigured."),
    507: Status("Insufficient Storage", "The server is out of storage."),
    508: Status("Loop Detected", "The server detected an infinite loop."),
    510: Status("Not Extended", "The request lacks a required extension."),
    511: Status("Network Authentication Required", "Log in to the network first."),
}

UNREGISTERED: dict[int, Status] = {
    419: Status("Page Expired", "Laravel: the form has expired."),
    420: Status("Enhance Your Calm", "Twitter, formerly: too many requests."),
    440: Status("Login Time-out", "IIS: the session has expired."),
    499: Status("Client Closed Request", "Proxies: the client closed the connection early."),
    509: Status("Bandwidth Limit Exceeded", "Hosting sites: the traffic quota is used up."),
    520: Status(
        "Web Server Returned an Unknown Error",
        "Cloudflare: the origin sent an unexpected response.",
    ),
    521: Status("Web Server Is Down", "Cloudflare: the origin refuses connections."),
    522: Status("Connection Timed Out", "Cloudflare: connecting to the origin timed out."),
    523: Status("Origin Is Unreachable", "Cloudflare: the origin is unreachable."),
    524: Status("A Timeout Occurred", "Cloudflare: the origin took too long to respond."),
    525: Status("SSL Handshake Failed", "Cloudflare: the TLS handshake with the origin failed."),
    526: Status("Invalid SSL Certificate", "Cloudflare: the origin's certificate is invalid."),
    529: Status("Site is overloaded", "Some APIs: the service is overloaded."),
    530: Status("Site is frozen", "Some hosting sites and CDNs: the site is suspended."),
    598: Status("Network Read Timeout Error", "Some proxies: reading from upstream timed out."),
    599: Status("Network Connect Timeout Error", "Some proxies: connecting upstream timed out."),
}

STATUSES = {**REGISTERED, **UNREGISTERED}
