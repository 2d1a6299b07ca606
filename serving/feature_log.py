"""What a decision saw, in a compact form beside its log, so that it can be replayed and explained.

Format 2, MessagePack: `[2, bundle version, state, own, n, goals, situation, request,
rows]`; format 1 lacks the last two. `state` and `own` are the parts of the design matrix at the moment of the decision
(`models.booster.Design`), float32: two bit sets say where a number is 0 and where it is missing, and
only the others are written out. `request` is what the log's rows don't tell of the request,
`rows` how many touchpoints of the customer had come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from features.builder import Matrix
from features.columns import Float64
from models.booster import Design
from policy.situation import Situation

FORMAT_VERSION = 2
_READ = (1, 2)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """What a request said beyond the rows of the log; the lists go by its candidates, in order.

    `has_now` tells a request with a clock of its own. `groups` is empty where none was given.
    """

    mode: Literal["enforce", "shadow"]
    has_now: bool
    explain: bool
    message_ids: tuple[str, ...]
    groups: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenFeatures:
    """A decision's features as they were logged.

    Attributes
    ----------
    model_version : of the bundle that decided
    shared : state features and goal probabilities, shape (1, columns)
    own : candidate features, shape (candidates, columns)
    goals : goal probabilities in full precision, shape (goals + 1,)
    situation : touches within the longest cap, opted-out channels, zones, messages sent and
        reserved, times when messages were first asked about
    request : None in format 1
    rows : touchpoints of the customer that were stored then, None in format 1
    """

    model_version: str
    shared: Matrix
    own: Matrix
    goals: Float64
    situation: dict[str, Any]
    request: AskedRequest | None = None
    rows: int | None = None


def pack_features(
    model_version: str,
    design: Design,
    goals: Float64,
    situation: Situation,
    cap_window: int,
    request: AskedRequest,
    rows: int,
) -> bytes:
    """The features of a decision as a blob; `cap_window` in microseconds bounds the touches kept."""
    body = [
        FORMAT_VERSION,
        model_version,
        _packed(design.shared),
        _packed(design.own),
        len(design.own),
        np.ascontiguousarray(goals, "<f8").tobytes(),
        _situation(situation, cap_window),
        [request.mode, request.has_now, request.explain, request.message_ids, request.groups],
        rows,
    ]
    return _encoder.encode(body)


def unpack_features(blob: bytes) -> SeenFeatures:
    """Read `pack_features`' blob; raises ValueError where it is damaged or of another format."""
    try:
        version, *rest = _decoder.decode(blob)
        if version in _READ:
            model_version, shared, own, n, goals, situation, *asked = rest
            return SeenFeatures(
                model_version,
                _unpacked(shared, 1),
                _unpacked(own, n),
                np.frombuffer(goals, "<f8"),
                situation,
                _request(asked[0]) if asked else None,
                asked[1] if asked else None,
            )
    except (msgspec.MsgspecError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"the logged features are damaged: {error}") from None
    raise ValueError(f"logged features of format {version!r}, expected {FORMAT_VERSION}")


def _request(told: list[Any]) -> AskedRequest:
    mode, has_now, explain, message_ids, groups = told
    return AskedRequest(mode, has_now, explain, tuple(message_ids), tuple(groups))


def _packed(matrix: Matrix) -> list[Any]:
    flat = np.ascontiguousarray(matrix, "<f4").ravel()
    missing = np.isnan(flat)
    zero = flat.view(np.uint32) == 0
    told = flat[~(missing | zero)]
    return [matrix.shape[1], np.packbits(missing).tobytes(), np.packbits(zero).tobytes(), told.tobytes()]


def _unpacked(parts: list[Any], rows: int) -> Matrix:
    columns, missing, zero, told = parts
    n = rows * columns
    is_missing, is_zero = _bits(missing, n), _bits(zero, n)
    flat = np.zeros(n, np.float32)
    flat[is_missing] = np.nan
    flat[~(is_missing | is_zero)] = np.frombuffer(told, "<f4")
    return flat.reshape(rows, columns)


def _bits(packed: bytes, n: int) -> npt.NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=n).astype(np.bool_)


def _situation(situation: Situation, cap_window: int) -> dict[str, Any]:
    since = situation.now - cap_window
    return {
        "now": situation.now,
        "touches": [
            (touch.time, touch.department, touch.channel) for touch in situation.touches if touch.time > since
        ],
        "opted_out": sorted(situation.opted_out),
        "zones": list(situation.zones),
        "sent": dict(situation.sent),
        "reserved": dict(situation.reserved),
        "first_asked": dict(situation.first_asked),
        "is_new": situation.is_new,
    }
