"""The soak in short: nine virtual minutes of the hub's real processes with every fault once."""

from hearthgrid import benchmark


def test_a_hub_outlives_kills_clock_steps_a_full_disk_and_a_dead_database(monkeypatch):
    monkeypatch.setenv('HOURS', '0.15')
    told = []
    results = {result.name.split(',')[0]: result for result in benchmark.find()['soak'].run(told.append)}
    for fault in ('kill -9', 'network loss', 'full disk', 'clock an hour ahead', 'clock 10 min back'):
        assert any(line.endswith(fault) for line in told), fault
    lost = results.pop('readings lost at a kill -9')
    assert lost.value <= 5.0, 'a second on a machine of its own'
    assert [name for name, result in results.items() if not result.holds] == []
