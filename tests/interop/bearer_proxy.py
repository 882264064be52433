#!/usr/bin/env python3
"""Gives a WebDAV client that knows no bearer tokens a way in: plain HTTP on loopback, TLS to the storage element, the token
of $BEARER_TOKEN as Authorization, Host and Destination rewritten. Answers pass through as they are, byte by byte.

    BEARER_TOKEN=… bearer_proxy.py PORT https://localhost:9446 ca.pem

One thread does everything: a TLS connection of Python's is not to be read in one thread and written in another.
"""

import asyncio
import contextlib
import os
import ssl
import sys
from urllib.parse import urlsplit

port, target, authority = int(sys.argv[1]), sys.argv[2].rstrip("/"), sys.argv[3]
token = os.environ["BEARER_TOKEN"]
upstream = urlsplit(target)
context = ssl.create_default_context(cafile=authority)


async def line_of(source):
    line = await source.readline()
    if not line:
        raise EOFError
    return line


async def head_of(source):
    """The request's head, rewritten, and how its body is framed: a length, or None for chunks."""
    lines, length = [await line_of(source)], 0
    lines += [f"Authorization: Bearer {token}\r\n".encode(), f"Host: {upstream.netloc}\r\n".encode()]
    while (line := await line_of(source)).strip():
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if name in (b"host", b"authorization"):
            continue
        if name == b"destination":
            rest = value.decode("latin-1").split("/", 3)
            line = f"Destination: {target}/{rest[3] if len(rest) > 3 else ''}\r\n".encode("latin-1")
        if name == b"content-length":
            length = int(value)
        if name == b"transfer-encoding" and b"chunked" in value.lower():
            length = None
        lines.append(line)
    return b"".join(lines) + b"\r\n", length


async def pass_body(source, sink, length):
    if length is None:
        while True:
            size = await line_of(source)
            left = int(size.split(b";")[0], 16)
            sink.write(size + await source.readexactly(left + 2))
            await sink.drain()
            if left == 0:
                return
    while length > 0:
        block = await source.read(min(length, 1 << 16))
        if not block:
            raise EOFError
        sink.write(block)
        await sink.drain()
        length -= len(block)


async def pass_requests(source, sink):
    while True:
        head, length = await head_of(source)
        sink.write(head)
        await sink.drain()
        await pass_body(source, sink, length)


async def pass_answers(source, sink):
    while block := await source.read(1 << 16):
        sink.write(block)
        await sink.drain()


async def serve(source, client):
    answers, server = await asyncio.open_connection(
        upstream.hostname, upstream.port, ssl=context, server_hostname=upstream.hostname
    )
    ways = [asyncio.create_task(pass_requests(source, server)), asyncio.create_task(pass_answers(answers, client))]
    try:
        # The connection is over for both when either side ends it.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        for result in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, (EOFError, OSError, ValueError)):
                print(f"{type(result).__name__}: {result}", flush=True)
        for end in (client, server):
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()


async def main():
    listener = await asyncio.start_server(serve, "127.0.0.1", port)
    print("ready", flush=True)
    await listener.serve_forever()


asyncio.run(main())
