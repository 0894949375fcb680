"""Block C: who may charge. Authorization Cache, AuthorizeRequest, offline rules, groups, master pass."""

import asyncio
import json

from micropython import const

from . import features, log
from .aio import Signal
from .authcache import STATUSES, read_info
from .rpc import AUTHORIZE

if features.AUTH_CACHE:
    from .authcache import AuthCache

_TOKEN_MAX = const(36)
_WAIT_MS = const(86400000)


def same(a, b):
    """Are these IdTokenTypes the same token, or group (C01.FR.25)? None and the empty token match nothing."""
    return bool(
        a
        and b
        and a["idToken"]
        and a["type"] == b["type"]
        and (a["idToken"] == b["idToken"] or a["idToken"].lower() == b["idToken"].lower())
    )


class Authorization:
    """Decides about presented tokens."""

    def __init__(self, rpc, model, provisioning):
        self._rpc = rpc
        self._model = model
        self._provisioning = provisioning
        if features.AUTH_CACHE:
            self.cache = AuthCache(model)
        self._lock = asyncio.Lock()
        self._answered = Signal()

    async def authorize(self, kind, token, evse=0, for_stop=False):
        """May the holder of a token charge at an EVSE (0: at any)? -> (status, groupIdToken, source).

        The status is an AuthorizationStatusEnumType, the group None or a dict, and the source "None"
        (nothing to be authorized), "Cache", "CSMS" or "Offline" (accepted without being known). With
        `for_stop` an accepted entry of the cache is enough whatever LocalPreAuthorize says (C01.FR.03).
        """
        model = self._model
        if not model.boolean("AuthCtrlr.Enabled") or kind in ("Central", "NoAuthorization"):
            # C05.FR.01, C02
            return "Accepted", None, "None"
        if not 0 < len(token) <= _TOKEN_MAX:
            return "Invalid", None, "None"
        local = self._local(kind, token, evse, for_stop)
        if local:
            return local
        async with self._lock:
            info = await self._ask(kind, token)
        if info:
            return _at(evse, STATUSES[info[0]], info[1], info[2], "CSMS")
        # the connection was lost while the question was on its way
        return self._local(kind, token, evse, for_stop) or ("Invalid", None, "None")

    def _local(self, kind, token, evse, for_stop):
        """The answer that needs no AuthorizeRequest, or None: C10.FR.03, C12.FR.02, C12.FR.05, C15.FR.08."""
        yes = self._model.boolean
        online = self._provisioning.online()
        entry = None
        if features.AUTH_CACHE and yes("AuthCacheCtrlr.Enabled"):
            entry = self.cache.get(kind, token)
        if features.AUTH_CACHE and entry:
            if not online:
                trusted = for_stop or yes("AuthCtrlr.LocalAuthorizeOffline")
            elif yes("AuthCtrlr.DisableRemoteAuthorization"):
                trusted = True
            elif entry[0] == "Accepted":
                trusted = for_stop or yes("AuthCtrlr.LocalPreAuthorize")
            else:
                trusted = yes("AuthCacheCtrlr.DisablePostAuthorize")
            if trusted:
                return _at(evse, entry[0], entry[1], entry[2], "Cache")
        if not online:
            if entry is None and yes("AuthCtrlr.OfflineTxForUnknownIdEnabled"):
                return "Accepted", None, "Offline"
        elif not features.AUTH_CACHE or not yes("AuthCtrlr.DisableRemoteAuthorization"):
            return None
        return "Unknown", None, "None"

    async def _ask(self, kind, token):
        """AuthorizeRequest (C01.FR.02): what `read_info` gives, or None without a usable answer."""

        async def build(link):
            await link.put('{"idToken":%s}' % json.dumps({"idToken": token, "type": kind}))

        def done(code, payload):
            answer.append(payload if code is None else {})
            self._answered.set()

        answer = []
        self._answered.flag = False
        if not self._rpc.submit(AUTHORIZE, "Authorize", build, done):
            log.warn("authorization: too many CALLs are waiting")
            return None
        await self._answered.wait(_WAIT_MS)
        return self.remember(token, kind, answer[0].get("idTokenInfo")) if answer[0] else None

    def remember(self, token, kind, info):
        """Put an idTokenInfo of the CSMS into the cache (C10.FR.04, C10.FR.05, C12.FR.06).

        Central and NoAuthorization are never kept (C02.FR.03, C03.FR.02, C05.FR.02). Returns what
        `read_info` gives, or None for what is not valid, which leaves the cache as it is.
        """
        try:
            read = read_info(info)
        except ValueError as e:
            log.error("authorization: idTokenInfo not usable: %s", e)
            return None
        if (
            features.AUTH_CACHE
            and kind not in ("Central", "NoAuthorization")
            and 0 < len(token) <= _TOKEN_MAX
            and self._model.boolean("AuthCacheCtrlr.Enabled")
        ):
            self.cache.put(kind, token, read)
        return read

    # feature MASTER_PASS
    def is_master(self, group):
        """Does a groupIdToken make its token a master pass (C16)?"""
        master = self._model.get("AuthCtrlr.MasterPassGroupId")
        return bool(master and group and group["idToken"].lower() == master.lower())

    # end

    # feature AUTH_CACHE
    async def clear_cache(self, request, link):
        """ClearCacheRequest (C11.FR.01 to C11.FR.05)."""
        ok = self._model.boolean("AuthCacheCtrlr.Enabled") and self.cache.clear()
        await link.put('{"status":"%s"}' % ("Accepted" if ok else "Rejected"))

    # end


def _at(evse, status, mask, group, source):
    """The answer at an EVSE, when only some are allowed (C01.FR.21)."""
    if status == "Accepted" and evse and mask and not mask >> evse & 1:
        status = "NotAtThisLocation"
    return status, group, source
