"""What the worker of the forecast node learns, and when what it learnt is used. No graph: `Forecasting` alone."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.forecast import DAY, LEARNED, ForecastSettings, Series
from hub_nodes.forecast import Forecasting, Snapshot

SETTINGS = ForecastSettings(step=3600.0, horizon=DAY)
DAYS = 40
NOW = DAYS * DAY


@pytest.fixture(scope='module')
def snapshot() -> Snapshot:
    """A home whose load follows the temperature, panels that follow the sun by a strange law, and prices by the day."""
    chance = np.random.default_rng(0)
    hours = np.arange(24 * (DAYS + 2))
    air = np.repeat(chance.uniform(-10, 10, DAYS + 2), 24)
    sun = np.maximum(0, np.sin((hours - 6) / 24 * 2 * np.pi)) * np.repeat(chance.uniform(100, 900, DAYS + 2), 24)
    load = 1000 - 40 * air + 20 * chance.normal(size=len(hours))
    price = 0.2 + 0.05 * np.sin(hours / 24 * 2 * np.pi) + 0.01 * chance.normal(size=len(hours))
    was = slice(0, 24 * DAYS)

    def past(values):
        return Series(0.0, 3600.0, values[was])

    def ahead(values, count):
        return Series(NOW, 3600.0, values[24 * DAYS:24 * DAYS + count])

    return Snapshot(NOW, past(load), past(load / 2), past(2000 * (sun > 300)), 2000.0, ahead(price, 12), past(price),
                    ahead(sun, 48), past(sun), ahead(air, 48), past(air), True)


@pytest.fixture(scope='module')
def trained(snapshot) -> Forecasting:
    made = Forecasting(SETTINGS)
    before = {(quantity, target): forecast.method for quantity, target, forecast in made.make(snapshot)}
    assert LEARNED not in before.values(), 'baselines do until something is learnt'
    made.verdicts = made.train(snapshot)
    return made


def methods(forecasting: Forecasting, snapshot: Snapshot) -> dict[tuple[str, str], str]:
    return {(quantity, target): forecast.method for quantity, target, forecast in forecasting.make(snapshot)}


def test_every_quantity_gets_a_verdict_and_the_better_ones_are_used(trained, snapshot):
    assert all(trained.verdicts[name] is not None for name in ('home', 'base', 'pv', 'price'))
    assert trained.verdicts['home'].better and trained.verdicts['base'].better
    found = methods(trained, snapshot)
    assert found['load', 'home'] == found['load', 'base'] == LEARNED
    for name, key in (('pv', ('pv', 'home')), ('price', ('price', 'home'))):
        assert found[key].endswith(LEARNED) == trained.verdicts[name].better


def test_panels_that_bend_the_sun_are_learnt_beyond_the_coefficient(trained, snapshot):
    assert trained.verdicts['pv'].better, 'the coefficient competes as a rival, and knows no threshold'


def test_without_weather_the_load_falls_back_to_a_baseline(trained, snapshot):
    assert methods(trained, replace(snapshot, temperature=None, learn=False))['load', 'home'] != LEARNED


def test_a_home_of_a_few_days_learns_nothing(snapshot):
    young = {name: Series(NOW - 5 * DAY, 3600.0, getattr(snapshot, name).values[-24 * 5:])
             for name in ('home', 'base', 'pv', 'price_past', 'irradiance_past', 'temperature_past')}
    forecasting = Forecasting(SETTINGS)
    assert not any(forecasting.train(replace(snapshot, **young)).values())
    assert len(forecasting.make(replace(snapshot, **young))) == 5
