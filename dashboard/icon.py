"""The picture on a phone's home screen, as PNG: iOS shows no SVG there. Drawn as `static/app.svg` is, pixel by pixel.

    python -m dashboard.icon

writes `static/app-180.png` anew (PNG: ISO/IEC 15948; 180 x 180 is what an iPhone asks for).
"""

import struct
import zlib
from math import hypot
from pathlib import Path

FILE = Path(__file__).parent / "static" / "app-180.png"
SIZE = 180  # pixels, either way

_SIDE = 512.0  # of app.svg, in whose units the moon is: one disc, less another
_MOON = (256.8, 255.8, 136.0)  # x, y and radius
_BITE = (334.6, 185.9, 108.0)
_GROUND, _LIGHT = (0x15, 0x13, 0x12), (0x7F, 0x81, 0xB0)


def png(size: int) -> bytes:
    """Return the picture as a PNG of so many pixels either way; the same every time."""
    rows = b"".join(b"\0" + bytes(part for x in range(size) for part in _pixel(x, y, size)) for y in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)  # 8 bits each of red, green and blue
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks)


def _pixel(x: int, y: int, size: int) -> tuple[int, ...]:
    unit = _SIDE / size
    at = ((x + 0.5) * unit, (y + 0.5) * unit)
    moon = min(_inside(*at, *_MOON, unit), 1.0 - _inside(*at, *_BITE, unit))
    return tuple(round(dark + (light - dark) * moon) for dark, light in zip(_GROUND, _LIGHT, strict=True))


def _inside(x: float, y: float, centre_x: float, centre_y: float, radius: float, unit: float) -> float:  # noqa: PLR0917
    """Return how much of a pixel lies in a disc: 1 all of it, 0 nothing, in between on its edge."""
    return min(1.0, max(0.0, (radius - hypot(x - centre_x, y - centre_y)) / unit + 0.5))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


if __name__ == "__main__":
    FILE.write_bytes(png(SIZE))
