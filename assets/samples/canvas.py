"""A small canvas for the sample pictures: closed curves with soft shading, as if lit from the upper left.

Coordinates are pixels of a 256×256 picture, x to the right and y down; colours are red, green, blue from 0 to 255. Needs
Pillow and NumPy.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 256
OVERSAMPLE = 4
LIGHT = np.array([-0.45, -0.75, 0.65]) / np.linalg.norm([-0.45, -0.75, 0.65])


def noise(scale, seed, stretch=1.0):
    """Smooth random values about 0, of unit spread; features are `scale` pixels large and `stretch` times as wide."""
    random = np.random.default_rng(seed)
    total, weight = np.zeros((SIDE, SIDE)), 1.0
    while scale >= 2:
        cells = (max(3, int(SIDE / scale / stretch) + 2), max(3, int(SIDE / scale) + 2))
        grid = Image.fromarray(random.standard_normal(cells[::-1]).astype(np.float32))
        total += weight * np.asarray(grid.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        scale, weight = scale / 2, weight * 0.6
    return (total - total.mean()) / total.std()


def blur(values, radius):
    """Gaussian blur of a plane, as if its edges went on."""
    if radius <= 0:
        return values
    reach = int(3 * radius) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, reach, mode="edge")
    padded = np.apply_along_axis(np.convolve, 0, padded, kernel, mode="valid")
    return np.apply_along_axis(np.convolve, 1, padded, kernel, mode="valid")


def spline(points, steps=12):
    """A closed Catmull–Rom curve through the points."""
    n = len(points)
    out = []
    for i in range(n):
        p0, p1, p2, p3 = (points[(i + k) % n] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            out.append(tuple(
                0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3)
                for a, b, c, d in zip(p0, p1, p2, p3)
            ))
    return out


def turned(points, degrees, centre=(128, 128)):
    """The points turned about a centre, clockwise as seen."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x0, y0 = centre
    return [(x0 + c * (x - x0) - s * (y - y0), y0 + s * (x - x0) + c * (y - y0)) for x, y in points]


def ellipse(x, y, rx, ry, degrees=0):
    """An ellipse's outline by its middle and half-axes."""
    around = (2 * math.pi * i / 48 for i in range(48))
    return turned([(x + rx * math.cos(a), y + ry * math.sin(a)) for a in around], degrees, (x, y))


def ribbon(points, widths):
    """The outline of a limb: a curve through the points, as wide at each as `widths` says."""
    left, right = [], []
    for i, ((x, y), width) in enumerate(zip(points, widths)):
        (xa, ya), (xb, yb) = points[max(0, i - 1)], points[min(len(points) - 1, i + 1)]
        length = math.hypot(xb - xa, yb - ya) or 1.0
        nx, ny = -(yb - ya) / length * width / 2, (xb - xa) / length * width / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return left + right[::-1]


class Canvas:
    """A picture that grows from back to front."""

    def __init__(self, top, bottom):
        ramp = np.linspace(0, 1, SIDE)[:, None, None]
        self.pixels = (1 - ramp) * np.array(top, float) + ramp * np.array(bottom, float) + np.zeros((SIDE, SIDE, 1))

    def texture(self, amount, scale, seed, mask=None, stretch=1.0):
        """Lightens and darkens what is there at random, by about `amount` of 255."""
        values = amount * noise(scale, seed, stretch)
        self.pixels += (values if mask is None else values * mask)[:, :, None]

    def mask(self, outline, smooth=True, soft=0.0):
        """How much of each pixel lies within the outline."""
        size = SIDE * OVERSAMPLE
        image = Image.new("L", (size, size), 0)
        points = spline(outline) if smooth else outline
        ImageDraw.Draw(image).polygon([(x * OVERSAMPLE, y * OVERSAMPLE) for x, y in points], fill=255)
        image = image.resize((SIDE, SIDE), Image.Resampling.BOX)
        return blur(np.asarray(image, float) / 255, soft)

    def part(self, outline, colour, bulge=8.0, depth=1.0, shine=0.0, grain=0.0, scale=8, seed=0, smooth=True, soft=0.0,
             within=None, opacity=1.0):
        """Paints a closed curve that bulges towards the eye within `bulge` pixels of its edge, and returns its mask.

        `depth` is how strongly, 0 is flat; `shine` a highlight; `grain` texture of 255; `within` a mask to stay within.
        """
        mask = self.mask(outline, smooth, soft)
        if within is not None:
            mask = mask * within
        shade = np.ones((SIDE, SIDE))
        glint = np.zeros((SIDE, SIDE))
        if depth > 0:
            # A rounded height over the mask: its own distance from the edge, by blurs of growing width.
            height = sum(np.sqrt(np.clip(blur(mask, bulge * k) * 2 - 1, 0, 1)) * k for k in (0.4, 1.0)) * bulge
            height = blur(height, 1.0 + bulge / 6)
            dy, dx = np.gradient(height)
            normal = np.stack([-depth * dx, -depth * dy, np.ones_like(dx)])
            normal /= np.linalg.norm(normal, axis=0)
            lambert = np.clip(np.tensordot(LIGHT, normal, 1), 0, 1)
            shade = 0.42 + 0.88 * lambert
            glint = shine * np.clip(2 * lambert * normal[2] - LIGHT[2], 0, 1) ** 12
        paint = np.array(colour, float) * shade[:, :, None] + 255 * glint[:, :, None]
        if grain:
            paint = paint + grain * noise(scale, seed)[:, :, None]
        weight = (opacity * mask)[:, :, None]
        self.pixels = (1 - weight) * self.pixels + weight * paint
        return mask

    def shadow(self, outline, soft, strength=0.5):
        """Darkens what lies under the outline."""
        self.pixels *= 1 - strength * self.mask(outline, soft=soft)[:, :, None]

    def defocus(self, radius):
        """Blurs all that is there, as a background out of focus."""
        self.pixels = np.stack([blur(self.pixels[:, :, c], radius) for c in range(3)], axis=2)

    def save(self, path):
        """Writes a PNG of 256 colours, chosen for this picture."""
        image = Image.fromarray(np.clip(self.pixels, 0, 255).round().astype(np.uint8))
        palette = image.quantize(256, Image.Quantize.MEDIANCUT, kmeans=8)
        image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
