"""The catalog: how the events of Windows' network providers are laid out, by build, and what users added or brought.

wnv's own providers stand in data/catalog/, one file each, made by tools/build_catalog.py; a file is read when its
provider is first asked for. Users' providers stand in their profile folder in the same form and come after ours;
manifests that were brought along beside a recording come before.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from wnv.decode.description import EventDescription, Source
from wnv.decode.dumps import merge_builds, parse_dump
from wnv.decode.manifest import MOST_BYTES, parse_manifest
from wnv.decode.provider import Descriptions, ProviderEvents, decode_provider, encode_provider, is_guid
from wnv.diagnostics import Code, Log
from wnv.errors import UsageError, WnvError

_INDEX = "index.json"
_DESCRIPTION_ORDER = (Source.BUNDLE, Source.CATALOG, Source.USER)
_BROUGHT_BYTES_MAX = 64 << 20


def profile_folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where wnv keeps what belongs to a user: WNV_HOME, or the platform's place for data of applications."""
    if environ.get("WNV_HOME"):
        return Path(environ["WNV_HOME"])
    if platform == "win32":
        base = environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / "wnv"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "wnv"
    data_home = environ.get("XDG_DATA_HOME", "")
    # The specification has relative paths ignored.
    return (Path(data_home) if Path(data_home).is_absolute() else Path.home() / ".local" / "share") / "wnv"


class Catalog:
    """Finds descriptions of events. Reads no more than it is asked for; not changed by files added later."""

    def __init__(self, profile: Path | None = None, *, brought: Sequence[ProviderEvents] = ()) -> None:
        """`profile`: the folder of the user; None = `profile_folder()`. `brought`: along with a recording."""
        self.brought: dict[str, ProviderEvents] = {}
        for provider in brought:
            self.brought.setdefault(provider.guid, provider)
        self._user_folder = (profile or profile_folder()) / "catalog"
        self._loaded: dict[str, tuple[Descriptions, ...]] = {}
        self._described: dict[tuple[str, int, int, int], EventDescription | None] = {}

    def describe(self, provider: str, event_id: int, version: int, *, build: int) -> EventDescription | None:
        """How Windows build `build` (0 = not known) lays out this event, as far as it is known.

        Exactly this version, else the nearest lower one with less confidence, else None. Other layouts of the
        same id and version, of other builds or a user's, are its `alternatives`. `provider` is a GUID in lower
        case.
        """
        key = provider, event_id, version, build
        if key not in self._described:
            self._described[key] = self._describe(provider, event_id, version, build)
        return self._described[key]

    def _describe(self, provider: str, event_id: int, version: int, build: int) -> EventDescription | None:
        known = self._of(provider)
        exact = [one.describe(event_id, version, build=build) for one in known]
        lower = [one.describe_lower(event_id, version, build=build) for one in known]
        found = next(([one for one in many if one] for many in (exact, lower) if any(many)), None)
        if not found:
            return None
        first, *others = found
        layouts = {first.fields, *(other.fields for other in first.alternatives)}
        more = [
            replace(one, alternatives=())
            for other in others
            for one in (other, *other.alternatives)
            if one.fields not in layouts
        ]
        return replace(first, alternatives=(*first.alternatives, *more)) if more else first

    def providers(self) -> list[tuple[str, str]]:
        """GUID and name of every provider, by name."""
        found = {guid: self._of(guid)[0].provider.name for guid in self._user_files}
        found |= {guid: provider.name for guid, provider in self.brought.items()} | self._own
        return sorted(found.items(), key=lambda row: (row[1].lower(), row[0]))

    def sources(self, provider: str) -> tuple[Source, ...]:
        """Where a provider is known from."""
        is_in = provider in self.brought, provider in self._own, provider in self._user_files
        return tuple(source for source, there in zip(_DESCRIPTION_ORDER, is_in, strict=True) if there)

    def events(self, provider: str) -> list[EventDescription]:
        """All events of a provider as in their newest build, by id and version."""
        keys = {(event.event_id, event.version) for one in self._of(provider) for event in one.provider.events}
        found = [self.describe(provider, event_id, version, build=0) for event_id, version in sorted(keys)]
        return [event for event in found if event is not None]

    def keywords(self, provider: str) -> dict[str, int | None]:
        """Mask by name of a provider's keywords; None = unknown."""
        return {name: mask for one in reversed(self._of(provider)) for name, mask in one.provider.keywords.items()}

    def find(self, name: str) -> str:
        """GUID of the provider with this GUID, name or end of a name (`VmSwitch`). Raises `UsageError`."""
        wanted = name.strip("{}").lower()
        known = self.providers()
        exact = [guid for guid, full in known if wanted in (guid, full.lower())]
        found = exact or [guid for guid, full in known if full.lower().endswith(f"-{wanted}")]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(full for guid, full in known if guid in found)
            raise UsageError(f"more than one provider is called {name!r}: {names}")
        near = [full for _, full in known if wanted in full.lower()]
        raise UsageError(
            f"the catalog has no provider {name!r}",
            advice=f"It has {', '.join(near[:5])}." if near else "`wnv catalog list` names those it has.",
        )

    def digest(self) -> str:
        """Hash of all that the catalog holds: the same descriptions come from the same digest (hexadecimal)."""
        whole = hashlib.sha256()
        texts = [(f"own/{guid}", self._own_text(guid)) for guid in sorted(self._own)]
        texts += [(f"user/{guid}", self._user_text(guid)) for guid in sorted(self._user_files)]
        texts += [(f"brought/{guid}", encode_provider(one).encode()) for guid, one in sorted(self.brought.items())]
        texts.append(("summaries", (files("wnv") / "data" / "summaries.txt").read_bytes()))
        for name, text in texts:
            whole.update(f"{name} {len(text)}\n".encode())
            whole.update(text)
        return whole.hexdigest()

    def _of(self, provider: str) -> tuple[Descriptions, ...]:
        """Those brought along first, then ours."""
        if provider not in self._loaded:
            found = []
            if provider in self.brought:
                found.append(Descriptions(self.brought[provider], Source.BUNDLE))
            if provider in self._own:
                found.append(Descriptions(decode_provider(self._own_text(provider), provider), Source.CATALOG))
            if provider in self._user_files:
                place = str(self._user_files[provider])
                found.append(Descriptions(decode_provider(self._user_text(provider), place), Source.USER))
            self._loaded[provider] = tuple(found)
        return self._loaded[provider]

    @cached_property
    def _own(self) -> dict[str, str]:
        """Name by GUID."""
        index: dict[str, str] = json.loads((files("wnv") / "data" / "catalog" / _INDEX).read_text(encoding="utf-8"))
        return index

    @cached_property
    def _user_files(self) -> dict[str, Path]:
        """By GUID; those of other names are not ours."""
        try:
            paths = sorted(self._user_folder.glob("*.json"))
        except OSError:
            return {}
        return {path.stem: path for path in paths if is_guid(path.stem)}

    def _own_text(self, provider: str) -> bytes:
        return (files("wnv") / "data" / "catalog" / f"{provider}.json").read_bytes()

    def _user_text(self, provider: str) -> bytes:
        return _read(self._user_files[provider])


