"""How values are shown: addresses, ports, times, errors in words, value maps (etl-format.md, section 9.2)."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np

from wnv.decode.description import InType, OutType, ValueMap
from wnv.etl.extended import sid_text


class Show(StrEnum):
    """What a value is, beyond its bytes."""

    PLAIN = "plain"
    HEX = "hex"
    BOOLEAN = "boolean"
    CHARACTER = "character"
    TIME = "time"
    """Nanoseconds UTC since 1970."""
    GUID = "guid"
    IPV4 = "ipv4"
    """The 4 bytes in memory order are a.b.c.d."""
    IPV6 = "ipv6"
    SOCKET_ADDRESS = "socket_address"
    MAC = "mac"
    SID = "sid"
    BYTES = "bytes"
    ERROR_CODE = "error_code"
    WIN32_ERROR = "win32_error"
    NTSTATUS = "ntstatus"
    HRESULT = "hresult"
    MAP = "map"
    PORT = "port"
    """Already turned to a number."""


VALUES_ARE_TEXT: Final = frozenset({
    Show.CHARACTER, Show.GUID, Show.IPV4, Show.IPV6, Show.SOCKET_ADDRESS, Show.MAC, Show.SID, Show.BYTES,
})  # fmt: skip
"""Kinds whose plain Python value is the text."""

_IPV4_BYTES, _MAC_BYTES, _IPV6_BYTES, _GUID_BYTES = 4, 6, 16, 16
_FAMILY_IPV4, _FAMILY_IPV6 = 2, 23
_IPV4_ADDRESS_BYTES, _IPV6_ADDRESS_BYTES = 8, 24

# Names and numbers of ntstatus.h, winerror.h (Windows SDK): those that network components log.
NTSTATUS_NAMES: Final[dict[int, str]] = {
    0x00000000: "STATUS_SUCCESS", 0x00000102: "STATUS_TIMEOUT", 0x00000103: "STATUS_PENDING",
    0x00000104: "STATUS_REPARSE", 0x00000105: "STATUS_MORE_ENTRIES", 0x40000000: "STATUS_OBJECT_NAME_EXISTS",
    0x80000005: "STATUS_BUFFER_OVERFLOW", 0x80000006: "STATUS_NO_MORE_FILES", 0x80000011: "STATUS_DEVICE_BUSY",
    0x8000001A: "STATUS_NO_MORE_ENTRIES", 0x8000002D: "STATUS_STOPPED_ON_SYMLINK",
    0xC0000001: "STATUS_UNSUCCESSFUL", 0xC0000002: "STATUS_NOT_IMPLEMENTED",
    0xC0000003: "STATUS_INVALID_INFO_CLASS", 0xC0000004: "STATUS_INFO_LENGTH_MISMATCH",
    0xC0000005: "STATUS_ACCESS_VIOLATION", 0xC0000008: "STATUS_INVALID_HANDLE",
    0xC000000D: "STATUS_INVALID_PARAMETER", 0xC000000E: "STATUS_NO_SUCH_DEVICE", 0xC000000F: "STATUS_NO_SUCH_FILE",
    0xC0000010: "STATUS_INVALID_DEVICE_REQUEST", 0xC0000011: "STATUS_END_OF_FILE",
    0xC0000016: "STATUS_MORE_PROCESSING_REQUIRED", 0xC0000017: "STATUS_NO_MEMORY",
    0xC0000022: "STATUS_ACCESS_DENIED", 0xC0000023: "STATUS_BUFFER_TOO_SMALL",
    0xC0000024: "STATUS_OBJECT_TYPE_MISMATCH", 0xC0000033: "STATUS_OBJECT_NAME_INVALID",
    0xC0000034: "STATUS_OBJECT_NAME_NOT_FOUND", 0xC0000035: "STATUS_OBJECT_NAME_COLLISION",
    0xC000003A: "STATUS_OBJECT_PATH_NOT_FOUND", 0xC0000043: "STATUS_SHARING_VIOLATION",
    0xC0000044: "STATUS_QUOTA_EXCEEDED", 0xC0000056: "STATUS_DELETE_PENDING",
    0xC000006D: "STATUS_LOGON_FAILURE", 0xC000009A: "STATUS_INSUFFICIENT_RESOURCES",
    0xC00000A3: "STATUS_DEVICE_NOT_READY", 0xC00000AC: "STATUS_PIPE_NOT_AVAILABLE",
    0xC00000B0: "STATUS_PIPE_DISCONNECTED", 0xC00000B5: "STATUS_IO_TIMEOUT", 0xC00000BB: "STATUS_NOT_SUPPORTED",
    0xC00000BC: "STATUS_REMOTE_NOT_LISTENING", 0xC00000BE: "STATUS_BAD_NETWORK_PATH",
    0xC00000BF: "STATUS_NETWORK_BUSY", 0xC00000C0: "STATUS_DEVICE_DOES_NOT_EXIST",
    0xC00000C3: "STATUS_INVALID_NETWORK_RESPONSE", 0xC00000C4: "STATUS_UNEXPECTED_NETWORK_ERROR",
    0xC00000C9: "STATUS_NETWORK_NAME_DELETED", 0xC00000CC: "STATUS_BAD_NETWORK_NAME",
    0xC00000D8: "STATUS_CANT_WAIT", 0xC00000E5: "STATUS_INTERNAL_ERROR", 0xC00000F0: "STATUS_INVALID_PARAMETER_2",
    0xC00000FD: "STATUS_STACK_OVERFLOW", 0xC0000120: "STATUS_CANCELLED", 0xC0000128: "STATUS_FILE_CLOSED",
    0xC000013B: "STATUS_LOCAL_DISCONNECT", 0xC000013C: "STATUS_REMOTE_DISCONNECT",
    0xC000013D: "STATUS_REMOTE_RESOURCES", 0xC000013E: "STATUS_LINK_FAILED", 0xC000013F: "STATUS_LINK_TIMEOUT",
    0xC0000140: "STATUS_INVALID_CONNECTION", 0xC0000141: "STATUS_INVALID_ADDRESS",
    0xC0000148: "STATUS_INVALID_LEVEL", 0xC000014B: "STATUS_PIPE_BROKEN",
    0xC0000182: "STATUS_DEVICE_CONFIGURATION_ERROR", 0xC0000184: "STATUS_INVALID_DEVICE_STATE",
    0xC0000205: "STATUS_INSUFF_SERVER_RESOURCES", 0xC0000206: "STATUS_INVALID_BUFFER_SIZE",
    0xC0000207: "STATUS_INVALID_ADDRESS_COMPONENT", 0xC0000208: "STATUS_INVALID_ADDRESS_WILDCARD",
    0xC0000209: "STATUS_TOO_MANY_ADDRESSES", 0xC000020A: "STATUS_ADDRESS_ALREADY_EXISTS",
    0xC000020B: "STATUS_ADDRESS_CLOSED", 0xC000020C: "STATUS_CONNECTION_DISCONNECTED",
    0xC000020D: "STATUS_CONNECTION_RESET", 0xC000020E: "STATUS_TOO_MANY_NODES",
    0xC000020F: "STATUS_TRANSACTION_ABORTED", 0xC0000210: "STATUS_TRANSACTION_TIMED_OUT",
    0xC0000218: "STATUS_CANNOT_LOAD_REGISTRY_FILE", 0xC0000225: "STATUS_NOT_FOUND",
    0xC0000236: "STATUS_CONNECTION_REFUSED", 0xC0000237: "STATUS_GRACEFUL_DISCONNECT",
    0xC0000238: "STATUS_ADDRESS_ALREADY_ASSOCIATED", 0xC0000239: "STATUS_ADDRESS_NOT_ASSOCIATED",
    0xC000023A: "STATUS_CONNECTION_INVALID", 0xC000023B: "STATUS_CONNECTION_ACTIVE",
    0xC000023C: "STATUS_NETWORK_UNREACHABLE", 0xC000023D: "STATUS_HOST_UNREACHABLE",
    0xC000023E: "STATUS_PROTOCOL_UNREACHABLE", 0xC000023F: "STATUS_PORT_UNREACHABLE",
    0xC0000240: "STATUS_REQUEST_ABORTED", 0xC0000241: "STATUS_CONNECTION_ABORTED",
    0xC0000243: "STATUS_USER_MAPPED_FILE", 0xC0000246: "STATUS_CONNECTION_COUNT_LIMIT",
    0xC000026E: "STATUS_VOLUME_DISMOUNTED", 0xC0000272: "STATUS_NO_MATCH", 0xC00002B6: "STATUS_DEVICE_REMOVED",
    0xC0000350: "STATUS_HOST_DOWN", 0xC0000388: "STATUS_DOWNGRADE_DETECTED",
    0xC0000467: "STATUS_FILE_NOT_AVAILABLE", 0xC0000480: "STATUS_SHARE_UNAVAILABLE",
    0xC0230002: "STATUS_NDIS_CLOSING", 0xC0230004: "STATUS_NDIS_BAD_VERSION",
    0xC0230006: "STATUS_NDIS_ADAPTER_NOT_FOUND", 0xC0230007: "STATUS_NDIS_OPEN_FAILED",
    0xC0230009: "STATUS_NDIS_MULTICAST_FULL", 0xC023000C: "STATUS_NDIS_REQUEST_ABORTED",
    0xC023000D: "STATUS_NDIS_RESET_IN_PROGRESS", 0xC023000F: "STATUS_NDIS_INVALID_PACKET",
    0xC0230010: "STATUS_NDIS_INVALID_DEVICE_REQUEST", 0xC0230011: "STATUS_NDIS_ADAPTER_NOT_READY",
    0xC0230014: "STATUS_NDIS_INVALID_LENGTH", 0xC0230015: "STATUS_NDIS_INVALID_DATA",
    0xC0230016: "STATUS_NDIS_BUFFER_TOO_SHORT", 0xC0230017: "STATUS_NDIS_INVALID_OID",
    0xC0230018: "STATUS_NDIS_ADAPTER_REMOVED", 0xC0230019: "STATUS_NDIS_UNSUPPORTED_MEDIA",
    0xC023001F: "STATUS_NDIS_MEDIA_DISCONNECTED", 0xC023002A: "STATUS_NDIS_PAUSED",
    0xC023002B: "STATUS_NDIS_INTERFACE_NOT_FOUND", 0xC02300BB: "STATUS_NDIS_NOT_SUPPORTED",
    0xC0220001: "STATUS_FWP_CALLOUT_NOT_FOUND", 0xC0220002: "STATUS_FWP_CONDITION_NOT_FOUND",
    0xC0220003: "STATUS_FWP_FILTER_NOT_FOUND", 0xC0220004: "STATUS_FWP_LAYER_NOT_FOUND",
    0xC0220005: "STATUS_FWP_PROVIDER_NOT_FOUND", 0xC0220006: "STATUS_FWP_PROVIDER_CONTEXT_NOT_FOUND",
    0xC0220007: "STATUS_FWP_SUBLAYER_NOT_FOUND", 0xC0220008: "STATUS_FWP_NOT_FOUND",
    0xC0220009: "STATUS_FWP_ALREADY_EXISTS", 0xC022000A: "STATUS_FWP_IN_USE",
    0xC0220100: "STATUS_FWP_TCPIP_NOT_READY", 0xC0220101: "STATUS_FWP_INJECT_HANDLE_CLOSING",
    0xC0220102: "STATUS_FWP_INJECT_HANDLE_STALE", 0xC0220103: "STATUS_FWP_CANNOT_PEND",
    0xC0220104: "STATUS_FWP_DROP_NOICMP",
}  # fmt: skip
WIN32_NAMES: Final[dict[int, str]] = {
    0: "ERROR_SUCCESS", 1: "ERROR_INVALID_FUNCTION", 2: "ERROR_FILE_NOT_FOUND", 3: "ERROR_PATH_NOT_FOUND",
    5: "ERROR_ACCESS_DENIED", 6: "ERROR_INVALID_HANDLE", 8: "ERROR_NOT_ENOUGH_MEMORY", 13: "ERROR_INVALID_DATA",
    14: "ERROR_OUTOFMEMORY", 18: "ERROR_NO_MORE_FILES", 21: "ERROR_NOT_READY", 31: "ERROR_GEN_FAILURE",
    32: "ERROR_SHARING_VIOLATION", 38: "ERROR_HANDLE_EOF", 50: "ERROR_NOT_SUPPORTED", 51: "ERROR_REM_NOT_LIST",
    52: "ERROR_DUP_NAME", 53: "ERROR_BAD_NETPATH", 54: "ERROR_NETWORK_BUSY", 55: "ERROR_DEV_NOT_EXIST",
    58: "ERROR_BAD_NET_RESP", 59: "ERROR_UNEXP_NET_ERR", 64: "ERROR_NETNAME_DELETED",
    65: "ERROR_NETWORK_ACCESS_DENIED", 67: "ERROR_BAD_NET_NAME", 71: "ERROR_REQ_NOT_ACCEP",
    80: "ERROR_FILE_EXISTS", 87: "ERROR_INVALID_PARAMETER", 109: "ERROR_BROKEN_PIPE", 121: "ERROR_SEM_TIMEOUT",
    122: "ERROR_INSUFFICIENT_BUFFER", 123: "ERROR_INVALID_NAME", 126: "ERROR_MOD_NOT_FOUND",
    127: "ERROR_PROC_NOT_FOUND", 170: "ERROR_BUSY", 183: "ERROR_ALREADY_EXISTS", 231: "ERROR_PIPE_BUSY",
    232: "ERROR_NO_DATA", 233: "ERROR_PIPE_NOT_CONNECTED", 234: "ERROR_MORE_DATA", 258: "WAIT_TIMEOUT",
    259: "ERROR_NO_MORE_ITEMS", 487: "ERROR_INVALID_ADDRESS", 995: "ERROR_OPERATION_ABORTED",
    996: "ERROR_IO_INCOMPLETE", 997: "ERROR_IO_PENDING", 1004: "ERROR_INVALID_FLAGS",
    1053: "ERROR_SERVICE_REQUEST_TIMEOUT",
    1060: "ERROR_SERVICE_DOES_NOT_EXIST", 1062: "ERROR_SERVICE_NOT_ACTIVE", 1067: "ERROR_PROCESS_ABORTED",
    1114: "ERROR_DLL_INIT_FAILED", 1117: "ERROR_IO_DEVICE", 1167: "ERROR_DEVICE_NOT_CONNECTED",
    1168: "ERROR_NOT_FOUND", 1208: "ERROR_EXTENDED_ERROR", 1214: "ERROR_INVALID_NETNAME",
    1219: "ERROR_SESSION_CREDENTIAL_CONFLICT", 1222: "ERROR_NO_NETWORK", 1223: "ERROR_CANCELLED",
    1225: "ERROR_CONNECTION_REFUSED", 1226: "ERROR_GRACEFUL_DISCONNECT", 1227: "ERROR_ADDRESS_ALREADY_ASSOCIATED",
    1228: "ERROR_ADDRESS_NOT_ASSOCIATED", 1229: "ERROR_CONNECTION_INVALID", 1230: "ERROR_CONNECTION_ACTIVE",
    1231: "ERROR_NETWORK_UNREACHABLE", 1232: "ERROR_HOST_UNREACHABLE", 1233: "ERROR_PROTOCOL_UNREACHABLE",
    1234: "ERROR_PORT_UNREACHABLE", 1235: "ERROR_REQUEST_ABORTED", 1236: "ERROR_CONNECTION_ABORTED",
    1237: "ERROR_RETRY", 1256: "ERROR_HOST_DOWN", 1326: "ERROR_LOGON_FAILURE", 1359: "ERROR_INTERNAL_ERROR",
    1450: "ERROR_NO_SYSTEM_RESOURCES", 1460: "ERROR_TIMEOUT", 1722: "RPC_S_SERVER_UNAVAILABLE",
    1726: "RPC_S_CALL_FAILED", 1753: "EPT_S_NOT_REGISTERED", 5010: "ERROR_OBJECT_ALREADY_EXISTS",
    9001: "DNS_ERROR_RCODE_FORMAT_ERROR", 9002: "DNS_ERROR_RCODE_SERVER_FAILURE", 9003: "DNS_ERROR_RCODE_NAME_ERROR",
    9004: "DNS_ERROR_RCODE_NOT_IMPLEMENTED", 9005: "DNS_ERROR_RCODE_REFUSED", 9006: "DNS_ERROR_RCODE_YXDOMAIN",
    9007: "DNS_ERROR_RCODE_YXRRSET", 9008: "DNS_ERROR_RCODE_NXRRSET", 9009: "DNS_ERROR_RCODE_NOTAUTH",
    9010: "DNS_ERROR_RCODE_NOTZONE", 9016: "DNS_ERROR_RCODE_BADSIG", 9017: "DNS_ERROR_RCODE_BADKEY",
    9018: "DNS_ERROR_RCODE_BADTIME", 9501: "DNS_INFO_NO_RECORDS", 9503: "DNS_ERROR_NO_PACKET",
    9504: "DNS_ERROR_RCODE", 9505: "DNS_ERROR_UNSECURE_PACKET", 9551: "DNS_ERROR_INVALID_TYPE",
    9552: "DNS_ERROR_INVALID_IP_ADDRESS", 9554: "DNS_ERROR_TRY_AGAIN_LATER", 9556: "DNS_ERROR_NON_RFC_NAME",
    9560: "DNS_ERROR_INVALID_NAME_CHAR", 9561: "DNS_ERROR_NUMERIC_NAME",
    9502: "DNS_ERROR_BAD_PACKET", 9506: "DNS_REQUEST_PENDING", 9701: "DNS_ERROR_RECORD_DOES_NOT_EXIST",
    9852: "DNS_ERROR_NO_DNS_SERVERS", 10004: "WSAEINTR", 10009: "WSAEBADF", 10013: "WSAEACCES",
    10014: "WSAEFAULT", 10022: "WSAEINVAL", 10024: "WSAEMFILE", 10035: "WSAEWOULDBLOCK", 10036: "WSAEINPROGRESS",
    10037: "WSAEALREADY", 10038: "WSAENOTSOCK", 10039: "WSAEDESTADDRREQ",
    10041: "WSAEPROTOTYPE", 10044: "WSAESOCKTNOSUPPORT", 10046: "WSAEPFNOSUPPORT", 10092: "WSAVERNOTSUPPORTED",
    10093: "WSANOTINITIALISED", 10108: "WSASERVICE_NOT_FOUND", 10109: "WSATYPE_NOT_FOUND",
    10040: "WSAEMSGSIZE", 10042: "WSAENOPROTOOPT",
    10043: "WSAEPROTONOSUPPORT", 10045: "WSAEOPNOTSUPP", 10047: "WSAEAFNOSUPPORT", 10048: "WSAEADDRINUSE",
    10049: "WSAEADDRNOTAVAIL", 10050: "WSAENETDOWN", 10051: "WSAENETUNREACH", 10052: "WSAENETRESET",
    10053: "WSAECONNABORTED", 10054: "WSAECONNRESET", 10055: "WSAENOBUFS", 10056: "WSAEISCONN",
    10057: "WSAENOTCONN", 10058: "WSAESHUTDOWN", 10060: "WSAETIMEDOUT", 10061: "WSAECONNREFUSED",
    10064: "WSAEHOSTDOWN", 10065: "WSAEHOSTUNREACH", 10091: "WSASYSNOTREADY", 10101: "WSAEDISCON",
    11001: "WSAHOST_NOT_FOUND", 11002: "WSATRY_AGAIN", 11003: "WSANO_RECOVERY", 11004: "WSANO_DATA",
    12002: "ERROR_INTERNET_TIMEOUT", 12007: "ERROR_INTERNET_NAME_NOT_RESOLVED",
    12029: "ERROR_INTERNET_CANNOT_CONNECT", 12030: "ERROR_INTERNET_CONNECTION_ABORTED",
}  # fmt: skip
HRESULT_NAMES: Final[dict[int, str]] = {
    0x00000000: "S_OK", 0x00000001: "S_FALSE", 0x80004001: "E_NOTIMPL", 0x80004002: "E_NOINTERFACE",
    0x80004003: "E_POINTER", 0x80004004: "E_ABORT", 0x80004005: "E_FAIL", 0x8000000A: "E_PENDING",
    0x8000000B: "E_BOUNDS", 0x8000FFFF: "E_UNEXPECTED", 0x80040154: "REGDB_E_CLASSNOTREG",
    0x80070005: "E_ACCESSDENIED", 0x80070006: "E_HANDLE", 0x8007000E: "E_OUTOFMEMORY", 0x80070057: "E_INVALIDARG",
    0x80090308: "SEC_E_INVALID_TOKEN", 0x80090322: "SEC_E_WRONG_PRINCIPAL", 0x80090325: "SEC_E_UNTRUSTED_ROOT",
    0x80370101: "HCS_E_IMAGE_MISMATCH", 0x80370102: "HCS_E_HYPERV_NOT_INSTALLED",
    0x80370103: "HCS_E_OPERATION_PENDING", 0x80370105: "HCS_E_INVALID_STATE",
    0x80370106: "HCS_E_UNEXPECTED_EXIT", 0x80370107: "HCS_E_TERMINATED", 0x80370108: "HCS_E_CONNECT_FAILED",
    0x80370109: "HCS_E_CONNECTION_TIMEOUT", 0x8037010A: "HCS_E_CONNECTION_CLOSED",
    0x8037010D: "HCS_E_INVALID_JSON", 0x8037010E: "HCS_E_SYSTEM_NOT_FOUND",
    0x8037010F: "HCS_E_SYSTEM_ALREADY_EXISTS", 0x80370110: "HCS_E_SYSTEM_ALREADY_STOPPED",
    0x803B0001: "HCN_E_NETWORK_NOT_FOUND", 0x803B0002: "HCN_E_ENDPOINT_NOT_FOUND",
    0x803B0003: "HCN_E_LAYER_NOT_FOUND", 0x803B0004: "HCN_E_SWITCH_NOT_FOUND",
    0x803B0005: "HCN_E_SUBNET_NOT_FOUND", 0x803B0006: "HCN_E_ADAPTER_NOT_FOUND",
    0x803B0007: "HCN_E_PORT_NOT_FOUND", 0x803B0008: "HCN_E_POLICY_NOT_FOUND",
    0x803B000A: "HCN_E_INVALID_NETWORK", 0x803B000B: "HCN_E_INVALID_NETWORK_TYPE",
    0x803B000C: "HCN_E_INVALID_ENDPOINT", 0x803B000D: "HCN_E_INVALID_POLICY",
    0x803B0010: "HCN_E_NETWORK_ALREADY_EXISTS", 0x803B0012: "HCN_E_POLICY_ALREADY_EXISTS",
    0x803B0013: "HCN_E_PORT_ALREADY_EXISTS", 0x803B0014: "HCN_E_ENDPOINT_ALREADY_ATTACHED",
}  # fmt: skip
_WIN32_HRESULT, _WIN32_MASK = 0x80070000, 0xFFFF
_NT_HRESULT = 0x10000000


def show_of(in_type: InType, out_type: OutType, n_bytes: int | None = None, value_map: ValueMap | None = None) -> Show:
    """What a field's values are. `n_bytes`: fixed length of a binary."""
    if in_type in _SHOW_OF_BINARY:
        return _show_of_binary(in_type, out_type, n_bytes)
    if in_type in _SHOW_OF_IN_TYPE:
        return _SHOW_OF_IN_TYPE[in_type]
    if in_type in _INTEGERS:
        if value_map is not None:
            return Show.MAP
        size = _INTEGERS[in_type]
        if out_type is OutType.IPV4:
            return Show.IPV4 if size == _IPV4_BYTES else Show.PLAIN
        if out_type is OutType.STRING:
            return Show.CHARACTER if size <= 2 else Show.PLAIN
        if out_type is OutType.PORT:
            return Show.PORT if size == 2 else Show.PLAIN
        if in_type in (InType.HEX_INT32, InType.HEX_INT64) and out_type not in _ERRORS:
            return Show.HEX
        return _SHOW_OF_OUT_TYPE.get(out_type, Show.PLAIN)
    return Show.PLAIN


