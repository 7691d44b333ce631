"""Draws the sample pictures for the `cifar10` model: one scene for each of its ten classes.

    python3 assets/samples/draw_cifar10.py [FOLDER]

Needs Pillow and NumPy. Nothing of any photograph is in them: outlines, colours and light are all below. The subjects fill
their pictures and stand as they do in the model's training pictures, since that is what it knows.
"""

import sys
from pathlib import Path

from canvas import Canvas, ellipse, ribbon, turned


def airplane():
    """An airliner from the side, climbing in a hazy sky."""
    c = Canvas((96, 146, 205), (196, 218, 236))
    for x, y, r, seed in ((40, 216, 60, 1), (190, 232, 80, 2), (220, 40, 50, 3)):
        c.part(ellipse(x, y, r, r * 0.3), (244, 247, 250), depth=0, soft=14, opacity=0.55)
    at = lambda points: turned(points, -9)
    body, white = (214, 218, 224), (236, 238, 242)
    c.part(at([(150, 120), (118, 82), (104, 80), (116, 120)]), (150, 156, 166), bulge=3, depth=0.5, smooth=False)
    c.part(at([(62, 118), (30, 58), (8, 56), (24, 120)]), (44, 78, 150), bulge=4, depth=0.5, smooth=False)
    c.part(at([(248, 130), (238, 121), (220, 113), (180, 109), (60, 110), (24, 114), (4, 119), (34, 130), (86, 144), (190, 147),
               (232, 140)]), white, bulge=11, depth=1.1, shine=0.25)
    c.part(at([(246, 131), (220, 133), (90, 133), (30, 124), (36, 131), (86, 145), (190, 148), (234, 141)]), (120, 132, 152),
           depth=0, opacity=0.35, soft=1.5)
    for x in range(64, 216, 7):
        c.part(at(ellipse(x, 122, 1.7, 2.2)), (52, 62, 84), depth=0)
    c.part(at([(240, 122), (228, 117), (222, 121), (234, 125)]), (38, 48, 70), depth=0)
    c.part(at(ellipse(132, 160, 20, 8)), body, bulge=6, depth=1.2, shine=0.2)
    c.part(at(ellipse(151, 160, 4, 7.5)), (58, 64, 76), depth=0.3)
    c.part(at([(172, 138), (86, 204), (62, 207), (112, 138)]), (178, 184, 194), bulge=5, depth=0.8, smooth=False)
    c.part(at([(52, 121), (8, 142), (-6, 142), (20, 119)]), (170, 177, 188), bulge=3, depth=0.8, smooth=False)
    return c


