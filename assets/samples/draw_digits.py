"""Draws the sample pictures for the `digits` model: ten digits as if by a felt pen, white on black.

    python3 assets/samples/draw_digits.py [FOLDER]

Needs Pillow. The proportions are those of the model's training pictures: 28×28 digits whose longer side is 20 pixels, centred by
mass and padded to 32×32. Here each of these pixels is 8 wide, so a picture is 256×256 and the model's 32×32 is an exact
reduction of it.
"""

import math
import sys
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIDE = 256  # of the picture
DIGIT = SIDE * 20 // 32  # the longer side of a digit
PEN = 2.5 / 32  # width of a stroke, as a share of the picture
OVERSAMPLE = 4

# Strokes through points in a box with x to the right and y down; a slant leans the digit to the right as most people write.
DIGITS = {
    0: (0.12, [[(0.56, 0.02), (0.28, 0.10), (0.10, 0.42), (0.14, 0.80), (0.38, 0.98), (0.66, 0.88), (0.80, 0.52), (0.74, 0.14),
                (0.52, 0.02), (0.38, 0.09)]]),
    1: (0.10, [[(0.30, 0.22), (0.42, 0.13), (0.51, 0.01), (0.505, 0.30), (0.50, 0.65), (0.49, 1.0)]]),
    2: (0.10, [[(0.12, 0.24), (0.24, 0.06), (0.50, 0.00), (0.72, 0.12), (0.72, 0.36), (0.52, 0.62), (0.26, 0.84), (0.08, 0.96),
                (0.24, 0.93), (0.44, 0.95), (0.64, 1.00), (0.88, 0.94)]]),
    3: (0.08, [[(0.16, 0.10), (0.40, 0.00), (0.66, 0.08), (0.70, 0.28), (0.54, 0.43), (0.34, 0.48), (0.60, 0.52), (0.78, 0.70),
                (0.68, 0.91), (0.40, 1.00), (0.12, 0.90)]]),
    4: (0.10, [[(0.26, 0.03), (0.20, 0.26), (0.12, 0.52), (0.34, 0.54), (0.60, 0.50), (0.84, 0.47)],
               [(0.68, 0.06), (0.64, 0.36), (0.61, 0.68), (0.60, 1.0)]]),
    5: (0.10, [[(0.84, 0.02), (0.58, 0.04), (0.30, 0.05), (0.26, 0.24), (0.22, 0.44), (0.42, 0.38), (0.64, 0.44), (0.76, 0.64),
                (0.66, 0.88), (0.40, 0.99), (0.12, 0.90)]]),
    6: (0.10, [[(0.66, 0.00), (0.42, 0.16), (0.22, 0.46), (0.14, 0.76), (0.28, 0.97), (0.54, 0.98), (0.72, 0.82), (0.66, 0.62),
                (0.44, 0.57), (0.24, 0.70), (0.17, 0.80)]]),
    7: (0.06, [[(0.08, 0.12), (0.32, 0.06), (0.58, 0.05), (0.82, 0.03), (0.70, 0.26), (0.54, 0.56), (0.42, 0.82), (0.36, 1.0)]]),
    8: (0.12, [[(0.70, 0.16), (0.54, 0.02), (0.30, 0.08), (0.26, 0.28), (0.46, 0.45), (0.68, 0.62), (0.72, 0.86), (0.48, 0.99),
                (0.22, 0.90), (0.20, 0.70), (0.40, 0.50), (0.62, 0.34), (0.71, 0.18)]]),
    9: (0.08, [[(0.74, 0.22), (0.62, 0.04), (0.36, 0.04), (0.20, 0.24), (0.28, 0.44), (0.52, 0.46), (0.70, 0.32), (0.75, 0.18),
                (0.72, 0.44), (0.68, 0.72), (0.64, 1.0)]]),
}


def curve(points, steps=40):
    """A centripetal Catmull–Rom spline through the points."""
    ends = [points[0], *points, points[-1]]
    ends[0] = tuple(2 * a - b for a, b in zip(points[0], points[1]))
    ends[-1] = tuple(2 * a - b for a, b in zip(points[-1], points[-2]))
    for p0, p1, p2, p3 in zip(ends, ends[1:], ends[2:], ends[3:]):
        t = [0.0]
        for a, b in ((p0, p1), (p1, p2), (p2, p3)):
            t.append(t[-1] + max(math.dist(a, b), 1e-6) ** 0.5)
        for step in range(steps):
            at = t[1] + (t[2] - t[1]) * step / steps
            mix = lambda a, b, u, v: tuple((x * (v - at) + y * (at - u)) / (v - u) for x, y in zip(a, b))
            a1, a2, a3 = mix(p0, p1, t[0], t[1]), mix(p1, p2, t[1], t[2]), mix(p2, p3, t[2], t[3])
            b1, b2 = mix(a1, a2, t[0], t[2]), mix(a2, a3, t[1], t[3])
            yield mix(b1, b2, t[1], t[2])
    yield points[-1]


def digit(slant, strokes):
    """The digit's picture: its box scaled to DIGIT, its centre of mass in the middle."""
    lines = [[(x + slant * (0.5 - y), y) for x, y in curve(points)] for points in strokes]
    xs, ys = zip(*(point for line in lines for point in line))
    pen = PEN * SIDE
    scale = (DIGIT - pen) / max(max(xs) - min(xs), max(ys) - min(ys))
    size = SIDE * OVERSAMPLE
    image = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(image)
    middle = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    for line in lines:
        for number, point in enumerate(line):
            x, y = (((p - m) * scale + SIDE / 2) * OVERSAMPLE for p, m in zip(point, middle))
            # The pen is pressed a little less at the ends of a stroke.
            ends = min(number, len(line) - 1 - number) / len(line)
            radius = pen * OVERSAMPLE / 2 * (0.86 + 0.14 * min(1, ends * 8))
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    image = image.resize((SIDE, SIDE), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1.5))
    mass = [sum(i * v for i, v in enumerate(sums)) / sum(sums) for sums in profiles(image)]
    return ImageChops.offset(image, *(round((SIDE - 1) / 2 - m) for m in mass))


def profiles(image):
    """Sums of the columns and of the rows."""
    rows = [image.crop((0, y, SIDE, y + 1)).tobytes() for y in range(SIDE)]
    return [sum(column) for column in zip(*rows)], [sum(row) for row in rows]


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "digits"
    folder.mkdir(parents=True, exist_ok=True)
    for value, (slant, strokes) in DIGITS.items():
        digit(slant, strokes).save(folder / f"{value}.png", optimize=True)


if __name__ == "__main__":
    main()
