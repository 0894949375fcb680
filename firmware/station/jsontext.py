"""JSON well-formedness (RFC 8259), as the chip's parser lets truncated and unpunctuated text pass."""

from micropython import const

_SPACE = const(b" \t\r\n")
_NUMBER = const(b"+-.0123456789Ee")
_ESCAPED = const(b'"\\/bfnrt')
_HEX = const(b"0123456789abcdefABCDEF")
_DEPTH_MAX = const(16)  # OCPP's deepest request has 12 levels; the rest is for its customData


def well_formed(text, size):
    """Are the first `size` bytes of `text` one JSON value, at most 16 levels deep? text[size] must be 0.

    Escaped surrogate pairs become the UTF-8 that they stand for, as the chip's parser takes each half for a
    character; a half alone, which no UTF-8 has (RFC 8259, 8.2), is refused.
    """
    stack = b""  # open brackets, innermost last
    wants_value = True
    may_close = False
    i = 0
    while True:
        i = _space(text, i)
        if i >= size:
            return i == size and not stack and not wants_value
        c = text[i]
        if not wants_value or (may_close and c in b"]}"):
            if not stack:
                return False
            i += 1
            if c == stack[-1] + 2:  # "[" and "]", "{" and "}"
                stack = stack[:-1]
                wants_value = may_close = False
            elif c == 44 and not wants_value:
                wants_value = True
            else:
                return False
            continue
        if stack and stack[-1] == 123:
            i = _string(text, i, size)
            if i < 0:
                return False
            i = _space(text, i)
            if text[i] != 58:
                return False
            i = _space(text, i + 1)
            c = text[i]
        may_close = c in b"[{"
        if may_close:
            if len(stack) == _DEPTH_MAX:
                return False
            stack += bytes((c,))
            i += 1
        else:
            i = _scalar(text, i, size)
            if i < 0:
                return False
            wants_value = False


def _space(text, i):
    while text[i] in _SPACE:
        i += 1
    return i


def _scalar(text, i, size):
    """Index behind a string, number or literal, or -1."""
    if text[i] == 34:
        return _string(text, i, size)
    for literal in (b"true", b"false", b"null"):
        if text[i : i + len(literal)] == literal:
            return i + len(literal)
    start = i
    while text[i] in _NUMBER:
        i += 1
    return i if _is_number(bytes(text[start:i])) else -1


def _is_number(text):
    parts = text.lower().split(b"e")
    if len(parts) == 2:
        exponent = parts[1]
        if exponent[:1] in (b"+", b"-"):
            exponent = exponent[1:]
        if not exponent.isdigit():
            return False
    digits = parts[0]
    if digits[:1] == b"-":
        digits = digits[1:]
    digits = digits.split(b".")
    if len(parts) > 2 or len(digits) > 2 or not all(part.isdigit() for part in digits):
        return False
    return digits[0] == b"0" or digits[0][0] != 48


def _string(text, i, size):
    """Index behind the string that starts at i, or -1."""
    if text[i] != 34:
        return -1
    i += 1
    paired = 0
    while True:
        end = text.find(b'"', i, size)
        if end < 0:
            return -1
        escape = text.find(b"\\", i, end)
        plain = memoryview(text)[i : end if escape < 0 else escape]
        if plain and min(plain) < 32:
            # control characters are escaped (RFC 8259, 7)
            return -1
        if escape < 0:
            if paired:
                _combine(text, paired, end + 1)
            return end + 1
        i = escape + 2
        if text[escape + 1] == 117:
            half = _half(text, escape)
            i = _hex(text, i)
            if half and i > 0:
                paired = paired or escape
                i = _hex(text, i + 2) if half == 1 and _half(text, i) == 2 else -1
            if i < 0:
                return -1
        elif text[escape + 1] not in _ESCAPED:
            return -1


def _hex(text, i):
    """Index behind the four digits of an escape, or -1."""
    for digit in text[i : i + 4]:
        if digit not in _HEX:
            return -1
    return i + 4


def _half(text, i):
    """Of a surrogate pair, the half whose escape is at i: 1, 2, or 0 for none."""
    if text[i] != 92 or text[i + 1] != 117 or text[i + 2] | 32 != 100 or text[i + 3] < 56:
        return 0
    return 1 + (text[i + 3] | 32 > 98)


def _combine(text, i, end):
    """Put UTF-8 for the pairs of a string that ends before `end`, and blanks behind it."""
    to = i
    while i < end:
        size = 2 if text[i] == 92 else 1
        if _half(text, i):
            high = int(bytes(text[i + 2 : i + 6]), 16)
            low = int(bytes(text[i + 8 : i + 12]), 16)
            text[to : to + 4] = chr(((high & 0x3FF) << 10) + (low & 0x3FF) + 0x10000).encode()
            to += 4
            i += 12
            continue
        text[to : to + size] = bytes(text[i : i + size])
        to += size
        i += size
    while to < end:
        text[to] = 32
        to += 1
