"""The Authorization Cache on flash (part 2, C10 to C12): a bounded number of hashed tokens.

An entry is the store record `c:` + hash, whose value is: status, EVSEs, type of the group token (a byte
each), cacheExpiryDateTime, time of the last update (seconds since 2020, big endian; 0: none), group token.
"""

import board
from micropython import const

from . import clock, log

ENTRIES_MAX = const(24)
STORAGE_MAX = const(24 * 61)  # bytes of keys and values

STATUSES = const(
    (
        "Accepted",
        "Blocked",
        "ConcurrentTx",
        "Expired",
        "Invalid",
        "NoCredit",
        "NotAllowedTypeEVSE",
        "NotAtThisLocation",
        "NotAtThisTime",
        "Unknown",
    )
)
KINDS = const(
    ("Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization")
)

_PREFIX = const(b"c:")
_HASH = const(12)
_VALUE = const(11)  # without the group token
_GROUP_MAX = const(36)
_RECORD = const(17)  # time of the last update, hash, is it accepted
_LATEST = const(0x3FFFFFFF)  # 2054; the largest integer that needs no heap
_ENOSPC = const(28)

_LIFETIME = const("AuthCacheCtrlr.LifeTime")
_ACCEPTED = const(0)
_EXPIRED = const(3)


def read_info(info):
    """IdTokenInfoType -> (status number, EVSE mask, groupIdToken, cacheExpiryDateTime).

    The mask has bit `evse` of each that is allowed, 0 for all of them (C01.FR.19, C01.FR.20); the time
    is in seconds since 2020, None where there is none. Raises ValueError for what is no such thing.
    """
    try:
        status = STATUSES.index(info["status"])
        mask = 0
        for evse in info.get("evseId") or ():
            mask |= 1 << evse if 1 <= evse <= 6 else 0x80
        group = info.get("groupIdToken")
        if group is not None:
            KINDS.index(group["type"])
            if len(group["idToken"].encode()) > _GROUP_MAX:
                raise ValueError("group token too long")
            group = {"idToken": group["idToken"], "type": group["type"]} if group["idToken"] else None
        expiry = info.get("cacheExpiryDateTime")
        if expiry is not None:
            expiry = max(1, min(clock.parse(expiry)[0], _LATEST))
    except (KeyError, TypeError, AttributeError, IndexError):
        raise ValueError("not an IdTokenInfoType")
    return status, mask, group, expiry


def hash_of(kind, token):
    """What stands for a token in the store."""
    return board.sha1(board.unique_id() + kind.encode() + b":" + token.lower().encode())[:_HASH]