def automobile():
    """A red saloon from the side on a road."""
    c = Canvas((186, 200, 214), (160, 170, 176))
    c.part([(-20, 110), (-20, 60), (30, 40), (80, 62), (130, 36), (190, 56), (240, 38), (280, 60), (280, 110)], (86, 110, 74),
           bulge=14, depth=0.6, grain=14, scale=18, seed=4)
    c.defocus(3.5)
    c.part([(-5, 112), (260, 112), (260, 260), (-5, 260)], (126, 126, 128), depth=0, smooth=False)
    c.part([(-5, 112), (260, 112), (260, 124), (-5, 124)], (176, 174, 168), depth=0, smooth=False, soft=1)
    c.texture(4, 6, 5, c.mask([(-5, 124), (260, 124), (260, 260), (-5, 260)], smooth=False), stretch=4)
    c.shadow([(14, 196), (128, 190), (244, 196), (236, 210), (128, 216), (20, 210)], soft=6, strength=0.75)
    red = (206, 30, 36)
    c.part([(8, 150), (12, 138), (34, 130), (66, 126), (88, 100), (112, 88), (160, 88), (184, 98), (206, 122), (236, 130), (248, 146),
            (250, 172), (244, 190), (200, 194), (60, 194), (16, 190), (8, 174)], red, bulge=16, depth=0.9, shine=0.5)
    c.part([(6, 168), (128, 172), (252, 166), (246, 190), (200, 195), (60, 195), (14, 190)], (110, 10, 18), depth=0, soft=3, opacity=0.6)
    glass = (46, 56, 68)
    c.part([(76, 126), (94, 104), (112, 95), (132, 94), (132, 126)], glass, bulge=5, depth=0.5, smooth=False)
    c.part([(138, 126), (138, 94), (160, 95), (178, 104), (194, 124)], glass, bulge=5, depth=0.5, smooth=False)
    c.part([(84, 124), (98, 106), (108, 100), (94, 124)], (150, 168, 184), depth=0, smooth=False, opacity=0.6, soft=1)
    c.part(ribbon([(135, 128), (134, 160), (138, 184)], [1.4, 1.4, 1.4]), (110, 8, 16), depth=0)
    c.part(ribbon([(14, 150), (128, 144), (246, 150)], [1.5, 1.5, 1.5]), (240, 110, 110), depth=0, opacity=0.6, soft=0.7)
    c.part(ellipse(20, 148, 9, 5, -14), (248, 240, 214), bulge=3, depth=0.5)
    c.part(ellipse(243, 148, 6, 7), (150, 10, 16), bulge=3, depth=0.5)
    for x in (60, 202):
        c.part(ellipse(x, 186, 29, 29), (40, 8, 12), depth=0, within=c.mask([(0, 120), (256, 120), (256, 194), (0, 194)], smooth=False))
        c.part(ellipse(x, 190, 24, 24), (26, 26, 28), bulge=5, depth=0.6)
        c.part(ellipse(x, 190, 14, 14), (176, 180, 186), bulge=4, depth=0.9, shine=0.4)
        c.part(ellipse(x, 190, 4, 4), (90, 92, 98), depth=0)
    return c


def bird():
    """A robin on a branch before leaves out of focus."""
    c = Canvas((142, 160, 104), (96, 116, 70))
    for x, y, r, colour in ((40, 50, 60, (190, 200, 140)), (220, 90, 70, (84, 110, 60)), (70, 220, 70, (120, 128, 72)), (200, 230, 50, (150, 160, 96))):
        c.part(ellipse(x, y, r, r), colour, depth=0, soft=20, opacity=0.7)
    c.defocus(8)
    c.part(ribbon([(-10, 214), (70, 206), (150, 212), (270, 196)], [20, 17, 15, 13]), (98, 76, 56), bulge=6, depth=1, grain=14, scale=6, seed=7)
    brown = (116, 92, 68)
    c.part([(66, 168), (38, 196), (10, 232), (22, 240), (58, 216), (88, 190)], (84, 66, 50), bulge=4, depth=0.8, grain=8, scale=6, seed=8)
    body = c.part([(160, 58), (190, 62), (206, 86), (204, 116), (200, 150), (180, 184), (144, 200), (104, 196), (72, 180), (66, 164),
                   (90, 140), (118, 110), (132, 78)], brown, bulge=22, depth=1.0, grain=7, scale=6, seed=9)
    c.part([(176, 78), (206, 92), (212, 124), (200, 158), (172, 172), (154, 150), (156, 116), (164, 92)], (214, 106, 42), bulge=20, depth=0.9,
           grain=8, scale=5, seed=10, soft=3, within=body)
    c.part([(160, 168), (188, 160), (180, 190), (146, 206), (112, 200), (130, 182)], (222, 212, 196), bulge=14, depth=0.7, soft=4, within=body)
    c.part([(132, 116), (152, 140), (146, 168), (110, 186), (68, 194), (36, 206), (60, 176), (92, 142)], (88, 68, 50), bulge=9, depth=1.0,
           grain=10, scale=7, seed=11, soft=0.6)
    for shift in (0, 12, 24):
        c.part(ribbon([(136 - shift, 156 + shift / 2), (104 - shift, 174 + shift / 2), (66 - shift / 2, 190 + shift / 3)], [2.5, 3, 1.5]),
               (54, 42, 32), depth=0, opacity=0.7, soft=0.6)
    c.part([(202, 82), (228, 92), (203, 97)], (62, 54, 46), bulge=3, depth=0.8, smooth=False)
    c.part(ellipse(182, 82, 7, 7), (16, 14, 14), bulge=4, depth=0.8, shine=0.6)
    c.part(ellipse(180, 79, 1.8, 1.8), (250, 250, 250), depth=0)
    for x in (132, 152):
        c.part(ribbon([(x, 194), (x + 2, 206), (x + 4, 214)], [4, 3.5, 4]), (96, 70, 56), depth=0.3)
    return c


