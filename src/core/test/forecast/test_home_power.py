import numpy as np
import pytest

from hearthgrid_core.forecast import LOAD, Forecaster, ForecastSettings, HomePower, Series

SETTINGS = ForecastSettings(step=900.0)
NOW = 20_000 * 86400.0


def speak(book: HomePower, begin: float, seconds: int, **power: float) -> float:
    for second in range(1, seconds + 1):
        for source, value in power.items():
            book.add(source, begin + second, 1.0, value)
    return begin + seconds


def test_the_home_draws_what_the_grid_the_sun_and_the_battery_give():
    book = HomePower(SETTINGS)
    assert book.watch('car')
    end = speak(book, NOW, 120, grid=100.0, pv=-500.0, battery=200.0, car=150.0)
    assert book.home(end).values == pytest.approx([400.0])
    assert book.base(end).values == pytest.approx([250.0])
    assert book.pv(end).values == pytest.approx([500.0])


def test_every_battery_counts_and_one_that_falls_silent_leaves_the_home_unknown():
    book = HomePower(SETTINGS, batteries=('battery', 'garage'))
    assert book.meters == ('grid', 'pv', 'battery', 'garage')
    end = speak(book, NOW, 900, grid=100.0, battery=-300.0, garage=150.0)
    later = speak(book, end, 900, grid=100.0, battery=-300.0)
    values = book.home(later).values
    assert values[0] == pytest.approx(250.0) and np.isnan(values[1])


def test_without_panels_or_battery_the_grid_is_the_home():
    book = HomePower(SETTINGS)
    end = speak(book, NOW, 60, grid=300.0)
    assert book.home(end).values == pytest.approx([300.0])
    assert not book.measured('pv') and len(book.pv(end)) == 0


def test_a_battery_that_falls_silent_leaves_the_home_unknown():
    book = HomePower(SETTINGS)
    end = speak(book, NOW, 900, grid=100.0, battery=-300.0)
    later = speak(book, end, 900, grid=400.0)
    values = book.home(later).values
    assert values[0] == pytest.approx(400.0) and np.isnan(values[1])


def test_the_past_ends_now_and_seconds_are_enough_to_forecast():
    book = HomePower(SETTINGS)
    end = speak(book, NOW + 7.0, 5, grid=640.0)
    past = book.home(end)
    assert past.end == pytest.approx(end) and past.values == pytest.approx([640.0])
    forecast = Forecaster(SETTINGS, LOAD).forecast(past)
    assert forecast.start == pytest.approx(end) and forecast.mean[0] == pytest.approx(640.0)


def test_stored_history_is_learnt():
    book = HomePower(SETTINGS)
    end = speak(book, NOW, 900, grid=500.0, battery=0.0)
    for source, value in (('grid', 800.0), ('battery', 300.0)):
        book.learn(source, Series(NOW - 3600.0, 900.0, np.full(4, value)))
    assert book.home(end).values == pytest.approx([500.0] * 5)


def test_strangers_are_not_recorded_and_there_is_a_most():
    book = HomePower(SETTINGS, outlets_max=1)
    assert not book.add('kettle', NOW, 1.0, 2000.0)
    assert book.watch('car') and not book.watch('boiler')
    assert len(book.home(NOW)) == 0 and len(book.base(NOW)) == 0
