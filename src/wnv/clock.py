"""Ticks to UTC, the recorded host's time zone, and how times are shown and typed.

Three parts, each used by the next: `Clock` turns a recording's raw ticks into `ts_ns` (UTC
nanoseconds since 1970) after etl-format.md §6; `HostZone` is the zone the host had, from the header
event (§5.1); `TimeFormatter` and `parse_time` are `--time`, `--from` and `--to`.
"""

from __future__ import annotations

import calendar
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from itertools import pairwise
from struct import Struct
from typing import Protocol

import numpy as np

from wnv.arrays import BOOL, I64, U32
from wnv.errors import UsageError

NO_TIME = int(np.iinfo(np.int64).min)
"""Null in an int64 column of times, ticks or durations."""
FILETIME_UNIX_EPOCH = 116_444_736_000_000_000
"""1970-01-01 as a FILETIME: 100 ns units since 1601-01-01 UTC."""

_I64_MAX = int(np.iinfo(np.int64).max)
_FILETIME_HZ = 10_000_000
_NS_PER_S = 1_000_000_000
_NS_PER_DAY = 86_400 * _NS_PER_S
_LAST_TS_FILETIME = FILETIME_UNIX_EPOCH + _I64_MAX // 100
_FIRST_TS_FILETIME = FILETIME_UNIX_EPOCH - _I64_MAX // 100


class ClockKind(IntEnum):
    """The clock of a session: `ReservedFlags` of the header event (etl-format.md §5.1)."""

    SYSTEM_OLD = 0
    """As SYSTEM, before Vista."""
    QPC = 1
    SYSTEM = 2
    CPU = 3


