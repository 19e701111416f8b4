"""Typed messages and descriptors over one socket."""

from __future__ import annotations

import asyncio
import os

import pytest

from doorbell.core.errors import BadInputError
from doorbell.runtime.link import MAX_MESSAGE_BYTES, Codec, Link, pair
from doorbell.runtime.peer import MAX_BACKLOG, Peer
from doorbell.stages.directions import FromWorker
from doorbell.stages.messages import Beat, Ready, Stop


def test_a_message_and_its_descriptor_arrive_together() -> None:
    ours, theirs = pair()
    left, right = Link(ours, FromWorker), Link(theirs, FromWorker)
    fd = os.memfd_create("picture")
    os.write(fd, b"jpeg")
    left.send(Ready(detail="here"), [fd])
    os.close(fd)
    got = right.receive()
    assert got is not None
    message, fds = got
    assert message == Ready(detail="here")
    assert os.pread(fds[0], 10, 0) == b"jpeg"
    os.close(fds[0])
    left.close()
    assert right.receive() is None
    right.close()


def test_a_message_that_fits_no_datagram_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BadInputError, match="too long"):
        Codec(FromWorker).encode(Ready(detail="x" * MAX_MESSAGE_BYTES))


@pytest.mark.parametrize(
    "junk", [b"", b"\xff", b"{}", b'{"type":"Nothing"}', b"[" * 99]
)
def test_junk_is_no_message(junk: bytes) -> None:
    with pytest.raises(BadInputError):
        Codec(FromWorker).decode(junk)


def test_a_peer_that_does_not_read_never_blocks_and_is_dropped_in_the_end() -> None:
    """Kills the mutant without the backlog's limit, and one that sends blocking."""

    async def story() -> int:
        ours, theirs = pair()
        gone = asyncio.Event()
        peer = Peer(ours, FromWorker, lambda *_: None, gone.set)
        sent = 0
        while peer.send(Stop()) and sent < 10 * MAX_BACKLOG:
            sent += 1
        assert gone.is_set()
        theirs.close()
        return sent

    assert MAX_BACKLOG <= asyncio.run(story()) < 10 * MAX_BACKLOG


def test_what_waited_is_sent_in_order_once_the_peer_reads_again() -> None:
    async def story() -> list[float]:
        ours, theirs = pair()
        peer = Peer(ours, FromWorker, lambda *_: None, lambda: None)
        count = 0
        while peer.backlog < 10:
            peer.send(Beat(within_s=float(count)))
            count += 1
        theirs.setblocking(False)
        reader = Link(theirs, FromWorker)
        seen: list[float] = []
        while len(seen) < count:
            await asyncio.sleep(0)
            try:
                got = reader.receive()
            except BlockingIOError:
                continue
            assert got is not None
            assert isinstance(got[0], Beat)
            seen.append(got[0].within_s)
        peer.close()
        reader.close()
        return seen

    seen = asyncio.run(story())
    assert seen == sorted(seen)


def test_a_dying_peers_last_words_are_heard() -> None:
    async def story() -> list[object]:
        ours, theirs = pair()
        heard: list[object] = []
        peer = Peer(ours, FromWorker, lambda m, _: heard.append(m), lambda: None)
        writer = Link(theirs, FromWorker)
        for number in range(100):
            writer.send(Beat(within_s=float(number)))
        writer.close()
        peer.drain()
        peer.close()
        return heard

    assert len(asyncio.run(story())) == 100
