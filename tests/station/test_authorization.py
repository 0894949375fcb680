"""Who may charge: the whole station asked about tokens, online, offline, and with every variable."""

import board
import pytest
from station.authorization import same

from csms_stub.messages import Error, Raw, Withhold
from tests.station.world import World

KIND = "ISO14443"
GROUP = {"idToken": "Group-1", "type": "Central"}


@pytest.fixture
def world():
    world = World()
    world.boot()
    world.accepted()
    yield world
    world.close()


def ask(world, token="04AB", kind=KIND, evse=1, timeout_s=60, **more):
    """(status, group, source), and how many AuthorizeRequests it took."""
    before = len(world.requests("Authorize"))
    task = world.loop.create_task(world.station.authorization.authorize(kind, token, evse, **more))
    world.until("decision", task.done, timeout_s)
    return (*task.result(), len(world.requests("Authorize")) - before)


def answer(world, status="Accepted", **info):
    world.csms.answer("Authorize", {"idTokenInfo": {"status": status, **info}})


def cached(world, status="Accepted", token="04AB", kind=KIND, **info):
    world.station.authorization.remember(token, kind, {"status": status, **info})


def set_variable(world, name, value, component="AuthCtrlr"):
    item = {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}
    result = world.call("SetVariables", {"setVariableData": [item]}).payload["setVariableResult"][0]
    assert result["attributeStatus"] == "Accepted"


def storage(world):
    item = {"component": {"name": "AuthCacheCtrlr"}, "variable": {"name": "Storage"}}
    return int(
        world.call("GetVariables", {"getVariableData": [item]}).payload["getVariableResult"][0][
            "attributeValue"
        ]
    )


def go_offline(world):
    world.csms.refuse_handshakes(503, times=1000)
    world.csms.close_all(1001, "", world.now_ns)
    world.until("end of the connection", lambda: not world.station.provisioning.online())


def test_same():
    assert same(
        {"idToken": "ab", "type": "Central"}, {"idToken": "AB", "type": "Central", "additionalInfo": []}
    )
    assert not same({"idToken": "ab", "type": "Central"}, {"idToken": "ab", "type": "Local"})
    assert not same({"idToken": "", "type": "Central"}, {"idToken": "", "type": "Central"})
    assert not same(None, None)


# C01


def test_unknown_token_is_asked_for(world):
    answer(world, groupIdToken=GROUP)
    assert ask(world) == ("Accepted", GROUP, "CSMS", 1)
    assert world.requests("Authorize")[0].payload == {"idToken": {"idToken": "04AB", "type": KIND}}


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired", "Unknown", "NoCredit", "NotAtThisTime"])
def test_refused_token_is_asked_for_each_time(world, status):
    """C10.FR.01, C10.FR.03, C12.FR.05."""
    answer(world, status)
    assert ask(world) == (status, None, "CSMS", 1)
    assert storage(world) > 0
    assert ask(world) == (status, None, "CSMS", 1)
    answer(world)
    assert ask(world) == ("Accepted", None, "CSMS", 1)
    assert ask(world, "04ab") == ("Accepted", None, "Cache", 0)


def test_evses_of_a_token(world):
    """C01.FR.20, C01.FR.21."""
    answer(world, evseId=[2])
    assert ask(world, evse=1)[:1] == ("NotAtThisLocation",)
    assert ask(world, evse=2) == ("Accepted", None, "Cache", 0)
    assert ask(world, evse=0) == ("Accepted", None, "Cache", 0)
    assert ask(world, evse=1) == ("NotAtThisLocation", None, "Cache", 0)


def test_authorization_disabled(world):
    """C01.FR.01."""
    set_variable(world, "Enabled", "false")
    assert ask(world) == ("Accepted", None, "None", 0)


@pytest.mark.parametrize("kind", ["Central", "NoAuthorization"])
def test_kinds_that_are_neither_asked_for_nor_kept(world, kind):
    """C02.FR.03, C03.FR.01, C03.FR.02, C05.FR.01, C05.FR.02."""
    assert ask(world, kind=kind) == ("Accepted", None, "None", 0)
    cached(world, kind=kind)
    assert storage(world) == 0


