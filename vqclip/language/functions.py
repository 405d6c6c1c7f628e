"""Functions and variables of expressions, with the bounds of their values.

Waves, noise, interpolation and common functions of mathematics. All of them are computed with
Python floats, the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Bounds = tuple[float, float]
Bounding = Callable[..., Bounds]
UNBOUNDED: Bounds = (-math.inf, math.inf)

TIME: Mapping[str, Bounds] = {
    "t": (0.0, math.inf),  # seconds
    "frame": (0.0, math.inf),
    "frames": (1.0, math.inf),
    "share": (0.0, 1.0),  # the part of the run that has passed
}
# Variables of a sound; see `vqclip.media.audio.features`.
LEVELS = ("low", "mid", "high", "loud", "onset", "pulse")  # each from 0 to 1
COUNTED = ("beat", "tempo")
SOUND = (*LEVELS, *COUNTED)
VARIABLES: Mapping[str, Bounds] = {
    **TIME,
    **dict.fromkeys(LEVELS, (0.0, 1.0)),
    **dict.fromkeys(COUNTED, (0.0, math.inf)),
}


@dataclass(frozen=True)
class Function:
    """A function that expressions may call.

    Args:
        usage: how it is written, for messages.
        run: computes the value; may raise ValueError, ZeroDivisionError or OverflowError.
        bounds: bounds of the arguments → bounds of the value, or wider ones.
        least: the least number of arguments.
        most: the greatest number of arguments.
    """

    usage: str
    run: Callable[..., float]
    bounds: Bounding
    least: int = 1
    most: int = 1


def triangle(x: float) -> float:
    """Triangle wave of period 1: 0, 1, 0, -1, 0 in straight lines as x goes from 0 to 1."""
    return 1 - 4 * abs((x + 0.25) % 1 - 0.5)


def saw(x: float) -> float:
    """Sawtooth wave of period 1: from -1 to 1 as x goes from 0 to 1, then back at once."""
    return 2 * (x % 1) - 1


def square(x: float) -> float:
    """Square wave of period 1: 1 in the first half of each period, -1 in the second."""
    return 1.0 if x % 1 < 0.5 else -1.0


def pulse(x: float, width: float = 0.1) -> float:
    """Pulse wave of period 1: 1 in the first `width` of each period, else 0."""
    return 1.0 if x % 1 < width else 0.0


def smoothstep(a: float, b: float, x: float) -> float:
    """Smooth step from 0 at a to 1 at b, level at both ends: 3 s**2 - 2 s**3, as in GLSL."""
    share = clamp((x - a) / (b - a), 0.0, 1.0)
    return share * share * (3 - 2 * share)


def clamp(x: float, a: float, b: float) -> float:
    """Clamp x to [a, b]."""
    return min(max(x, a), b)


def lerp(a: float, b: float, x: float) -> float:
    """Interpolate linearly from a to b as x goes from 0 to 1."""
    return a + (b - a) * x


def nearest(x: float) -> float:
    """Round to the nearest whole number; halves go up."""
    return float(math.floor(x + 0.5))


def noise(x: float, seed: float = 0.0) -> float:
    """Value noise: a smooth curve through random values in [-1, 1], one at each whole x.

    Between them it follows 6 s**5 - 15 s**4 + 10 s**3, whose first and second derivatives are 0
    at both ends: Perlin, 2002, "Improving noise". The random values are those of splitmix64.
    """
    start = math.floor(x)
    s = x - start
    bend = s * s * s * (s * (s * 6 - 15) + 10)
    first, second = (_random_value(start + more, math.floor(seed)) for more in (0, 1))
    return first + (second - first) * bend


def _random_value(place: int, seed: int) -> float:
    """A random value in [-1, 1) at a whole x: splitmix64 (Steele, Lea and Flood, 2014)."""
    whole = 2**64 - 1
    z = (place * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & whole
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & whole
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & whole
    return ((z ^ (z >> 31)) >> 11) / 2**52 - 1


def operator_bounds(sign: str, a: Bounds, b: Bounds) -> Bounds:
    """Bounds of a sum, difference, product, quotient, remainder or power."""
    if sign == "+":
        return a[0] + b[0], a[1] + b[1]
    if sign == "-":
        return a[0] - b[1], a[1] - b[0]
    if sign == "*":
        # 0 times infinity is 0 here: an infinite bound is never reached.
        found = [0.0 if 0 in (x, y) else x * y for x in a for y in b]
        return min(found), max(found)
    if sign == "/" and (b[0] > 0 or b[1] < 0):
        return operator_bounds("*", a, (1 / b[1], 1 / b[0]))
    if sign == "%" and b[0] > 0:
        return 0.0, b[1]
    if sign == "**" and b[0] == b[1] and b[0] % 2 == 0:
        return 0.0, math.inf
    if sign == "**" and a[0] >= 0:
        return 0.0, math.inf
    return UNBOUNDED


def _within(low: float, high: float) -> Bounding:
    return lambda *_: (low, high)


def _increasing(run: Callable[[float], float]) -> Bounding:
    """Bounds of a function that rises with its one argument."""

    def bounds(arguments: Bounds) -> Bounds:
        return _at(run, arguments[0], -math.inf), _at(run, arguments[1], math.inf)

    return bounds


def _at(run: Callable[[float], float], end: float, otherwise: float) -> float:
    try:
        return run(end)
    except (ValueError, OverflowError):
        return otherwise


def _union(*arguments: Bounds) -> Bounds:
    return min(low for low, _ in arguments), max(high for _, high in arguments)


def _lerp_bounds(a: Bounds, b: Bounds, x: Bounds) -> Bounds:
    return _union(a, b) if x[0] >= 0 and x[1] <= 1 else UNBOUNDED


def _abs_bounds(x: Bounds) -> Bounds:
    ends = (abs(x[0]), abs(x[1]))
    return (0.0 if x[0] <= 0 <= x[1] else min(ends)), max(ends)


MOST_ARGUMENTS = 16  # arguments that min and max take
FUNCTIONS: Mapping[str, Function] = {
    "sin": Function("sin(x)", math.sin, _within(-1, 1)),
    "cos": Function("cos(x)", math.cos, _within(-1, 1)),
    "tan": Function("tan(x)", math.tan, _within(*UNBOUNDED)),
    "abs": Function("abs(x)", abs, _abs_bounds),
    "min": Function(
        "min(a, b)",
        min,
        lambda *g: (min(x for x, _ in g), min(x for _, x in g)),
        2,
        MOST_ARGUMENTS,
    ),
    "max": Function(
        "max(a, b)",
        max,
        lambda *g: (max(x for x, _ in g), max(x for _, x in g)),
        2,
        MOST_ARGUMENTS,
    ),
    "floor": Function("floor(x)", math.floor, _increasing(math.floor)),
    "ceil": Function("ceil(x)", math.ceil, _increasing(math.ceil)),
    "round": Function("round(x)", nearest, _increasing(nearest)),
    "sqrt": Function("sqrt(x)", math.sqrt, lambda x: (0.0, _increasing(math.sqrt)(x)[1])),
    "exp": Function("exp(x)", math.exp, _increasing(math.exp)),
    "log": Function("log(x)", math.log, _increasing(math.log)),
    "clamp": Function("clamp(x, a, b)", clamp, lambda x, a, b: (min(a[0], b[0]), b[1]), 3, 3),
    "lerp": Function("lerp(a, b, x)", lerp, _lerp_bounds, 3, 3),
    "smoothstep": Function("smoothstep(a, b, x)", smoothstep, _within(0, 1), 3, 3),
    "triangle": Function("triangle(x)", triangle, _within(-1, 1)),
    "saw": Function("saw(x)", saw, _within(-1, 1)),
    "square": Function("square(x)", square, _within(-1, 1)),
    "pulse": Function("pulse(x, width)", pulse, _within(0, 1), 1, 2),
    "noise": Function("noise(x, seed)", noise, _within(-1, 1), 1, 2),
    # Parsed as "a if condition else b", which evaluates only one of a and b.
    "where": Function(
        "where(condition, a, b)",
        lambda c, a, b: a if c else b,
        lambda c, a, b: _union(a, b),
        3,
        3,
    ),
}
