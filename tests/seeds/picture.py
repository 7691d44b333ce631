#!/usr/bin/env python3
"""Makes tests/seeds/picture: small files as other programs write them, and in values.json what other readers see in them.

Needs pillow, numpy, tifffile, imagecodecs (13.0.0, 2.4.6, 2026.3.3, 2026.3.6 made what is here), and cjpeg of libjpeg-turbo.
Values are on the [0, 1] scale, `[channel][row][column]`, alpha laid over white. `refused` names a part of the message.
"""

import io
import json
import pathlib
import struct
import subprocess
import zlib

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms

FOLDER = pathlib.Path(__file__).parent / "picture"
VALUES = {}

y, x = np.mgrid[0:3, 0:5]
COLOUR = np.stack([40 * x + 20, 70 * y + 30, 200 - 30 * x - 20 * y], -1).astype(np.uint8)
GREY = COLOUR[..., 0] // 2 + COLOUR[..., 1] // 2
ALPHA = (255 - 50 * x - 10 * y).astype(np.uint8)
ys, xs = np.mgrid[0:24, 0:32]
PHOTO = np.stack([7 * xs + 10, 9 * ys + 20, 240 - 3 * xs - 4 * ys], -1).astype(np.uint8)


def keep(name, data, values=None, tolerance=1e-6, refused=None, note=None, short=None):
    """Writes a file and what is right for it."""
    (FOLDER / name).write_bytes(data)
    entry = {}
    if refused:
        entry["refused"] = refused
    if values is not None:
        values = np.asarray(values, dtype=np.float64)
        values = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
        entry["shape"] = list(values.shape)
        if short:  # Of a large picture, only every so many rows and columns.
            values, entry["every"] = values[:, ::short, ::short], short
        entry["values"] = [round(float(v), 7) for v in values.ravel()]
        entry["tolerance"] = tolerance
    if note:
        entry["note"] = note
    VALUES[name] = entry


def pillow(data, mode):
    """What Pillow reads, in [0, 1]."""
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode)) / 255.0


def saved(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def tiff(array, **options):
    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=options.pop("bigtiff", False), byteorder=options.pop("byteorder", "<")) as writer:
        writer.write(array, metadata=None, software=False, contiguous=False, **options)
    return out.getvalue()


def read(data, full=1.0):
    """What tifffile reads."""
    return tifffile.imread(io.BytesIO(data)).astype(np.float64) / full


def over_white(rgba, premultiplied=False):
    colours, alpha = rgba[..., :-1], rgba[..., -1:]
    out = colours + 1 - alpha if premultiplied else colours * alpha + 1 - alpha
    return out[..., 0] if out.shape[-1] == 1 else out


