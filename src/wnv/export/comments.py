"""Comments of packets that all differ: a column of texts to options of packet blocks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wnv.arrays import BOOL, I64, U32
from wnv.export.pcapng import PacketOptions


def comment_options(texts: pa.StringArray, is_drop: BOOL) -> PacketOptions:
    """The options that say `texts`; nulls and empty texts say nothing. The texts are safe to show."""
    from wnv.export import loops

    whole = pc.fill_null(texts, "")
    whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    offset: I64 = np.frombuffer(whole.buffers()[1], np.int32, len(whole) + 1, whole.offset * 4).astype(np.int64)
    data = np.frombuffer(whole.buffers()[2] or b"\0", np.uint8)
    words: U32 = np.empty(loops.comment_words(offset, is_drop), np.uint32)
    start = np.empty(len(whole) + 1, np.int64)
    loops.fill_comments(data, offset, is_drop, words.view(np.uint8), start)
    return PacketOptions(words, start)