def cat():
    """A grey tabby that looks at the one who looks."""
    c = Canvas((124, 92, 70), (92, 66, 52))
    c.part([(-10, 190), (266, 180), (266, 266), (-10, 266)], (150, 60, 54), depth=0, soft=4)
    c.texture(10, 30, 12)
    c.defocus(5)
    fur, dark, pale = (146, 134, 120), (70, 60, 52), (226, 218, 206)
    body = c.part([(84, 150), (172, 150), (206, 190), (218, 270), (38, 270), (50, 190)], fur, bulge=26, depth=0.9, grain=10, scale=8, seed=13)
    for y in (196, 216, 238):
        c.part(ribbon([(44, y + 14), (66, y + 2), (84, y + 6)], [3, 8, 3]), dark, depth=0, soft=1.6, opacity=0.75, within=body)
        c.part(ribbon([(212, y + 14), (190, y + 2), (172, y + 6)], [3, 8, 3]), dark, depth=0, soft=1.6, opacity=0.75, within=body)
    c.part([(104, 172), (152, 172), (164, 220), (150, 268), (106, 268), (92, 220)], pale, bulge=16, depth=0.5, grain=8, scale=6, seed=14, soft=4)
    for side in (-1, 1):
        at = lambda x, y: (128 + side * x, y)
        c.part([at(14, 66), at(40, 44), at(68, 16), at(76, 20), at(84, 70), at(84, 112), at(50, 110)], fur, bulge=9, depth=0.9, grain=8, scale=6, seed=15, smooth=False)
        c.part([at(34, 66), at(50, 48), at(69, 28), at(76, 66), at(76, 96)], (198, 146, 132), bulge=6, depth=0.6, smooth=False, soft=1.5)
    head = c.part([(128, 50), (168, 56), (204, 84), (212, 118), (196, 150), (166, 172), (128, 182), (90, 172), (60, 150), (44, 118), (52, 84),
                   (88, 56)], fur, bulge=30, depth=0.9, grain=10, scale=7, seed=16)
    for points, width in (([(128, 54), (128, 84)], 7), ([(112, 54), (114, 82)], 6), ([(144, 54), (142, 82)], 6), ([(96, 58), (102, 80)], 5),
                          ([(160, 58), (154, 80)], 5), ([(48, 112), (78, 120)], 6), ([(208, 112), (178, 120)], 6), ([(52, 132), (80, 134)], 6),
                          ([(204, 132), (176, 134)], 6)):
        middle = tuple((a + b) / 2 for a, b in zip(*points))
        c.part(ribbon([points[0], middle, points[1]], [width, width, width / 3]), dark, depth=0, soft=1.4, opacity=0.85, within=head)
    c.part([(128, 132), (152, 134), (166, 150), (156, 168), (128, 178), (100, 168), (90, 150), (104, 134)], pale, bulge=10, depth=0.7, soft=2,
           within=head)
    for x in (95, 161):
        c.part(ellipse(x, 112, 19, 15), dark, depth=0, soft=2, opacity=0.8)
        c.part(ellipse(x, 112, 15.5, 13), (190, 186, 84), bulge=6, depth=0.6)
        c.part(ellipse(x, 112, 5, 12), (10, 10, 10), depth=0)
        c.part(ellipse(x - 4, 107, 3, 3), (255, 255, 255), depth=0)
    c.part([(118, 138), (138, 138), (128, 149)], (206, 120, 118), bulge=3, depth=0.7)
    for side in (-1, 1):
        c.part(ribbon([(128, 149), (128 + side * 6, 158), (128 + side * 16, 159)], [1.8, 1.8, 1.2]), (92, 64, 58), depth=0)
        for y in (148, 154, 160):
            c.part(ribbon([(128 + side * 26, y), (128 + side * 66, y - 4 + (y - 154) * 1.2), (128 + side * 98, y + (y - 154) * 2)], [1, 1, 0.6]),
                   (244, 240, 234), depth=0, opacity=0.8)
    return c


