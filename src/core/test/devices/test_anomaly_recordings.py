"""The watch over recorded devices: how often it cries for nothing, and whether it sees what was done to them."""
from datetime import datetime, timezone

import numpy as np
import pytest

from hearthgrid_core.devices import AnomalySettings
from hearthgrid_core.devices.channels import CHANNELS
from hearthgrid_core.devices.habits import Habits

FRIDGES = (('Refrigerator', '599393'), ('Refrigerator', 'B83B9E'))
DEVICES = (*FRIDGES, ('Router', 'B7DF9D'), ('Dishwasher', 'B82F81'), ('TV-LCD', 'B8121D'))
MINUTE = 60.0


@pytest.fixture(scope='module')
def days(recordings):
    """Rows (epoch second of midnight, (1440, 15) samples [W]) of whole days, by label and device."""
    data = np.load(recordings / 'tracebase_4s' / 'tracebase_half.npz')
    out = {device: [] for device in DEVICES}
    power, keys = data['p'], list(zip(data['label'].tolist(), data['device'].tolist(), strict=True))
    for k in np.flatnonzero(data['coverage'] > 0.9):
        if keys[k] in out:
            midnight = datetime.strptime(str(data['day'][k]), '%Y.%m.%d').replace(tzinfo=timezone.utc).timestamp()
            out[keys[k]].append((midnight, power[k].reshape(1440, 15).astype(float)))
    return {device: sorted(rows, key=lambda row: row[0])[:20] for device, rows in out.items()}


def alarms(rows) -> list[int]:
    """Return the day, by its number, of each alarm of power that was raised."""
    habits, raised = Habits(AnomalySettings()), []
    for number, (midnight, samples) in enumerate(rows):
        for k, (mean, spread) in enumerate(zip(samples.mean(axis=1).tolist(), samples.std(axis=1).tolist(),
                                               strict=True), 1):
            before = habits.up
            habits.minute(midnight + k * MINUTE, mean, spread)
            raised += [number] * any(name not in before and CHANNELS[name].power for name in habits.up)
    return raised


def test_false_alarms_are_rare(days):
    judged = sum(max(0, len(rows) - 3) for rows in days.values())
    assert judged > 50
    assert sum(len(alarms(rows)) for rows in days.values()) / judged < 0.05


@pytest.mark.parametrize('fault', [lambda p: p + 100.0, lambda p: np.full_like(p, p.mean(axis=1).max())])
@pytest.mark.parametrize('device', FRIDGES)
def test_what_is_done_to_a_refrigerator_is_seen_that_day(days, device, fault):
    *before, (midnight, samples) = days[device][:11]
    assert 10 in alarms([*before, (midnight, fault(samples))])


@pytest.mark.parametrize('device', FRIDGES)
def test_one_that_stopped_is_seen_by_the_third_day(days, device):
    rows = days[device][:13]
    assert set(alarms([*rows[:10], *((midnight, 0.0 * samples) for midnight, samples in rows[10:])])) & {10, 11, 12}
