"""Where the real recordings are, and a small world of invented vectors."""
import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope='session')
def recordings() -> Path:
    """The folder of real recordings; the test is skipped where there is none."""
    folder = Path(os.environ.get('HEARTHGRID_DATA', Path(__file__).resolve().parents[5] / 'shared' / 'data'))
    if not folder.is_dir():
        pytest.skip(f'no recordings: {folder} is missing (set HEARTHGRID_DATA)')
    return folder


class Cloud:
    """Six features; every device is a point, every look at it the point with a little noise."""

    FEATURES = 6

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._centres: dict[str, np.ndarray] = {}

    def look(self, device: str, noise: float = 0.05) -> np.ndarray:
        if device not in self._centres:
            self._centres[device] = self._random.uniform(-3, 3, self.FEATURES)
        return self._centres[device] + noise * self._random.standard_normal(self.FEATURES)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()
