"""Any bytes come through as valid UTF-8, in blocks of any size, and come back as they were."""

from __future__ import annotations

import io

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from data_contracts.encodings import Utf8Stream, unmarked, unmarked_bytes

PIECES = st.one_of(st.binary(max_size=6), st.text(max_size=6).map(str.encode))


@given(
    content=st.lists(PIECES, max_size=8).map(b"".join),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
@example(content="ä€😀".encode(), sizes=[1])
@example(content=b"caf\xe9", sizes=[4])
@example(content="ä".encode()[:1], sizes=[3])
def test_bytes_come_back_as_they_were(content, sizes):
    stream = Utf8Stream(io.BytesIO(content))
    read, turn = [], 0
    while block := stream.read(sizes[turn % len(sizes)]):
        assert len(block) <= sizes[turn % len(sizes)]
        read.append(block)
        turn += 1
    whole = b"".join(read)
    whole.decode("utf-8")
    assert unmarked_bytes(whole) == content
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        assert stream.found
    else:
        assert not stream.found
        assert whole == content


def test_a_column_gets_its_bytes_back():
    stream = Utf8Stream(io.BytesIO(b"caf\xe9"))
    marked = b"".join(iter(lambda: stream.read(64), b""))
    column = pa.array([b"plain", marked, None, "ä".encode()], pa.binary())
    assert unmarked(column).to_pylist() == [b"plain", b"caf\xe9", None, "ä".encode()]