def deer():
    """A stag in a clearing."""
    c = Canvas((74, 92, 52), (150, 152, 84))
    for x in range(-10, 270, 34):
        c.part(ribbon([(x, -10), (x + 4, 60), (x + 2, 130)], [12, 13, 14]), (60, 54, 40), depth=0.5, opacity=0.8)
    c.texture(16, 24, 17)
    c.defocus(6)
    ground = c.part([(-10, 140), (130, 134), (266, 142), (266, 266), (-10, 266)], (146, 146, 78), depth=0, soft=5)
    c.texture(13, 8, 18, ground, stretch=0.4)
    c.shadow(ellipse(132, 242, 90, 9), soft=6, strength=0.45)
    coat, far = (150, 102, 62), (104, 70, 44)
    for hip, knee, foot, wide in (((176, 160), (186, 200), (182, 240), 17), ((98, 160), (90, 200), (92, 240), 14)):
        c.part(ribbon([hip, knee, foot], [wide * 1.4, wide * 0.6, wide * 0.45]), far, bulge=4, depth=0.7)
    for hip, knee, foot, wide in (((196, 152), (206, 196), (200, 244), 19), ((88, 154), (84, 200), (80, 246), 15)):
        c.part(ribbon([hip, knee, foot], [wide * 1.5, wide * 0.62, wide * 0.5]), coat, bulge=5, depth=0.9)
        c.part(ellipse(foot[0], foot[1], 6, 4), (40, 32, 28), depth=0)
    c.part([(206, 112), (218, 122), (216, 142), (206, 136)], (226, 216, 198), bulge=4, depth=0.6)
    c.part([(84, 106), (120, 108), (160, 102), (196, 102), (214, 120), (216, 150), (206, 178), (188, 172), (150, 166), (112, 174), (96, 182), (76, 168), (72, 134)],
           coat, bulge=20, depth=1.0, grain=8, scale=7, seed=19)
    c.part([(104, 166), (150, 160), (182, 164), (150, 174), (112, 177)], (206, 182, 150), depth=0, soft=4, opacity=0.7)
    c.part([(78, 150), (66, 116), (56, 84), (70, 68), (90, 76), (104, 104), (112, 130), (98, 156)], coat, bulge=14, depth=1.0, grain=8, scale=7,
           seed=20)
    c.part([(70, 110), (74, 90), (84, 100), (84, 138), (76, 142)], (196, 170, 138), depth=0, soft=4, opacity=0.7)
    for tip in ((96, 52), (104, 60)):
        c.part([(84, 70), (96, 56), (tip[0] + 10, tip[1]), (98, 74)], (132, 92, 60), bulge=4, depth=0.8)
    antler = (214, 190, 150)
    for side, base in ((-1, (66, 62)), (1, (80, 60))):
        x, y = base
        c.part(ribbon([(x, y), (x + side * 14, y - 22), (x + side * 16, y - 54)], [6, 5, 2.5]), antler, bulge=3, depth=0.8)
        c.part(ribbon([(x + side * 8, y - 12), (x - side * 4, y - 28), (x - side * 6, y - 40)], [4, 3.5, 2]), antler, bulge=3, depth=0.8)
        c.part(ribbon([(x + side * 15, y - 28), (x + side * 30, y - 40), (x + side * 34, y - 52)], [4.5, 4, 2]), antler, bulge=3, depth=0.8)
    c.part([(54, 66), (72, 56), (90, 64), (92, 80), (74, 92), (54, 100), (34, 108), (26, 102), (30, 92), (44, 80)], coat, bulge=11, depth=1.0,
           grain=6, scale=6, seed=21)
    c.part(ellipse(33, 101, 8, 6, -30), (52, 42, 38), bulge=3, depth=0.7)
    c.part(ellipse(66, 74, 4.5, 4), (14, 12, 12), depth=0)
    return c


