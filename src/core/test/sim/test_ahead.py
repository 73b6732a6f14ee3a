"""Weather, prices and programmes: functions of seed and time."""
import math

import numpy as np
import pytest

from hearthgrid_core.sim.appliances import LIBRARY
from hearthgrid_core.sim.market import Market
from hearthgrid_core.sim.programme import SHORTEST, Programme
from hearthgrid_core.sim.settings import SiteSettings, TariffSettings
from hearthgrid_core.sim.weather import Weather

JUNE = 1_718_928_000.0      # 2024-06-21 00:00 UTC, a Friday
DECEMBER = 1_734_739_200.0  # 2024-12-21
SITE = SiteSettings(latitude=52.5, longitude=0.0, utc_offset=3600.0)


def test_the_forecast_is_the_mean_of_what_comes():
    weather = Weather(SITE, 3)
    ahead = weather.ahead(JUNE, 24.0, 3600.0)
    times = JUNE + np.arange(0, 86400, 20.0)
    happened = np.array([weather.irradiance(t) for t in times]).reshape(24, -1).mean(axis=1)
    assert ahead.irradiance.sum() == pytest.approx(happened.sum(), rel=0.05)
    assert np.corrcoef(ahead.irradiance, happened)[0, 1] > 0.98


def test_every_question_gets_the_same_answer():
    one, two = Weather(SITE, 3), Weather(SITE, 3)
    late = one.ahead(JUNE + 86400, 6.0, 900.0)
    early = two.ahead(JUNE, 48.0, 900.0)
    np.testing.assert_array_equal(late.irradiance, early.irradiance[96:120])
    assert Weather(SITE, 4).ahead(JUNE, 24.0, 3600.0).cloud_cover.tolist() != early.cloud_cover[:24].tolist()


def test_sun_stands_where_it_should():
    clear = Weather(SiteSettings(latitude=52.5, longitude=0.0, cloudiness=0.0), 1)
    day = np.array([clear.irradiance(JUNE + h * 3600) for h in range(24)])
    assert int(day.argmax()) == 12
    assert day[0] == day[23] == 0.0
    # Haurwitz at solar noon, zenith 52.5° − 23.45°.
    cosine = math.cos(math.radians(52.5 - 23.45))
    assert day[12] == pytest.approx(1098 * cosine * math.exp(-0.057 / cosine), rel=0.01)
    assert clear.irradiance(DECEMBER + 12 * 3600) < 0.35 * day[12]
    assert clear.irradiance(DECEMBER + 7 * 3600) == 0.0
    east = Weather(SiteSettings(latitude=52.5, longitude=90.0, cloudiness=0.0), 1)
    assert east.irradiance(JUNE + 6 * 3600) == pytest.approx(day[12], rel=0.01)
    shifted = Weather(SiteSettings(latitude=52.5, longitude=0.0, cloudiness=0.0, sun_shift=12 * 3600.0), 1)
    assert shifted.irradiance(JUNE) == pytest.approx(day[12], rel=0.01)


def test_weather_is_possible():
    ahead = Weather(SITE, 5).ahead(DECEMBER, 48.0, 900.0)
    assert len(ahead.irradiance) == 192 and ahead.start == DECEMBER and ahead.step == 900.0
    assert (ahead.irradiance >= 0).all() and (0 <= ahead.cloud_cover).all() and (ahead.cloud_cover <= 1).all()
    assert (ahead.wind_speed >= 0).all() and -15 < ahead.air_temperature.min() < ahead.air_temperature.max() < 25
    assert Weather(SITE, 5).air_temperature(JUNE) > ahead.air_temperature.mean()


def market(tariff, seed=1):
    return Market(tariff, SITE, Weather(SITE, seed), seed)


def test_daily_steps_hold_in_local_time():
    """Local time is UTC + 1 h: night 22:00–06:00 at 0.18, day at 0.34."""
    tariff = TariffSettings(buy=((6 * 3600.0, 0.34), (22 * 3600.0, 0.18)), sell=0.07)
    prices = market(tariff).ahead(JUNE, 24.0, 3600.0)
    assert prices.import_price[:5].tolist() == [0.18] * 5
    assert prices.import_price[5:21].tolist() == [0.34] * 16
    assert prices.import_price[21:].tolist() == [0.18] * 3
    assert set(prices.export_price) == {0.07}


def test_the_market_has_peaks_and_levels_and_repeats():
    one = market(TariffSettings()).ahead(JUNE, 24.0 * 14, 3600.0)
    price = one.import_price.reshape(14, 24) - 0.12
    assert price.mean() == pytest.approx(0.12, rel=0.25)
    hour = price.mean(axis=0)
    assert hour[17] > 1.5 * hour[2] and hour[17] > 1.3 * hour[12], 'evening peak, cheap night and noon'
    assert price.mean(axis=1).std() > 0.005, 'days differ'
    again = market(TariffSettings()).ahead(JUNE + 3 * 86400, 24.0, 900.0)
    np.testing.assert_allclose(again.import_price[::4], one.import_price[72:96], atol=0.02)
    assert (market(TariffSettings(), 2).ahead(JUNE, 24.0, 3600.0).import_price != one.import_price[:24]).any()
    assert one.export_price.mean() < one.import_price.mean()


@pytest.mark.parametrize('buy', [((7200.0, 0.1), (3600.0, 0.2)), ((90000.0, 0.1),), ((0.0, 0.1), (0.0, 0.2))])
def test_steps_must_rise_within_a_day(buy):
    with pytest.raises(ValueError):
        TariffSettings(buy=buy)


def programme(kind, pace=20.0, seed=1):
    return Programme(LIBRARY[kind], np.random.default_rng(seed), 0.0, pace)


def test_programmes_go_round_at_their_pace():
    p = programme('washing_machine')
    now, seen = 0.0, []
    for _ in range(3 * len(LIBRARY['washing_machine'].phases)):
        seen.append(p.levels)
        before, now = now, p.next_change
        p.advance(now)
        assert p.next_change - now >= SHORTEST
    assert before < now
    assert set(seen) == {phase.levels for phase in LIBRARY['washing_machine'].phases}
    whole = sum(phase.duration for phase in LIBRARY['washing_machine'].phases) / 20
    assert now == pytest.approx(3 * whole, rel=0.35)


def on_time(p, now):
    while p.levels[0] < 1:
        now = p.next_change
        p.advance(now)
    return p.next_change - now


def test_a_thermostat_makes_up_for_the_time_without_supply():
    usual, late = programme('refrigerator'), programme('refrigerator')
    while late.levels[0] >= 1 or usual.levels[0] >= 1:
        late.advance(late.next_change)
        usual.advance(usual.next_change)
    late.unpowered(30.0)
    assert on_time(late, 0.0) == pytest.approx(on_time(usual, 0.0) + 30.0)
    late.unpowered(3600.0)
    assert on_time(late, 0.0) < 3.0 * 15 * 60 * 1.25 / 20 + 3601.0


def test_a_wash_pauses():
    p = programme('dishwasher')
    due, levels = p.next_change, p.levels
    p.unpowered(100.0)
    assert p.next_change == due + 100.0 and p.levels == levels


def test_some_things_never_change():
    assert programme('router').next_change == math.inf
