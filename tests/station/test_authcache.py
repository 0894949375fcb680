"""The Authorization Cache: what it keeps, for how long, and what it costs the flash."""

import board
import pytest
from station import authcache, clock, variables
from station.authcache import AuthCache, read_info
from station.devicemodel import find

NOON = "2026-01-01T12:00:00Z"
DAY = 86400
LIFETIME = 80000


class Model:
    def integer(self, key):
        assert key == "AuthCacheCtrlr.LifeTime"
        return LIFETIME


class Flash:
    """Counts what is written; `now` is the uptime."""

    def __init__(self, monkeypatch):
        self.now = 0
        self.writes = 0
        board.store.clear()
        board.full = False
        put, delete = board.store_put, board.store_delete
        monkeypatch.setattr(board, "store_put", lambda key, value: self.count(put, key, value))
        monkeypatch.setattr(board, "store_delete", lambda key: self.count(delete, key))
        board.start(board.POWER_ON, lambda: self.now * 1_000_000_000)
        monkeypatch.setattr(clock, "known", False)
        clock.set_from(NOON)

    def count(self, operation, *args):
        self.writes += 1
        operation(*args)


@pytest.fixture
def flash(monkeypatch):
    return Flash(monkeypatch)


@pytest.fixture
def cache(flash):
    return AuthCache(Model())


def put(cache, token, status="Accepted", kind="ISO14443", **info):
    cache.put(kind, token, read_info({"status": status, **info}))


def status(cache, token, kind="ISO14443"):
    entry = cache.get(kind, token)
    return entry and entry[0]


def test_storage_of_the_model():
    entry = find({"name": "AuthCacheCtrlr"}, {"name": "Storage"})[1]
    assert variables._CACHE_BYTES == entry[5] == authcache.STORAGE_MAX


@pytest.mark.parametrize("value", authcache.STATUSES)
def test_every_status_is_kept_over_a_reboot(cache, value):
    put(cache, "04AB", value)
    assert status(cache, "04AB") == value
    assert status(AuthCache(Model()), "04AB") == value


def test_case_does_not_count_but_type_does(cache):
    put(cache, "04AB")
    assert status(cache, "04ab") == "Accepted"
    assert status(cache, "04AB", "ISO15693") is None
    put(cache, "04ab", "Blocked")
    assert status(cache, "04AB") == "Blocked"
    assert len(board.store) == 1


def test_the_token_is_not_on_the_flash(cache):
    put(cache, "04ABCDEF")
    flat = b"".join(key + value for key, value in board.store.items()).upper()
    assert b"04ABCDEF" not in flat


def test_what_is_on_the_flash_tells_nothing_about_other_stations(cache, monkeypatch):
    put(cache, "04ABCDEF")
    monkeypatch.setattr(board, "unique_id", lambda: b"another chip")
    assert status(cache, "04ABCDEF") is None


def test_group_and_evses(cache):
    group = {"idToken": "g" * 36, "type": "Central"}
    put(cache, "A", groupIdToken=group, evseId=[2])
    entry = AuthCache(Model()).get("ISO14443", "A")
    assert entry == ("Accepted", 1 << 2, group)
    put(cache, "A", groupIdToken={"idToken": "", "type": "Central"}, evseId=[99])
    assert cache.get("ISO14443", "A") == ("Accepted", 0x80, None)


def test_lifetime_counts_from_the_last_update(cache, flash):
    put(cache, "A")
    flash.now = LIFETIME
    assert status(cache, "A") == "Accepted"
    put(cache, "A")
    flash.now = 2 * LIFETIME
    assert status(cache, "A") == "Accepted"
    flash.now += 1
    assert status(cache, "A") is None
    assert not board.store


def test_lifetime_over_a_reboot(cache, flash):
    put(cache, "A")
    flash.now = LIFETIME // 8 + 1
    put(cache, "A")
    flash.now = LIFETIME + 100
    assert status(AuthCache(Model()), "A") == "Accepted"


def test_expiry_of_the_entry_goes_before_the_lifetime(cache, flash):
    put(cache, "A", cacheExpiryDateTime="2026-01-01T12:00:10Z")
    put(cache, "B", cacheExpiryDateTime="2036-01-01T12:00:00Z")
    put(cache, "C", cacheExpiryDateTime="2199-01-01T12:00:00+01:00")
    flash.now = 10
    assert status(cache, "A") == "Accepted"
    flash.now = 11
    assert status(cache, "A") is None
    flash.now = 100 * LIFETIME
    assert status(cache, "B") == status(cache, "C") == "Accepted"