def dog():
    """A beagle's face and chest, out of doors."""
    c = Canvas((150, 172, 128), (104, 138, 74))
    c.texture(14, 30, 22)
    c.defocus(7)
    tan, black, white = (168, 108, 60), (44, 36, 34), (238, 232, 222)
    body = c.part([(78, 160), (178, 160), (214, 200), (222, 270), (34, 270), (42, 200)], tan, bulge=26, depth=0.9, grain=8, scale=7, seed=23)
    c.part([(96, 172), (160, 172), (176, 220), (164, 270), (92, 270), (80, 220)], white, bulge=18, depth=0.6, grain=7, scale=7, seed=24, soft=3,
           within=body)
    head = c.part([(128, 26), (168, 32), (194, 62), (196, 104), (182, 140), (166, 172), (128, 190), (90, 172), (74, 140), (60, 104), (62, 62),
                   (88, 32)], tan, bulge=30, depth=0.9, grain=8, scale=7, seed=25)
    c.part([(128, 24), (138, 60), (144, 104), (164, 132), (168, 164), (128, 188), (88, 164), (92, 132), (112, 104), (118, 60)], white, bulge=18,
           depth=0.7, grain=6, scale=7, seed=26, soft=2, within=head)
    for side in (-1, 1):
        at = lambda x, y: (128 + side * x, y)
        c.part([at(52, 40), at(80, 40), at(104, 74), at(112, 124), (128 + side * 98, 160), at(76, 160), at(64, 120), at(60, 80)], (112, 66, 38),
               bulge=14, depth=1.0, grain=7, scale=8, seed=27)
        c.part(ellipse(128 + side * 36, 96, 16, 14), (96, 58, 36), depth=0, soft=4, opacity=0.7)
        c.part(ellipse(128 + side * 35, 97, 11, 10), (34, 22, 18), bulge=5, depth=0.8, shine=0.5)
        c.part(ellipse(128 + side * 35 - 4, 93, 2.8, 2.8), (255, 255, 255), depth=0)
    muzzle = c.part([(128, 122), (152, 128), (166, 150), (158, 174), (128, 184), (98, 174), (90, 150), (104, 128)], (244, 238, 230), bulge=15,
                    depth=1.0, grain=5, scale=6, seed=28, soft=1)
    c.part([(128, 162), (150, 170), (142, 186), (128, 204), (114, 186), (106, 170)], (206, 96, 104), bulge=7, depth=0.8, opacity=0.95)
    c.part([(90, 158), (108, 168), (128, 162), (148, 168), (166, 158), (156, 174), (128, 172), (100, 174)], white, bulge=5, depth=0.9,
           within=muzzle)
    c.part([(106, 128), (128, 122), (150, 128), (144, 144), (128, 152), (112, 144)], (24, 20, 22), bulge=7, depth=1.0, shine=0.5)
    c.part(ribbon([(128, 150), (128, 158), (128, 166)], [2.5, 2.5, 2]), black, depth=0)
    return c


