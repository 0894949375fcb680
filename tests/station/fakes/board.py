"""The `board` module without a board: for CPython, and for MicroPython on a workstation."""

import hashlib

NAME = "fake"
VERSION = "0.0.0"
MODEM, EVSE = 0, 1
POWER_ON, PIN, SOFTWARE, WATCHDOG, LOCKUP, BROWNOUT = range(6)

store = {}
journal = {}
cause = POWER_ON
fed = 0
enabled = False
fault_record = None
full = False
journal_size = 131072 - 16
JOURNAL_ITEM_MAX = 4095
_item = None
tidied = 0
log = []  # (number, security, time, text)
log_full = False
_log_offset = None
_log_before = 0
_log_found = None
slot = 0  # sequence number of the image that runs
slot_next = None  # of the one that the boot stage is to try
on_trial = False
_slot = bytearray()
_slot_units = 3
on_enable = None
was_reset = False
_time_ns = None
_seed = 1
_boot_ns = 0
_ms = 0


class Reset(BaseException):
    """The firmware has reset the board."""


def start(reset_cause, time_ns, seed=1):
    """A reset: `time_ns()` is what the clock shows."""
    global cause, _time_ns, _boot_ns, _seed, fed, enabled, was_reset, _log_offset, _log_before
    global slot, slot_next, on_trial
    _log_offset = None
    _log_before = log[-1][0] if log else 0
    if slot_next is not None:
        slot, slot_next, on_trial = slot_next, None, True
    cause = reset_cause
    was_reset = False
    _time_ns = time_ns
    _boot_ns = time_ns()
    _seed = seed
    fed = 0
    enabled = False


def uptime():
    global _ms
    ms = (_time_ns() - _boot_ns) // 1000000
    _ms = ms % 1000
    return ms // 1000


def uptime_ms():
    return _ms


def reset():
    global was_reset
    was_reset = True
    raise Reset


def reset_cause():
    return cause


def fault():
    global fault_record
    record = fault_record
    fault_record = None
    return record


def unique_id():
    return b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"


def random(n):
    """Pseudo-random bytes (xorshift), the same at every run."""
    global _seed
    out = bytearray(n)
    for i in range(n):
        _seed ^= (_seed << 7) & 0xFFFF
        _seed ^= _seed >> 9
        _seed ^= (_seed << 8) & 0xFFFF
        out[i] = _seed & 255
    return bytes(out)


def watchdog(ms):
    pass


def feed():
    global fed
    fed += 1


def modem_enable(on):
    global enabled
    enabled = on
    if on_enable:
        on_enable(on)


def store_get(key):
    return store.get(bytes(key))


def store_put(key, value):
    if full:
        raise OSError(28)
    store[bytes(key)] = bytes(value)


def store_delete(key):
    store.pop(bytes(key), None)


def store_keys():
    return list(store)


def _journal_room(size):
    """As the port: an item takes 12 bytes besides its data, which is padded to words."""
    taken = sum(12 + (len(item) + 3) // 4 * 4 for item in journal.values())
    if taken + 12 + (size + 3) // 4 * 4 > journal_size:
        raise OSError(28)


def journal_put(number, data):
    _journal_room(len(data))
    journal[number] = bytes(data)


def journal_begin(number):
    global _item
    _journal_room(JOURNAL_ITEM_MAX)
    _item = (number, bytearray())


def journal_append(data):
    if _item is None or len(_item[1]) + len(data) > JOURNAL_ITEM_MAX:
        raise OSError(22)
    _item[1].extend(data)


def journal_end():
    global _item
    if _item is None:
        raise OSError(22)
    journal[_item[0]] = bytes(_item[1])
    _item = None


def journal_read(number, offset, buffer):
    if number not in journal:
        return None
    item = journal[number]
    start = max(len(item) + offset, 0) if offset < 0 else offset
    piece = item[start : start + len(buffer)]
    buffer[: len(piece)] = piece
    return len(piece)


def journal_find(number, what):
    return journal.get(number, b"").find(what)


def journal_delete(number):
    journal.pop(number, None)


def journal_next(number):
    return min((each for each in journal if each > number), default=None)


def tidy():
    global tidied
    tidied += 1


def slot_erase():
    global _slot, _slot_units
    if _slot_units:
        _slot_units -= 1
        return True
    _slot = bytearray()
    _slot_units = 3
    return False


def slot_write(data):
    _slot.extend(data)


def slot_received():
    return len(_slot)


def slot_digest():
    return hashlib.sha256(_slot).digest()


def slot_fault():
    return None if bytes(_slot[:4]) == b"OLFW" else "no update file"


def slot_commit():
    global slot_next
    slot_next = slot + 1


def slot_sequence():
    return slot


def slot_on_trial():
    return on_trial


def slot_confirm():
    global on_trial
    on_trial = False


def log_clock(seconds):
    global _log_offset
    _log_offset = seconds - uptime()


def log_print(line):
    """What the port does with what is printed."""
    _log_line(False, line.encode())


def _log_line(security, text):
    if log_full:
        return 0
    number = log[-1][0] + 1 if log else 1
    time = -1 - uptime() if _log_offset is None else uptime() + _log_offset
    log.append((number, security, time, bytes(text[:200])))
    return number


def log_add(text):
    return _log_line(True, text)


def log_next(security, after):
    global _log_found
    for line in log:
        if line[0] > after and line[1] == bool(security):
            _log_found = line
            return line[0]
    return None


def log_time():
    number, _, time, _ = _log_found
    if time < 0 and number > _log_before and _log_offset is not None:
        return _log_offset - 1 - time
    return time


def log_text(buffer):
    text = _log_found[3][: len(buffer)]
    buffer[: len(text)] = text
    return len(text)


def sha1(data):
    """FIPS 180-4, for interpreters whose hashlib has none."""
    words = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
    padded = bytes(data) + b"\x80" + b"\0" * ((55 - len(data)) % 64) + (8 * len(data)).to_bytes(8, "big")
    for start in range(0, len(padded), 64):
        w = [int.from_bytes(padded[i : i + 4], "big") for i in range(start, start + 64, 4)]
        for i in range(16, 80):
            w.append(_rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1))
        a, b, c, d, e = words
        for i in range(80):
            if i < 20:
                f, k = b & c | ~b & d, 0x5A827999
            elif i < 40:
                f, k = b ^ c ^ d, 0x6ED9EBA1
            elif i < 60:
                f, k = b & c | b & d | c & d, 0x8F1BBCDC
            else:
                f, k = b ^ c ^ d, 0xCA62C1D6
            a, b, c, d, e = (
                (_rotate(a, 5) + (f & 0xFFFFFFFF) + e + k + w[i]) & 0xFFFFFFFF,
                a,
                _rotate(b, 30),
                c,
                d,
            )
        words = [(x + y) & 0xFFFFFFFF for x, y in zip(words, (a, b, c, d, e))]
    return b"".join([x.to_bytes(4, "big") for x in words])


def _rotate(x, n):
    return (x << n | x >> (32 - n)) & 0xFFFFFFFF


def mask(buf, start, end, key):
    for i in range(start, end):
        buf[i] ^= key[(i - start) % 4]


def typed():
    return b""
