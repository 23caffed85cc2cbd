"""The compiled loops as they are where numba is not installed, and arrays that tell of any index outside."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

import wnv
import wnv.packets
from wnv import kernels
from wnv.arrays import U8
from wnv.packets import loops


def _load(module: ModuleType, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, module.__file__)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def _load_both() -> tuple[ModuleType, ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WNV_NO_NUMBA", "1")
        plain_kernels = _load(kernels, "plain_kernels")
        patch.setitem(sys.modules, "wnv.kernels", plain_kernels)
        return plain_kernels, _load(loops, "plain_loops")


KERNELS, LOOPS = _load_both()
"""`wnv.kernels` and `wnv.packets.loops`, uncompiled."""
assert not KERNELS.COMPILED


@contextmanager
def uncompiled() -> Iterator[None]:
    """Within it, the package uses the uncompiled loops."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wnv, "kernels", KERNELS)
        patch.setattr(wnv.packets, "loops", LOOPS)
        yield


def plain_copy(module: ModuleType) -> ModuleType:
    """A module of loops, uncompiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "wnv.kernels", KERNELS)
        patch.setattr(wnv, "kernels", KERNELS)
        return _load(module, f"plain_{module.__name__.rsplit('.', 1)[-1]}_copy")


class Fenced:
    """Bytes that refuse every index outside, the negative ones that NumPy would accept among them."""

    def __init__(self, data: U8) -> None:
        self._data = data
        self.size = data.size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, at: int) -> Any:  # Any: a NumPy scalar
        assert 0 <= at < self.size
        return self._data[at]
