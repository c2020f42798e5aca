"""The commands of Redis: what each does, and where its key is.

The tables follow ``COMMAND`` of Redis 7.0, with the newer commands of Redis 7.4 and 8.0.
Scripts and functions may do anything, so they count as writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from ...rules.kinds import ANY, Kind, Texts, texts


def names(text: str) -> frozenset[str]:
    """The set of words in a text."""
    return frozenset(text.split())


GROWING = names("""
    APPEND BITFIELD BITOP BLMOVE BRPOPLPUSH COPY DECR DECRBY FUNCTION|LOAD FUNCTION|RESTORE
    GEOADD GEORADIUS GEORADIUSBYMEMBER GEOSEARCHSTORE GETSET HEXPIRE HEXPIREAT HGETEX HINCRBY
    HINCRBYFLOAT HMSET HPEXPIRE HPEXPIREAT HSET HSETEX HSETNX INCR INCRBY INCRBYFLOAT LINSERT
    LMOVE LPUSH LPUSHX LSET MSET MSETNX PFADD PFDEBUG PFMERGE PSETEX RESTORE RESTORE-ASKING
    RPOPLPUSH RPUSH RPUSHX SADD SDIFFSTORE SET SETBIT SETEX SETNX SETRANGE SINTERSTORE SORT
    SUNIONSTORE XADD XGROUP|CREATE XGROUP|CREATECONSUMER XSETID ZADD ZDIFFSTORE ZINCRBY
    ZINTERSTORE ZRANGESTORE ZUNIONSTORE
""")
"""Writes that are refused when memory is short (flag ``denyoom``)."""

WRITING = names("""
    BLMPOP BLPOP BRPOP BZMPOP BZPOPMAX BZPOPMIN DEL EXPIRE EXPIREAT FLUSHALL FLUSHDB
    FUNCTION|DELETE FUNCTION|FLUSH GETDEL GETEX HDEL HGETDEL HPERSIST LMPOP LPOP LREM LTRIM
    MIGRATE MOVE PERSIST PEXPIRE PEXPIREAT RENAME RENAMENX RPOP SMOVE SPOP SREM SWAPDB UNLINK
    XACK XAUTOCLAIM XCLAIM XDEL XGROUP XGROUP|DELCONSUMER XGROUP|DESTROY XGROUP|SETID
    XREADGROUP XTRIM ZMPOP ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK
    ZREMRANGEBYSCORE EVAL EVALSHA FCALL
""")

READING = names("""
    BITCOUNT BITFIELD_RO BITPOS DBSIZE DUMP EVALSHA_RO EVAL_RO EXISTS EXPIRETIME FCALL_RO
    GEODIST GEOHASH GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE
    HEXISTS HEXPIRETIME HGET HGETALL HKEYS HLEN HMGET HPEXPIRETIME HPTTL HRANDFIELD HSCAN
    HSTRLEN HTTL HVALS KEYS LCS LINDEX LLEN LOLWUT LPOS LRANGE MEMORY|USAGE MGET OBJECT
    OBJECT|ENCODING OBJECT|FREQ OBJECT|IDLETIME OBJECT|REFCOUNT PEXPIRETIME PFCOUNT PTTL
    RANDOMKEY SCAN SCARD SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS SMISMEMBER SORT_RO
    SRANDMEMBER SSCAN STRLEN SUBSTR SUNION TOUCH TTL TYPE XINFO XINFO|CONSUMERS XINFO|GROUPS
    XINFO|STREAM XLEN XPENDING XRANGE XREAD XREVRANGE ZCARD ZCOUNT ZDIFF ZINTER ZINTERCARD
    ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE
    ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION
""")

CONTROL = names("""
    ACL AUTH CLIENT COMMAND CONFIG DEBUG DISCARD ECHO EXEC HELLO INFO LASTSAVE LATENCY MONITOR
    MULTI PSUBSCRIBE PUBLISH PUBSUB PUNSUBSCRIBE QUIT READONLY READWRITE REPLCONF RESET ROLE
    SELECT SHUTDOWN SLOWLOG SPUBLISH SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE TIME UNSUBSCRIBE UNWATCH
    WATCH
