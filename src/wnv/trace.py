"""A recording, opened: what the command line, notebooks and the page use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

from wnv.diagnostics import Log
from wnv.etl.reader import Progress, Recording, Slice
from wnv.etl.source import find_recordings
from wnv.export.capture import CaptureResult
from wnv.overview import Overview
from wnv.pipeline import CaptureOptions, Scanned, convert_to_pcapng, longest_sightings, scan


class Trace:
    """One recording: a file, or the files of a folder read as one. Use as a context, or `close` it.

    >>> import wnv
    >>> with wnv.open_trace(wnv.sample_path()) as trace:
    ...     print(trace.overview.n_events, trace.overview.n_packets)
    467 114
    """

    def __init__(self, paths: Sequence[Path], progress: Progress | None = None) -> None:
        self.log = Log()
        self._recording = Recording(paths, self.log)
        self._progress = progress
        self._scanned: Scanned | None = None

    @property
    def recording(self) -> Recording:
        return self._recording

    def scanned(self) -> Scanned:
        """The recording after its first pass, which runs at the first call."""
        if self._scanned is None:
            self._scanned = scan(self._recording, self._progress)
        return self._scanned

    @property
    def overview(self) -> Overview:
        """What it holds and what it lost."""
        return self.scanned().overview

    def slices(self) -> Iterator[Slice]:
        """All events in global order, slice by slice; each is valid until the next."""
        self.scanned()
        return self._recording.slices(self._progress)

    def convert(
        self,
        out: str,
        options: CaptureOptions | None = None,
        *,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> CaptureResult:
        """Write the packets to a pcapng file; `-` is standard output."""
        return convert_to_pcapng(
            self.scanned(), out, options or CaptureOptions(), progress=self._progress, should_stop=should_stop
        )

    def longest_sightings(self) -> list[dict[str, object]]:
        """The sightings of the pktmon packet that was seen most often, the first such one; see `pipeline`."""
        return longest_sightings(self.scanned())

    def close(self) -> None:
        self._recording.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_trace(*paths: str | Path, progress: Progress | None = None) -> Trace:
    """Open a recording: one `.etl`, several of them, or folders that hold them.

    Raises `WnvError` if there is nothing to read.
    """
    return Trace([file for path in paths for file in find_recordings(Path(path))], progress)


def sample_path() -> Path:
    """The recording that comes with wnv: a ping on an Azure VM, by pktmon (microsoft/demikernel, MIT)."""
    return Path(str(files("wnv") / "data" / "pktmon-demikernel.etl"))
