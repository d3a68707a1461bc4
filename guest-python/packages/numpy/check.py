"""A little of everything that has code of its own in the guest."""

import numpy as np

a = np.arange(12.0).reshape(3, 4)
assert (a @ a.T).tolist() == [[14.0, 38.0, 62.0], [38.0, 126.0, 214.0], [62.0, 214.0, 366.0]]
assert np.allclose(np.linalg.solve(np.eye(3) * 2, [2.0, 4.0, 6.0]), [1, 2, 3])
assert np.allclose(np.fft.ifft(np.fft.fft(np.arange(8))), np.arange(8))
assert np.sort(np.array([3, 1, 2])).tolist() == [1, 2, 3]
assert 0 <= np.random.default_rng(1).random() < 1
