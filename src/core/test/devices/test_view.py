"""What of a signature vector is compared."""
import numpy as np

from hearthgrid_core.devices import appliance_view
from hearthgrid_core.devices.view import CURRENT_SCALE
from hearthgrid_core.waveform import FEATURES, signatures


def wave(amps: dict[int, complex]) -> np.ndarray:
    angle = 2 * np.pi * np.arange(768) / 128
    return sum((2 ** 0.5 * amp * np.exp(1j * order * angle)).real for order, amp in amps.items())


def test_it_holds_the_harmonics_in_ampere_power_and_shape():
    amps = {1: 2.0 - 0.5j, 3: 0.4 + 0.3j, 5: -0.1j, 21: 0.05}
    batch = signatures(wave({1: 230.0})[None], wave(amps)[None], np.array([50.0]))
    seen = appliance_view(batch.vector())[0]
    harmonics = CURRENT_SCALE * (np.sinh(seen[:21]) + 1j * np.sinh(seen[21:42]))
    np.testing.assert_allclose(harmonics, [amps.get(order, 0) for order in range(1, 22)], atol=1e-6)
    current, active = float(batch.current[0]), 230.0 * 2.0
    np.testing.assert_allclose(seen[42:46], [np.log(1e-3 + current), np.log(1 + active), np.log(1 + 230.0 * 0.5),
                                             np.log(batch.crest_factor[0])], rtol=1e-6)
    np.testing.assert_allclose(seen[46], active / (230.0 * current), rtol=1e-6)


def test_without_a_load_it_is_finite():
    batch = signatures(wave({1: 230.0})[None], np.zeros((1, 768)), np.array([50.0]))
    assert batch.vector().shape == (1, FEATURES)
    assert np.isfinite(appliance_view(batch.vector())).all()


def test_a_nonsense_vector_stays_finite():
    assert np.isfinite(appliance_view(np.array([np.full(FEATURES, 1e4), np.full(FEATURES, -1e4)]))).all()
