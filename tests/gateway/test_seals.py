"""A sealed file: only its passphrase opens it, and nothing of it can be changed without being noticed."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.installer import seals
from gateway.installer.seals import NotOpened, is_sealed, seal, unseal
from tests.conftest import examples


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> object:
    """Pieces of a few bytes, so that small files have many, and a key that is quickly made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seals, "_PIECE", 16)
        patch.setattr(seals, "_LOG_N", 4)
        yield


def sealed(plain: bytes, passphrase: str = "schip") -> bytes:
    out = io.BytesIO()
    seal(io.BytesIO(plain), out, passphrase)
    return out.getvalue()


def opened(packed: bytes, passphrase: str = "schip") -> bytes:
    out = io.BytesIO()
    unseal(io.BytesIO(packed), out, passphrase)
    return out.getvalue()


@given(st.binary(max_size=100))
def test_what_is_sealed_is_opened_by_its_passphrase(plain: bytes) -> None:
    packed = sealed(plain)
    assert is_sealed(io.BytesIO(packed))
    assert opened(packed) == plain


@given(st.binary(max_size=40))
def test_another_passphrase_opens_nothing(plain: bytes) -> None:
    with pytest.raises(NotOpened):
        opened(sealed(plain), "schap")


@settings(max_examples=examples(40))
@given(st.binary(min_size=20, max_size=100), st.data())
def test_a_changed_bit_a_missing_end_or_pieces_in_another_order_are_refused(plain: bytes, data: st.DataObject) -> None:
    packed = bytearray(sealed(plain))
    head, piece = len(packed) - len(plain) - 16 * (-(-len(plain) // 16)), 32
    how = data.draw(st.sampled_from(["bit", "end", "order", "more"]))
    if how == "bit":
        # not the byte that says how long the key takes to make: that one is bounded, and tried below
        place = data.draw(st.integers(0, len(packed) - 1).filter(lambda at: at != len(seals.MAGIC)))
        packed[place] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "end":
        del packed[data.draw(st.integers(0, len(packed) - 1)) :]
    elif how == "more":
        packed += packed[head : head + piece]
    else:
        first, second = packed[head : head + piece], packed[head + piece : head + 2 * piece]
        packed[head:] = second + first + packed[head + 2 * piece :]
    with pytest.raises(NotOpened):
        opened(bytes(packed))


def test_a_file_cannot_ask_for_all_the_memory_of_the_machine() -> None:
    packed = bytearray(sealed(b"x"))
    packed[len(seals.MAGIC)] = 40
    with pytest.raises(NotOpened):
        opened(bytes(packed))