@pytest.mark.parametrize("past", ["2026-01-01T11:59:59Z", NOON, "1999-01-01T00:00:00Z"])
def test_expiry_in_the_past_removes(cache, past):
    put(cache, "A", cacheExpiryDateTime=past)
    assert status(cache, "A") is None
    put(cache, "A")
    put(cache, "A", cacheExpiryDateTime=past)
    assert status(cache, "A") is None
    assert not board.store


def test_no_write_when_nothing_changes(cache, flash):
    put(cache, "A", groupIdToken={"idToken": "G", "type": "Central"})
    put(cache, "B", cacheExpiryDateTime="2036-01-01T12:00:00Z")
    assert flash.writes == 2
    for second in range(1, LIFETIME // 8, 100):
        flash.now = second
        put(cache, "A", groupIdToken={"idToken": "G", "type": "Central"})
        put(cache, "B", cacheExpiryDateTime="2036-01-01T12:00:00Z")
        assert status(cache, "A") == status(cache, "B") == "Accepted"
    assert flash.writes == 2
    put(cache, "A", groupIdToken={"idToken": "H", "type": "Central"})
    put(cache, "B", "Blocked", cacheExpiryDateTime="2036-01-01T12:00:00Z")
    assert flash.writes == 4
    flash.now = 10 * LIFETIME
    put(cache, "B", "Blocked", cacheExpiryDateTime="2036-01-01T12:00:00Z")
    assert flash.writes == 4


@pytest.mark.parametrize(
    "info",
    [
        {"status": "Expired"},
        {"evseId": [1]},
        {"groupIdToken": {"idToken": "G", "type": "Local"}},
        {"groupIdToken": {"idToken": "H", "type": "Central"}},
        {"groupIdToken": {"idToken": "GG", "type": "Central"}},
        {"cacheExpiryDateTime": "2036-01-01T12:00:00Z"},
    ],
)
def test_every_change_is_written(cache, flash, info):
    before = {"groupIdToken": {"idToken": "G", "type": "Central"}}
    put(cache, "A", **before)
    entry = cache.get("ISO14443", "A")
    put(cache, "A", **{**before, **info})
    assert flash.writes == 2
    if "cacheExpiryDateTime" not in info:
        assert AuthCache(Model()).get("ISO14443", "A") not in (entry, None)


def test_a_token_used_every_minute_writes_eight_times_a_lifetime(cache, flash):
    for second in range(0, 10 * LIFETIME, 60):
        flash.now = second
        put(cache, "A")
    assert flash.writes <= 81


def test_hash_found_across_two_records(cache, monkeypatch):
    """Records are compared as such, not any bytes of the table."""
    hashes = {"A": b"aaaaaaaaaaaa", "B": b"bbbbbbbbbbbb"}
    monkeypatch.setattr(authcache, "hash_of", lambda kind, token: hashes[token])
    put(cache, "A")
    put(cache, "B")
    hashes["C"] = bytes(cache._table[10:22])
    assert status(cache, "C") is None
    assert status(cache, "A") == status(cache, "B") == "Accepted"


def test_full_cache_loses_the_least_recently_used(cache):
    for n in range(authcache.ENTRIES_MAX):
        put(cache, f"T{n}")
    assert status(cache, "T0") == "Accepted"
    put(cache, "NEW")
    assert status(cache, "T1") is None
    assert status(cache, "T0") == status(cache, "T2") == status(cache, "NEW") == "Accepted"
    assert len(board.store) == authcache.ENTRIES_MAX


def test_there_is_never_an_entry_too_many(cache, monkeypatch):
    put_really = board.store_put

    def put_counted(key, value):
        put_really(key, value)
        assert len(board.store) <= authcache.ENTRIES_MAX

    monkeypatch.setattr(board, "store_put", put_counted)
    for n in range(2 * authcache.ENTRIES_MAX):
        put(cache, f"T{n}", "Accepted" if n % 3 else "Blocked")


def test_full_cache_loses_what_is_not_accepted_first(cache):
    for n in range(authcache.ENTRIES_MAX):
        put(cache, f"T{n}", "Invalid" if n == 9 else "Accepted")
    put(cache, "NEW")
    assert status(cache, "T9") is None
    assert status(cache, "T0") == "Accepted"


def test_replacing_in_a_full_cache_loses_nothing(cache):
    for n in range(authcache.ENTRIES_MAX):
        put(cache, f"T{n}")
    put(cache, "T5", "Blocked")
    assert all(status(cache, f"T{n}") for n in range(authcache.ENTRIES_MAX))


def test_storage_never_exceeds_what_is_declared(cache):
    assert cache.storage() == 0
    for n in range(authcache.ENTRIES_MAX + 5):
        put(cache, f"T{n}", groupIdToken={"idToken": "g" * 36, "type": "Central"})
    assert cache.storage() == sum(len(k) + len(v) for k, v in board.store.items()) == authcache.STORAGE_MAX


def test_order_survives_a_reboot_as_far_as_it_was_stored(cache, flash):
    for n in range(authcache.ENTRIES_MAX):
        flash.now = n
        put(cache, f"T{n}")
    flash.now = LIFETIME // 2
    put(cache, "T0")
    again = AuthCache(Model())
    put(again, "NEW")
    assert status(again, "T1") is None
    assert status(again, "T0") == "Accepted"


def test_more_entries_on_flash_than_there_may_be(flash, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(authcache, "ENTRIES_MAX", 30)
        larger = AuthCache(Model())
        for n in range(30):
            flash.now = n
            put(larger, f"T{n}")
    flash.now = 30
    again = AuthCache(Model())
    assert [n for n in range(30) if status(again, f"T{n}")] == list(range(6, 30))
    assert len(board.store) == authcache.ENTRIES_MAX


def test_clear(cache, flash):
    board.store[b"v:Some.Variable"] = b"1"
    put(cache, "A")
    put(cache, "B", "Blocked")
    assert cache.clear()
    assert status(cache, "A") is None
    assert status(AuthCache(Model()), "B") is None
    assert list(board.store) == [b"v:Some.Variable"]
    writes = flash.writes
    assert cache.clear()
    assert flash.writes == writes


def test_clear_that_fails(cache, monkeypatch):
    def fail(key):
        raise OSError(5)

    put(cache, "A")
    monkeypatch.setattr(board, "store_delete", fail)
    assert not cache.clear()
    assert status(cache, "A") is None


@pytest.mark.parametrize(
    "value", [b"", b"\x00", b"\x00" * 48, b"\x00" * 11 + b"\xff\xfe", b"\x63" + b"\x00" * 10]
)
def test_damaged_entries_are_removed(cache, value):
    put(cache, "A")
    put(cache, "B")
    (damaged,) = [key for key in board.store if key[2:] == authcache.hash_of("ISO14443", "A")]
    board.store[damaged] = value
    board.store[b"c:short"] = b"\x00" * 11
    again = AuthCache(Model())
    assert status(again, "A") is None
    assert status(again, "B") == "Accepted"
    assert damaged not in board.store
    assert b"c:short" not in board.store


def test_entry_that_vanishes_under_the_cache(cache):
    put(cache, "A")
    board.store.clear()
    assert status(cache, "A") is None
    assert cache.storage() == 0


def test_unknown_clock_trusts_no_accepted_entry(cache, monkeypatch):
    put(cache, "A")
    put(cache, "B", "Blocked")
    monkeypatch.setattr(clock, "known", False)
    assert status(cache, "A") == "Expired"
    assert status(cache, "B") == "Blocked"
    monkeypatch.setattr(clock, "known", True)
    assert status(cache, "A") == "Accepted"


def test_full_flash_gives_up_older_entries(cache, monkeypatch):
    put_really = board.store_put

    def put_small(key, value):
        if len(board.store) >= 3 and key not in board.store:
            raise OSError(28)
        put_really(key, value)

    monkeypatch.setattr(board, "store_put", put_small)
    for token in "ABCDE":
        put(cache, token)
    assert [status(cache, token) for token in "ABCDE"] == [None, None, "Accepted", "Accepted", "Accepted"]


@pytest.mark.parametrize("error", [5, 28])
def test_flash_that_fails_leaves_nothing_stale(cache, monkeypatch, error):
    def fail(key, value):
        raise OSError(error)

    put(cache, "A")
    monkeypatch.setattr(board, "store_put", fail)
    put(cache, "A", "Blocked")
    assert status(cache, "A") is None
    assert not board.store


@pytest.mark.parametrize(
    "info",
    [
        None,
        [],
        {},
        {"status": "Perhaps"},
        {"status": 1},
        {"status": "Accepted", "evseId": 1},
        {"status": "Accepted", "evseId": ["1"]},
        {"status": "Accepted", "groupIdToken": "G"},
        {"status": "Accepted", "groupIdToken": {"idToken": "G"}},
        {"status": "Accepted", "groupIdToken": {"idToken": "G", "type": "Card"}},
        {"status": "Accepted", "groupIdToken": {"idToken": 7, "type": "Central"}},
        {"status": "Accepted", "groupIdToken": {"idToken": "g" * 37, "type": "Central"}},
        {"status": "Accepted", "cacheExpiryDateTime": "tomorrow"},
        {"status": "Accepted", "cacheExpiryDateTime": 1},
    ],
)
def test_unusable_info(info):
    with pytest.raises(ValueError, match=r".+"):
        read_info(info)
