"""A ray tracer with mirrors and shadows: many small objects, operators, float arithmetic."""

from math import inf, sqrt

N = 95
EXPECTED = 3200.001571


class Vector:
    __slots__ = ("x", "y", "z")

    def __init__(self, x, y, z):
        self.x = x
        self.y = y
        self.z = z

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def __mul__(self, number):
        return Vector(self.x * number, self.y * number, self.z * number)

    def __matmul__(self, other):
        return self.x * other.x + self.y * other.y + self.z * other.z

    def unit(self):
        return self * (1 / sqrt(self @ self))


class Sphere:
    def __init__(self, centre, radius, shade, mirror):
        self.centre = centre
        self.radius = radius
        self.shade = shade
        self.mirror = mirror

    def hit(self, start, direction):
        to_centre = self.centre - start
        along = to_centre @ direction
        under = self.radius * self.radius - (to_centre @ to_centre - along * along)
        if under < 0:
            return None
        half = sqrt(under)
        for distance in (along - half, along + half):
            if distance > 1e-6:
                return distance
        return None

    def normal(self, point):
        return (point - self.centre) * (1 / self.radius)

    def shade_at(self, point):
        return self.shade


class Floor:
    mirror = 0.1

    def hit(self, start, direction):
        if direction.y >= -1e-6:
            return None
        distance = -(start.y + 1) / direction.y
        return distance if distance > 1e-6 else None

    def normal(self, point):
        return Vector(0.0, 1.0, 0.0)

    def shade_at(self, point):
        return 0.9 if (int(point.x // 1) + int(point.z // 1)) % 2 else 0.3


THINGS = [
    Sphere(Vector(0.0, 0.0, 4.0), 1.0, 0.8, 0.4),
    Sphere(Vector(-1.5, -0.4, 3.0), 0.6, 0.5, 0.2),
    Sphere(Vector(1.4, -0.6, 2.8), 0.4, 0.9, 0.0),
    Floor(),
]
LIGHT = Vector(-4.0, 5.0, -2.0)


def nearest(start, direction):
    best, thing = inf, None
    for candidate in THINGS:
        distance = candidate.hit(start, direction)
        if distance is not None and distance < best:
            best, thing = distance, candidate
    return best, thing


def trace(start, direction, depth):
    distance, thing = nearest(start, direction)
    if thing is None:
        return 0.2 + 0.3 * max(0.0, direction.y)
    point = start + direction * distance
    normal = thing.normal(point)
    to_light = (LIGHT - point).unit()
    brightness = 0.1
    if nearest(point, to_light)[1] is None:
        brightness += 0.9 * max(0.0, normal @ to_light)
    shade = thing.shade_at(point) * brightness
    if thing.mirror and depth:
        mirrored = direction - normal * (2 * (direction @ normal))
        shade += thing.mirror * trace(point, mirrored, depth - 1)
    return shade


def main(n):
    eye = Vector(0.0, 0.3, -2.0)
    total = 0.0
    for row in range(n):
        for column in range(n):
            direction = Vector(2 * column / n - 1, 1 - 2 * row / n, 2.0).unit()
            total += trace(eye, direction, 3)
    return round(total, 6)
