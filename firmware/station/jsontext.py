"""JSON well-formedness (RFC 8259), as the chip's parser lets truncated and unpunctuated text pass."""

from micropython import const

_SPACE = const(b" \t\r\n")
_NUMBER = const(b"+-.0123456789Ee")
_ESCAPED = const(b'"\\/bfnrt')
_HEX = const(b"0123456789abcdefABCDEF")
_DEPTH_MAX = const(16)  # OCPP's deepest request has 12 levels; the rest is for its customData


def well_formed(text, size):
    """Are the first `size` bytes of `text` one JSON value, at most 16 levels deep? text[size] must be 0."""
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
    while True:
        end = text.find(b'"', i, size)
        if end < 0:
            return -1
        escape = text.find(b"\\", i, end)
        if escape < 0:
            return end + 1
        i = escape + 2
        if text[escape + 1] == 117:
            i += 4
            for digit in text[escape + 2 : i]:
                if digit not in _HEX:
                    return -1
        elif text[escape + 1] not in _ESCAPED:
            return -1