@pytest.mark.parametrize("token", ["", "x" * 37])
def test_tokens_that_are_none(world, token):
    assert ask(world, token) == ("Invalid", None, "None", 0)
    cached(world, token=token)
    assert storage(world) == 0


@pytest.mark.parametrize(
    "reply",
    [
        Error("InternalError"),
        Raw('[3,"{id}",{}]'),
        Raw('[3,"{id}",{"idTokenInfo":{"status":"Perhaps"}}]'),
        Raw('[3,"{id}",{"idTokenInfo":"Accepted"}]'),
        Raw(
            '[3,"{id}",{"idTokenInfo":{"status":"Accepted","groupIdToken":{"idToken":"%s","type":"Central"}}}]'
            % ("g" * 37)
        ),
        Withhold(),
    ],
)
def test_no_usable_answer_refuses_and_keeps_nothing(world, reply):
    world.csms.answer("Authorize", reply)
    assert ask(world) == ("Invalid", None, "None", 1)
    assert storage(world) == 0
    world.csms.answer("Authorize", {"idTokenInfo": {"status": "Accepted"}})
    assert ask(world) == ("Accepted", None, "CSMS", 1)


def test_full_queue_refuses(world, monkeypatch):
    monkeypatch.setattr(world.station.rpc, "submit", lambda priority, action, build, done: False)
    assert ask(world) == ("Invalid", None, "None", 0)


def test_two_at_a_time(world):
    authorize = world.station.authorization.authorize
    tasks = [world.loop.create_task(authorize(KIND, token, 1)) for token in ("A1", "B2", "A1")]
    world.csms.answer("Authorize", {"idTokenInfo": {"status": "Blocked"}}, times=1)
    answer_rest = {"idTokenInfo": {"status": "Accepted"}}
    world.until("first", tasks[0].done)
    world.csms.answer("Authorize", answer_rest)
    world.until("all", lambda: all(task.done() for task in tasks))
    assert [task.result()[0] for task in tasks] == ["Blocked", "Accepted", "Accepted"]
    assert [m.payload["idToken"]["idToken"] for m in world.requests("Authorize")] == ["A1", "B2", "A1"]


# C10, C12


def test_cached_token_is_accepted_at_once(world):
    cached(world, groupIdToken=GROUP)
    assert ask(world) == ("Accepted", GROUP, "Cache", 0)


def test_cached_token_after_a_reboot(world):
    cached(world, groupIdToken=GROUP)
    world.call("Reset", {"type": "Immediate"})
    world.until("reset", lambda: world.resets)
    world.until("registration", lambda: world.station.provisioning.online())  # noqa: PLW0108
    assert ask(world) == ("Accepted", GROUP, "Cache", 0)


def test_cached_token_without_local_pre_authorization(world):
    cached(world, groupIdToken=GROUP)
    set_variable(world, "LocalPreAuthorize", "false")
    answer(world, "Blocked")
    assert ask(world, for_stop=True) == ("Accepted", GROUP, "Cache", 0)
    assert ask(world) == ("Blocked", None, "CSMS", 1)
    assert ask(world, for_stop=True) == ("Blocked", None, "CSMS", 1)


def test_cache_disabled(world):
    """C10.FR.11; what is in the cache stays as it is."""
    cached(world)
    set_variable(world, "Enabled", "false", "AuthCacheCtrlr")
    answer(world, "Blocked")
    assert ask(world) == ("Blocked", None, "CSMS", 1)
    go_offline(world)
    assert ask(world)[0] == "Unknown"
    world.csms.accept_handshakes()
    world.until("reconnection", world.station.provisioning.online, 300)
    set_variable(world, "Enabled", "true", "AuthCacheCtrlr")
    assert ask(world) == ("Accepted", None, "Cache", 0)


