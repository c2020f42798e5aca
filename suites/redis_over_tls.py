"""A pytest plugin with which the tests of redis-py have TLS in each connection they make.

They take the address from a URL, but not that it says ``rediss``.
"""

import redis.asyncio.connection
import redis.connection

# The types of names that are classes cannot be declared to be wider.
redis.connection.Connection = redis.connection.SSLConnection  # type: ignore[misc,assignment]
redis.asyncio.connection.Connection = redis.asyncio.connection.SSLConnection  # type: ignore[misc]
