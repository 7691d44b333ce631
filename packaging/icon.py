"""Draws the program's icon in all sizes: a disc whose grain of noise clears from left to right.

    python3 packaging/icon.py [FOLDER]

Writes denoscope-N.png for the sizes of desktops, denoscope.ico (Windows) and denoscope.icns (macOS). Needs the standard library only.
"""

import math
import random
import struct
import sys
import zlib
from pathlib import Path

SIZES = (16, 32, 48, 64, 128, 256, 512)
GRAINS = 16  # of noise across the icon, whatever its size
BACKGROUND = (0.075, 0.09, 0.115)
COLD, WARM = (0.16, 0.62, 0.80), (0.98, 0.66, 0.26)  # the disc's colours, top left and bottom right


def mix(a, b, t):
    return tuple(x + (y - x) * t for x, y in zip(a, b))


def smooth(low, high, x):
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def box(x, y, half, radius):
    """Signed distance to a centred square with round corners."""
    dx, dy = abs(x) - half + radius, abs(y) - half + radius
    return math.hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - radius


def grain(rng):
    """One grain of noise: mostly brightness, a little colour."""
    light = rng.gauss(0, 0.17)
    return tuple(light + rng.gauss(0, 0.08) for _ in range(3))


def draw(size):
    """RGBA bytes, rows from the top."""
    rng = random.Random(7)
    noise = [[grain(rng) for _ in range(GRAINS)] for _ in range(GRAINS)]
    soft = 1.2 / size  # an edge is about one pixel wide
    rows = bytearray()
    for row in range(size):
        for column in range(size):
            x, y = (column + 0.5) / size - 0.5, (row + 0.5) / size - 0.5
            colour = BACKGROUND
            disc = smooth(soft, -soft, math.hypot(x, y) - 0.36)
            if disc > 0:
                light = mix(COLD, WARM, smooth(-0.5, 0.5, x * 0.8 + y * 0.6))
                shade = 1.0 + 0.28 * smooth(0.45, 0.0, math.hypot(x - 0.10, y + 0.13))
                light = tuple(value * shade for value in light)
                speck = noise[min(int((y + 0.5) * GRAINS), GRAINS - 1)][min(int((x + 0.5) * GRAINS), GRAINS - 1)]
                left = smooth(0.08, -0.16, x)
                light = tuple(value + left * g for value, g in zip(light, speck))
                colour = mix(colour, light, disc)
            alpha = smooth(soft, -soft, box(x, y, 0.47, 0.11))
            rows += bytes(round(255 * min(max(value, 0.0), 1.0)) for value in (*colour, alpha))
    return bytes(rows)


def png(size, pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + pixels[4 * size * row : 4 * size * (row + 1)] for row in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def ico(pictures):
    sizes = [size for size in pictures if size <= 256]
    offset = 6 + 16 * len(sizes)
    directory, data = struct.pack("<HHH", 0, 1, len(sizes)), b""
    for size in sizes:
        file = pictures[size]
        directory += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(file), offset + len(data))
        data += file
    return directory + data


def icns(pictures):
    kinds = {16: b"icp4", 32: b"icp5", 64: b"icp6", 128: b"ic07", 256: b"ic08", 512: b"ic09"}
    entries = b"".join(kinds[size] + struct.pack(">I", 8 + len(file)) + file for size, file in pictures.items() if size in kinds)
    return b"icns" + struct.pack(">I", 8 + len(entries)) + entries


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "icons"
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {size: png(size, draw(size)) for size in SIZES}
    for size, file in pictures.items():
        (folder / f"denoscope-{size}.png").write_bytes(file)
    (folder / "denoscope.ico").write_bytes(ico(pictures))
    (folder / "denoscope.icns").write_bytes(icns(pictures))


if __name__ == "__main__":
    main()