def frog():
    """A green frog on a wet brown bank."""
    c = Canvas((92, 80, 58), (120, 100, 70))
    c.texture(13, 26, 29)
    c.texture(10, 7, 30)
    c.defocus(2.5)
    c.shadow([(20, 206), (128, 196), (240, 206), (230, 234), (128, 242), (30, 232)], soft=8, strength=0.65)
    green, dark, belly = (98, 152, 54), (56, 92, 32), (206, 206, 146)
    for side in (-1, 1):
        at = lambda x, y: (128 + side * x, y)
        c.part([at(44, 130), at(84, 126), at(110, 152), at(112, 190), at(88, 212), at(54, 206)], green, bulge=18, depth=1.1, shine=0.12, grain=9,
               scale=10, seed=31)
        c.part([at(62, 204), at(96, 202), at(120, 214), at(108, 226), at(76, 226), at(50, 220)], dark, bulge=7, depth=1.0, grain=7, scale=8, seed=32)
    body = c.part([(128, 84), (170, 92), (196, 124), (200, 168), (178, 204), (128, 216), (78, 204), (56, 168), (60, 124), (86, 92)], green,
                  bulge=28, depth=1.0, shine=0.15, grain=9, scale=10, seed=33)
    c.part([(76, 150), (128, 164), (180, 150), (182, 184), (160, 206), (128, 214), (96, 206), (74, 184)], belly, bulge=16, depth=0.9, grain=5,
           scale=8, seed=34, soft=3, within=body)
    c.part([(54, 112), (74, 86), (128, 76), (182, 86), (202, 112), (192, 138), (128, 156), (64, 138)], green, bulge=20, depth=1.0, shine=0.2, grain=9,
           scale=9, seed=35)
    for x, y, r in ((92, 100, 8), (150, 94, 6), (128, 108, 7), (108, 124, 5), (166, 118, 7), (74, 172, 8), (184, 168, 8)):
        c.part(ellipse(x, y, r, r * 0.8), dark, depth=0, soft=2, opacity=0.7)
    c.part(ribbon([(58, 122), (92, 142), (128, 148), (164, 142), (198, 122)], [2, 3.5, 3.5, 3.5, 2]), (40, 58, 26), depth=0, soft=0.6)
    for side in (-1, 1):
        x = 128 + side * 50
        c.part(ellipse(x, 82, 24, 23), green, bulge=12, depth=1.1, shine=0.2)
        c.part(ellipse(x + side * 3, 80, 16, 16), (204, 160, 48), bulge=6, depth=0.8)
        c.part(ellipse(x + side * 3, 80, 11, 8), (12, 10, 8), depth=0)
        c.part(ellipse(x + side * 3 - 5, 75, 3.4, 3.4), (255, 255, 255), depth=0)
        c.part(ribbon([(128 + side * 50, 180), (128 + side * 62, 206), (128 + side * 48, 232)], [24, 18, 15]), green, bulge=8, depth=1.1, grain=7,
               scale=8, seed=36)
        for toe in (-18, -4, 10):
            c.part(ribbon([(128 + side * 48, 230), (128 + side * (48 - toe * 0.5), 236), (128 + side * (48 - toe), 242)], [7, 6, 8]), (116, 160, 66),
                   bulge=3, depth=0.9)
    return c


def horse():
    """A chestnut horse from the side in a meadow."""
    c = Canvas((176, 202, 226), (214, 224, 226))
    c.part([(-10, 116), (-10, 84), (40, 72), (90, 86), (140, 68), (200, 82), (266, 70), (266, 116)], (70, 92, 62), bulge=12, depth=0.5, grain=14,
           scale=16, seed=37)
    c.defocus(4)
    ground = c.part([(-10, 108), (266, 108), (266, 266), (-10, 266)], (124, 156, 70), depth=0, soft=2, smooth=False)
    c.texture(10, 9, 38, ground, stretch=0.5)
    c.shadow(ellipse(140, 240, 100, 9), soft=6, strength=0.45)
    coat, far, mane = (142, 78, 40), (92, 50, 28), (44, 28, 22)
    for hip, knee, hock, foot, wide in (((186, 160), (182, 190), (188, 208), (178, 240), 22), ((92, 160), (98, 190), (98, 210), (104, 238), 17)):
        c.part(ribbon([hip, knee, hock, foot], [wide * 1.3, wide * 0.75, wide * 0.5, wide * 0.5]), far, bulge=5, depth=0.8)
    c.part([(214, 104), (232, 112), (244, 146), (242, 188), (232, 214), (224, 190), (222, 150), (210, 122)], mane, bulge=7, depth=0.9, grain=7,
           scale=5, seed=39)
    for hip, knee, hock, foot, wide in (((206, 146), (212, 186), (220, 206), (208, 244), 24), ((84, 150), (80, 190), (80, 212), (78, 244), 18)):
        c.part(ribbon([hip, knee, hock, foot], [wide * 1.6, wide * 0.8, wide * 0.52, wide * 0.5]), coat, bulge=7, depth=1.0)
        c.part([(foot[0] - 8, foot[1] + 4), (foot[0] - 5, foot[1] - 6), (foot[0] + 5, foot[1] - 6), (foot[0] + 8, foot[1] + 4)], (36, 30, 28), bulge=2,
               depth=0.5, smooth=False)
    c.part([(84, 96), (112, 104), (150, 106), (186, 94), (214, 102), (227, 130), (224, 160), (212, 178), (188, 168), (140, 175), (104, 172), (88, 182), (68, 164), (66, 124)],
           coat, bulge=24, depth=1.0, shine=0.15, grain=5, scale=9, seed=40)
    c.part([(74, 146), (62, 116), (50, 84), (42, 56), (58, 40), (76, 46), (96, 72), (112, 104), (108, 140)], coat, bulge=17, depth=1.0, shine=0.1,
           grain=5, scale=9, seed=41)
    c.part([(58, 34), (74, 38), (98, 62), (118, 102), (106, 106), (92, 84), (78, 62), (64, 48)], mane, bulge=6, depth=0.8, grain=7, scale=5, seed=42)
    c.part([(44, 40), (62, 38), (74, 52), (68, 68), (50, 82), (36, 100), (22, 106), (12, 98), (16, 84), (30, 64)], coat, bulge=12, depth=1.0,
           shine=0.1, grain=4, scale=8, seed=43)
    c.part([(40, 48), (44, 50), (24, 84), (18, 84)], (232, 224, 214), depth=0, soft=1, opacity=0.9)
    for x in (52, 62):
        c.part([(x - 4, 42), (x - 1, 22), (x + 7, 40)], coat, bulge=3, depth=0.8, smooth=False)
    c.part(ellipse(46, 60, 4, 3.5), (12, 10, 10), depth=0)
    c.part(ellipse(18, 97, 3, 2.5), (40, 24, 20), depth=0)
    return c