_INTEGERS: Final = {
    InType.INT8: 1, InType.UINT8: 1, InType.INT16: 2, InType.UINT16: 2, InType.INT32: 4, InType.UINT32: 4,
    InType.INT64: 8, InType.UINT64: 8, InType.HEX_INT32: 4, InType.HEX_INT64: 8,
}  # fmt: skip
_ERRORS: Final = frozenset({OutType.ERROR_CODE, OutType.WIN32_ERROR, OutType.NTSTATUS, OutType.HRESULT})
_SHOW_OF_IN_TYPE: Final = {
    InType.BOOLEAN: Show.BOOLEAN, InType.GUID: Show.GUID, InType.POINTER: Show.HEX, InType.SIZE_T: Show.PLAIN,
    InType.FILETIME: Show.TIME, InType.SYSTEMTIME: Show.TIME, InType.SID: Show.SID, InType.WBEM_SID: Show.SID,
    InType.UNICODE_CHAR: Show.CHARACTER, InType.ANSI_CHAR: Show.CHARACTER,
}  # fmt: skip
_SHOW_OF_OUT_TYPE: Final = {
    OutType.BOOLEAN: Show.BOOLEAN, OutType.HEX_INT8: Show.HEX, OutType.HEX_INT16: Show.HEX,
    OutType.HEX_INT32: Show.HEX, OutType.HEX_INT64: Show.HEX, OutType.HEX_BINARY: Show.HEX,
    OutType.ERROR_CODE: Show.ERROR_CODE, OutType.WIN32_ERROR: Show.WIN32_ERROR, OutType.NTSTATUS: Show.NTSTATUS,
    OutType.HRESULT: Show.HRESULT,
}  # fmt: skip
_SHOW_OF_BINARY: Final = frozenset({InType.BINARY, InType.MANIFEST_COUNTED_BINARY, InType.HEX_DUMP})


