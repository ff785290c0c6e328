"""The same work for many sources: on this core, on several of this machine, or on a Dask cluster.

What comes back is the same whichever it is, but for its order. A worker that dies takes no answer with it: what it had
not handed in is done again by another. Work that kills its worker each time ends with a sentence.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple, TypeVar

from care.link import is_here

BROKEN_MAX = 5  # times that a pool of this machine may break
REACHED_WITHIN_S = 10.0  # that a cluster may take to answer

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Here(NamedTuple):
    """On this core, one after another."""


class Cores(NamedTuple):
    """On so many cores of this machine."""

    workers: int


class Cluster(NamedTuple):
    """On a Dask cluster, by the address of its scheduler: tcp://host:port or tls://host:port."""

    address: str


class CannotSpread(Exception):
    """The work could not be done where it was asked to be, with a sentence."""


def spread(work: Callable[[Asked], Answer], asked: Iterable[Asked], over: Here | Cores | Cluster) -> Iterator[Answer]:
    """Yield an answer for each that is asked, as they come. `work` must be found by its name, and may be done twice.

    Raises `CannotSpread`; what `work` raises is raised here.
    """
    match over:
        case Here():
            yield from map(work, asked)
        case Cores():
            yield from _on_cores(work, dict(enumerate(asked)), over.workers)
        case Cluster():
            yield from _on_a_cluster(work, list(asked), over.address)


def _on_cores(work: Callable[[Asked], Answer], left: dict[int, Asked], workers: int) -> Iterator[Answer]:
    context = multiprocessing.get_context("spawn")  # threads of this process are not taken along half-way
    for _ in range(BROKEN_MAX):
        with ProcessPoolExecutor(workers, context) as pool:
            under_way = {pool.submit(work, one): number for number, one in left.items()}
            try:
                for done in as_completed(under_way):
                    answer = done.result()
                    del left[under_way[done]]
                    yield answer
            except BrokenProcessPool:
                continue
            finally:
                pool.shutdown(cancel_futures=True)
            return
    raise CannotSpread(f"Workers died {BROKEN_MAX} times. Is there memory enough? Try fewer with --workers.")


def _on_a_cluster(work: Callable[[Asked], Answer], asked: list[Asked], address: str) -> Iterator[Answer]:
    # Half a second to load, and of no use to the other two.
    from distributed import Client
    from distributed import as_completed as completed
    from distributed.scheduler import KilledWorker

    _refuse_plain_text(address)
    try:
        client = Client(address, timeout=REACHED_WITHIN_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise CannotSpread(f"No cluster answers at {address}: {error or 'it took too long'}.") from error
    with client:
        try:
            # Not kept by what they are of: what is asked twice is done twice.
            for future, answer in completed(client.map(work, asked, pure=False), with_results=True, loop=client.loop):
                future.release()
                yield answer
        except KilledWorker as error:
            raise CannotSpread("The same work killed its worker again and again. Is there memory enough?") from error


def _refuse_plain_text(address: str) -> None:
    scheme, _, rest = address.partition("://")
    host = rest.rpartition(":")[0].strip("[]")
    if scheme not in {"tcp", "tls"} or not host:
        raise CannotSpread(f'"{address}" is no address of a cluster. Write tcp://127.0.0.1:8786 or tls://host:8786.')
    if scheme == "tcp" and not is_here(host):
        raise CannotSpread(f"{host} is another machine, and all would go there in plain text. Use tls://.")
