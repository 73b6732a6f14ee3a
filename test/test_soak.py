"""The soak in short: some virtual minutes of a whole home with every fault once. Its clock waits for the home."""

from hearthgrid import benchmark

FAULTS = ('kill -9 of the hub', 'kill -9 of the outlets', 'grid outage', 'lost telemetry', 'full disk',
          'clock an hour ahead', 'clock 10 min back')  # fmt: skip


def test_a_home_outlives_kills_outages_clock_steps_a_full_disk_and_a_dead_database(monkeypatch):
    monkeypatch.setenv('HOURS', '0.05')
    told = []
    results = {result.name.split(',')[0].split(';')[0]: result for result in benchmark.find()['soak'].run(told.append)}
    for fault in FAULTS:
        assert any(line.endswith(fault) for line in told), fault
    assert results.pop('speed on 2 free cores').value > 0, 'the rest of the machine is at work, too'
    assert results.pop('readings lost at a kill -9').value <= 5.0, 'a second on a machine of its own'
    assert results.pop('readings stored').value >= 0.8, 'each clock step costs one or two, of few'
    assert results.pop('memory grown in the second half of a life').value < 100.0, 'a life of minutes is all warm-up'
    assert [name for name, result in results.items() if not result.holds] == []
