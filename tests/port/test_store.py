"""store.c on the host, with the supply cut at every word that it writes or erases."""

import ctypes
import random
import subprocess
from pathlib import Path

import pytest

from bench import provision
from bench.firmware import FIRMWARE_DIR

AREA_SIZE = 2048
ERASED = b"\xff" * AREA_SIZE
HOST = Path(__file__).parent / "host"
ENOENT, EINVAL, ENOSPC = -2, -22, -28


class Store:
    """The store of one board, over its power cycles."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.load(ERASED)

    def load(self, area: bytes) -> None:
        self.library.flash_load(area)
        self.boot()

    def boot(self) -> None:
        self.cut_after(-1)
        assert self.library.init() == 0

    def cut_after(self, words: int, seed: int = 0) -> None:
        self.library.flash_cut_after(ctypes.c_long(words), seed)

    @property
    def area(self) -> bytes:
        buffer = ctypes.create_string_buffer(AREA_SIZE)
        self.library.flash_save(buffer)
        return buffer.raw

    @property
    def operations(self) -> int:
        return ctypes.c_long.in_dll(self.library, "operations").value

    def put(self, key: str, value: bytes) -> int:
        name = key.encode()
        return int(self.library.put(name, len(name), value, len(value)))

    def delete(self, key: str) -> int:
        name = key.encode()
        return int(self.library.delete(name, len(name)))

    def tidy(self) -> int:
        return int(self.library.tidy())

    def after(self, key: bytes) -> bytes | None:
        found = ctypes.create_string_buffer(64)
        return found.raw[: len(key)] if self.library.after(key, len(key), found) == 0 else None

    def items(self) -> dict[str, bytes]:
        cursor = ctypes.c_size_t(0)
        name = ctypes.create_string_buffer(64)
        value = ctypes.create_string_buffer(4096)
        found = {}
        while (size := self.library.next_key(ctypes.byref(cursor), name)) > 0:
            length = self.library.get(name, size, value)
            assert length >= 0
            found[name.raw[:size].decode()] = value.raw[:length]
        return found


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("store") / "store.so"
    port = FIRMWARE_DIR / "port"
    subprocess.run(
        [
            *("gcc", "-O1", "-g", "-Wall", "-Werror", "-shared", "-fPIC", f"-I{HOST}", f"-I{port}"),
            *("-o", path, HOST / "flash.c", port / "store.c"),
        ],
        check=True,
    )
    return ctypes.CDLL(str(path))


@pytest.fixture
def store(library: ctypes.CDLL) -> Store:
    yield Store(library)
    assert ctypes.c_long.in_dll(library, "faults").value == 0


def value_of(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 3, 4, 5, 17, 60]))


def test_what_was_put_is_there_after_a_boot(store: Store) -> None:
    assert store.put("wifi", b"bench\npsk") == 0
    assert store.put("v:A.B", b"") == 0
    assert store.put("wifi", b"other") == 0
    store.boot()
    assert store.items() == {"v:A.B": b"", "wifi": b"other"}
    assert store.delete("wifi") == 0
    assert store.delete("wifi") == ENOENT
    store.boot()
    assert store.items() == {"v:A.B": b""}


def test_same_value_is_not_written_again(store: Store) -> None:
    store.put("k", b"value")
    before = store.operations
    assert store.put("k", b"value") == 0
    assert store.operations == before


def test_sizes_out_of_range_are_refused(store: Store) -> None:
    assert store.put("", b"x") == EINVAL
    assert store.put("k" * 65, b"x") == EINVAL
    assert store.put("k", bytes(4096)) == EINVAL
    assert store.put("k" * 64, b"x") == 0
    assert store.items() == {"k" * 64: b"x"}


def test_full_store_refuses_and_keeps_what_it_has(store: Store) -> None:
    count = 0
    while (result := store.put(f"key{count}", bytes([count]) * 40)) == 0:
        count += 1
    assert result == ENOSPC
    assert count == (AREA_SIZE // 2 - 16) // 56
    expected = {f"key{n}": bytes([n]) * 40 for n in range(count)}
    assert store.items() == expected
    store.boot()
    assert store.items() == expected
    # Where there is no room for a record that says so, the item is left out of a compaction.
    for n in range(count):
        assert store.delete(f"key{n}") == 0
        del expected[f"key{n}"]
        store.boot()
        assert store.items() == expected
    assert store.put("key", b"new") == 0


def test_store_reads_what_the_bench_provisions(store: Store) -> None:
    entries = provision.Provisioning(variables={"OCPPCommCtrlr.HeartbeatInterval": "60"}).entries()
    store.load(provision.image(entries, AREA_SIZE))
    assert store.items() == entries


def test_bench_reads_what_the_store_writes(store: Store) -> None:
    rng = random.Random(7)
    for _ in range(300):
        key = f"v:Component.Variable{rng.randrange(8)}"
        if rng.random() < 0.2:
            store.delete(key)
        else:
            assert store.put(key, value_of(rng)) == 0
        assert provision.read(store.area) == store.items()


def test_record_with_a_flipped_bit_is_dropped_alone(store: Store) -> None:
    for n in range(5):
        store.put(f"key{n}", b"value %d" % n)
    area = bytearray(store.area)
    area[area.index(b"value 2")] ^= 0x10
    store.load(bytes(area))
    assert store.items() == {f"key{n}": b"value %d" % n for n in (0, 1, 3, 4)}
    assert provision.read(store.area) == store.items()


@pytest.mark.parametrize("seed", range(6))
def test_power_cut_at_any_word_leaves_old_or_new(store: Store, seed: int) -> None:
    """Over a walk of puts and deletes that compacts many times: before each, every cut is tried."""
    rng = random.Random(seed)
    cuts = compactions = 0
    for step in range(160):
        key = f"v:Component.Variable{rng.randrange(7)}"
        deletes = rng.random() < 0.25
        value = value_of(rng)
        area, old = store.area, store.items()
        new = {name: old[name] for name in old if name != key} | ({} if deletes else {key: value})

        def change() -> None:
            if deletes:  # noqa: B023 (called in this turn of the loop only)
                store.delete(key)  # noqa: B023
            else:
                store.put(key, value)  # noqa: B023

        store.load(area)
        before = store.operations
        change()
        words = store.operations - before
        compactions += words > 60
        assert store.items() == new
        after = store.area
        # Each cut of a compaction would be many: one in seven of them, all the others.
        for cut in range(seed % 7, words, 7) if words > 60 else range(words):
            store.load(area)
            store.cut_after(cut, seed=step * 1000 + cut)
            change()
            torn = store.area
            store.boot()
            whole = store.items()
            assert whole in (old, new), f"step {step}, cut {cut}"
            assert store.put("after", b"the cut") == 0
            store.boot()
            assert store.items() == whole | {"after": b"the cut"}
            cuts += 1
            # The recovery itself may be cut too.
            store.library.flash_load(torn)
            store.cut_after(cut, seed=cut)
            store.library.init()
            store.boot()
            assert store.items() == whole
        store.load(after)
    assert cuts > 300
    assert compactions > 2


def test_smallest_key_above_another(store: Store) -> None:
    """Whatever the order in which they were written; keys of other sizes and deleted ones do not count."""
    for key in ("bb", "aa", "dd", "cc", "a", "bbb"):
        store.put(key, b"1")
    store.put("aa", b"again")
    store.delete("cc")
    assert [store.after(key) for key in (b"  ", b"aa", b"bb", b"dd", b" ")] == [
        b"aa",
        b"bb",
        b"dd",
        None,
        b"a",
    ]


def test_tidy_erases_the_bank_that_a_compaction_left(store: Store) -> None:
    half = AREA_SIZE // 2
    for n in range(30):
        store.put("key", b"%040d" % n)
    assert ERASED[:half] not in (store.area[:half], store.area[half:])
    area = store.area
    store.boot()
    assert store.area == area
    assert store.tidy() == 0
    assert (store.area[:half] == ERASED[:half]) != (store.area[half:] == ERASED[:half])
    assert store.items() == {"key": b"%040d" % 29}
    before = store.operations
    assert store.tidy() == 0
    assert store.operations == before


@pytest.mark.parametrize("seed", range(4))
def test_power_cut_in_a_queue_leaves_old_or_new(store: Store, seed: int) -> None:
    """A queue as the outbox keeps it, at times full: events come, are answered (a short rest of them stays)
    and go, the spare bank is erased. Before each change the supply is cut at many places of it."""
    rng = random.Random(seed)
    number, cuts, full, tidied = 0, 0, 0, 0
    for step in range(220):
        area, old = store.area, store.items()
        queue = sorted(key for key, value in old.items() if len(value) > 9)
        grows = step % 60 < 40
        action = rng.choice(("put", "put", "put", "rest") if grows else ("rest", "delete", "delete", "tidy"))
        if action != "put" and not old:
            continue
        number += action == "put"
        key = {"put": f"{number:04}", "rest": queue[0] if queue else "none"}.get(
            action, next(iter(old), "none")
        )
        value = rng.randbytes(rng.choice((40, 80, 120))) if action == "put" else b"rest"

        def change() -> int:
            if action == "tidy":  # noqa: B023 (called in this turn of the loop only)
                return store.tidy()
            return store.delete(key) if action == "delete" else store.put(key, value)  # noqa: B023

        before = store.operations
        result = change()
        words = store.operations - before
        if action == "delete":
            new = {name: old[name] for name in old if name != key}
            assert result == 0
        else:
            new = old if action == "tidy" or result == ENOSPC else old | {key: value}
            assert result in (0, ENOSPC)
        full += result == ENOSPC
        tidied += action == "tidy" and words > 0
        assert store.items() == new
        after = store.area
        for cut in range(seed % 11, words, 11) if words > 60 else range(0, words, 2):
            store.load(area)
            store.cut_after(cut, seed=step * 1000 + cut)
            change()
            store.boot()
            assert store.items() in (old, new), f"step {step} {action}, cut {cut}"
            cuts += 1
        store.load(after)
    assert cuts > 300
    assert full > 3
    assert tidied > 2