@dataclass(frozen=True, slots=True)
class Clock:
    """How ticks of one recording become time (etl-format.md §6).

    `kind` is null if the header names no usable clock: then nothing has a time. `base_ticks` is the
    timestamp of the header event and belongs to `start_filetime`; the system clocks need neither, as
    their ticks are FILETIMEs. Every method maps `NO_TIME` to `NO_TIME`.
    """

    kind: ClockKind | None
    start_filetime: int
    base_ticks: int
    frequency_hz: int
    """Ticks per second; 0 if unknown."""

    @classmethod
    def from_header(cls, clock_type: int, start_filetime: int, base_ticks: int, perf_freq: int, cpu_mhz: int) -> Clock:
        """The clock that a header event describes, with its integers as they stand in the file."""
        unknown = cls(None, start_filetime, base_ticks, 0)
        if clock_type not in tuple(ClockKind):
            return unknown
        kind = ClockKind(clock_type)
        frequency = {ClockKind.QPC: perf_freq, ClockKind.CPU: cpu_mhz * 1_000_000}.get(kind, _FILETIME_HZ)
        # A counter so fast that exact arithmetic would leave int64 (922 GHz at the least) is damage too.
        if frequency <= 0 or not _filetime_ratio(frequency).is_exact:
            return unknown
        return cls(kind, start_filetime, base_ticks, frequency)

    def filetime(self, ticks: I64) -> I64:
        """FILETIME of each tick, rounded down; `NO_TIME` where int64 cannot hold it."""
        return self._filetime(ticks, NO_TIME + 1, _I64_MAX)

    def ts_ns(self, ticks: I64) -> I64:
        """UTC nanoseconds since 1970 of each tick; `NO_TIME` outside the years 1677 to 2262."""
        filetime = self._filetime(ticks, _FIRST_TS_FILETIME, _LAST_TS_FILETIME)
        return np.where(filetime == NO_TIME, NO_TIME, (filetime - FILETIME_UNIX_EPOCH) * 100)

    def ticks_of(self, ts_ns: int) -> int | None:
        """The smallest tick whose `ts_ns` is at or after the one given; null if the clock is unknown.

        Clipped to int64, so that it can bound a column of ticks.
        """
        if self.kind is None:
            return None
        start, base, ratio = self._line()
        wanted = max(FILETIME_UNIX_EPOCH - -ts_ns // 100, _FIRST_TS_FILETIME)
        return min(max(ratio.first(wanted - start) + base, NO_TIME + 1), _I64_MAX)

    def duration_ns(self, n_ticks: I64) -> I64:
        """Nanoseconds that a number of ticks lasts, rounded down; finer than the FILETIME unit."""
        if self.kind is None:
            return np.full(len(n_ticks), NO_TIME, np.int64)
        _, _, ratio = self._line()
        in_ns = _Ratio(ratio.numerator * 100, ratio.denominator)
        units, remainder = ratio.times(n_ticks, 0)
        # The remainder times 100 fits: it is below the denominator, and `from_header` bounds that.
        duration = units * 100 + remainder * 100 // ratio.denominator
        known = _is_between(n_ticks, in_ns.first(NO_TIME + 1), in_ns.last(_I64_MAX))
        return np.where(known, duration, NO_TIME)

    def resolution(self, timer_resolution: int | None = None) -> str:
        """The clock in words.

        `timer_resolution` (100 ns units) is the step of system time; give it for Windows before 10.
        """
        match self.kind:
            case None:
                return "unknown clock"
            case ClockKind.QPC:
                return f"QPC at {self.frequency_hz:,} Hz"
            case ClockKind.CPU:
                return f"CPU cycles at {self.frequency_hz // 1_000_000} MHz"
            case _ if timer_resolution:
                return f"system time, {timer_resolution / 10_000:.4g} ms steps"
            case _:
                return "system time"

    def _line(self) -> tuple[int, int, _Ratio]:
        """(start, base, ratio) of filetime = start + floor((ticks - base) · ratio)."""
        ratio = _filetime_ratio(self.frequency_hz)
        if self.kind in (ClockKind.SYSTEM, ClockKind.SYSTEM_OLD):
            return 0, 0, ratio
        return self.start_filetime, self.base_ticks, ratio

    def _filetime(self, ticks: I64, lowest: int, highest: int) -> I64:
        if self.kind is None:
            return np.full(len(ticks), NO_TIME, np.int64)
        start, base, ratio = self._line()
        units, _ = ratio.times(ticks, base)
        known = _is_between(ticks, base + ratio.first(lowest - start), base + ratio.last(highest - start))
        return np.where(known, units + start, NO_TIME)


@dataclass(frozen=True, slots=True)
class _Ratio:
    """A positive fraction to scale ticks by, rounded down."""

    numerator: int
    denominator: int

    @property
    def is_exact(self) -> bool:
        """Whether `times` can work in int64."""
        return self.numerator * self.denominator <= _I64_MAX

    def times(self, ticks: I64, base: int) -> tuple[I64, I64]:
        """(floor, remainder) of (ticks - base) · ratio, exact modulo 2⁶⁴.

        The product is split (etl-format.md §6), and both operands are divided before they are
        subtracted, since their difference may need 65 bits. What wraps is a multiple of 2⁶⁴, so each
        result that fits int64 is right; which do, `first` and `last` tell.
        """
        base_quotient, base_remainder = divmod(base, self.denominator)
        quotient = ticks // self.denominator
        remainder = ticks - quotient * self.denominator - base_remainder
        borrow = remainder < 0
        remainder += borrow * self.denominator
        quotient -= borrow
        quotient -= base_quotient
        product = remainder * self.numerator
        part = product // self.denominator
        return quotient * self.numerator + part, product - part * self.denominator

    def first(self, value: int) -> int:
        """The smallest n with floor(n · ratio) >= value."""
        return -(-value * self.denominator // self.numerator)

    def last(self, value: int) -> int:
        """The largest n with floor(n · ratio) <= value."""
        return self.first(value + 1) - 1


def _filetime_ratio(frequency_hz: int) -> _Ratio:
    """FILETIME units a tick."""
    common = math.gcd(_FILETIME_HZ, frequency_hz)
    return _Ratio(_FILETIME_HZ // common, frequency_hz // common)


def _is_between(ticks: I64, first: int, last: int) -> BOOL:
    """Which ticks are in [first, last] and not null; the bounds may lie outside int64."""
    first, last = max(first, NO_TIME + 1), min(last, _I64_MAX)
    if first > last:
        return np.zeros(len(ticks), np.bool_)
    return (ticks >= first) & (ticks <= last)


class Zone(Protocol):
    """Anything that knows its offset from UTC at an instant."""

    def offset_seconds(self, ts_ns: I64) -> I64:
        """Local time less UTC, in seconds, at each instant (UTC ns)."""


@dataclass(frozen=True, slots=True)
class FixedZone:
    """A zone that never changes: UTC, or an offset that somebody typed."""

    seconds: int = 0

    def offset_seconds(self, ts_ns: I64) -> I64:
        return np.full(len(ts_ns), self.seconds, np.int64)


@dataclass(frozen=True, slots=True)
class ComputerZone:
    """The zone of the computer that reads the recording."""

    def offset_seconds(self, ts_ns: I64) -> I64:
        # No zone changes its offset at an instant that is not a whole quarter of an hour UTC, at
        # least since 1972; so few instants are asked for, however many rows there are.
        quarters, row = np.unique(ts_ns // (900 * _NS_PER_S), return_inverse=True)
        offsets = [_computer_offset(int(quarter) * 900) for quarter in quarters]
        return np.array(offsets, np.int64)[row]


def _computer_offset(unix_seconds: int) -> int:
    try:
        return time.localtime(unix_seconds).tm_gmtoff
    except (OSError, OverflowError, ValueError):  # Windows knows no local time before 1970
        return -time.timezone


SYSTEM_CLOCK = Clock(ClockKind.SYSTEM, 0, 0, _FILETIME_HZ)
"""For what is stored as FILETIME, whatever clock the events have."""


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """When a zone changes over: a SYSTEMTIME of TIME_ZONE_INFORMATION, in the wall time that ends then.

    `year` 0 means each year, on the `day`-th `weekday` (0 is Sunday) of `month`, 5 being the last;
    otherwise it happens once, on that date, and `weekday` means nothing.
    """

    year: int
    month: int
    weekday: int
    day: int
    ms_of_day: int

    def wall_ms(self, year: int) -> int:
        """The change in `year`, as wall time in milliseconds since 1970."""
        day = self.day
        if not self.year:
            first_weekday = (calendar.weekday(year, self.month, 1) + 1) % 7
            day = 1 + (self.weekday - first_weekday) % 7 + 7 * (self.day - 1)
            if day > calendar.monthrange(year, self.month)[1]:
                day -= 7
        days = date(year, self.month, day).toordinal() - date(1970, 1, 1).toordinal()
        return days * 86_400_000 + self.ms_of_day


@dataclass(frozen=True, slots=True)
class HostZone:
    """The recorded host's time zone: TIME_ZONE_INFORMATION (etl-format.md §5.1). Biases are minutes.

    UTC = local time + `bias_minutes` + the bias of the part of the year. Without both rules there is
    no daylight time, and `bias_minutes` alone counts (Windows then ignores the other two).
    https://learn.microsoft.com/windows/win32/api/timezoneapi/ns-timezoneapi-time_zone_information
    """

    bias_minutes: int
    standard_name: str = ""
    standard_bias: int = 0
    standard_rule: ZoneRule | None = None
    """When standard time begins."""
    daylight_name: str = ""
    daylight_bias: int = 0
    daylight_rule: ZoneRule | None = None
    """When daylight time begins."""
    is_valid: bool = True
    """False if the header's zone made no sense; the zone is then UTC."""

    def offset_seconds(self, ts_ns: I64) -> I64:
        standard, daylight = self._offsets()
        if self.standard_rule is None or self.daylight_rule is None or not len(ts_ns):
            return np.full(len(ts_ns), standard, np.int64)
        ms = ts_ns // 1_000_000
        first, last = (int(year) for year in _years(np.array([ms.min(), ms.max()])))
        changes = sorted(
            [(wall - daylight * 1000, standard) for wall in _walls(self.standard_rule, first, last)]
            + [(wall - standard * 1000, daylight) for wall in _walls(self.daylight_rule, first, last)]
        )
        instants = np.array([instant for instant, _ in changes], np.int64)
        before = standard if changes[0][1] == daylight else daylight
        offsets = np.array([before, *(offset for _, offset in changes)], np.int64)
        return offsets[np.searchsorted(instants, ms, side="right")]

    def label(self, ts_ns: int) -> str:
        """The zone at an instant: "UTC-07:00 (Pacific Daylight Time)", or the offset alone."""
        offset = _offset_at(self, ts_ns)
        is_daylight = self.daylight_rule is not None and offset != self._offsets()[0]
        name = _zone_name(self.daylight_name if is_daylight else self.standard_name)
        return f"UTC{_offset_text(offset)} ({name})" if name else f"UTC{_offset_text(offset)}"

    def _offsets(self) -> tuple[int, int]:
        """Seconds from UTC in (standard, daylight) time."""
        if self.standard_rule is None or self.daylight_rule is None:
            return -60 * self.bias_minutes, -60 * self.bias_minutes
        return (
            -60 * (self.bias_minutes + self.standard_bias),
            -60 * (self.bias_minutes + self.daylight_bias),
        )


def _years(ms: I64) -> I64:
    """The UTC year of each instant in milliseconds since 1970."""
    return ms.view("datetime64[ms]").astype("datetime64[Y]").astype(np.int64) + 1970


def _walls(rule: ZoneRule, first_year: int, last_year: int) -> Iterable[int]:
    """Each time the rule applies, from the year before (the state at the start) to the year after."""
    years = (rule.year,) if rule.year else range(first_year - 1, last_year + 2)
    return (rule.wall_ms(year) for year in years)


# TIME_ZONE_INFORMATION: Bias, StandardName, StandardDate (SYSTEMTIME), StandardBias, and the same for
# daylight time. SYSTEMTIME: year, month, day of week, day, hour, minute, second, millisecond.
_ZONE_LAYOUT = Struct("<i 64s 16s i 64s 16s i")
_RULE_LAYOUT = Struct("<8H")
_BIAS_LIMIT = 24 * 60


def parse_host_zone(raw: bytes) -> HostZone:
    """The zone in the header event's 0xAC bytes. Never fails: what makes no sense is left out."""
    if len(raw) != _ZONE_LAYOUT.size:
        return HostZone(0, is_valid=False)
    bias, standard_name, standard_date, standard_bias, daylight_name, daylight_date, daylight_bias = (
        _ZONE_LAYOUT.unpack(raw)
    )
    if abs(bias) > _BIAS_LIMIT:
        return HostZone(0, is_valid=False)
    standard_rule, daylight_rule = _parse_rule(standard_date), _parse_rule(daylight_date)
    has_daylight = (
        standard_rule is not None
        and daylight_rule is not None
        and abs(bias + standard_bias) <= _BIAS_LIMIT
        and abs(bias + daylight_bias) <= _BIAS_LIMIT
    )
    return HostZone(
        bias_minutes=bias,
        standard_name=_parse_name(standard_name),
        standard_bias=standard_bias,
        standard_rule=standard_rule if has_daylight else None,
        daylight_name=_parse_name(daylight_name),
        daylight_bias=daylight_bias,
        daylight_rule=daylight_rule if has_daylight else None,
    )


def _parse_rule(raw: bytes) -> ZoneRule | None:
    year, month, weekday, day, hour, minute, second, ms = _RULE_LAYOUT.unpack(raw)
    if not (1 <= month <= 12 and hour < 24 and minute < 60 and second < 60 and ms < 1000):
        return None
    if year:
        # FILETIME begins in 1601; Python's calendar ends with 9999.
        if not (1601 <= year <= 9999 and 1 <= day <= calendar.monthrange(year, month)[1]):
            return None
    elif not (weekday < 7 and 1 <= day <= 5):
        return None
    return ZoneRule(year, month, weekday, day, ((hour * 60 + minute) * 60 + second) * 1000 + ms)


def _parse_name(raw: bytes) -> str:
    name = raw.decode("utf-16-le", "replace").partition("\0")[0]
    # A name goes to terminals: control characters in it would be an attack.
    return "".join(character for character in name if character.isprintable())


# String numbers in Windows' tzres.dll, to which zone names refer as "@tzres.dll,-212". Each zone has
# three: n its place names, n + 1 "… Daylight Time", n + 2 "… Standard Time". These are the zones whose
# numbers have been the same since Vista; the key is n.
_TZRES_STEMS = {
    10: "Azores", 20: "Cape Verde", 40: "E. South America", 50: "Greenland", 60: "SA Eastern",
    70: "Newfoundland", 80: "Atlantic", 90: "Pacific SA", 100: "SA Western", 110: "Eastern",
    120: "SA Pacific", 130: "US Eastern", 140: "Canada Central", 150: "Central America", 160: "Central",
    190: "Mountain", 200: "US Mountain", 210: "Pacific", 220: "Alaskan", 230: "Hawaiian", 260: "GMT",
    270: "Greenwich", 280: "Central Europe", 290: "Central European", 300: "Romance",
    310: "W. Central Africa", 320: "W. Europe", 330: "E. Europe", 340: "Egypt", 350: "FLE", 360: "GTB",
    370: "Jerusalem", 380: "South Africa", 390: "Arab", 400: "Arabic", 410: "E. Africa", 430: "Iran",
    440: "Arabian", 460: "Afghanistan", 480: "West Asia", 490: "India", 500: "Nepal",
    510: "Central Asia", 530: "Sri Lanka", 540: "Myanmar", 560: "SE Asia", 570: "China",
    590: "Malay Peninsula", 600: "Taipei", 610: "W. Australia", 620: "Korea", 630: "Tokyo",
    650: "AUS Central", 660: "Cen. Australia", 670: "AUS Eastern", 680: "E. Australia",
    690: "Tasmania", 710: "West Pacific", 720: "Central Pacific", 730: "Fiji", 740: "New Zealand",
    840: "Argentina", 870: "Pakistan", 890: "Morocco",
}  # fmt: skip
_TZRES_UTC = (931, 932)
_TZRES_REFERENCE = re.compile(r"@(?:.*\\)?tzres\.dll,-([0-9]{1,5})", re.IGNORECASE)


def _zone_name(name: str) -> str:
    """A zone's name for people: references to tzres.dll are looked up, those unknown become empty."""
    if not name.startswith("@"):
        return name
    reference = _TZRES_REFERENCE.fullmatch(name)
    if reference is None:
        return ""
    number = int(reference[1])
    if number in _TZRES_UTC:
        return "Coordinated Universal Time"
    if number - 1 in _TZRES_STEMS:
        return f"{_TZRES_STEMS[number - 1]} Daylight Time"
    if number - 2 in _TZRES_STEMS:
        return f"{_TZRES_STEMS[number - 2]} Standard Time"
    return ""


def _offset_at(zone: Zone, ts_ns: int) -> int:
    return int(zone.offset_seconds(np.array([ts_ns], np.int64))[0])


def _offset_text(seconds: int) -> str:
    """ "+01:00"; with seconds where old local times have them."""
    minutes, second = divmod(abs(seconds), 60)
    text = f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{second:02}" if second else text


class TimeStyle(StrEnum):
    """How times are shown: the values of `--time`."""

    HOST = "host"
    UTC = "utc"
    LOCAL = "local"
    RELATIVE = "relative"
    DELTA = "delta"


def _zone_of(style: TimeStyle, host: HostZone | None) -> Zone:
    """The zone of wall times in a style; relative times have the host's, for what is typed without one."""
    if style is TimeStyle.LOCAL:
        return ComputerZone()
    if style is TimeStyle.UTC or host is None or not host.is_valid:
        return FixedZone()
    return host


@dataclass(slots=True)
class TimeFormatter:
    """Times of a table as text, 7 decimals (100 ns, the unit of a FILETIME); nulls are empty.

    `start_ns` is the recording's start. Call `format` once for each batch of rows, in order: `delta`
    goes on from the last row of the batch before.
    """

    style: TimeStyle
    zone: HostZone | None
    start_ns: int
    _before_ns: int = field(default=NO_TIME, init=False)

    @property
    def header(self) -> str:
        """The column's title; it names the zone at the recording's start."""
        match self.style:
            case TimeStyle.RELATIVE:
                return "seconds since start"
            case TimeStyle.DELTA:
                return "seconds since the row before"
            case TimeStyle.LOCAL:
                return f"time (this computer, UTC{_offset_text(self._start_offset())})"
            case _ if isinstance(self._zone(), HostZone):
                return f"time (UTC{_offset_text(self._start_offset())}, host)"
            case _:
                return "time (UTC)"

    @property
    def note(self) -> str:
        """One sentence that names the zone, for a footer or stderr."""
        match self.style:
            case TimeStyle.RELATIVE if self.start_ns == NO_TIME:
                return "Times are missing: the recording's start is unknown."
            case TimeStyle.RELATIVE:
                absolute = TimeFormatter(TimeStyle.HOST, self.zone, self.start_ns)
                start = absolute.format(np.array([self.start_ns], np.int64))[0]
                zone = _offset_text(absolute._start_offset())
                return f"Times are seconds since the recording's start at {start} (UTC{zone})."
            case TimeStyle.DELTA:
                return "Times are seconds since the row before."
            case TimeStyle.LOCAL:
                return f"Times are in the zone of this computer, UTC{_offset_text(self._start_offset())}."
            case TimeStyle.UTC:
                return "Times are in UTC."
        zone_of_host = self._zone()
        if isinstance(zone_of_host, HostZone):
            return f"Times are in the zone of the recorded host, {zone_of_host.label(self.start_ns)}."
        return "Times are in UTC: the recording does not tell its host's zone."

    def format(self, ts_ns: I64) -> list[str]:
        """One text for each time (UTC ns).

        The header's offset holds for each wall time without one. If any time of the batch has another
        (daylight time began or ended), all of them carry theirs: "2024-11-03 01:30:00.0000000-08:00".
        """
        known = ts_ns != NO_TIME
        texts = np.full(len(ts_ns), "", dtype=object)
        units = ts_ns[known] // 100
        match self.style:
            case TimeStyle.RELATIVE:
                if self.start_ns != NO_TIME:
                    texts[known] = _seconds_texts(units - self.start_ns // 100)
            case TimeStyle.DELTA:
                if len(units):
                    before = units[0] if self._before_ns == NO_TIME else self._before_ns // 100
                    texts[known] = _seconds_texts(np.diff(units, prepend=before))
                    self._before_ns = int(ts_ns[known][-1])
            case _:
                texts[known] = self._wall_texts(ts_ns[known])
        return list(texts)

    def _wall_texts(self, ts_ns: I64) -> list[str]:
        offsets = self._zone().offset_seconds(ts_ns)
        seconds, fraction = np.divmod(ts_ns // 100, _FILETIME_HZ)
        days = np.datetime_as_string((seconds + offsets).view("datetime64[s]")).astype("U19")
        characters = np.empty((len(ts_ns), 27), np.uint32)
        characters[:, :19] = days.view(np.uint32).reshape(-1, 19)
        characters[:, 10] = ord(" ")
        characters[:, 19:] = _fraction_characters(fraction)
        texts: list[str] = characters.view("U27").ravel().tolist()
        if bool((offsets == self._start_offset()).all()):
            return texts
        suffixes = {int(offset): _offset_text(int(offset)) for offset in np.unique(offsets)}
        return [text + suffixes[offset] for text, offset in zip(texts, offsets.tolist(), strict=True)]

    def _zone(self) -> Zone:
        return _zone_of(self.style, self.zone)

    def _start_offset(self) -> int:
        return _offset_at(self._zone(), self.start_ns)


_FRACTION_PLACES = 10 ** np.arange(6, -1, -1, dtype=np.int64)


def _fraction_characters(fraction: I64) -> U32:
    """Code points of ".1234567" for each number of 100 ns units below a second."""
    characters = np.full((len(fraction), 8), ord("."), np.uint32)
    characters[:, 1:] = fraction[:, None] // _FRACTION_PLACES % 10 + ord("0")
    return characters


def _seconds_texts(units: I64) -> list[str]:
    """100 ns units as seconds: "-0.0000001"."""
    seconds, fraction = np.divmod(np.abs(units), _FILETIME_HZ)
    decimals = _fraction_characters(fraction).view("U8").ravel()
    whole = np.strings.add(np.where(units < 0, "-", ""), seconds.astype(np.str_))
    texts: list[str] = np.strings.add(whole, decimals).tolist()
    return texts


_OFFSET = r" ?(?P<offset>Z|UTC|[+-]\d\d(?::?\d\d)?)?"
_TIME_OF_DAY = r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
_FLAGS = re.ASCII | re.IGNORECASE
_WALL_TIME = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?:[T ]" + _TIME_OF_DAY + _OFFSET + ")?", _FLAGS)
_DAY_TIME = re.compile(_TIME_OF_DAY + _OFFSET, _FLAGS)
_RAW_NS = re.compile(r"\d{18,19}", re.ASCII)
_NUMBER = r"\d+(?:\.\d+)?"
_SPAN = re.compile(rf"(?P<sign>[+-]?)(?:(?P<seconds>{_NUMBER})|(?P<parts>(?:{_NUMBER}(?:h|ms|us|µs|ns|m|s))+))", _FLAGS)
_SPAN_PART = re.compile(r"(\d+)(?:\.(\d+))?([a-zµ]+)")
_UNIT_NS = {
    "h": 3600 * _NS_PER_S, "m": 60 * _NS_PER_S, "s": _NS_PER_S, "ms": 1_000_000,
    "us": 1000, "µs": 1000, "ns": 1,
}  # fmt: skip
_LONGEST_TEXT = 64
_LONGEST_SPAN_NS = 100 * _NS_PER_DAY
_YEARS = range(1678, 2262)
"""Whole years that int64 nanoseconds can express, in any zone."""
_ACCEPTED = (
    'Give a date and time ("2024-06-10 20:18:27.5", with "Z" or "+02:00" if it is not in the zone shown), '
    'a time of day ("20:18:27.5"), seconds since the start ("12.5", "1m30s", "250ms"), '
    'seconds before the end ("-30s") or UTC nanoseconds'
)


def parse_time(text: str, *, zone: HostZone | None, start_ns: int, end_ns: int | None, style: TimeStyle) -> int:
    """The instant (UTC ns) that a person typed for `--from` or `--to`.

    `start_ns` and `end_ns` bound the recording; `NO_TIME` and null mean unknown. Times without an
    offset are in the zone of `style`. A wall time that occurs twice means the first of them.
    """
    typed = text.strip()
    if not typed or len(typed) > _LONGEST_TEXT:
        raise _not_a_time(typed)
    if _RAW_NS.fullmatch(typed) and 10**17 <= int(typed) <= _I64_MAX:
        return int(typed)
    known_end_ns = None if end_ns == NO_TIME else end_ns
    if span := _SPAN.fullmatch(typed):
        return _parse_span(typed, span, start_ns, known_end_ns)
    if wall := _WALL_TIME.fullmatch(typed):
        day_ns = _day_ns(typed, int(wall["year"]), int(wall["month"]), int(wall["day"]))
        return _utc_of_wall(_typed_zone(typed, wall, style, zone), day_ns + _ns_of_day(typed, wall))
    if wall := _DAY_TIME.fullmatch(typed):
        _require_start(typed, start_ns)
        in_zone = _typed_zone(typed, wall, style, zone)
        wall_start_ns = start_ns + _offset_at(in_zone, start_ns) * _NS_PER_S
        wall_ns = wall_start_ns - wall_start_ns % _NS_PER_DAY + _ns_of_day(typed, wall)
        first, next_day = (_utc_of_wall(in_zone, wall_ns + days * _NS_PER_DAY) for days in (0, 1))
        is_next_day = first < start_ns and known_end_ns is not None and next_day <= known_end_ns
        return next_day if is_next_day else first
    raise _not_a_time(typed)


def _not_a_time(typed: str, why: str = "") -> UsageError:
    shown = typed if len(typed) <= _LONGEST_TEXT else f"{typed[:_LONGEST_TEXT]}…"
    reason = f": {why}" if why else ""
    return UsageError(f"{shown!r} is not a time that can be used{reason}", advice=_ACCEPTED)


def _require_start(typed: str, start_ns: int) -> None:
    if not _is_calendar_time(start_ns):
        raise _not_a_time(typed, "the recording's start is unknown")


def _is_calendar_time(ts_ns: int) -> bool:
    """Whether a day and any zone can be added to it without leaving int64."""
    return abs(ts_ns) < _I64_MAX - _LONGEST_SPAN_NS - 4 * _NS_PER_DAY


def _parse_span(typed: str, span: re.Match[str], start_ns: int, end_ns: int | None) -> int:
    parts: list[tuple[str, str, str]] = _SPAN_PART.findall(
        span["parts"].lower() if span["parts"] else f"{span['seconds']}s"
    )
    sizes = [_UNIT_NS[unit] for _, _, unit in parts]
    if any(later >= earlier for earlier, later in pairwise(sizes)):
        raise _not_a_time(typed, "units go from large to small, each once")
    if any(decimals for _, decimals, _ in parts[:-1]):
        raise _not_a_time(typed, "only the last number may have decimals")
    span_ns = 0
    for whole, decimals, unit in parts:
        scale: int = 10 ** len(decimals)
        span_ns += int(whole + decimals) * _UNIT_NS[unit] // scale
    if span_ns > _LONGEST_SPAN_NS:
        raise _not_a_time(typed, "that is more than 100 days from the recording's start or end")
    if span["sign"] != "-":
        _require_start(typed, start_ns)
        return start_ns + span_ns
    if end_ns is None or not _is_calendar_time(end_ns):
        raise _not_a_time(typed, "the recording's end is unknown")
    return end_ns - span_ns


def _typed_zone(typed: str, wall: re.Match[str], style: TimeStyle, host: HostZone | None) -> Zone:
    """The zone of the offset that was typed, or of the style."""
    offset = wall["offset"]
    if offset is None:
        return _zone_of(style, host)
    if offset.upper() in ("Z", "UTC"):
        return FixedZone()
    hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
    if minutes > 59 or hours * 60 + minutes > _BIAS_LIMIT:
        raise _not_a_time(typed, "there is no such offset from UTC")
    return FixedZone((-60 if offset[0] == "-" else 60) * (hours * 60 + minutes))


def _day_ns(typed: str, year: int, month: int, day: int) -> int:
    if year not in _YEARS:
        raise _not_a_time(typed, f"years go from {_YEARS[0]} to {_YEARS[-1]}")
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise _not_a_time(typed, "there is no such day")
    return (date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()) * _NS_PER_DAY


def _ns_of_day(typed: str, wall: re.Match[str]) -> int:
    hour, minute, second = (int(wall[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise _not_a_time(typed, "there is no such time of day")
    return ((hour * 60 + minute) * 60 + second) * _NS_PER_S + int((wall["fraction"] or "").ljust(9, "0"))


def _utc_of_wall(zone: Zone, wall_ns: int) -> int:
    """The instant at which clocks show `wall_ns`.

    The first of two when clocks are set back; a time that is skipped counts on from the one before.
    """
    around = np.array([wall_ns - _NS_PER_DAY, wall_ns + _NS_PER_DAY], np.int64)
    before, after = (int(offset) for offset in zone.offset_seconds(around))
    candidates = sorted(wall_ns - offset * _NS_PER_S for offset in (before, after))
    shown = [ts_ns for ts_ns in candidates if ts_ns + _offset_at(zone, ts_ns) * _NS_PER_S == wall_ns]
    return shown[0] if shown else wall_ns - before * _NS_PER_S