""")
"""Neither reads nor writes; answered even while data is being loaded (flag ``loading``)."""

OTHER = names("""
    ASKING BGREWRITEAOF BGSAVE CLUSTER FAILOVER FUNCTION MEMORY MODULE PFSELFTEST PING PSYNC
    REPLICAOF SAVE SCRIPT SLAVEOF SYNC WAIT
""")

CONTAINERS = names("""
    ACL CLIENT CLUSTER COMMAND CONFIG FUNCTION LATENCY MEMORY MODULE OBJECT PUBSUB SCRIPT
    SLOWLOG XGROUP XINFO
""")
"""Commands with subcommands."""

KEYLESS = names("DBSIZE FLUSHALL FLUSHDB KEYS LOLWUT RANDOMKEY SCAN SWAPDB")
KEYED = names("SPUBLISH SSUBSCRIBE SUNSUBSCRIBE WATCH")
"""Exceptions: otherwise the first argument of reads and writes, and of no others, is a key."""

KEY_AT = {
    **dict.fromkeys(names("BITOP MEMORY OBJECT PFDEBUG XGROUP XINFO"), 2),
    "MIGRATE": 3,
}
"""Position of the first key; the first argument for all others."""

COUNTED_KEY_AT = {
    **dict.fromkeys(names("LMPOP SINTERCARD ZDIFF ZINTER ZINTERCARD ZMPOP ZUNION"), 2),
    **dict.fromkeys(names("BLMPOP BZMPOP EVAL EVALSHA EVALSHA_RO EVAL_RO FCALL FCALL_RO"), 3),
}
"""The same for commands in which the number of keys, which may be 0, precedes them."""

KEY_AFTER = dict.fromkeys(["XREAD", "XREADGROUP"], b"STREAMS")
"""Commands whose keys follow a keyword."""

SUBSCRIBING = names("SUBSCRIBE PSUBSCRIBE SSUBSCRIBE")
UNSUBSCRIBING = names("UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE")
SUBSCRIPTIONS = SUBSCRIBING | UNSUBSCRIBING
"""Answered by one confirmation per channel; UNSUBSCRIBE without channels, by one for each."""

MEMBERS = names("SPOP SRANDMEMBER ZRANDMEMBER")
COUNTING = MEMBERS | names("LPOP RPOP")
"""Answered by one value; by several if a second argument gives a count."""

SPECIAL = SUBSCRIPTIONS | names("CLIENT DISCARD EXEC HELLO MONITOR MULTI PSYNC REPLCONF RESET SYNC")
"""Commands that change the state of the connection."""

CACHE_SIZE = 1000
KEYWORD_REACH = 16
"""Arguments to search for a keyword and the key that follows it."""

ACCESS: Mapping[str, str] = {
    name: access
    for access, group in (
        ("write", GROWING | WRITING),
        ("read", READING),
        ("control", CONTROL),
        ("other", OTHER),
    )
    for name in group
}


class RedisCommand(NamedTuple):
    """A command, and what follows from its name."""

    name: str
    """In upper case."""
    labels: Mapping[str, str]
    """The labels that all requests with it have."""
    key: int
    """Position of the first key among the arguments, from 1; 0 for none."""
    has_count: bool = False
    """The argument before the key is the number of keys."""
    keyword: bytes = b""
    """The key follows this word, wherever that is."""
    container: bool = False
    """Its first argument is a subcommand."""
    arguments_needed: int = 1
    """How many arguments to look at."""
    takes_count: bool = False
    """A second argument makes its reply an array."""
    plain: bool = True
    """Its labels need its first argument at most, and nothing is to be remembered of it."""

    def key_in(self, arguments: list[bytes]) -> bytes | None:
        """The first key, whole, if it is among these arguments."""
        if self.keyword:
            words = [argument.upper() for argument in arguments]
            place = words.index(self.keyword) + 1 if self.keyword in words else len(words)
        elif not self.key or (self.has_count and arguments[self.key - 2 : self.key - 1] == [b"0"]):
            return None
        else:
            place = self.key - 1
        return arguments[place] if place < len(arguments) else None


@lru_cache(CACHE_SIZE)
def command_in(word: bytes) -> RedisCommand:
    r"""The command in a word that is preceded by its size, as in ``3\r\nSET``."""
    return command_of(word[word.index(b"\n") + 1 :])


@lru_cache(CACHE_SIZE)
def plain_name(word: bytes) -> str:
    """The name of the command in such a word; "" if more than its first argument matters."""
    command = command_in(word)
    return command.name if command.plain and not command.takes_count else ""


@lru_cache(CACHE_SIZE)
def command_of(name: bytes) -> RedisCommand:
    """The command of this name, in upper or lower case, or ``XGROUP|CREATE`` with a subcommand.

    The first argument of an unknown command is taken for its key.
    """
    full = name.decode("latin-1").upper()
    first, _, second = full.partition("|")
    access = ACCESS.get(full) or ACCESS.get(first, "other")
    labels = {"command": first}
    if second:
        labels["subcommand"] = second
    labels["access"] = access
    labels["grows"] = "yes" if full in GROWING else "no"
    key = _position_of_key(first, access)
    has_count = first in COUNTED_KEY_AT
    keyword = KEY_AFTER.get(first, b"")
    container = first in CONTAINERS
    plain = key < 2 and not (has_count or keyword or container or first in SPECIAL)
    needed = KEYWORD_REACH if keyword else max(key, 2 if container else 1)
    takes_count = first in COUNTING
    return RedisCommand(
        first, labels, key, has_count, keyword, container, needed, takes_count, plain
    )


def _position_of_key(name: str, access: str) -> int:
    found = KEY_AT.get(name) or COUNTED_KEY_AT.get(name)
    if found is not None:
        return found
    if access in ("read", "write") or name not in ACCESS:
        return 0 if name in KEYLESS or name in CONTAINERS else 1
    return 1 if name in KEYED else 0


def _kinds() -> Iterator[Kind]:
    """Yield the kinds of exchanges: what each command is labelled with."""
    key = {"key": ANY}
    error = {"error": texts((), r"\S+", r"\s", "the first word of an error, such as MOVED")}
    yes_or_no = texts("yes no")
    yield {  # what it is depends on its transaction
        "command": texts("EXEC"),
        "access": texts(set(ACCESS.values())),
        "grows": yes_or_no,
        **key,
        **error,
    }
    for name in ACCESS:
        command = command_of(name.encode())
        kind = {label: texts([text]) for label, text in command.labels.items()}
        kind |= {**key, **error} if command.key or command.keyword else error
        yield kind
        if command.container and "subcommand" not in kind:
            yield {**kind, "subcommand": SUBCOMMANDS}
    unknown = rf"(?!(?:{'|'.join(map(re.escape, ACCESS))})\Z)[^a-z\s,|]+"
    yield {
        "command": Texts(
            pattern=unknown,
            never=r"[a-z\s,|]",
            allowed="a command in upper case",
            meant=_command_meant,
        ),
        "access": texts("other"),
        "grows": texts("no"),
        **key,
        **error,
    }


SUBCOMMANDS = texts((), r"[^a-z\s]+", r"[a-z\s]", "a word in upper case")


def _command_meant(text: str) -> str:
    """Return a command and its subcommand as two matches."""
    words = text.upper().split()
    is_pair = len(words) == 2 and words[0] in CONTAINERS
    return f"{words[0]} with subcommand={words[1]}" if is_pair else ""


KINDS = tuple(_kinds())
