"""Instrumentation manifests: the XML in which providers describe their events (etl-format.md, section 9.3).

`.man` files of Windows' SDK and the manifests that .NET's EventSource writes into a recording have the same
schema. They come from whoever made the recording, so no document type, no entities of their own and no great
depth are taken. Of the texts for people only the words of value maps are read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final
from xml.parsers import expat

from wnv.decode.description import FieldDescription, InType, OutType, ValueMap
from wnv.decode.provider import EventEntry, Layout, ProviderEvents, Variant, is_guid
from wnv.errors import WnvError

MOST_BYTES: Final = 16 << 20
"""Of a manifest; the largest of Windows' own has 3 MB."""
MOST_DEPTH: Final = 32
"""Of elements; a map in a manifest stands at depth 8."""
MOST_ELEMENTS: Final = 200_000
"""Some 100 MB when parsed; the largest of Windows' own has a fifth of that."""
MOST_STRUCT_DEPTH: Final = 8
MOST_FIELDS: Final = 4096
"""Of a template or structure; behind them nothing is known."""
MOST_LAYOUTS: Final = 8
"""Of one id and version, which stands in a manifest once for each of its channels."""
MOST_JOINED_BYTES: Final = 64 << 20
"""Of all manifests that are taken from a recording, and of those whose chunks are not all there yet."""

IN_TYPES: Final[Mapping[str, InType]] = MappingProxyType(
    {
        "unicodestring": InType.UNICODE_STRING,
        "ansistring": InType.ANSI_STRING,
        "int8": InType.INT8,
        "uint8": InType.UINT8,
        "int16": InType.INT16,
        "uint16": InType.UINT16,
        "int32": InType.INT32,
        "uint32": InType.UINT32,
        "int64": InType.INT64,
        "uint64": InType.UINT64,
        "float": InType.FLOAT,
        "double": InType.DOUBLE,
        "boolean": InType.BOOLEAN,
        "binary": InType.BINARY,
        "guid": InType.GUID,
        "pointer": InType.POINTER,
        "filetime": InType.FILETIME,
        "systemtime": InType.SYSTEMTIME,
        "sid": InType.SID,
        "hexint32": InType.HEX_INT32,
        "hexint64": InType.HEX_INT64,
        "countedunicodestring": InType.MANIFEST_COUNTED_STRING,
        "countedansistring": InType.MANIFEST_COUNTED_ANSI_STRING,
        "countedbinary": InType.MANIFEST_COUNTED_BINARY,
        "unicodechar": InType.UNICODE_CHAR,
        "ansichar": InType.ANSI_CHAR,
        "sizet": InType.SIZE_T,
    }
)
"""By the name in lower case, without prefix (winmeta.xml of the Windows SDK)."""

OUT_TYPES: Final[Mapping[str, OutType]] = MappingProxyType(
    {
        "string": OutType.STRING,
        "datetime": OutType.DATETIME,
        "boolean": OutType.BOOLEAN,
        "guid": OutType.GUID,
        "hexbinary": OutType.HEX_BINARY,
        "hexint8": OutType.HEX_INT8,
        "hexint16": OutType.HEX_INT16,
        "hexint32": OutType.HEX_INT32,
        "hexint64": OutType.HEX_INT64,
        "pid": OutType.PID,
        "tid": OutType.TID,
        "port": OutType.PORT,
        "ipv4": OutType.IPV4,
        "ipv6": OutType.IPV6,
        "socketaddress": OutType.SOCKET_ADDRESS,
        "xml": OutType.XML,
        "errorcode": OutType.ERROR_CODE,
        "win32error": OutType.WIN32_ERROR,
        "ntstatus": OutType.NTSTATUS,
        "hresult": OutType.HRESULT,
        "datetimecultureinsensitive": OutType.DATETIME_CULTURE_INSENSITIVE,
        "json": OutType.JSON,
        "utf8": OutType.UTF8,
        "datetimeutc": OutType.DATETIME_UTC,
    }
)
"""Those that change what we show; all others are left at the default."""

LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {"LogAlways": 0, "Critical": 1, "Error": 2, "Warning": 3, "Informational": 4, "Verbose": 5}
)
_STRING_REFERENCE = re.compile(r"\$\(string\.(.+)\)")
_MOST_WORDS, _MOST_CHARACTERS = 4, 40
"""Of a map's text that is taken for a word; longer ones are sentences, which we do not take over."""


@dataclass(slots=True)
class _Element:
    name: str
    """Without namespace."""
    attributes: dict[str, str]
    children: list[_Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[_Element]:
        return (child for child in self.children if child.name == name)

    def within(self, *path: str) -> Iterator[_Element]:
        """The descendants at the end of a path of names."""
        found: Iterable[_Element] = (self,)
        for name in path:
            found = [child for element in found for child in element.all(name)]
        return iter(found)


def parse_manifest(data: bytes) -> tuple[ProviderEvents, ...]:
    """The providers of a manifest. Raises `WnvError` if it is none.

    What a manifest says of a single event or field and makes no sense is taken as far as it does: a field of
    an unknown type, and all that follow it, become bytes of which nothing is known.
    """
    root = _parse_xml(data)
    strings = _strings(root)
    elements = [*root.within("instrumentation", "events", "provider"), *root.within("events", "provider")]
    if root.name == "provider":
        elements.append(root)
    providers = tuple(_provider(element, strings) for element in elements)
    if not providers:
        raise WnvError(
            f"no provider in this XML, whose outermost element is {root.name!r}",
            advice="Give an instrumentation manifest (.man).",
        )
    return providers


def _parse_xml(data: bytes) -> _Element:
    if len(data) > MOST_BYTES:
        raise WnvError(f"a manifest of {len(data):,} bytes is too large: {MOST_BYTES:,} at most")
    root = _Element("", {})
    stack = [root]
    n_elements = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal n_elements
        n_elements += 1
        if n_elements > MOST_ELEMENTS or len(stack) > MOST_DEPTH:
            raise WnvError("the manifest is too large or too deep")
        element = _Element(_local(name), {_local(key): value for key, value in attributes.items()})
        stack[-1].children.append(element)
        stack.append(element)

    def refuse(*_: object) -> None:
        raise WnvError("the manifest has a document type, which none needs, so it is not read")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: encodings
        raise WnvError(f"the manifest is not well-formed XML ({error})") from error
    return root.children[0]


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _plain(name: str) -> str:
    """`name` without its prefix: `win:Start` → `Start`."""
    return name.rpartition(":")[2]


def _number(text: str) -> int | None:
    """A decimal or 0x… number."""
    text = text.strip()
    try:
        return int(text, 16) if text[:2].lower() == "0x" else int(text)
    except ValueError:
        return None


def _strings(root: _Element) -> dict[str, str]:
    """The English string table, or the first there is."""
    tables = list(root.within("localization", "resources"))
    tables.sort(key=lambda table: table.attributes.get("culture", "").lower() != "en-us")
    if not tables:
        return {}
    rows = [row.attributes for row in tables[0].within("stringTable", "string")]
    return {row["id"]: row.get("value", "") for row in rows if "id" in row}


def _provider(element: _Element, strings: Mapping[str, str]) -> ProviderEvents:
    guid = element.attributes.get("guid", "").strip().strip("{}").lower()
    if not is_guid(guid):
        raise WnvError(f"the manifest's provider has the GUID {element.attributes.get('guid', '')!r}, which is none")
    keywords = {
        _plain(row.attributes.get("name", "")): _number(row.attributes.get("mask", ""))
        for row in element.within("keywords", "keyword")
    }
    levels = dict(LEVELS)
    for row in element.within("levels", "level"):
        level = _number(row.attributes.get("value", ""))
        if level is not None:
            levels[_plain(row.attributes.get("name", ""))] = level
    layouts = _layouts(element, _maps(element, strings))
    entries: dict[tuple[int, int], EventEntry] = {}
    for row in element.within("events", "event"):
        entry = _event(row.attributes, levels, layouts)
        if entry is None:
            continue
        before = entries.setdefault((entry.event_id, entry.version), entry)
        known, (more,) = before.variants[0].layouts, entry.variants[0].layouts
        if all(one is not more for one in known) and len(known) < MOST_LAYOUTS:  # the same event for two channels
            entries[entry.event_id, entry.version] = replace(before, variants=(Variant(0, 0, (*known, more)),))
    name = element.attributes.get("name", "")
    return ProviderEvents(guid, name, keywords, tuple(entries[key] for key in sorted(entries)))


def _event(
    attributes: Mapping[str, str], levels: Mapping[str, int], layouts: Mapping[str, Layout]
) -> EventEntry | None:
    event_id, version = _number(attributes.get("value", "")), _number(attributes.get("version", "0"))
    if event_id is None or version is None or not (0 <= event_id <= 0xFFFF and 0 <= version <= 0xFF):
        return None

    def word(key: str) -> str:
        text = _plain(attributes.get(key, ""))
        return "" if text == "None" else text

    task, opcode = word("task"), word("opcode")
    return EventEntry(
        event_id,
        version,
        attributes.get("symbol", "") or "/".join(part for part in (task, opcode) if part),
        levels.get(_plain(attributes.get("level", ""))),
        task,
        opcode,
        tuple(_plain(keyword) for keyword in attributes.get("keywords", "").split()),
        (Variant(0, 0, (layouts.get(attributes.get("template", ""), ()),)),),
    )


def _maps(provider: _Element, strings: Mapping[str, str]) -> dict[str, ValueMap]:
    found = {}
    for element in provider.within("maps"):
        for row in element.children:
            name = row.attributes.get("name", "")
            words = {}
            for entry in row.all("map"):
                value = _number(entry.attributes.get("value", ""))
                word = _word(entry.attributes, strings)
                if value is not None and word:
                    words[value] = word
            found[name] = ValueMap(name, words, is_bits=row.name == "bitMap")
    return found


def _word(entry: Mapping[str, str], strings: Mapping[str, str]) -> str:
    """What a map calls a value: its text if that is a word or a few, else its symbol, else the text's id."""
    message = entry.get("message", "")
    reference = _STRING_REFERENCE.fullmatch(message)
    text = (strings.get(reference[1], "") if reference else message).strip()
    if text and len(text) <= _MOST_CHARACTERS and len(text.split()) <= _MOST_WORDS:
        return text
    return entry.get("symbol", "") or (reference[1].rpartition(".")[2] if reference else "")


def _layouts(provider: _Element, maps: Mapping[str, ValueMap]) -> dict[str, Layout]:
    """The fields of each template, by its id; equal ones are one object."""
    distinct: dict[Layout, Layout] = {}
    found = {}
    for template in provider.within("templates", "template"):
        if "tid" in template.attributes:
            layout = _fields(template.children, maps, MOST_STRUCT_DEPTH)
            found[template.attributes["tid"]] = distinct.setdefault(layout, layout)
    return found


def _fields(
    elements: Sequence[_Element], maps: Mapping[str, ValueMap], depth: int, outer: tuple[Collection[str], ...] = ()
) -> Layout:
    """The fields of a template, or the members of a structure, behind the fields `outer` of what it is in."""
    found: dict[str, FieldDescription] = {}
    n_named: Counter[str] = Counter()
    for element in elements:
        if element.name not in ("data", "struct"):
            continue  # UserData: a form of the log's XML
        name = element.attributes.get("name", "")
        n_named[name] += 1
        unique = name if name not in found else f"{name}_{n_named[name]}"
        one = _field(element, unique, (*outer, found), maps, depth)
        if one is None or len(found) >= MOST_FIELDS:
            found[unique] = FieldDescription(unique, InType.BINARY, is_unsure=True)
            break
        found[unique] = one
    return tuple(found.values())


def _field(
    element: _Element,
    name: str,
    before: tuple[Collection[str], ...],
    maps: Mapping[str, ValueMap],
    depth: int,
) -> FieldDescription | None:
    """One field, or None if it cannot be read, and with it nothing behind it."""
    attributes = element.attributes
    sizes: list[int | str | None] = []
    for key in ("length", "count"):
        text = attributes.get(key)
        number = None if text is None else _number(text)
        if text is None or any(text in names for names in before):
            sizes.append(text)
        elif number is not None and 0 <= number <= 0xFFFF:
            sizes.append(number)
        else:
            return None
    length, count = sizes
    if element.name == "struct":
        members = _fields(element.children, maps, depth - 1, before) if depth else ()
        return FieldDescription(name, InType.STRUCT, count=count, members=members) if members else None
    in_type = IN_TYPES.get(_plain(attributes.get("inType", "")).lower())
    if in_type is None:
        return None
    out_type = OUT_TYPES.get(_plain(attributes.get("outType", "")).lower(), OutType.DEFAULT)
    if in_type is InType.BINARY and out_type is OutType.IPV6 and length is None:
        length = 16
    return FieldDescription(name, in_type, out_type, length, count, map=maps.get(attributes.get("map", "")))


# --- manifests in the stream ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JoinedChunks:
    """The manifests that a recording carries."""

    manifests: tuple[tuple[str, bytes], ...]
    """Provider (GUID) and XML, each once, in the order they were complete."""
    n_bad: int
    """Chunks that are not of the form, contradict those before, or were too large together."""
    n_missing: int
    """Manifests of which a chunk is missing."""


@dataclass(slots=True)
class _Pending:
    form: bytes
    n_chunks: int
    chunks: dict[int, bytes] = field(default_factory=dict)
    n_bytes: int = 0


_CHUNK_HEADER_BYTES = 8
_CHUNK_MAGIC = 0x5B
_XML_FORMAT = 1


def join_chunks(rows: Iterable[tuple[int, str, bytes]]) -> JoinedChunks:
    """Put manifests together from the events that carry them (id 0xFFFE), in order of time.

    A row is process id, provider (GUID) and payload: u8 format (1 = XML), u8 major, u8 minor, u8 0x5B,
    u16 number of chunks, u16 number of this one, then UTF-8 XML. Chunks of several processes may be mixed.
    """
    pending: dict[tuple[int, str], _Pending] = {}
    joined: dict[tuple[str, bytes], None] = {}
    n_bad = n_pending_bytes = n_joined_bytes = 0
    for pid, provider, payload in rows:
        n_chunks, number = (int.from_bytes(payload[at : at + 2], "little") for at in (4, 6))
        if (
            len(payload) <= _CHUNK_HEADER_BYTES
            or payload[0] != _XML_FORMAT
            or payload[3] != _CHUNK_MAGIC
            or number >= n_chunks
        ):
            n_bad += 1
            continue
        found = pending.get((pid, provider))
        form = payload[:6]
        if found is None or found.form != form or number in found.chunks:  # a first one, or one of the next manifest
            if found is not None:
                n_bad += len(found.chunks)
                n_pending_bytes -= found.n_bytes
            found = pending[pid, provider] = _Pending(form, n_chunks)
        body = bytes(payload[_CHUNK_HEADER_BYTES:])
        found.chunks[number] = body
        found.n_bytes += len(body)
        n_pending_bytes += len(body)
        is_too_large = found.n_bytes > MOST_BYTES or n_pending_bytes > MOST_JOINED_BYTES
        if is_too_large or len(found.chunks) == found.n_chunks:
            del pending[pid, provider]
            n_pending_bytes -= found.n_bytes
            if is_too_large or n_joined_bytes + found.n_bytes > MOST_JOINED_BYTES:
                n_bad += len(found.chunks)
                continue
            manifest = provider, b"".join(found.chunks[k] for k in range(found.n_chunks))
            n_joined_bytes += 0 if manifest in joined else found.n_bytes
            joined[manifest] = None
    return JoinedChunks(tuple(joined), n_bad, len(pending))
