"""The planets' orbits by a symplectic integrator: float arithmetic on lists."""

from itertools import combinations
from math import pi, sqrt

N = 22_000
EXPECTED = -0.169028947

SOLAR_MASS = 4 * pi * pi
YEAR = 365.24

# Position (AU), velocity (AU a day) and mass (suns) of the sun and the four giant planets.
BODIES = [
    ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 1.0),
    (
        [4.84143144246472090, -1.16032004402742839, -0.103622044471123109],
        [0.00166007664274403694, 0.00769901118419740425, -0.0000690460016972063023],
        0.000954791938424326609,
    ),
    (
        [8.34336671824457987, 4.12479856412430479, -0.403523417114321381],
        [-0.00276742510726411021, 0.00499852801234917238, 0.0000230417297573763929],
        0.000285885980666130812,
    ),
    (
        [12.8943695621391310, -15.1111514016986312, -0.223307578892655734],
        [0.00296460137564761618, 0.00237847173959480950, -0.0000296589568540237556],
        0.0000436624404335156298,
    ),
    (
        [15.3796971148509165, -25.9193146099879641, 0.179258772950371181],
        [0.00268067772490389322, 0.00162824170038242295, -0.0000951592254519715870],
        0.0000515138902046611451,
    ),
]


def main(n):
    bodies = [(p[:], [v * YEAR for v in vs], m * SOLAR_MASS) for p, vs, m in BODIES]
    drift = [sum(v[axis] * m for _, v, m in bodies) for axis in range(3)]
    bodies[0][1][:] = [-momentum / SOLAR_MASS for momentum in drift]
    pairs = list(combinations(bodies, 2))
    step = 0.01
    for _ in range(n):
        for (p1, v1, m1), (p2, v2, m2) in pairs:
            dx = p1[0] - p2[0]
            dy = p1[1] - p2[1]
            dz = p1[2] - p2[2]
            square = dx * dx + dy * dy + dz * dz
            pull = step / (square * sqrt(square))
            toward2 = m2 * pull
            toward1 = m1 * pull
            v1[0] -= dx * toward2
            v1[1] -= dy * toward2
            v1[2] -= dz * toward2
            v2[0] += dx * toward1
            v2[1] += dy * toward1
            v2[2] += dz * toward1
        for p, v, _ in bodies:
            p[0] += step * v[0]
            p[1] += step * v[1]
            p[2] += step * v[2]
    energy = sum(m * sum(x * x for x in v) / 2 for _, v, m in bodies)
    for (p1, _, m1), (p2, _, m2) in pairs:
        energy -= m1 * m2 / sqrt(sum((a - b) ** 2 for a, b in zip(p1, p2)))
    return round(energy, 9)