def ship():
    """A freighter from the side on a calm sea."""
    c = Canvas((150, 184, 214), (214, 226, 234))
    c.part(ellipse(70, 60, 90, 14), (246, 248, 250), depth=0, soft=10, opacity=0.6)
    c.part(ellipse(210, 34, 70, 10), (246, 248, 250), depth=0, soft=9, opacity=0.6)
    sea = c.part([(-5, 160), (261, 160), (261, 261), (-5, 261)], (52, 92, 122), depth=0, smooth=False, soft=1)
    c.texture(11, 8, 44, sea, stretch=5)
    hull = [(6, 132), (40, 138), (200, 138), (250, 122), (236, 160), (226, 186), (40, 188), (22, 182)]
    c.shadow([(20, 184), (230, 184), (216, 214), (40, 214)], soft=7, strength=0.5)
    mask = c.part(hull, (42, 50, 66), bulge=14, depth=0.7, smooth=False)
    c.part([(-5, 171), (261, 169), (261, 190), (-5, 190)], (160, 44, 40), depth=0, smooth=False, within=mask)
    c.part(ribbon([(6, 133), (100, 139), (200, 139), (250, 123)], [3, 3, 3, 3]), (230, 232, 234), depth=0)
    white = (238, 240, 242)
    for box, tone in (((22, 104, 92, 137), white), ((30, 82, 84, 104), white), ((38, 62, 78, 82), (228, 230, 234))):
        left, top, right, bottom = box
        c.part([(left, top), (right, top), (right, bottom), (left, bottom)], tone, bulge=5, depth=0.35, smooth=False)
        for x in range(left + 6, right - 4, 9):
            c.part([(x, top + 7), (x + 5, top + 7), (x + 5, top + 12), (x, top + 12)], (58, 72, 92), depth=0, smooth=False)
    c.part([(48, 34), (66, 34), (68, 62), (46, 62)], (190, 56, 42), bulge=6, depth=1.0, smooth=False)
    c.part([(48, 34), (66, 34), (66, 42), (48, 42)], (30, 30, 34), bulge=4, depth=0.8, smooth=False)
    for x, colour in ((100, (188, 84, 50)), (124, (70, 112, 140)), (148, (196, 160, 70)), (172, (150, 60, 52))):
        for row in (0, 1):
            if x == 172 and row:
                continue
            c.part([(x, 122 - 15 * row), (x + 22, 122 - 15 * row), (x + 22, 137 - 15 * row), (x, 137 - 15 * row)], colour, bulge=3, depth=0.4, smooth=False)
    for x, height in ((112, 54), (186, 60)):
        c.part(ribbon([(x, 138), (x, 100), (x, height)], [4, 3.5, 3]), (214, 190, 110), depth=0.4)
        c.part(ribbon([(x, height + 16), (x + 16, height + 36), (x + 32, height + 54)], [2, 2, 2]), (200, 178, 104), depth=0)
    c.part(ribbon([(58, 34), (58, 20), (58, 8)], [2, 2, 2]), (220, 220, 222), depth=0)
    for y, wide, strength in ((190, 220, 0.8), (196, 180, 0.5)):
        c.part(ellipse(130, y, wide / 2, 2.5), (214, 228, 234), depth=0, soft=1.2, opacity=strength)
    return c


