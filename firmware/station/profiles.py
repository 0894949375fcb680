"""Network connection profiles: B09, and what B10 tries. Slots 1 and 2, and the profile that worked last.

In the store: `net:<slot>` in use since the boot; `new:<slot>` as set by the CSMS, used from the next boot
on (B09, remark); `net:last` the one of the last successful connection, its slot among its members.
"""

import json

import board
from micropython import const

from . import features, log

SLOTS = const("1,2")
LAST = const("last")

_SECURITY = const(b"v:SecurityCtrlr.SecurityProfile")
_TIMEOUT_MAX_S = const(3600)
_HOST_MAX = const(200)  # what the network module takes in a command
_URL_MAX = const(300)


def split_url(url):
    """ws://host[:port][/path], with TLS wss:// too -> (host, port, path).

    Raises ValueError, whose text has nothing of the URL in it, which may hold a password.
    """
    scheme = 5
    default = "80"
    if features.TLS and url.startswith("wss://"):
        scheme = 6
        default = "443"
    elif not url.startswith("ws://"):
        raise ValueError("scheme is not supported")
    authority = url[scheme:].split("/")[0]
    path = url[scheme + len(authority) :]
    parts = authority.split(":")
    host, port = parts if len(parts) == 2 else (authority, default)
    if not host or ":" in host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("no host and port")
    return host, int(port), path[:-1] if path.endswith("/") else path


def _check(profile):
    """Raises ValueError, KeyError, TypeError or AttributeError when the station cannot use the profile."""
    url = profile["ocppCsmsUrl"]
    host, _, path = split_url(url)
    if len(url) > _URL_MAX or len(host) > _HOST_MAX:
        raise ValueError("url too long")
    for character in host + path:
        if not "!" <= character <= "~" or character in '",@\\':
            raise ValueError("url with a character that must be escaped")
    if type(profile["messageTimeout"]) is not int or not 0 < profile["messageTimeout"] <= _TIMEOUT_MAX_S:
        raise ValueError("message timeout")
    security_profile = profile["securityProfile"]
    if features.TLS and url.startswith("wss:"):
        supported = security_profile == 2
    else:
        supported = security_profile == 1 and security() == 1
    if not supported:
        raise ValueError("security profile %s is not possible there" % security_profile)


def security():
    """SecurityCtrlr.SecurityProfile: the highest one of a connection so far (A05.FR.06)."""
    return 2 if features.TLS and board.store_get(_SECURITY) == b"2" else 1


# feature NETWORK_PROFILES
def promote():
    """At boot: what was set before it comes into use (B10.FR.04)."""
    for slot in SLOTS.split(","):
        new = board.store_get(b"new:" + slot.encode())
        if new is not None:
            try:
                board.store_put(b"net:" + slot.encode(), new)
                board.store_delete(b"new:" + slot.encode())
            except OSError:
                log.error("profiles: no room for the new profile of slot %s", slot)


# end


def load(slot, place=b"net:"):
    """The profile of a slot, or of LAST; None when there is none that can be used."""
    stored = board.store_get(place + slot.encode())
    if stored is None:
        return None
    try:
        profile = json.loads(stored)
        _check(profile)
        return profile
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        log.error("profiles: slot %s is not usable: %s", slot, e)
        return None


def configured(slot):
    """Does the slot hold a profile that can be used after the next boot (B10.FR.01, B10.FR.02)?

    One with TLS, where none was used before, needs a CSMSRootCertificate (A05.FR.02).
    """
    if not features.TLS:
        return board.store_get(b"new:" + slot.encode()) is not None or load(slot) is not None
    profile = load(slot, b"new:") or load(slot)
    return profile and (
        profile["securityProfile"] <= security() or any(key[:4] == b"x:C:" for key in board.store_keys())
    )


def _store(key, slot, profile):
    """Raises OSError when there is no room. What is the same already is not written."""
    data = '{"slot":"%s","ocppCsmsUrl":"%s","messageTimeout":%d,"securityProfile":%d}' % (
        slot,
        profile["ocppCsmsUrl"],
        profile["messageTimeout"],
        profile["securityProfile"],
    )
    if board.store_get(key) != data.encode():
        board.store_put(key, data.encode())


# feature PROFILE_FALLBACK
def worked(slot, profile):
    """Remember the profile of a connection that has come (B10.FR.07). Is its security profile higher?"""
    try:
        _store(b"net:last", slot, profile)
        if features.TLS and profile["securityProfile"] > security():
            board.store_put(_SECURITY, b"2")
            log.info("profiles: from now on with security profile 2")
            return True
    except OSError:
        log.error("profiles: no room for the profile that works")
    return False


# end


# feature TLS
def drop_lower(priority):
    """Remove the profiles of a lower security profile than is in use now, as after an upgrade, and give the
    slots of `priority` that are left (A05.FR.06)."""
    for slot in SLOTS.split(","):
        for place in (b"net:", b"new:"):
            stored = board.store_get(place + slot.encode())
            if stored is not None and b'"securityProfile":1' in stored.replace(b" ", b""):
                board.store_delete(place + slot.encode())
    return [slot for slot in priority if board.store_get(b"net:" + slot.encode()) is not None]


# end


# feature NETWORK_PROFILES
async def set_profile(request, link):
    """SetNetworkProfileRequest (B09.FR.01 to B09.FR.05).

    ocppVersion does not count: the opening of the WebSocket tells the version (part 2, 2.35).
    """
    slot = str(request["configurationSlot"])
    profile = request["connectionData"]
    status = "Rejected"
    if slot not in SLOTS.split(","):
        reason = "InvalidConfSlot"
    elif profile["securityProfile"] < security():
        reason = "NoSecurityDowngrade"
    else:
        reason = "InvalidNetworkConf"
        try:
            if profile["ocppTransport"] != "JSON" or profile["ocppInterface"] != "Wireless0":
                raise ValueError("transport or interface")
            if "apn" in profile or "vpn" in profile:
                raise ValueError("apn or vpn")
            _check(profile)
            _store(b"new:" + slot.encode(), slot, profile)
            status = "Accepted"
        except ValueError as e:
            log.warn("profiles: slot %s: %s", slot, e)
        except OSError:
            status = "Failed"
            reason = "OutOfStorage"
    if status == "Accepted":
        await link.put('{"status":"Accepted"}')
    else:
        await link.put('{"status":"%s","statusInfo":{"reasonCode":"%s"}}' % (status, reason))


# end
