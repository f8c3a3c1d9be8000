"""What is WSGI's own: input streams, write(), close() and servers that stop reading."""

import io
import itertools

import pytest

from hookseal.ledger import MemoryLedger
from hookseal.wsgi import WebhookMiddleware

from .support import BODY, SECRET, CountingLedger, Response, ask_wsgi, signed, wsgi_environ


def middleware(app, ledger=None):
    return WebhookMiddleware(app, SECRET, ledger=MemoryLedger() if ledger is None else ledger)


def ok(environ, start_response):
    start_response("200 OK", [("content-type", "x/y")])
    return [environ["wsgi.input"].read()]


class Chunks:
    """An app's reply that counts how often it is closed."""

    def __init__(self, *chunks):
        self._chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self._chunks)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self):
        self.closed += 1


def replies(chunks, status="200 OK"):
    def app(environ, start_response):
        start_response(status, [("content-type", "x/y")])
        return chunks

    return app


def failed():
    """What sys.exc_info() gives in an except clause."""
    error = ValueError("boom")
    return ValueError, error, None


# --- the body --------------------------------------------------------------------------------


def test_the_handler_gets_the_body_whole_and_its_length():
    seen = []

    def app(environ, start_response):
        seen.append((environ["wsgi.input"].read(), environ["CONTENT_LENGTH"]))
        seen.append("HTTP_TRANSFER_ENCODING" in environ)
        return ok(environ, start_response)

    call = signed()
    chunked = {
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
    }
    ask_wsgi(middleware(app), call, **chunked)
    assert seen == [(BODY, str(len(BODY))), False]


