"""What commands mean to who judges a client."""

from __future__ import annotations

from ...semantics import Semantics

IDEMPOTENT = (
    "COPY|DEL|FLUSHALL|FLUSHDB|MSET|MSETNX|PERSIST|P?EXPIRE|P?EXPIREAT|RENAME|RENAMENX|RESTORE|UNLINK",
    "P?SETEX|SET|SETBIT|SETNX|SETRANGE|BITOP|PFADD|PFMERGE",
    "HDEL|HMSET|HSET|HSETNX|LREM|LSET|SADD|SDIFFSTORE|SINTERSTORE|SMOVE|SREM|SUNIONSTORE",
    "XACK|XDEL|XTRIM|ZADD|ZDIFFSTORE|ZINTERSTORE|ZRANGESTORE|ZREM|ZUNIONSTORE|GEOADD|GEOSEARCHSTORE",
)
"""Commands that write, and write nothing more the second time."""
SEMANTICS = Semantics(
    opening=({"command": "~^(HELLO|AUTH|CLIENT|SELECT|READONLY)$"},),
    safe=(
        {"access": "~^(read|control)$"},
        {"command": "~^(ASKING|BGREWRITEAOF|BGSAVE|MEMORY|PING|PSYNC|SAVE|SYNC|WAIT)$"},
        {"command": "~^(MULTI|DISCARD|WATCH|UNWATCH|SUBSCRIBE|UNSUBSCRIBE|PSUBSCRIBE)$"},
    ),
    probe=({"command": "PING"},),
    idempotent=tuple({"command": f"~^({commands})$"} for commands in IDEMPOTENT),
    failed=({"error": "~."},),
    nothing=r"^(?:[$*]-1|_|\*0)\r\n",
    begin=({"command": "MULTI"},),
    commit=({"command": "EXEC"},),
    rollback=({"command": "DISCARD"},),
    transient=(
        "^(LOADING|BUSY|busy-function|OOM|MISCONF|max-clients|READONLY|NOREPLICAS|MASTERDOWN|"
        "NOMASTERLINK|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|slot-not-served|IOERR|EXECABORT)$"
    ),
    fatal=(
        "^(DENIED|NOAUTH|WRONGPASS|NOPERM|no-key-permission|NOPROTO|CROSSSLOT|WRONGTYPE|BUSYGROUP|"
        "NOGROUP|BUSYKEY|not-an-integer|unknown-command)$"
    ),
    error="error",
    forgettable=r"(?i)\r\n(?:P?SETEX|EX|PX|EXAT|PXAT)\r\n",
    telling=({"fault": "READONLY"}, {"fault": "OOM"}, {"fault": "NOPERM"}),
)