def _show_of_binary(in_type: InType, out_type: OutType, n_bytes: int | None) -> Show:
    if out_type is OutType.IPV6:
        return Show.IPV6
    if out_type is OutType.IPV4:
        return Show.IPV4
    if out_type is OutType.SOCKET_ADDRESS:
        return Show.SOCKET_ADDRESS
    if out_type is OutType.GUID:
        return Show.GUID
    # MAC addresses have no out type of their own: they are the binaries of 6 bytes.
    return Show.MAC if in_type is InType.BINARY and n_bytes == _MAC_BYTES else Show.BYTES


def texts_of(
    values: Sequence[Any], show: Show, value_map: ValueMap | None = None, dtype: np.dtype[Any] | None = None
) -> list[str]:
    """The text of each value: numbers, or bytes where the kind is stored as bytes."""
    if show is Show.TIME:
        times = np.array(values, np.int64).view("M8[ns]")
        return [f"{text}Z" for text in np.datetime_as_string(times).tolist()]
    if show is Show.MAP and value_map is not None:
        return [map_text(value, value_map) for value in values]
    if show is Show.HEX:
        bits = 8 * dtype.itemsize if dtype is not None else 64
        return [f"0x{value & ((1 << bits) - 1):x}" for value in values]
    return [_TEXTS[show](value) for value in values]