def test_a_body_without_an_end_is_a_411():
    answer = ask_wsgi(middleware(ok), signed(), CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    assert (answer.status, answer.code) == (411, "length_required")


def test_no_length_and_no_encoding_is_an_empty_body():
    assert ask_wsgi(middleware(ok), signed(body=b""), CONTENT_LENGTH="").status == 200


def test_a_body_cut_short_is_a_400():
    answer = ask_wsgi(middleware(ok), signed(), **{"wsgi.input": io.BytesIO(BODY[:5])})
    assert (answer.status, answer.code) == (400, "body_incomplete")


class Broken(io.RawIOBase):
    def read(self, size=-1):
        raise OSError("the peer reset the connection")


def test_an_input_that_breaks_is_a_400_and_leaves_nothing_claimed():
    ledger = MemoryLedger()
    answer = ask_wsgi(middleware(ok, ledger), signed(), **{"wsgi.input": Broken()})
    assert (answer.status, answer.code) == (400, "body_incomplete")
    assert len(ledger) == 0


def test_a_body_that_comes_too_slowly_is_a_408(monkeypatch):
    wrapped, hours = middleware(ok), itertools.count(step=3600)
    with monkeypatch.context() as patched:
        patched.setattr("time.monotonic", lambda: next(hours))
        answer = ask_wsgi(wrapped, signed())
    assert (answer.status, answer.code) == (408, "body_timeout")


def test_what_has_come_is_read_not_all_that_was_asked_for():
    class OneByOne(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(min(size, 1))

    assert ask_wsgi(middleware(ok), signed(), **{"wsgi.input": OneByOne(BODY)}).body == BODY


def test_an_environ_may_lack_what_is_optional():
    call = signed()
    environ = wsgi_environ(call)
    for name in ("REMOTE_ADDR", "QUERY_STRING", "SCRIPT_NAME", "PATH_INFO"):
        del environ[name]
    started = []
    chunks = middleware(ok)(environ, lambda *arguments: started.append(arguments))
    assert (started[0][0], b"".join(chunks)) == ("200 OK", BODY)


# --- replies ---------------------------------------------------------------------------------


def test_write_is_part_of_the_reply_and_kept():
    def app(environ, start_response):
        write = start_response("200 OK", [("content-type", "x/y")])
        write(b"a")
        write(b"b")
        return [b"c"]

    wrapped = middleware(app)
    assert ask_wsgi(wrapped, signed()).body == b"abc"
    again = ask_wsgi(wrapped, signed())
    assert (again.body, again.replayed) == (b"abc", True)


def test_an_error_page_replaces_the_reply_that_was_begun():
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"half of it"
        start_response("500 Oops", [("x-error", "1")], failed())
        yield b"sorry"

    ledger = MemoryLedger()
    answer = ask_wsgi(middleware(app, ledger), signed())
    assert (answer.status, answer.body, answer.headers) == (500, b"sorry", {"x-error": "1"})
    assert len(ledger) == 0


def test_an_error_after_the_reply_has_left_is_the_servers():
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"x" * 5000
        yield b"y"
        yield b"z"
        start_response("500 Oops", [], failed())

    ledger = MemoryLedger()
    with pytest.raises(ValueError, match="boom"):
        ask_wsgi(middleware(app, ledger), signed())
    assert len(ledger) == 0


@pytest.mark.parametrize("chunks", [(b"a", b"b"), (), (b"x" * 5000, b"y", b"z"), (b"x" * 5000,)])
def test_a_reply_is_sent_whole_and_closed_once(chunks):
    reply, ledger = Chunks(*chunks), MemoryLedger()
    answer = ask_wsgi(middleware(replies(reply), ledger), signed())
    assert answer.body == b"".join(chunks)
    assert answer.headers == {"content-type": "x/y"}
    assert reply.closed == 1
    again = ask_wsgi(middleware(replies(reply), ledger), signed())
    assert (again.status, again.replayed) == (200, True)


def test_a_file_wrapper_is_a_reply_like_any():
    class FileWrapper:
        """As wsgiref.util.FileWrapper."""

        def __init__(self, file):
            self._file = file
            self.close = file.close

        def __iter__(self):
            return iter(lambda: self._file.read(1024), b"")

    file = io.BytesIO(b"x" * 10_000)
    assert len(ask_wsgi(middleware(replies(FileWrapper(file))), signed()).body) == 10_000
    assert file.closed


def test_the_last_chunk_leaves_when_the_event_is_done():
    ledger = CountingLedger()
    response = Response(middleware(replies(Chunks(b"x" * 5000, b"y", b"z")), ledger), signed())
    chunks = response.chunks()
    assert next(chunks) == b"x" * 5000
    assert next(chunks) == b"y"
    assert ledger.completed == 0
    assert next(chunks) == b"z"
    assert ledger.completed == 1
    assert list(chunks) == []
    response.close()


def test_a_start_may_come_with_the_first_chunk():
    def app(environ, start_response):
        start_response("201 Created", [])
        yield b"x"

    assert ask_wsgi(middleware(app), signed()).status == 201


def test_an_app_that_never_starts_its_reply_is_run_again():
    ledger = MemoryLedger()
    with pytest.raises(AssertionError):  # the server's
        ask_wsgi(middleware(lambda environ, start_response: [b"x"], ledger), signed())
    assert len(ledger) == 0


def test_a_client_that_goes_away_early_has_its_event_run_again():
    reply, ledger = Chunks(*[b"x" * 5000] * 10), MemoryLedger()
    response = Response(middleware(replies(reply), ledger), signed())
    next(response.chunks())
    assert len(ledger) == 1
    response.close()
    response.close()
    assert len(ledger) == 0
    assert reply.closed == 1


@pytest.mark.parametrize("before", [[], [b"small"], [b"x" * 5000, b"y", b"z"]])
def test_a_reply_that_breaks_has_its_event_run_again(before):
    reply, ledger = Chunks(*before, RuntimeError("boom")), MemoryLedger()
    with pytest.raises(RuntimeError, match="boom"):
        ask_wsgi(middleware(replies(reply), ledger), signed())
    assert len(ledger) == 0
    assert reply.closed == 1


def test_a_reply_is_closed_though_settling_is_done():
    class Stubborn(Chunks):
        def close(self):
            super().close()
            raise OSError("close")

    reply, ledger = Stubborn(b"a"), MemoryLedger()
    with pytest.raises(OSError, match="close"):
        ask_wsgi(middleware(replies(reply), ledger), signed())
    assert reply.closed == 1
    assert len(ledger) == 1  # the event was handled


def test_a_status_that_http_does_not_know_is_replayed():
    wrapped = middleware(replies([b""], status="299 Fine"))
    ask_wsgi(wrapped, signed())
    response = Response(wrapped, signed())
    list(response.chunks())
    assert response.started[0][0] == "299 Unknown"
