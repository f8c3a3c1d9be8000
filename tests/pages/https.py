"""HTTPS in front of a server that speaks HTTP, as a proxy gives it in production.

Knows TLS and sockets. Must not know what is passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading
from concurrent.futures import Future

__all__ = ["https"]

_CHUNK = 65536
_BREATH = 0.05
"""Seconds in which aborted connections are closed."""


@contextlib.contextmanager
def https(port: int, behind: int, folder):
    """Serve HTTPS on ``port`` of 127.0.0.1, with a certificate of its own; pass all on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_certificate(folder))
    ready: Future = Future()
    thread = threading.Thread(target=asyncio.run, args=(_serve(port, behind, context, ready),))
    thread.start()
    loop, stop = ready.result()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _serve(port: int, behind: int, context: ssl.SSLContext, ready: Future) -> None:
    stop = asyncio.Event()

    async def pass_on(reader, writer):
        with contextlib.suppress(OSError, asyncio.CancelledError), _aborting(writer):
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", behind)
            with _aborting(behind_writer):
                there, back = _copy(reader, behind_writer), _copy(behind_reader, writer)
                await asyncio.gather(there, back)

    server = await asyncio.start_server(pass_on, "127.0.0.1", port, ssl=context)
    ready.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.wait([*others, asyncio.create_task(asyncio.sleep(_BREATH))])


@contextlib.contextmanager
def _aborting(writer: asyncio.StreamWriter):
    try:
        yield
    finally:
        writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.close()


def _certificate(folder) -> tuple[str, str]:
    certificate, key = str(folder / "proxy.crt"), str(folder / "proxy.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    more = ["-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate]
    subprocess.run([*command, *more], check=True, capture_output=True)
    return certificate, key