def tiffs():
    rgb = {"photometric": "rgb"}
    grey = {"photometric": "minisblack"}
    for name, options in {
        "strips": {"rowsperstrip": 1},
        "tiles": {"tile": (16, 16)},
        "planar": {},
        "deflate_predictor": {"compression": "zlib", "predictor": 2},
        "lzw": {"compression": "lzw", "predictor": 2},
        "packbits": {"compression": "packbits"},
        "big": {"bigtiff": True},
        "big_endian": {"bigtiff": True, "byteorder": ">"},
    }.items():
        array = np.moveaxis(COLOUR, -1, 0) if name == "planar" else COLOUR
        planar = {"planarconfig": "separate"} if name == "planar" else {}
        data = tiff(array, **rgb, **options, **planar)
        keep(f"rgb8_{name}.tif", data, COLOUR / 255 if "big" in name or name == "planar" else pillow(data, "RGB"))
    words = (COLOUR.astype(np.uint16) << 8) + 77
    keep("rgb16_motorola.tif", data := tiff(words, byteorder=">", **rgb), read(data, 65535))
    keep("rgb16_lzw.tif", data := tiff(words, compression="lzw", predictor=2, **rgb), read(data, 65535))
    dim = (GREY.astype(np.uint16) * 10)
    keep("grey12_in_16.tif", data := tiff(dim, **grey), read(data, 65535), note="brightest value is")
    for half in (np.float16, np.float32, np.float64):
        bits = 8 * half().itemsize
        data = tiff((COLOUR / 255).astype(half), **rgb)
        keep(f"float{bits}_rgb.tif", data, read(data), note="taken as [0, 1]")
    data = tiff((GREY / 255).astype(np.float32), compression="zlib", predictor=3, **grey)
    keep("float32_predictor.tif", data, read(data), note="taken as [0, 1]")
    scaled = np.array(GREY, np.float32)
    keep("float32_bytes.tif", data := tiff(scaled, **grey), read(data, scaled.max()), note="scaled by this")
    scaled[0, 0] = -12.5
    keep("float32_negative.tif", data := tiff(scaled, **grey), np.maximum(read(data, scaled.max()), 0), note="cut to 0")
    signed = (GREY.astype(np.int16) - 60) * 150
    keep("int16.tif", data := tiff(signed, **grey), np.maximum(read(data, 32767), 0), note="cut to 0")
    signed = GREY.astype(np.int32) << 23
    keep("int32.tif", data := tiff(signed, **grey), read(data, 2**31 - 1), note="signed integers")
    wide = GREY.astype(np.uint32) << 24
    keep("uint32.tif", data := tiff(wide, **grey), read(data, 2**32 - 1))
    counts = GREY.astype(np.uint32) * 3
    keep("uint32_counts.tif", data := tiff(counts, **grey), read(data, counts.max()), note="scaled by this")

    straight = np.concatenate([COLOUR, ALPHA[..., None]], -1)
    keep("alpha_straight.tif", data := tiff(straight, extrasamples=["unassalpha"], **rgb), over_white(read(data, 255)))
    multiplied = straight.copy()
    multiplied[..., :3] = np.round(COLOUR * (ALPHA[..., None] / 255))
    data = tiff(multiplied, extrasamples=["assocalpha"], **rgb)
    keep("alpha_premultiplied.tif", data, over_white(read(data, 255), premultiplied=True))
    two = np.stack([np.round(GREY * (ALPHA / 255)).astype(np.uint8), ALPHA], -1)
    data = tiff(two, planarconfig="contig", extrasamples=["assocalpha"], **grey)
    keep("grey_premultiplied.tif", data, over_white(read(data, 255), premultiplied=True))

    palette = Image.fromarray(COLOUR).quantize(11)
    for compression in ("raw", "tiff_lzw"):
        data = saved(palette, "TIFF", compression=compression)
        keep(f"palette_{compression}.tif", data, pillow(data, "RGB"), note="palette")
    keep("cmyk.tif", data := saved(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"), pillow(data, "RGB"), 0.006, note="CMYK")
    keep("ycbcr_jpeg.tif", data := tiff(PHOTO, compression="jpeg", compressionargs={"level": 90}, photometric="ycbcr",
         subsampling=(1, 1)), pillow(data, "RGB"), 0.012, short=5)
    keep("ycbcr_jpeg_halved.tif", data := saved(Image.fromarray(PHOTO), "TIFF", compression="jpeg", quality=90),
         pillow(data, "RGB"), 0.02, short=5)
    bits = Image.fromarray(np.where((xs // 3 + ys // 5) % 2 == 0, 255, 0).astype(np.uint8)).convert("1")
    keep("bilevel_fax4.tif", data := saved(bits, "TIFF", compression="group4"), pillow(data, "L"), short=3)
    keep("bilevel_fax3.tif", data := saved(bits, "TIFF", compression="group3"), refused="Group 3 fax")
    keep("bilevel_plain.tif", data := saved(bits, "TIFF"), pillow(data, "L"), short=3)
    turned = bytearray(data)
    # FillOrder 2 in place of a tag that Pillow writes and no reader here needs.
    place = next(i for i in range(8, 200) if turned[i:i + 4] in (b"\x1c\x01\x03\x00", b"\x28\x01\x03\x00"))
    turned[place:place + 12] = struct.pack("<HHII", 266, 3, 1, 2)
    keep("fill_order.tif", bytes(turned), refused="reverse order")
    keep("white_is_zero.tif", data := tiff(GREY, photometric="miniswhite"), 1 - read(data, 255))
    keep("white_is_zero_float.tif", data := tiff((GREY / 255).astype(np.float16), photometric="miniswhite"), 1 - read(data),
         note="taken as [0, 1]")
    keep("zstandard.tif", tiff(COLOUR, compression="zstd", **rgb), refused="Zstandard")
    keep("lab.tif", saved(ImageCms.applyTransform(Image.fromarray(COLOUR), ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")), "TIFF"), refused="L*a*b*")
    short = bytearray(tiff(COLOUR, rowsperstrip=3, **rgb))
    at = short.index(struct.pack("<HH", 279, 4))
    short[at + 8:at + 12] = struct.pack("<I", 20)
    keep("short_strip.tif", bytes(short), refused="shorter than its rows")
    doubles = bytearray(tiff(COLOUR / 255, **rgb))
    at = doubles.index(struct.pack("<HHI", 262, 3, 1))
    doubles[at + 8:at + 10] = struct.pack("<H", 3)
    keep("palette_of_doubles.tif", bytes(doubles), refused="64-bit floating point")
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        for shift in (0, 9):
            writer.write(GREY + shift, metadata=None, software=False, photometric="minisblack")
    keep("pages.tif", data := pages.getvalue(), pillow(data, "L"), note="first page")


def jpegs():
    photo = Image.fromarray(PHOTO)
    plain = saved(photo, "JPEG", quality=90)
    keep("baseline.jpg", plain, pillow(plain, "RGB"), 0.02, short=5)
    keep("progressive.jpg", data := saved(photo, "JPEG", quality=90, progressive=True), pillow(data, "RGB"), 0.02, short=5)
    keep("restarts.jpg", data := saved(photo, "JPEG", quality=90, restart_marker_blocks=1), pillow(data, "RGB"), 0.02, short=5)
    keep("grey.jpg", data := saved(photo.convert("L"), "JPEG", quality=90), pillow(data, "L"), 0.009, short=5)
    ppm = saved(photo, "PPM")
    frame, scan = plain.index(b"\xff\xc0"), plain.index(b"\xff\xda")
    for name, at in {"frame": frame, "scan": scan}.items():
        stray = plain[:at] + b"\x00\x11\x22\x33" + plain[at:]
        keep(f"stray_before_{name}.jpg", stray, pillow(stray, "RGB"), 0.02, short=5)
    for name, whole in {"baseline": plain, "progressive": data, "progressive": (FOLDER / "progressive.jpg").read_bytes()}.items():
        keep(f"{name}_cut.jpg", whole[:-80], refused="cut short")
        keep(f"{name}_cut_but_ended.jpg", whole[:-80] + b"\xff\xd9", refused="cut short")
    keep("without_its_end.jpg", plain[:-2], pillow(plain, "RGB"), 0.02, short=5)
    keep("twelve_bits.jpg", imagecodecs.jpeg_encode((PHOTO.astype(np.uint16) << 4), bitspersample=12), refused="12-bit JPEG")
    for name, options, why in [
        ("arithmetic", ["-arithmetic"], "arithmetic coding"),
        ("arithmetic_progressive", ["-arithmetic", "-progressive"], "arithmetic coding"),
    ]:
        keep(f"{name}.jpg", subprocess.run(["cjpeg", *options], input=ppm, capture_output=True, check=True).stdout, refused=why)
    keep("lossless.jpg", imagecodecs.jpeg_encode(PHOTO, lossless=True), refused="lossless coding")
    keep("cmyk.jpg", data := saved(photo.convert("CMYK"), "JPEG", quality=95), pillow(data, "RGB"), 0.03, short=5, note="CMYK")


def profile(white, corners, curve):
    """An ICC profile (version 2.4) of a matrix and a curve, from chromaticities, by Bradford's adaptation to D50."""
    lift = lambda xy: np.array([xy[0] / xy[1], 1, (1 - xy[0] - xy[1]) / xy[1]])
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    columns = np.stack([lift(corner) for corner in corners], 1)
    matrix = columns * np.linalg.solve(columns, lift(white))
    d50 = np.array([0.9642, 1, 0.8249])
    adapt = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ lift(white))) @ bradford
    matrix = adapt @ matrix
    fixed = lambda values: b"".join(struct.pack(">i", round(v * 65536)) for v in values)
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(d50)}
    for i, c in enumerate(b"rgb"):
        tags[bytes([c]) + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(matrix[:, i])
        tags[bytes([c]) + b"TRC"] = curve
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"Test\0" + b"\0" * 78 + b"\0" * 3
    return assemble(b"RGB ", tags)


def assemble(space, tags):
    offset, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s12s4s4sIIII", 0, b"none", 0x02400000, b"mntr", space, b"XYZ ", b"\0" * 12, b"acsp",
                       b"\0" * 4, 0, 0, 0, 0)
    head += struct.pack(">Iiii", 0, 63190, 65536, 54061)
    head = head.ljust(128, b"\0")
    whole = head + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


LINEAR = b"curv\0\0\0\0" + struct.pack(">I", 0)
SRGB_CURVE = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + b"".join(
    struct.pack(">i", round(v * 65536)) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
D65 = (0.3127, 0.329)
P3 = [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)]
ADOBE = [(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)]
REC709 = [(0.64, 0.33), (0.3, 0.6), (0.15, 0.06)]


def to_srgb(array, icc, mode="RGB"):
    """LittleCMS in double precision, relative colorimetric, clipped."""
    srgb = profile(D65, REC709, SRGB_CURVE)
    out = imagecodecs.cms_transform(np.ascontiguousarray(array, np.float64), icc, srgb, intent=1, outdtype="float64",
                                    colorspace="rgb" if mode == "RGB" else "gray", outcolorspace="rgb")
    return np.clip(out, 0, 1)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(array, *chunks):
    """A PNG file of 16 bits, with chunks of one's own before its pixels."""
    height, width, channels = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def profiles():
    photo = Image.fromarray(COLOUR)
    p3, adobe, linear = profile(D65, P3, SRGB_CURVE), profile(D65, ADOBE, gamma(563 / 256)), profile(D65, REC709, LINEAR)
    converted = "to sRGB"
    # A profile's numbers are rounded to 1/65536; sRGB's curve makes up to 13 times as much of it in the dark.
    rounded, exact = 1e-3, 1e-4
    keep("p3.png", saved(photo, "PNG", icc_profile=p3), to_srgb(COLOUR / 255, p3), rounded, note=converted)
    keep("adobe.png", saved(photo, "PNG", icc_profile=adobe), to_srgb(COLOUR / 255, adobe), rounded, note=converted)
    keep("p3.webp", saved(photo, "WEBP", lossless=True, icc_profile=p3), to_srgb(COLOUR / 255, p3), rounded, note=converted)
    keep("adobe.tif", saved(photo, "TIFF", icc_profile=adobe), to_srgb(COLOUR / 255, adobe), rounded, note=converted)
    data = saved(Image.fromarray(PHOTO), "JPEG", quality=95, icc_profile=p3)
    keep("p3.jpg", data, to_srgb(pillow(data, "RGB"), p3), 0.02, note=converted, short=5)
    words = (COLOUR.astype(np.uint16) << 8) // 3 + 5
    iccp = chunk(b"iCCP", b"x\0\0" + zlib.compress(linear))
    keep("linear16.png", png16(words, iccp), to_srgb(words / 65535, linear), 3 * exact, note=converted)
    rgba = np.concatenate([words, (ALPHA[..., None].astype(np.uint16) * 257)], -1)
    both = np.concatenate([to_srgb(words / 65535, linear), ALPHA[..., None] / 255], -1)
    keep("linear16_alpha.png", png16(rgba, iccp), over_white(both), 3 * exact, note=converted)
    fives = lambda *values: b"".join(struct.pack(">I", round(1e5 * v)) for v in values)
    keep("gamma_linear16.png", png16(words, chunk(b"gAMA", fives(1))), to_srgb(words / 65535, linear), exact, note=converted)
    corners = chunk(b"cHRM", fives(*D65, *sum(P3, ())))
    keep("gamma_p3.png", png16(words, chunk(b"gAMA", fives(0.45455)), corners), to_srgb(words / 65535, p3), exact, note=converted)
    keep("points_p3.png", png16(words, chunk(b"cICP", bytes([12, 13, 0, 1]))), to_srgb(words / 65535, p3), exact, note=converted)
    keep("points_pq.png", png16(words, chunk(b"cICP", bytes([9, 16, 0, 1]))), words / 65535, note="not converted")
    keep("marked_srgb.png", png16(words, chunk(b"sRGB", b"\0"), chunk(b"gAMA", fives(1))), words / 65535)
    own = saved(photo, "PNG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    keep("own_srgb.png", own, COLOUR / 255)
    grey = assemble(b"GRAY", {b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061), b"kTRC": gamma(461 / 256)})
    light = (GREY / 255) ** (461 / 256)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    keep("grey_gamma.png", saved(Image.fromarray(GREY), "PNG", icc_profile=grey), curve, exact, note=converted)
    keep("foreign_profile.png", saved(photo, "PNG", icc_profile=grey), COLOUR / 255, note="not converted")
    keep("damaged_profile.png", saved(photo, "PNG", icc_profile=p3[:100]), COLOUR / 255, note="not converted")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    tiffs()
    jpegs()
    profiles()
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}" for name, entry in VALUES.items())
    (FOLDER / "values.json").write_text("{\n" + lines + "\n}\n")
