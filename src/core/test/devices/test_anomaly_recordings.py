"""The watch over recorded devices: how often it cries for nothing, and whether it sees what was done to them."""
from datetime import datetime, timezone

import numpy as np
import pytest

from hearthgrid_core.devices import AnomalyDetector, Kind, Observation, Status

DEVICES = ('599393', 'B83B9E', 'B7BED4', 'D33E1F')     # two refrigerators, a network switch, a kettle
MINUTE = 60.0


@pytest.fixture(scope='module')
def days(recordings):
    """Mean power a minute of each whole day, by device: (device, epoch second of midnight, (1440,) [W])."""
    data = np.load(recordings / 'tracebase_4s' / 'tracebase_half.npz')
    out = {device: [] for device in DEVICES}
    for k in np.flatnonzero(np.isin(data['device'], DEVICES) & (data['coverage'] > 0.9)):
        midnight = datetime.strptime(str(data['day'][k]), '%Y.%m.%d').replace(tzinfo=timezone.utc).timestamp()
        out[str(data['device'][k])].append((str(data['label'][k]), midnight, data['p'][k].reshape(1440, -1).mean(1)))
    return {device: sorted(rows, key=lambda row: row[1])[:20] for device, rows in out.items()}


def power_alarms(rows) -> list[int]:
    """Return the day, by its number, of each alarm of unusual power that was raised."""
    detector, raised = AnomalyDetector('outlet'), []
    for number, (label, midnight, minutes) in enumerate(rows):
        for k, power in enumerate(minutes.tolist(), 1):
            events = detector.step(midnight + k * MINUTE, Observation(230.0, power / 230, power, power, type=label))
            raised += [number for e in events if e.kind is Kind.POWER and e.status is Status.RAISED]
    return raised


def test_false_alarms_are_rare(days):
    judged = sum(max(0, len(rows) - 3) for rows in days.values())
    assert judged > 40
    assert sum(len(power_alarms(rows)) for rows in days.values()) / judged < 0.05


@pytest.mark.parametrize('fault', [lambda p: p + 100.0, lambda p: p * 0.0, lambda p: np.full_like(p, p.max())])
@pytest.mark.parametrize('device', ['599393', 'B83B9E'])
def test_what_is_done_to_a_refrigerator_is_seen_that_day(days, device, fault):
    *before, (label, midnight, minutes) = days[device][:7]
    assert 6 in power_alarms([*before, (label, midnight, fault(minutes))])