def map_text(value: int, value_map: ValueMap) -> str:
    """The word of a value, or the words of its bits; the number where there is none."""
    if not value_map.is_bits or value in value_map.words:
        word = value_map.words.get(value)
        return str(value) if word is None else word
    found: list[str] = []
    rest = value
    for bits, word in sorted(value_map.words.items()):
        if bits and value & bits == bits:
            found.append(word)
            rest &= ~bits
    if rest or not found:
        found.append(f"0x{rest:x}" if rest > 0 else str(rest))
    return "|".join(found)


def ntstatus_text(value: int) -> str:
    """`STATUS_TIMEOUT (0x102)`; the bare number where the name is not known."""
    return _named(value, NTSTATUS_NAMES)


def win32_text(value: int) -> str:
    """`ERROR_ACCESS_DENIED (5)`; a number above 16 bits is an HRESULT or NTSTATUS written to a Win32 field."""
    code = value & 0xFFFFFFFF
    if code in WIN32_NAMES:
        return f"{WIN32_NAMES[code]} ({code})"
    return hresult_text(code) if code >> 16 else str(code)


def hresult_text(value: int) -> str:
    """`E_ACCESSDENIED (0x80070005)`; the name of the Win32 error or NTSTATUS that is inside, if it is one."""
    code = value & 0xFFFFFFFF
    if code not in HRESULT_NAMES:
        if code & ~_WIN32_MASK == _WIN32_HRESULT and code & _WIN32_MASK in WIN32_NAMES:
            return f"{WIN32_NAMES[code & _WIN32_MASK]} (0x{code:x})"
        if code & ~_NT_HRESULT in NTSTATUS_NAMES:
            return f"{NTSTATUS_NAMES[code & ~_NT_HRESULT]} (0x{code:x})"
    return _named(code, HRESULT_NAMES)


