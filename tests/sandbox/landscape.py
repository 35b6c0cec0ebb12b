"""Draws landscapes: a sky with its sun or moon, and mountains that fade with their distance."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

Colour = tuple[int, int, int]

_LAYERS = 5
_STARS = 160


@dataclass(frozen=True)
class Light:
    """A time of the day: the sky from above to below, the nearest mountains, the sun or moon.

    `height` is where that stands, from 0 at the upper edge to 1 at the lower one.
    """

    above: Colour
    middle: Colour
    below: Colour
    near: Colour
    disc: Colour
    height: float
    has_stars: bool = False


DAWN = Light((58, 74, 134), (222, 120, 128), (255, 205, 150), (38, 32, 66), (255, 241, 214), 0.36)
NOON = Light((64, 140, 212), (132, 190, 232), (222, 240, 246), (24, 66, 72), (255, 252, 236), 0.2)
DUSK = Light((46, 34, 84), (168, 62, 104), (250, 150, 92), (30, 20, 46), (255, 214, 140), 0.42)
NIGHT = Light((8, 14, 38), (24, 44, 86), (74, 104, 140), (6, 12, 26), (240, 242, 250), 0.24, True)


def draw(width: int, height: int, light: Light, seed: int) -> bytes:
    """The picture as rows of RGB bytes; one seed gives one picture."""
    chance = random.Random(seed)
    pixels = bytearray()
    for row in range(height):
        pixels += bytes(_sky(light, row / height)) * width
    if light.has_stars:
        for _ in range(_STARS):
            at = 3 * (chance.randrange(height // 2) * width + chance.randrange(width))
            pixels[at : at + 3] = bytes(_mixed(light.middle, (255, 255, 255), chance.random()))
    _draw_disc(pixels, width, height, light)
    for layer in range(_LAYERS):
        nearness = (layer + 1) / _LAYERS
        colour = _mixed(light.below, light.near, nearness**0.8)
        haze = _mixed(colour, light.below, 0.45 * (1 - nearness) + 0.08)
        tops = [int(height * top) for top in _ridge(width / height, width, nearness, chance)]
        highest = min(tops)
        for row in range(max(0, highest), height):
            tint = bytes(_mixed(colour, haze, min(1.0, (row - highest) / (0.3 * height))))
            for start, end in _runs(tops, row):
                at = 3 * (row * width + start)
                pixels[at : at + 3 * (end - start)] = tint * (end - start)
    return bytes(pixels)


def _sky(light: Light, height: float) -> Colour:
    horizon = 0.72
    if height < horizon / 2:
        return _mixed(light.above, light.middle, 2 * height / horizon)
    return _mixed(light.middle, light.below, min(1.0, 2 * height / horizon - 1))


def _draw_disc(pixels: bytearray, width: int, height: int, light: Light) -> None:
    """The sun or moon, with the glow around it."""
    radius = height * 0.055
    reach = radius * 7
    centre_x, centre_y = width * 0.34, height * light.height
    for row in range(max(0, int(centre_y - reach)), min(height, int(centre_y + reach))):
        for column in range(max(0, int(centre_x - reach)), min(width, int(centre_x + reach))):
            far = math.hypot(column - centre_x, row - centre_y)
            if far >= reach:
                continue
            edge = min(1.0, max(0.0, radius - far + 0.5))
            strength = max(edge, 0.5 * (1 - far / reach) ** 2)
            at = 3 * (row * width + column)
            before = (pixels[at], pixels[at + 1], pixels[at + 2])
            pixels[at : at + 3] = bytes(_mixed(before, light.disc, strength))


def _ridge(ratio: float, width: int, nearness: float, chance: random.Random) -> Iterator[float]:
    """How far from the upper edge the mountains of a layer begin, for each column."""
    base = 0.5 + 0.42 * nearness
    waves = [
        (0.1 / octave, octave * (1.1 + chance.random()), chance.random() * math.tau)
        for octave in (1, 2, 4, 8, 16, 32)
    ]
    for column in range(width):
        at = column / width * ratio
        rise = sum(size * abs(math.sin(at * pace + phase)) for size, pace, phase in waves)
        yield base - rise


def _runs(tops: list[int], row: int) -> Iterator[tuple[int, int]]:
    """The columns in which a row is below the tops, as pieces from a start to before an end."""
    start = None
    for column, top in enumerate(tops):
        if top <= row:
            start = column if start is None else start
        elif start is not None:
            yield start, column
            start = None
    if start is not None:
        yield start, len(tops)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
