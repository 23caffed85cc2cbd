"""Windows build numbers in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.providers.builds import RELEASES, windows_version

U32 = st.integers(0, 2**32 - 1)
U8 = st.integers(0, 255)


@pytest.mark.parametrize(
    ("build", "major", "minor", "words"),
    [
        (7601, 6, 1, "Windows 7 SP1 / Server 2008 R2 SP1"),
        (9200, 6, 2, "Windows 8 / Server 2012"),
        (14393, 10, 0, "Windows 10 1607 / Server 2016"),
        (17763, 10, 0, "Windows 10 1809 / Server 2019"),
        (20348, 10, 0, "Windows Server 2022"),
        (25398, 10, 0, "Windows Server, version 23H2"),
        (26100, 10, 0, "Windows 11 24H2 / Server 2025"),
        (28000, 10, 0, "Windows 11 26H1"),
    ],
)
def test_a_released_build(build: int, major: int, minor: int, words: str) -> None:
    assert windows_version(build, major, minor) == words


@pytest.mark.parametrize(
    ("build", "major", "minor", "words"),
    [
        (
            7910,
            6,
            2,
            "Windows build 7910 (between Windows 7 SP1 / Server 2008 R2 SP1 and Windows 8 / Server 2012)",
        ),
        (22623, 10, 0, "Windows build 22623 (between Windows 11 22H2 and Windows 11 23H2)"),
        (29999, 10, 0, "Windows build 29999 (a preview build after Windows 11 26H1)"),
        (0, 10, 0, "Windows 10.0, build 0"),
        (1381, 4, 0, "Windows 4.0, build 1381"),
    ],
)
def test_a_build_of_no_release(build: int, major: int, minor: int, words: str) -> None:
    assert windows_version(build, major, minor) == words


def test_a_build_that_contradicts_its_version_is_given_as_found() -> None:
    assert windows_version(19041, 6, 1) == "Windows 6.1, build 19041"


def test_releases_stand_in_order_and_have_names_of_their_own() -> None:
    builds = [release.build for release in RELEASES]
    assert builds == sorted(set(builds))
    assert [release.version for release in RELEASES] == sorted(release.version for release in RELEASES)
    assert len({release.name for release in RELEASES}) == len(RELEASES)


@given(build=U32, major=U8, minor=U8)
def test_every_header_has_words(build: int, major: int, minor: int) -> None:
    assert windows_version(build, major, minor).startswith("Windows ")
