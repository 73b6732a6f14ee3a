"""The benchmark of forged commands in short: none of them is obeyed, every genuine one is."""

from hearthgrid import benchmark


def test_no_forged_command_is_obeyed_and_every_genuine_one_is(monkeypatch):
    monkeypatch.setenv('HEARTHGRID_FRAMES', '2000')
    results = benchmark.find()['forged-commands'].run(lambda text: None)
    assert [result.name for result in results if not result.holds] == []
    assert sum(result.baseline > 0 for result in results) >= 22  # without a key they would be
    assert {'400 forged', '400 replayed ballots', '400 reordered shares', '400 forged calls',
            '400 changed relays', '400 truncated setpoints', '400 forged taps'} <= {result.name for result in results}
