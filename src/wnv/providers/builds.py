"""Windows build numbers in words, for the build that a trace header names (etl-format.md §5.1)."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """One released build and the names it was sold under."""

    build: int
    version: tuple[int, int]
    """Major and minor as the header states them."""
    name: str


RELEASES = (
    Release(2195, (5, 0), "Windows 2000"),
    Release(2600, (5, 1), "Windows XP"),
    Release(3790, (5, 2), "Windows Server 2003"),
    Release(6000, (6, 0), "Windows Vista"),
    Release(6001, (6, 0), "Windows Vista SP1 / Server 2008"),
    Release(6002, (6, 0), "Windows Vista SP2 / Server 2008 SP2"),
    Release(6003, (6, 0), "Windows Server 2008 SP2"),
    Release(7600, (6, 1), "Windows 7 / Server 2008 R2"),
    Release(7601, (6, 1), "Windows 7 SP1 / Server 2008 R2 SP1"),
    Release(9200, (6, 2), "Windows 8 / Server 2012"),
    Release(9600, (6, 3), "Windows 8.1 / Server 2012 R2"),
    Release(10240, (10, 0), "Windows 10 1507"),
    Release(10586, (10, 0), "Windows 10 1511"),
    Release(14393, (10, 0), "Windows 10 1607 / Server 2016"),
    Release(15063, (10, 0), "Windows 10 1703"),
    Release(16299, (10, 0), "Windows 10 1709 / Server, version 1709"),
    Release(17134, (10, 0), "Windows 10 1803 / Server, version 1803"),
    Release(17763, (10, 0), "Windows 10 1809 / Server 2019"),
    Release(18362, (10, 0), "Windows 10 1903 / Server, version 1903"),
    Release(18363, (10, 0), "Windows 10 1909 / Server, version 1909"),
    Release(19041, (10, 0), "Windows 10 2004 / Server, version 2004"),
    Release(19042, (10, 0), "Windows 10 20H2 / Server, version 20H2"),
    Release(19043, (10, 0), "Windows 10 21H1"),
    Release(19044, (10, 0), "Windows 10 21H2"),
    Release(19045, (10, 0), "Windows 10 22H2"),
    Release(20348, (10, 0), "Windows Server 2022"),
    Release(22000, (10, 0), "Windows 11 21H2"),
    Release(22621, (10, 0), "Windows 11 22H2"),
    Release(22631, (10, 0), "Windows 11 23H2"),
    Release(25398, (10, 0), "Windows Server, version 23H2"),
    Release(26100, (10, 0), "Windows 11 24H2 / Server 2025"),
    Release(26200, (10, 0), "Windows 11 25H2"),
    Release(28000, (10, 0), "Windows 11 26H1"),
)
"""Builds that were released, in order of their numbers, which is the order of their kernels."""

_BUILDS = [release.build for release in RELEASES]


def windows_version(build: int, major: int, minor: int) -> str:
    """The Windows that a trace header names, in words.

    Client and server of one build share their kernel and the header tells no edition, so both are named.
    A number between two releases is a preview or an update of its own; one that does not belong to the
    stated version (a header made by hand, or damaged) is given as found.
    """
    after = bisect(_BUILDS, build)
    if after == 0:
        return f"Windows {major}.{minor}, build {build}"
    below = RELEASES[after - 1]
    if below.build == build:
        return below.name if below.version == (major, minor) else f"Windows {major}.{minor}, build {build}"
    if after == len(RELEASES):
        return f"Windows build {build} (a preview build after {below.name})"
    return f"Windows build {build} (between {below.name} and {RELEASES[after].name})"
