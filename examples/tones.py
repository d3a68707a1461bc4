"""Find the tones in a noisy recording with a Fourier transform, then take the noise away.

ophidia run examples/tones.py
"""

import numpy as np

RATE = 8_000  # samples a second
NAMES = ["A", "A#", "B", "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#"]


def record(frequencies: list[float], seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tones, each softer than the one before, as they are and with noise."""
    time = np.arange(int(seconds * RATE)) / RATE
    loudness = 0.8 ** np.arange(len(frequencies))
    clean = (loudness[:, None] * np.sin(2 * np.pi * np.outer(frequencies, time))).sum(axis=0)
    return clean, clean + np.random.default_rng(seed).normal(0, 1.0, time.size)


def peaks(loudness: np.ndarray, threshold: float) -> np.ndarray:
    """Where the spectrum is higher than on both sides, and than the threshold."""
    middle = loudness[1:-1]
    return 1 + np.flatnonzero((middle > loudness[:-2]) & (middle > loudness[2:]) & (middle > threshold))


def tone(frequency: float) -> str:
    steps = round(12 * np.log2(frequency / 440))
    return f"{NAMES[steps % 12]}{4 + (steps + 9) // 12}"


def main() -> None:
    chord = [261.63, 329.63, 392.0, 493.88]
    clean, noisy = record(chord, seconds=1.5, seed=5)

    window = np.hanning(noisy.size)
    spectrum = np.fft.rfft(noisy * window)
    frequencies = np.fft.rfftfreq(noisy.size, 1 / RATE)
    loudness = 2 * np.abs(spectrum) / window.sum()
    floor = np.median(loudness)
    found = peaks(loudness, 10 * floor)

    print(f"{noisy.size} samples, noise floor {floor:.4f}")
    for i in found:
        bar = "#" * round(40 * loudness[i])
        print(f"  {frequencies[i]:7.2f} Hz  {tone(frequencies[i]):3} {loudness[i]:.3f} {bar}")

    # Keep what is near a peak, and go back.
    near = (np.abs(frequencies[:, None] - frequencies[found]) < 3).any(axis=1)
    cleaned = np.fft.irfft(np.where(near, np.fft.rfft(noisy), 0), noisy.size)
    for name, signal in [("recorded", noisy), ("cleaned", cleaned)]:
        off = signal - clean
        decibels = 10 * np.log10((clean @ clean) / (off @ off))
        print(f"{name:9} signal to noise {decibels:6.2f} dB")

    # The energy of a signal is that of its spectrum.
    whole = np.fft.fft(noisy)
    assert np.isclose(noisy @ noisy, (whole @ whole.conj()).real / noisy.size)


if __name__ == "__main__":
    main()
