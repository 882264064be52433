#!/usr/bin/env python3
"""Gives a WebDAV client that knows no bearer tokens a way in: plain HTTP on loopback, TLS to the storage element, the token
of $BEARER_TOKEN as Authorization, Host and Destination rewritten. Answers pass through as they are, byte by byte.

    BEARER_TOKEN=… bearer_proxy.py PORT https://localhost:9446 ca.pem
"""

import os
import socket
import ssl
import sys
import threading
from urllib.parse import urlsplit

port, target, authority = int(sys.argv[1]), sys.argv[2].rstrip("/"), sys.argv[3]
token = os.environ["BEARER_TOKEN"]
upstream = urlsplit(target)
context = ssl.create_default_context(cafile=authority)


def line_of(source):
    line = source.readline(1 << 16)
    if not line:
        raise EOFError
    return line


def head_of(source):
    """The request's head, rewritten, and how its body is framed: a length, or None for chunks."""
    lines, length = [line_of(source)], 0
    lines += [f"Authorization: Bearer {token}\r\n".encode(), f"Host: {upstream.netloc}\r\n".encode()]
    while (line := line_of(source)).strip():
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


def pass_body(source, sink, length):
    if length is None:
        while True:
            size = line_of(source)
            sink.sendall(size)
            left = int(size.split(b";")[0], 16)
            sink.sendall(source.read(left + 2))
            if left == 0:
                return
    while length > 0:
        block = source.read1(min(length, 1 << 16))
        if not block:
            raise EOFError
        sink.sendall(block)
        length -= len(block)


def pass_answers(source, sink):
    try:
        while block := source.recv(1 << 16):
            sink.sendall(block)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client):
    raw = socket.create_connection((upstream.hostname, upstream.port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client, context.wrap_socket(raw, server_hostname=upstream.hostname) as server:
        threading.Thread(target=pass_answers, args=(server, client), daemon=True).start()
        source = client.makefile("rb")
        try:
            while True:
                head, length = head_of(source)
                server.sendall(head)
                pass_body(source, server, length)
        except (EOFError, OSError, ValueError):
            pass


listener = socket.create_server(("127.0.0.1", port))
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