# feature AUTH_CACHE
class AuthCache:
    """The entries. In RAM is only what tells their order and, to the second, their age."""

    def __init__(self, model):
        self._model = model
        # a record an entry, the least recently used first
        self._table = bytearray(ENTRIES_MAX * _RECORD)
        self._view = memoryview(self._table)
        self._end = 0
        records = []
        for key in board.store_keys():
            if key[:2] == _PREFIX:
                value = board.store_get(key)
                if len(key) == 2 + _HASH and value and _VALUE <= len(value) <= _VALUE + _GROUP_MAX:
                    records.append(value[7:11] + key[2:] + value[:1])
                else:
                    log.error("cache: an entry is not readable")
                    self._delete(key)
        records.sort()
        for record in records:
            self._add(record)

    def get(self, kind, token):
        """(status, EVSE mask, groupIdToken) of a token, or None. One that is too old is removed
        (C10.FR.08, C10.FR.10, C10.FR.13); with the clock unknown none counts as accepted.
        """
        key = hash_of(kind, token)
        record = self._take(key)
        if not record:
            return None
        self._add(record)
        value = board.store_get(_PREFIX + key)
        try:
            status = value[0]
            expiry = int.from_bytes(value[3:7], "big")
            if not expiry:
                expiry = int.from_bytes(record[:4], "big") + self._model.integer(_LIFETIME)
            group = None
            if len(value) > _VALUE:
                group = {"idToken": value[_VALUE:].decode(), "type": KINDS[value[2]]}
            text = STATUSES[status]
        except (TypeError, IndexError, UnicodeError):
            log.error("cache: an entry is not readable")
            self.drop(key)
            return None
        if not clock.known:
            return STATUSES[_EXPIRED] if status == _ACCEPTED else text, value[1], group
        if clock.time()[0] > expiry:
            self.drop(key)
            return None
        return text, value[1], group

    def put(self, kind, token, read):
        """Add or replace an entry with what `read_info` gave (C10.FR.01, C10.FR.04, C10.FR.05, C12.FR.06).

        The time of the update alone goes to flash only when the stored one has become old by an eighth of
        the lifetime, which is what an entry can lose by a reboot.
        """
        status, mask, group, expiry = read
        key = hash_of(kind, token)
        self._take(key)
        # the CSMS's clock may be anywhere
        now = max(0, min(clock.time()[0], _LATEST))
        old = board.store_get(_PREFIX + key)
        if expiry is not None and expiry <= now:
            if old:
                self._delete(_PREFIX + key)
            return
        kind = KINDS.index(group["type"]) if group else 0
        value = bytes((status, mask, kind)) + (expiry or 0).to_bytes(4, "big")
        stamp = now.to_bytes(4, "big")
        text = group["idToken"].encode() if group else b""
        stored = False
        if old and old[:7] == value and old[_VALUE:] == text:
            age = now - int.from_bytes(old[7:11], "big")
            stored = expiry or age <= self._model.integer(_LIFETIME) // 8
        if self._end == ENTRIES_MAX * _RECORD:
            self._evict()
        while not stored:
            try:
                board.store_put(_PREFIX + key, value + stamp + text)
                stored = True
            except OSError as e:
                log.error("cache: an entry cannot be stored: %s", e)
                if e.args[0] != _ENOSPC or not self._end:
                    self._delete(_PREFIX + key)
                    return
                self._evict()
        self._add(stamp + key + value[:1])

    def clear(self):
        """Forget all entries (C11); False when the flash fails."""
        ok = True
        while self._end:
            self._end -= _RECORD
            ok = self._delete(self._key(self._end)) and ok
        return ok

    def storage(self):
        """Bytes in use (AuthCacheCtrlr.Storage)."""
        size = 0
        for at in range(0, self._end, _RECORD):
            size += 2 + _HASH + len(board.store_get(self._key(at)) or b"")
        return size

    # inside

    def _key(self, at):
        return _PREFIX + self._table[at + 4 : at + 4 + _HASH]

    def _add(self, record):
        """Put a record at the end of the table, in which no other one of that entry is."""
        if self._end == ENTRIES_MAX * _RECORD:
            self._evict()
        self._view[self._end : self._end + _RECORD] = record
        self._end += _RECORD

    def _take(self, key):
        """Take the record of an entry out of the table; None when there is none."""
        at = self._table.find(key, 4, self._end)
        while at >= 0:
            if (at - 4) % _RECORD == 0:
                at -= 4
                record = bytes(self._view[at : at + _RECORD])
                self._view[at : self._end - _RECORD] = self._view[at + _RECORD : self._end]
                self._end -= _RECORD
                return record
            at = self._table.find(key, at + 1, self._end)
        return None

    def drop(self, key):
        """Remove the entry of a hash, if there is one."""
        self._take(key)
        self._delete(_PREFIX + key)

    def _evict(self):
        """Remove the least recently used entry, those that are not accepted first (C10.FR.07)."""
        at = 0
        while at < self._end and self._table[at + _RECORD - 1] == _ACCEPTED:
            at += _RECORD
        self.drop(self._key(at if at < self._end else 0)[2:])

    def _delete(self, key):
        try:
            board.store_delete(key)
        except OSError as e:
            log.error("cache: an entry cannot be removed: %s", e)
            return False
        return True


# end