def add_file(path: Path, profile: Path | None = None) -> list[ProviderEvents]:
    """Put the providers of a manifest (.man) or a JSON dump into the user's catalog; those that were added.

    Nothing is written unless all of the file is good; a provider that the user added before is replaced.
    """
    data = _read(path)
    providers = parse_file(data)
    folder = (profile or profile_folder()) / "catalog"
    texts = {provider.guid: encode_provider(provider) for provider in providers}
    for guid, text in texts.items():
        decode_provider(text, guid)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for guid, text in texts.items():
            _write(folder / f"{guid}.json", text)
    except OSError as error:
        raise WnvError(
            f"{folder} cannot be written ({error.strerror or error})", advice="WNV_HOME names another folder."
        ) from error
    return list(providers)


def read_brought(paths: Sequence[Path], log: Log) -> list[ProviderEvents]:
    """The providers of manifests beside a recording; those that cannot be read are recorded in `log`."""
    found: list[ProviderEvents] = []
    n_bytes = 0
    for path in paths:
        try:
            data = _read(path)
            n_bytes += len(data)
            if n_bytes > _BROUGHT_BYTES_MAX:
                raise WnvError("the manifests beside the recording are too large together")
            found += parse_file(data)
        except WnvError:
            log.record(Code.DESCRIPTION_INVALID, detail=f"manifest {path.name}")
    return found


def encode_brought(catalog: Catalog) -> bytes:
    """What was brought along, as a trace folder keeps it; empty if nothing was."""
    texts = [encode_provider(one) for one in catalog.brought.values()]
    return b"[\n" + ",\n".join(texts).encode() + b"]\n" if texts else b""


def decode_brought(data: bytes, place: str) -> list[ProviderEvents]:
    """The providers that `encode_brought` wrote. Raises `WnvError` if they are not."""
    try:
        rows = json.loads(data)
        texts = [json.dumps(row) for row in rows]
    except (ValueError, TypeError, RecursionError) as error:
        raise WnvError(f"{place} is not what wnv writes there", advice="Import the recording again.") from error
    return [decode_provider(text, place) for text in texts]


def parse_file(data: bytes) -> Sequence[ProviderEvents]:
    """The providers of a manifest or a dump, told apart by the first character."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    providers = [merge_builds(parse_dump(data), [])] if start == b"{" else parse_manifest(data)
    if len({provider.guid for provider in providers}) < len(providers):
        raise WnvError("the file has a provider twice")
    return providers


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise WnvError(f"{path} cannot be read ({error.strerror or error})") from error
    if len(data) > MOST_BYTES:
        raise WnvError(f"{path} is too large: {MOST_BYTES:,} bytes at most")
    return data


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a handle, not a path
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