def truck():
    """A lorry with a blue cab and a white box, from the side on a road."""
    c = Canvas((176, 204, 232), (222, 230, 236))
    c.part([(-10, 150), (-10, 112), (40, 100), (90, 116), (150, 102), (210, 112), (266, 98), (266, 150)], (92, 116, 78), bulge=10, depth=0.5, grain=12,
           scale=14, seed=45)
    c.defocus(4)
    road = c.part([(-5, 150), (261, 150), (261, 261), (-5, 261)], (112, 112, 114), depth=0, smooth=False)
    c.part([(-5, 150), (261, 150), (261, 164), (-5, 164)], (150, 152, 120), depth=0, smooth=False, soft=2)
    c.texture(4, 7, 46, road, stretch=4)
    c.shadow([(8, 212), (128, 206), (250, 212), (242, 228), (128, 232), (14, 228)], soft=6, strength=0.75)
    c.part([(14, 186), (246, 186), (246, 206), (14, 206)], (44, 46, 52), bulge=5, depth=0.6, smooth=False)
    box = c.part([(84, 44), (250, 44), (250, 190), (84, 190)], (234, 236, 238), bulge=4, depth=0.5, smooth=False)
    c.part([(84, 160), (250, 160), (250, 192), (84, 192)], (150, 156, 166), depth=0, smooth=False, soft=8, opacity=0.6, within=box)
    c.part([(84, 98), (250, 98), (250, 124), (84, 124)], (44, 92, 168), depth=0, smooth=False, within=box)
    for x in range(112, 250, 28):
        c.part(ribbon([(x, 46), (x, 110), (x, 188)], [1, 1, 1]), (196, 200, 206), depth=0, opacity=0.8)
    blue = (36, 84, 172)
    c.part([(12, 138), (24, 84), (34, 76), (80, 76), (80, 200), (10, 200), (8, 160)], blue, bulge=9, depth=0.9, shine=0.3, smooth=False)
    c.part([(40, 54), (80, 46), (80, 78), (34, 78)], blue, bulge=7, depth=0.8, smooth=False)
    c.part([(20, 132), (30, 90), (46, 88), (46, 132)], (48, 60, 76), bulge=4, depth=0.5, smooth=False)
    c.part([(52, 132), (52, 88), (74, 88), (74, 132)], (54, 66, 82), bulge=4, depth=0.5, smooth=False)
    c.part([(56, 128), (64, 92), (70, 92), (62, 128)], (150, 170, 190), depth=0, smooth=False, opacity=0.5, soft=1)
    c.part([(6, 180), (50, 180), (50, 204), (8, 204)], (196, 200, 206), bulge=5, depth=0.8, shine=0.3, smooth=False)
    c.part(ellipse(16, 170, 7, 6), (250, 240, 206), bulge=3, depth=0.5)
    c.part([(6, 100), (14, 100), (14, 124), (6, 124)], (30, 32, 36), bulge=3, depth=0.6, smooth=False)
    for x in (52, 168, 216):
        c.part(ellipse(x, 204, 26, 26), (30, 32, 36), depth=0)
        c.part(ellipse(x, 206, 22, 22), (24, 24, 26), bulge=5, depth=0.7)
        c.part(ellipse(x, 206, 11, 11), (170, 174, 180), bulge=4, depth=0.9, shine=0.2)
        c.part(ellipse(x, 206, 4, 4), (80, 82, 88), depth=0)
    return c


SCENES = (airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "cifar10"
    folder.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        scene().save(folder / f"{scene.__name__}.png")


if __name__ == "__main__":
    main()
