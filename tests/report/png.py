"""Just enough of PNG to see what Chromium painted: 8-bit RGB or RGBA, not interlaced."""

import struct
import zlib
from itertools import pairwise


def pixels(data: bytes) -> list[bytes]:
    """Return the rows of an image, four or three bytes a pixel."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, header = 8, b"", b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        header = body if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        at += length + 12
    width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    assert (depth, interlaced) == (8, 0)
    size = {2: 3, 6: 4}[colours]
    raw = zlib.decompress(packed)
    stride = width * size
    rows = [bytes(stride)]
    for row in range(height):
        start = row * (stride + 1)
        rows.append(_unfiltered(raw[start], raw[start + 1 : start + 1 + stride], rows[-1], size))
    return rows[1:]


def colours(data: bytes) -> int:
    """Count the different pixels."""
    rows = pixels(data)
    size = 4 if data[25] == 6 else 3
    return len({row[at : at + size] for row in rows for at in range(0, len(row), size)})


def changes(data: bytes) -> int:
    """Count the rows that differ from the one above: a page full of text has many."""
    return sum(one != other for one, other in pairwise(pixels(data)))


def _unfiltered(kind: int, line: bytes, above: bytes, size: int) -> bytes:
    out = bytearray(line)
    if kind == 0:
        return line
    for at in range(len(out)):
        left = out[at - size] if at >= size else 0
        up = above[at]
        corner = above[at - size] if at >= size else 0
        match kind:
            case 1:
                guess = left
            case 2:
                guess = up
            case 3:
                guess = (left + up) // 2
            case _:
                guess = min((left, up, corner), key=lambda each: abs(left + up - corner - each))
        out[at] = (out[at] + guess) & 255
    return bytes(out)