def error_text(value: int) -> str:
    """A code of which only the range says what it is: small numbers are Win32 errors, large ones NTSTATUS, HRESULT."""
    code = value & 0xFFFFFFFF
    return hresult_text(code) if code >> 16 else win32_text(code)


def _named(value: int, names: dict[int, str]) -> str:
    code = value & 0xFFFFFFFF
    return f"{names[code]} (0x{code:x})" if code in names else f"0x{code:x}"


def bytes_text(raw: bytes) -> str:
    return raw.hex()


def mac_text(raw: bytes) -> str:
    """`00:15:5d:00:00:01`."""
    return raw.hex(":") if len(raw) == _MAC_BYTES else raw.hex()


def guid_text(raw: bytes) -> str:
    return str(uuid.UUID(bytes_le=raw)) if len(raw) == _GUID_BYTES else raw.hex()


def ipv4_text(value: int | bytes) -> str:
    """Of the 4 bytes, or of the little-endian number they were read as."""
    raw = value.to_bytes(_IPV4_BYTES, "little") if isinstance(value, int) else value
    return ".".join(map(str, raw)) if len(raw) == _IPV4_BYTES else raw.hex()


def ipv6_text(raw: bytes) -> str:
    if len(raw) == _IPV4_BYTES:
        return ipv4_text(raw)
    return str(ipaddress.IPv6Address(raw)) if len(raw) == _IPV6_BYTES else raw.hex()


