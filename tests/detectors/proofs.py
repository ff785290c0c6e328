"""What several tests of the method need: to store a state and get it back, and to ask whether values are uniform."""

import math
from collections.abc import Sequence
from typing import TypeVar

import msgspec

State = TypeVar("State")


def restored(state: State) -> State:
    """Return the state after a journey through JSON and one through MessagePack; raise if they differ by a bit."""
    as_json = msgspec.json.encode(state)
    as_pack = msgspec.msgpack.encode(state)
    back = msgspec.json.decode(as_json, type=type(state))
    assert msgspec.msgpack.encode(back) == as_pack
    assert msgspec.json.encode(msgspec.msgpack.decode(as_pack, type=type(state))) == as_json
    return back


def uniform_p(values: Sequence[float]) -> float:
    """Return how likely values that stray so far from uniform on 0 to 1 are (Kolmogorov-Smirnov, asymptotic)."""
    n = len(values)
    ranked = sorted(values)
    strays = max(max((i + 1) / n - x, x - i / n) for i, x in enumerate(ranked))
    scaled = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * strays
    return min(1.0, 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101)))
