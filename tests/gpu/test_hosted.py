"""The stand-in for CUDA's streams (tests/gpu/hosted): what it puts off, and what it refuses as CUDA does."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from hosted.streams import INVALIDATED, ISOLATION, UNJOINED, UNMATCHED, UNSUPPORTED, Refused, Streams


@pytest.fixture
def made():
    """Streams, two of them, and the list to which their work writes."""
    streams = Streams()
    return streams, streams.create(), streams.create(), []


def refused(status, call, *arguments):
    with pytest.raises(Refused) as caught:
        call(*arguments)
    assert caught.value.status == status, caught.value


def test_work_waits_until_somebody_must_have_it(made):
    s, a, b, done = made
    s.enqueue(a, lambda: done.append("a"))
    s.enqueue(b, lambda: done.append("b"))
    assert not done and not s.idle(a)
    s.finish(b)
    assert "b" in done
    s.finish()
    assert sorted(done) == ["a", "b"] and s.idle(a)


@pytest.mark.parametrize("order", ["forward", "reverse", "shuffled"])
def test_an_event_orders_two_streams_and_nothing_else_does(order):
    s, done = Streams(order), []
    a, b, event = s.create(), s.create(), s.handle()
    for stream in (a, b):
        s.enqueue(stream, lambda stream=stream: done.append(stream))
    s.finish()
    assert done[0] == (a if order == "forward" else b) or order == "shuffled"
    done.clear()
    s.enqueue(b, lambda: done.append(b))
    s.record(event, b)
    assert not s.reached(event)
    s.wait(a, event)
    s.enqueue(a, lambda: done.append(a))
    s.finish(a)
    assert done == [b, a] and s.reached(event)


def test_a_capture_records_and_its_graph_runs_what_was_forked_and_joined(made):
    s, a, b, done = made
    fork, join = s.handle(), s.handle()
    s.begin(a)
    s.enqueue(a, lambda: done.append("first"))
    s.record(fork, a)
    s.wait(b, fork)
    assert s.capturing(b)
    s.enqueue(b, lambda: done.append("beside"))
    s.record(join, b)
    s.wait(a, join)
    s.enqueue(a, lambda: done.append("last"))
    graph = s.instantiate(s.end(a))
    assert not done and not s.capturing(a) and not s.capturing(b)
    for _ in range(2):
        s.launch(graph, a)
    s.finish(a)
    assert done == ["first", "beside", "last"] * 2


def test_what_a_capture_forbids(made):
    s, a, b, _ = made
    event, outside = s.handle(), s.handle()
    refused(UNSUPPORTED, s.begin, 0)
    refused(UNMATCHED, s.end, a)
    s.record(outside, b)
    s.begin(a)
    refused(UNMATCHED, s.begin, a)
    refused(UNSUPPORTED, s.idle, a)
    refused(ISOLATION, s.wait, a, outside)
    refused(INVALIDATED, s.enqueue, a, None)
    refused(INVALIDATED, s.end, a)
    s.begin(a)
    s.record(event, a)
    refused(UNSUPPORTED, s.reached, event)
    refused(UNSUPPORTED, s.finish, a)
    refused(INVALIDATED, s.end, a)
    s.begin(a)
    s.record(event, a)
    s.wait(b, event)
    s.enqueue(b, lambda: None)
    refused(UNMATCHED, s.end, b)
    refused(UNJOINED, s.end, a)
    s.enqueue(a, lambda: None)  # the streams are free again
    s.finish()
