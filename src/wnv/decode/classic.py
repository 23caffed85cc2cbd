"""Classic (MOF) events of the kernel that tell processes, images and connections: docs/formats/classic.md.

Also what KernelTraceControl adds on merging (etl-format.md, section 9.4). A class is named by its GUID, an event
by its opcode and version; events with a hook id belong to the class of its group (section 7.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source, ValueMap
from wnv.decode.provider import with_lower_version
from wnv.decode.summaries import summary_template

PROCESS: Final = "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c"
THREAD: Final = "3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c"
IMAGE: Final = "2cb15d1d-5fc1-11d2-abe1-00a0c911f518"
TCPIP: Final = "9a280ac0-c8e0-11d1-84e2-00c04fb998a2"
UDPIP: Final = "bf3a50c5-a9c9-4988-a005-2df0b7c80f80"
IMAGE_ID: Final = "b3e675d7-2554-4f18-830b-2762732560de"
SYSTEM_CONFIG: Final = "9b79ee91-b5fd-41c0-a243-4248e266e9d0"
WINSAT: Final = "ed54dff8-c409-4cf6-bf83-05e1e61a09c4"

_CLASS_OF_GROUP: Final = {0x03: PROCESS, 0x05: THREAD, 0x06: TCPIP, 0x08: UDPIP, 0x14: IMAGE}
_IMAGE_LOAD_HOOK: Final = 0x030A
_NAMES: Final = {
    PROCESS: "Process", THREAD: "Thread", IMAGE: "Image", TCPIP: "TcpIp", UDPIP: "UdpIp", IMAGE_ID: "ImageId",
    SYSTEM_CONFIG: "SystemConfigEx", WINSAT: "WinSAT",
}  # fmt: skip

_U8, _I8, _U16, _I16, _U32, _I32 = (
    InType.UINT8, InType.INT8, InType.UINT16, InType.INT16, InType.UINT32, InType.INT32,
)  # fmt: skip
_POINTER, _SIZE, _WIDE, _NARROW = InType.POINTER, InType.SIZE_T, InType.UNICODE_STRING, InType.ANSI_STRING
_SID, _FILETIME, _GUID = InType.WBEM_SID, InType.FILETIME, InType.GUID


def _field(name: str, in_type: InType, out_type: OutType = OutType.DEFAULT) -> FieldDescription:
    return FieldDescription(name, in_type, out_type)


def _all(in_type: InType, names: str) -> tuple[FieldDescription, ...]:
    return tuple(_field(name, in_type) for name in names.split())


_Fields = tuple[FieldDescription, ...]
_PID: Final = _field("ProcessId", _U32, OutType.PID)
_PARENT: Final = _field("ParentId", _U32, OutType.PID)
_SESSION: Final = _field("SessionId", _U32)
_EXIT_STATUS: Final = _field("ExitStatus", _I32, OutType.NTSTATUS)
_OWNER: Final = (_field("UserSID", _SID), _field("ImageFileName", _NARROW))
_KEY: Final = _field("UniqueProcessKey", _POINTER)
_COMMAND_LINE: Final = _field("CommandLine", _WIDE)
_PROCESS_V3: Final = (_KEY, _PID, _PARENT, _SESSION, _EXIT_STATUS, _field("DirectoryTableBase", _POINTER))
_PROCESS_FLAGS: Final = ValueMap("ProcessFlags", {1: "PackageFullName", 2: "Wow64", 4: "Protected"}, is_bits=True)
_PROCESS_V4: Final = (
    *_PROCESS_V3, FieldDescription("Flags", _U32, map=_PROCESS_FLAGS), *_OWNER, _COMMAND_LINE,
    *_all(_WIDE, "PackageFullName ApplicationId"),
)  # fmt: skip
_PROCESS: Final[dict[int, _Fields]] = {
    0: (_field("ProcessId", _POINTER), _field("ParentId", _POINTER), *_OWNER),
    1: (_field("PageDirectoryBase", _POINTER), _PID, _PARENT, _SESSION, _EXIT_STATUS, *_OWNER),
    2: (_KEY, _PID, _PARENT, _SESSION, _EXIT_STATUS, *_OWNER, _COMMAND_LINE),
    3: (*_PROCESS_V3, *_OWNER, _COMMAND_LINE),
    4: _PROCESS_V4,
}
_PROCESS_COUNTERS: Final = (
    _PID, *_all(_U32, "PageFaultCount HandleCount Reserved"),
    *_all(
        _SIZE,
        "PeakVirtualSize PeakWorkingSetSize PeakPagefileUsage QuotaPeakPagedPoolUsage QuotaPeakNonPagedPoolUsage"
        " VirtualSize WorkingSetSize PagefileUsage QuotaPagedPoolUsage QuotaNonPagedPoolUsage PrivatePageCount",
    ),
)  # fmt: skip

_TID: Final = _field("TThreadId", _U32, OutType.TID)
_STACKS: Final = (_PID, _TID, *_all(_POINTER, "StackBase StackLimit UserStackBase UserStackLimit"))
_THREAD_V2: Final = (*_STACKS, *_all(_POINTER, "StartAddr Win32StartAddr TebBase"), _field("SubProcessTag", _U32))
_THREAD_V3: Final = (
    *_STACKS, *_all(_POINTER, "Affinity Win32StartAddr TebBase"), _field("SubProcessTag", _U32),
    *_all(_U8, "BasePriority PagePriority IoPriority ThreadFlags"),
)  # fmt: skip
_THREAD_NAMED: Final = (*_THREAD_V3, _field("ThreadName", _WIDE))

_IMAGE_V1: Final = (_field("ImageBase", _POINTER), _field("ImageSize", _SIZE), _PID)
_IMAGE_TAIL: Final = (
    _field("DefaultBase", _POINTER), *_all(_U32, "Reserved1 Reserved2 Reserved3 Reserved4"), _field("FileName", _WIDE),
)  # fmt: skip
_IMAGE_SUM: Final = (*_IMAGE_V1, *_all(_U32, "ImageChecksum TimeDateStamp"))
_IMAGE_V0: Final = (_field("BaseAddress", _POINTER), _field("ModuleSize", _U32), _field("ImageFileName", _WIDE))
_IMAGE: Final[dict[int, _Fields]] = {
    1: (*_IMAGE_V1, _field("FileName", _WIDE)),
    2: (*_IMAGE_SUM, _field("Reserved0", _U32), *_IMAGE_TAIL),
    3: (*_IMAGE_SUM, *_all(_U8, "SignatureLevel SignatureType"), _field("Reserved0", _U16), *_IMAGE_TAIL),
}

_OWNER_SIZE: Final = (_field("PID", _U32, OutType.PID), _field("size", _U32))
_PORTS: Final = (_field("dport", _U16, OutType.PORT), _field("sport", _U16, OutType.PORT))
_ADDRESSES: Final = {
    4: (_field("daddr", _U32, OutType.IPV4), _field("saddr", _U32, OutType.IPV4)),
    6: tuple(FieldDescription(name, InType.BINARY, OutType.IPV6, length=16) for name in ("daddr", "saddr")),
}
_TIMES: Final = _all(_U32, "startime endtime")
_WINDOWS: Final = (
    *_all(_U16, "mss sackopt tsopt wsopt"),
    _field("rcvwin", _U32),
    *_all(_I16, "rcvwinscale sndwinscale"),
)
_SEQUENCE: Final = (_field("seqnum", _U32), _field("connid", _POINTER))
_FAMILIES: Final = ValueMap("AddressFamily", {2: "AF_INET", 23: "AF_INET6"})
_FAILURES: Final = ValueMap("FailureCode", {
    1: "ERROR_INSUFFICIENT_RESOURCES", 2: "ERROR_TOO_MANY_ADDRESSES", 3: "ERROR_ADDRESS_EXISTS",
    4: "ERROR_INVALID_ADDRESS", 5: "ERROR_OTHER", 6: "ERROR_TIMEWAIT_ADDRESS_EXIST",
})  # fmt: skip
_FAIL: Final = (FieldDescription("Proto", _U16, map=_FAMILIES), FieldDescription("FailureCode", _U16, map=_FAILURES))
_UDP_V0: Final = (
    _field("context", _POINTER), _field("saddr", _U32, OutType.IPV4), _field("sport", _U16, OutType.PORT),
    _field("size", _U16), _field("daddr", _U32, OutType.IPV4), _field("dport", _U16, OutType.PORT),
    _field("dsize", _U16),
)  # fmt: skip
_TCP_V0: Final = (*_ADDRESSES[4], *_PORTS, _field("size", _U32), _field("PID", _U32, OutType.PID))


def _flow(family: int, more: _Fields = ()) -> _Fields:
    return (*_OWNER_SIZE, *_ADDRESSES[family], *_PORTS, *more)


_START_END: Final = {1: "Start", 2: "End", 3: "DCStart", 4: "DCEnd"}
_LOADS: Final = {10: "Load", 2: "Unload", 3: "DCStart", 4: "DCEnd"}
_TCP_OPCODES: Final = {
    10: "Send", 11: "Recv", 12: "Connect", 13: "Disconnect", 14: "Retransmit", 15: "Accept", 16: "Reconnect",
    18: "TCPCopy",
}  # fmt: skip
_TCP_V0_LAST: Final = 15
_UDP_OPCODES: Final = {10: "Send", 11: "Recv"}
_IPV6_FROM: Final = 16
"""An opcode of IPv6 is that of IPv4 and 16."""

_FILE_VERSION: Final = (
    *_all(_U32, "ImageSize TimeDateStamp"),
    *_all(
        _WIDE,
        "OriginalFileName FileDescription FileVersion BinFileVersion VerLanguage ProductName CompanyName ProductVersion"
        " FileId ProgramId",
    ),
)  # fmt: skip


def _bytes(name: str, n: int) -> FieldDescription:
    return FieldDescription(name, InType.BINARY, length=n)


def _text(name: str, n: int) -> FieldDescription:
    return FieldDescription(name, InType.UNICODE_STRING, length=n)


# MIB_IF_ROW2 (netioapi.h), with the bytes that align it.
_INTERFACE: Final = (
    _field("InterfaceLuid", InType.HEX_INT64), _field("InterfaceIndex", _U32), _field("InterfaceGuid", _GUID),
    _text("Alias", 257), _text("Description", 257), _field("PhysicalAddressLength", _U32),
    _bytes("PhysicalAddress", 32), _bytes("PermanentPhysicalAddress", 32),
    *_all(_U32, "Mtu Type TunnelType MediaType PhysicalMediumType AccessType DirectionType"),
    _field("InterfaceAndOperStatusFlags", _U8, OutType.HEX_INT8), _bytes("Padding1", 3),
    FieldDescription("OperStatus", _U32, map=ValueMap("IF_OPER_STATUS", {
        1: "Up", 2: "Down", 3: "Testing", 4: "Unknown", 5: "Dormant", 6: "NotPresent", 7: "LowerLayerDown",
    })),
    FieldDescription("AdminStatus", _U32, map=ValueMap("NET_IF_ADMIN_STATUS", {1: "Up", 2: "Down", 3: "Testing"})),
    FieldDescription("MediaConnectState", _U32, map=ValueMap("NET_IF_MEDIA_CONNECT_STATE", {
        0: "Unknown", 1: "Connected", 2: "Disconnected",
    })),
    _field("NetworkGuid", _GUID), _field("ConnectionType", _U32), _bytes("Padding2", 4),
    *_all(
        InType.UINT64,
        "TransmitLinkSpeed ReceiveLinkSpeed InOctets InUcastPkts InNUcastPkts InDiscards InErrors InUnknownProtos"
        " InUcastOctets InMulticastOctets InBroadcastOctets OutOctets OutUcastPkts OutNUcastPkts OutDiscards OutErrors"
        " OutUcastOctets OutMulticastOctets OutBroadcastOctets OutQLen",
    ),
)  # fmt: skip
_SYSTEM: Final[Mapping[int, tuple[str, _Fields]]] = {
    32: ("Build", (_field("InstallDate", _FILETIME), *_all(_WIDE, "BuildLab ProductName"))),
    33: ("Paths", _all(_WIDE, "SystemDirectory SystemWindowsDirectory")),
    34: ("Volume", _all(_WIDE, "Volume")),
    35: ("VolumeMapping", _all(_WIDE, "NtPath DosPath")),
    36: ("Interface", _INTERFACE),
    37: ("Version", (
        *_all(_U16, "Revision Build Minor Major"),
        FieldDescription("Unknown", InType.BINARY, length=8, is_unsure=True),
    )),
}  # fmt: skip

_Row = tuple[str, int, int, str, tuple[_Fields, ...]]


def _rows() -> Iterable[_Row]:
    """Class, opcode, version, word for the opcode, layouts: the likeliest first."""
    for version, fields in _PROCESS.items():
        for opcode, word in _START_END.items():
            yield PROCESS, opcode, version, word, (fields,)
    for version in (2, 3, 4):
        yield PROCESS, 39, version, "Defunct", (_PROCESS[version],)
    yield PROCESS, 39, 5, "Defunct", ((*_PROCESS_V4, _field("ExitTime", _FILETIME)),)
    yield PROCESS, 11, 2, "Terminate", ((_PID,),)
    for opcode, word in ((32, "PerfCtr"), (33, "PerfCtrRundown")):
        yield PROCESS, opcode, 2, word, (_PROCESS_COUNTERS,)
    for opcode, word in _START_END.items():
        yield THREAD, opcode, 0, word, ((_TID, _PID),)
        is_start = opcode in (1, 3)
        started = (*_STACKS, *_all(_POINTER, "StartAddr Win32StartAddr"), _field("WaitMode", _I8))
        yield THREAD, opcode, 1, word, (started if is_start else (_PID, _TID),)
        yield THREAD, opcode, 2, word, (_THREAD_V2,)
        # Builds between 9200 and 18362 began to append the name without counting the version up.
        yield THREAD, opcode, 3, word, (_THREAD_NAMED, _THREAD_V3)
        yield THREAD, opcode, 4, word, (_THREAD_NAMED,)
    yield THREAD, 72, 2, "SetName", ((_PID, _TID, _field("ThreadName", _WIDE)),)
    yield IMAGE, 10, 0, "Load", (_IMAGE_V0,)
    for version, fields in _IMAGE.items():
        for opcode, word in _LOADS.items():
            yield IMAGE, opcode, version, word, (fields,)
    yield IMAGE, 33, 2, "KernelBase", (_all(_POINTER, "ImageBase"),)
    yield IMAGE, 34, 2, "HypercallPage", (_all(_POINTER, "HypercallPageVa"),)
    for opcode, word in _TCP_OPCODES.items():
        if opcode <= _TCP_V0_LAST:
            yield TCPIP, opcode, 0, word, (_TCP_V0,)
        yield TCPIP, opcode, 1, f"{word}IPV4", (_flow(4),)
        more = _TIMES if word == "Send" else _WINDOWS if word in ("Connect", "Accept") else ()
        for family, base in ((4, 0), (6, _IPV6_FROM)):
            yield TCPIP, opcode + base, 2, f"{word}IPV{family}", (_flow(family, (*more, *_SEQUENCE)),)
    for opcode, word in _UDP_OPCODES.items():
        yield UDPIP, opcode, 0, word, (_UDP_V0,)
        yield UDPIP, opcode, 1, f"{word}IPV4", (_flow(4),)
        for family, base in ((4, 0), (6, _IPV6_FROM)):
            yield UDPIP, opcode + base, 2, f"{word}IPV{family}", (_flow(family, _SEQUENCE),)
    yield TCPIP, 17, 2, "Fail", (_FAIL,)
    yield UDPIP, 17, 2, "Fail", (_FAIL,)
    base_pid = (_field("ImageBase", _POINTER), _PID)
    pdb = (*base_pid, _field("Signature", _GUID), _field("Age", _U32), _field("PdbFileName", _NARROW))
    image = (_field("ImageBase", _POINTER), _field("ImageSize", _SIZE), _PID, _field("TimeDateStamp", _U32))
    yield IMAGE_ID, 0, 2, "Info", ((*image, _field("OriginalFileName", _WIDE)),)
    yield IMAGE_ID, 32, 2, "DbgID_None", (base_pid,)
    yield IMAGE_ID, 64, 0, "FileVersion", (_FILE_VERSION,)
    for opcode, (word, fields) in _SYSTEM.items():
        yield SYSTEM_CONFIG, opcode, 0, word, (fields,)
    for opcode, word in ((33, "WinSPR"), (35, "Metrics"), (37, "SystemConfig")):
        yield WINSAT, opcode, 0, word, ((*_all(_U32, "Format UnpackedBytes"), _field("PackedXml", InType.BINARY)),)
    yield IMAGE_ID, 36, 2, "DbgID_RSDS", (pdb,)
    yield IMAGE_ID, 37, 2, "DbgID_ILRSDS", (pdb,)


def _build(row: _Row) -> EventDescription:
    guid, opcode, version, word, layouts = row
    first, *others = (
        EventDescription(
            guid, opcode, version, f"{_NAMES[guid]}/{word}", fields, Source.CATALOG,
            provider_name=_NAMES[guid], task=_NAMES[guid], opcode=word,
            summary=summary_template(guid, opcode, (field.name for field in fields)),
        )
        for fields in layouts
    )  # fmt: skip
    return replace(first, alternatives=tuple(others))


_DESCRIPTIONS: Final = {(row[0], row[1], row[2]): _build(row) for row in _rows()}
_VERSIONS: Final[dict[tuple[str, int], list[int]]] = {}
for _class, _opcode, _version in sorted(_DESCRIPTIONS):
    _VERSIONS.setdefault((_class, _opcode), []).append(_version)


def class_of_hook(hook_id: int) -> str | None:
    """GUID of the class that a kernel event belongs to; None for those of which no layout is known."""
    return IMAGE if hook_id == _IMAGE_LOAD_HOOK else _CLASS_OF_GROUP.get(hook_id >> 8)


def describe(event_class: str, opcode: int, version: int) -> EventDescription | None:
    """How a classic event is laid out; `event_class` is a GUID in lower case. The result's `event_id` is the opcode.

    A version that is not known is read as the nearest lower one, with less confidence.
    """
    known = [one for one in _VERSIONS.get((event_class, opcode), ()) if one <= version]
    if not known:
        return None
    found = _DESCRIPTIONS[event_class, opcode, known[-1]]
    return found if known[-1] == version else with_lower_version(found, version)


def all_descriptions() -> tuple[EventDescription, ...]:
    """Every known class, opcode and version, in the order of the table."""
    return tuple(_DESCRIPTIONS.values())
