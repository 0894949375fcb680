"""JSON well-formedness (RFC 8259). The chip's parser lets truncated and unpunctuated text pass; CALLs must not."""

_SPACE = b" \t\r\n"
_NUMBER = b"+-.0123456789Ee"
_DEPTH_MAX = 12  # OCPP's deepest request has seven levels


def well_formed(text):
    """Is `text` (bytes) one JSON value? Numbers are checked by their characters and form."""
    stack = b""  # open brackets, innermost last
    wants_value = True
    may_close = False
    i = 0
    size = len(text)
    while True:
        while i < size and text[i] in _SPACE:
            i += 1
        if i == size:
            return not stack and not wants_value
        c = text[i]
        if wants_value:
            if may_close and c in b"]}":
                if c != stack[-1] + 2:
                    return False
                stack = stack[:-1]
                i += 1
                wants_value = may_close = False
                continue
            if stack and stack[-1] == 123:
                i = _key(text, i)
                if i < 0:
                    return False
                c = text[i]
            if c in b"[{":
                if len(stack) == _DEPTH_MAX:
                    return False
                stack += text[i : i + 1]
                i += 1
                may_close = True
                continue
            i = _scalar(text, i)
            if i < 0:
                return False
            wants_value = may_close = False
        else:
            i += 1
            if not stack:
                return False
            if c == 44:
                wants_value = True
            elif c == stack[-1] + 2:
                stack = stack[:-1]
            else:
                return False


def _key(text, i):
    """Index of the value behind a member's name and colon, or -1."""
    i = _string(text, i)
    if i < 0:
        return -1
    while text[i : i + 1] in (b" ", b"\t", b"\r", b"\n"):
        i += 1
    if text[i : i + 1] != b":":
        return -1
    i += 1
    while text[i : i + 1] in (b" ", b"\t", b"\r", b"\n"):
        i += 1
    return i if i < len(text) else -1


def _scalar(text, i):
    """Index behind a string, number or literal, or -1."""
    c = text[i]
    if c == 34:
        return _string(text, i)
    for literal in (b"true", b"false", b"null"):
        if text.startswith(literal, i):
            return i + len(literal)
    start = i
    while i < len(text) and text[i] in _NUMBER:
        i += 1
    return i if _is_number(text[start:i]) else -1


def _digits(text, i):
    while text[i : i + 1].isdigit():
        i += 1
    return i


def _is_number(text):
    i = 1 if text[:1] == b"-" else 0
    end = _digits(text, i)
    if end == i or (text[i] == 48 and end > i + 1):
        return False
    if text[end : end + 1] == b".":
        i = end + 1
        end = _digits(text, i)
        if end == i:
            return False
    if text[end : end + 1] in (b"e", b"E"):
        i = end + 1
        if text[i : i + 1] in (b"+", b"-"):
            i += 1
        end = _digits(text, i)
        if end == i:
            return False
    return end == len(text)


def _string(text, i):
    """Index behind the string that starts at i, or -1."""
    if text[i : i + 1] != b'"':
        return -1
    i += 1
    while True:
        end = text.find(b'"', i)
        if end < 0:
            return -1
        escape = text.find(b"\\", i, end)
        if escape < 0:
            return end + 1
        kind = text[escape + 1 : escape + 2]
        if kind == b"u":
            for digit in text[escape + 2 : escape + 6].lower():
                if digit not in b"0123456789abcdef":
                    return -1
            i = escape + 6
        elif kind in (b'"', b"\\", b"/", b"b", b"f", b"n", b"r", b"t"):
            i = escape + 2
        else:
            return -1