def socket_address_text(raw: bytes) -> str:
    """`10.0.0.5:80`, `[fe80::1%5]:80` (SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_STORAGE); else the bytes."""
    family = int.from_bytes(raw[:2], "little")
    port = int.from_bytes(raw[2:4], "big")
    if family == _FAMILY_IPV4 and len(raw) >= _IPV4_ADDRESS_BYTES:
        return f"{ipv4_text(raw[4:8])}:{port}"
    if family == _FAMILY_IPV6 and len(raw) >= _IPV6_ADDRESS_BYTES:
        scope = int.from_bytes(raw[24:28], "little")
        zone = f"%{scope}" if scope else ""
        return f"[{ipv6_text(raw[8:24])}{zone}]:{port}"
    return raw.hex()


def _sid(raw: bytes) -> str:
    return sid_text(raw) or raw.hex()


def _character(value: int) -> str:
    return "\ufffd" if 0xD800 <= value < 0xE000 else chr(value & 0xFFFF)


_TEXTS: Final[dict[Show, Callable[[Any], str]]] = {  # Any: numbers or bytes, by kind
    Show.PLAIN: str, Show.PORT: str, Show.MAP: str, Show.BOOLEAN: lambda value: "true" if value else "false",
    Show.CHARACTER: _character, Show.GUID: guid_text, Show.IPV4: ipv4_text, Show.IPV6: ipv6_text,
    Show.SOCKET_ADDRESS: socket_address_text, Show.MAC: mac_text, Show.SID: _sid, Show.BYTES: bytes_text,
    Show.ERROR_CODE: error_text, Show.WIN32_ERROR: win32_text, Show.NTSTATUS: ntstatus_text,
    Show.HRESULT: hresult_text,
}  # fmt: skip
