"""The Protocol Implementation Conformance Statement: what a station declares, and why."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from firmware.variants import Feature, Table, Variant

PICS = Path(__file__).resolve().parents[2] / "firmware" / "pics.toml"

Value = bool | int | str | list[str]
TABLES = ("features", "questions", "hardware", "csms")
_CASE = re.compile(r"[A-P]|TC_[A-P]_\d+_CS")
_ID = re.compile(r"([A-Z]+)-(\d+)((?:\.\d+)*)")


class PicsError(Exception):
    """The statement cannot be read, or lacks what a condition asks for. The message is one clear line."""


def in_words(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value) or "none"


@dataclass(frozen=True, slots=True)
class Declared:
    """`value` is yes or no, how many, or a list of what is supported; `reason` is one line."""

    value: Value
    reason: str

    @property
    def text(self) -> str:
        """The value in words."""
        return in_words(self.value)


@dataclass(frozen=True, slots=True)
class Pics:
    """`features` by the ids of Part 5 (C-01, AQ-2, HFS-8), `profiles` by their names there.

    `waits_for`: by test case or block, why there is no scenario yet; `without`: the features of the firmware
    that this station is built without.
    """

    product_subtype: Declared
    profiles: dict[str, Declared]
    features: dict[str, Declared]
    waits_for: dict[str, str] = field(default_factory=dict)
    without: tuple[Feature, ...] = ()

    def feature(self, name: str) -> Value:
        """What is declared for it; for one that only has suboptions (C-40), whether any of them is.

        Raises PicsError for one that is not declared at all.
        """
        if name in self.features:
            return self.features[name].value
        options = [declared for each, declared in self.features.items() if each.startswith(f"{name}.")]
        if not options:
            raise PicsError(f"{name}: no such feature is declared")
        return any(declared.value for declared in options)

    def lacking(self, case: str) -> Feature | None:
        """What a test case needs and this station is built without."""
        needing = (feature for feature in self.without if {case, case[3]} & {*feature.cases})
        return next(needing, None)

    def between(self, first: str, last: str) -> list[str]:
        """The declared features from `first` to `last`, without suboptions. Raises PicsError as above."""
        for end in (first, last):
            self.feature(end)
        low, high = _order(first), _order(last)
        return [name for name in self.features if "." not in name and low <= _order(name) <= high]

    def profile(self, name: str) -> bool:
        """Raises PicsError for a profile that is not declared at all."""
        if name not in self.profiles:
            raise PicsError(f"{name!r}: no such profile is declared; there are {', '.join(self.profiles)}")
        return bool(self.profiles[name].value)


def of_variant(pics: Pics, table: Table, variant: Variant) -> Pics:
    """The statement of a station that is built so; `pics` is about the release.

    Raises PicsError for a feature that says something about what `pics` does not declare.
    """
    features = dict(pics.features)
    for feature in table.features.values():
        if feature.name in variant.features:
            for name, value, reason in feature.on:
                pics.feature(name)
                features[name] = Declared(value, reason)
        else:
            for name in feature.off:
                no: Value = [] if isinstance(pics.feature(name), list) else False
                features[name] = Declared(no, f"built without {feature.name}")
    without = (feature for name, feature in table.features.items() if name not in variant.features)
    return replace(pics, features=features, without=tuple(without))


def statements(table: Table) -> dict[str, Pics]:
    """By variant, what its station declares (firmware/pics.toml). Raises PicsError."""
    release = load_pics()
    return {name: of_variant(release, table, variant) for name, variant in table.variants.items()}


def load_pics(path: Path = PICS) -> Pics:
    """Raises PicsError for what is not TOML, or has another shape; OSError where there is no such file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PicsError(f"{path}: {error}") from None
    features: dict[str, Declared] = {}
    for table in TABLES:
        for name, declared in _table(path, content, table).items():
            if not _ID.fullmatch(name):
                raise PicsError(f"{path}: {name!r} in [{table}] is no id of a feature, as C-06.1 or HFS-8")
            if name in features:
                raise PicsError(f"{path}: {name} is declared twice")
            features[name] = declared
    subtype = _table(path, content, "station").get("product_subtype", Declared("", ""))
    waits_for = content.get("waits_for", {})
    if not isinstance(waits_for, dict):
        raise PicsError(f"{path}: waits_for = {waits_for!r} must be a table")
    for name, reason in waits_for.items():
        if not _CASE.fullmatch(name) or not isinstance(reason, str) or not reason:
            raise PicsError(f"{path}: {name!r} in [waits_for] must be a test case or a block, and a reason")
    return Pics(subtype, _table(path, content, "profiles"), features, waits_for)


def _table(path: Path, content: dict[str, Any], name: str) -> dict[str, Declared]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise PicsError(f"{path}: {name} = {table!r} must be a table")
    declared = {}
    for key, entry in table.items():
        if not isinstance(entry, dict) or entry.keys() != {"value", "reason"} or not entry["reason"]:
            raise PicsError(f"{path}: {key} in [{name}] must be {{ value = ..., reason = ... }}")
        value, reason = entry["value"], entry["reason"]
        kinds = (str,) if name == "station" else (bool, int, list)
        if not isinstance(value, kinds) or not isinstance(reason, str):
            raise PicsError(
                f"{path}: {key} in [{name}] cannot have the value {value!r} and reason {reason!r}"
            )
        declared[key] = Declared(value, reason)
    return declared


def _order(name: str) -> tuple[str, int]:
    match = _ID.fullmatch(name)
    if not match:
        raise PicsError(f"{name!r} is no id of a feature")
    return match[1], int(match[2])
