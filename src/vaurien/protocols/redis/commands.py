"""What a redis command does, and where its key is.

The tables are those of ``COMMAND`` of Redis 7.0, and the newer commands of Redis 7.4 and
8.0.  Scripts and functions, of which it does not know what they do, count as writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple


def names(text: str) -> frozenset[str]:
    """The words of a text."""
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
"""Writing, and refused where memory is short (flag ``denyoom``)."""

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
"""Neither, and answered even while data is being loaded (flag ``loading``)."""

OTHER = names("""
    ASKING BGREWRITEAOF BGSAVE CLUSTER FAILOVER FUNCTION MEMORY MODULE PFSELFTEST PING PSYNC
    REPLICAOF SAVE SCRIPT SLAVEOF SYNC WAIT
""")

CONTAINERS = names(
    """
    ACL CLIENT CLUSTER COMMAND CONFIG FUNCTION LATENCY MEMORY MODULE OBJECT PUBSUB SCRIPT
    SLOWLOG XGROUP XINFO
    """
)
"""Their second word says what is to be done."""

KEYLESS = names("DBSIZE FLUSHALL FLUSHDB KEYS LOLWUT RANDOMKEY SCAN SWAPDB")
KEYED = names("SPUBLISH SSUBSCRIBE SUNSUBSCRIBE WATCH")
"""Commands of which, unlike others of their access, the first argument is no key, or one."""

KEY_AT = {
    **dict.fromkeys(names("BITOP MEMORY OBJECT PFDEBUG XGROUP XINFO"), 2),
    "MIGRATE": 3,
}
"""Where the first key is; for all others it is the first argument."""

COUNTED_KEY_AT = {
    **dict.fromkeys(names("LMPOP SINTERCARD ZDIFF ZINTER ZINTERCARD ZMPOP ZUNION"), 2),
    **dict.fromkeys(names("BLMPOP BZMPOP EVAL EVALSHA EVALSHA_RO EVAL_RO FCALL FCALL_RO"), 3),
}
"""The same of commands that say right before how many keys there are, which may be none."""

KEY_AFTER = dict.fromkeys(["XREAD", "XREADGROUP"], b"STREAMS")
"""The same of commands whose keys follow a word."""

SUBSCRIBING = names("SUBSCRIBE PSUBSCRIBE SSUBSCRIBE")
UNSUBSCRIBING = names("UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE")
"""Answered by a confirmation for each channel; without channels, for each there is."""

MEMBERS = names("SPOP SRANDMEMBER ZRANDMEMBER")
COUNTING = MEMBERS | names("LPOP RPOP")
"""Answered by one value; by several, if a second argument says how many."""

SPECIAL = (
    SUBSCRIBING
    | UNSUBSCRIBING
    | names("CLIENT DISCARD EXEC HELLO MONITOR MULTI PSYNC REPLCONF RESET SYNC")
)
"""They change what the connection is about."""

COMMANDS_REMEMBERED = 1000
FAR = 16
"""How many arguments may come before a key that follows a word, and the key."""

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


class Command(NamedTuple):
    """What is known of a command before its arguments are."""

    name: str
    """In upper case."""
    labels: Mapping[str, str]
    """Those that all requests with it have."""
    key: int
    """Which argument is the first key, counted from 1; 0 for none."""
    counted: bool = False
    """The argument before the key says how many keys there are."""
    after: bytes = b""
    """The key follows this word, wherever that is."""
    container: bool = False
    """Its first argument is a word of its name."""
    looks: int = 1
    """How many arguments tell all that is to be known of it."""
    several: bool = False
    """A second argument says how many values it is answered by."""
    plain: bool = True
    """Its labels need its first argument at most, and nothing else of it is to be noted."""


@lru_cache(COMMANDS_REMEMBERED)
def command_in(word: bytes) -> Command:
    r"""The command of a name that its size comes before, as in ``3\r\nSET``."""
    return command_of(word[word.index(b"\n") + 1 :])


@lru_cache(COMMANDS_REMEMBERED)
def command_of(name: bytes) -> Command:
    """The command of this name, in upper or lower case; ``XGROUP|CREATE`` has both its words.

    Of a command that is not known, the first argument is taken for its key.
    """
    full = name.decode("latin-1").upper()
    first, _, second = full.partition("|")
    access = ACCESS.get(full) or ACCESS.get(first, "other")
    labels = {"command": first}
    if second:
        labels["subcommand"] = second
    labels["access"] = access
    labels["grows"] = "yes" if full in GROWING else "no"
    key = _key_of(first, access)
    counted = first in COUNTED_KEY_AT
    after = KEY_AFTER.get(first, b"")
    container = first in CONTAINERS
    plain = key < 2 and not (counted or after or container or first in SPECIAL)
    looks = FAR if after else max(key, 2 if container else 1)
    several = first in COUNTING
    return Command(first, labels, key, counted, after, container, looks, several, plain)


def _key_of(name: str, access: str) -> int:
    found = KEY_AT.get(name) or COUNTED_KEY_AT.get(name)
    if found is not None:
        return found
    if access in ("read", "write") or name not in ACCESS:
        return 0 if name in KEYLESS or name in CONTAINERS else 1
    return 1 if name in KEYED else 0