def test_post_authorization_disabled(world):
    """AuthCacheDisablePostAuthorize."""
    cached(world, "Blocked")
    set_variable(world, "DisablePostAuthorize", "true", "AuthCacheCtrlr")
    assert ask(world) == ("Blocked", None, "Cache", 0)
    assert ask(world, "NEW")[2:] == ("CSMS", 1)


def test_remote_authorization_disabled(world):
    cached(world)
    cached(world, "Blocked", token="BB")
    set_variable(world, "DisableRemoteAuthorization", "true")
    set_variable(world, "LocalPreAuthorize", "false")
    assert ask(world) == ("Accepted", None, "Cache", 0)
    assert ask(world, "BB") == ("Blocked", None, "Cache", 0)
    assert ask(world, "CC") == ("Unknown", None, "None", 0)


def test_lifetime(world):
    set_variable(world, "LifeTime", "100", "AuthCacheCtrlr")
    cached(world)
    world.run(90)
    assert ask(world)[2:] == ("Cache", 0)
    world.run(15)
    assert ask(world)[2:] == ("CSMS", 1)


# C13, C15


def test_offline(world):
    cached(world, groupIdToken=GROUP)
    cached(world, "Blocked", token="BB")
    go_offline(world)
    assert ask(world) == ("Accepted", GROUP, "Cache", 0)
    assert ask(world, "BB") == ("Blocked", None, "Cache", 0)
    assert ask(world, "CC") == ("Unknown", None, "None", 0)


def test_offline_unknown_token(world):
    """C15.FR.01, C15.FR.08; a token known as blocked is not unknown."""
    set_variable(world, "OfflineTxForUnknownIdEnabled", "true")
    cached(world, "Blocked", token="BB")
    size = storage(world)
    go_offline(world)
    assert ask(world, "CC") == ("Accepted", None, "Offline", 0)
    assert ask(world, "BB") == ("Blocked", None, "Cache", 0)
    assert world.station.authorization.cache.storage() == size


def test_offline_without_local_authorization(world):
    set_variable(world, "LocalAuthorizeOffline", "false")
    cached(world, groupIdToken=GROUP)
    go_offline(world)
    assert ask(world) == ("Unknown", None, "None", 0)
    assert ask(world, for_stop=True) == ("Accepted", GROUP, "Cache", 0)


def test_offline_a_known_token_is_not_unknown(world):
    set_variable(world, "LocalAuthorizeOffline", "false")
    set_variable(world, "OfflineTxForUnknownIdEnabled", "true")
    cached(world)
    go_offline(world)
    assert ask(world) == ("Unknown", None, "None", 0)
    assert ask(world, "CC") == ("Accepted", None, "Offline", 0)


def test_connection_lost_while_asking(world):
    set_variable(world, "LocalPreAuthorize", "false")
    cached(world, groupIdToken=GROUP)
    world.csms.answer("Authorize", Withhold())
    task = world.loop.create_task(world.station.authorization.authorize(KIND, "04AB", 1))
    world.until("request", lambda: world.requests("Authorize"))
    go_offline(world)
    world.until("decision", task.done)
    assert task.result() == ("Accepted", GROUP, "Cache")


# C11


def test_clear_cache(world):
    cached(world)
    assert world.call("ClearCache", {}).payload == {"status": "Accepted"}
    assert storage(world) == 0
    assert ask(world)[2:] == ("CSMS", 1)


def test_clear_cache_disabled(world):
    cached(world)
    set_variable(world, "Enabled", "false", "AuthCacheCtrlr")
    assert world.call("ClearCache", {}).payload == {"status": "Rejected"}
    assert storage(world) > 0


def test_clear_cache_that_fails(world, monkeypatch):
    def fail(key):
        raise OSError(5)

    cached(world)
    monkeypatch.setattr(board, "store_delete", fail)
    assert world.call("ClearCache", {}).payload == {"status": "Rejected"}


# C16


def test_master_pass(world):
    is_master = world.station.authorization.is_master
    assert not is_master(GROUP)
    assert not is_master({"idToken": "", "type": "Central"})
    set_variable(world, "MasterPassGroupId", "GROUP-1")
    assert is_master(GROUP)
    assert not is_master(None)
