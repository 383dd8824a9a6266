"""Messages between the server and its workers: a length, JSON, a length, bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import IO, Any

import msgspec

from timetravel.server.encode import to_json

LIMIT_BYTES = 1 << 30


def write_message(pipe: IO[bytes], message: Mapping[str, Any], blob: bytes = b"") -> None:
    """Sends one message and flushes."""
    text = to_json(message)
    pipe.write(struct.pack("<QQ", len(text), len(blob)))
    pipe.write(text)
    pipe.write(blob)
    pipe.flush()


def read_message(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The next message; EOFError when the other side is gone."""
    text_size, blob_size = struct.unpack("<QQ", _exactly(pipe, 16))
    if text_size + blob_size > LIMIT_BYTES:
        raise ValueError(f"a message of {text_size + blob_size} bytes")
    message: dict[str, Any] = msgspec.json.decode(_exactly(pipe, text_size))
    return message, _exactly(pipe, blob_size)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0:
        part = pipe.read(size)
        if not part:
            raise EOFError("the other side is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
