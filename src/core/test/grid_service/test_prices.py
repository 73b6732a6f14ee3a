"""Prices of events over those from elsewhere."""
import math

import numpy as np
import pytest

from hearthgrid_core.grid_service import Event, Interval, Kind, Prices, Programme, RuleSettings, Signal, overlay

HOUR = 3600.0


def programme(*rows) -> Programme:
    made = Programme(RuleSettings())
    made.hear(0.0, [Event(f'e{k}', (Signal(kind, (Interval(first * HOUR, last * HOUR, value),)),))
                    for k, (kind, first, last, value) in enumerate(rows)])
    made.step(0.0)
    return made


def base(hours=24, step=HOUR, price=0.30, carbon=()) -> Prices:
    n = int(hours * HOUR / step)
    return Prices(0.0, step, np.full(n, price), np.full(n, 0.08), np.array(carbon), 'EUR')


def test_no_event_no_prices():
    assert overlay(programme(), base(), 0.0, 'EUR', 0.08) is None
    assert overlay(programme((Kind.LEVEL, 1, 2, 1.0)), base(), 0.0, 'EUR', 0.08) is None
    assert overlay(programme((Kind.PRICE, 1, 2, 1.0)), base(), 3 * HOUR, 'EUR', 0.08) is None, 'it is over'


def test_whole_hours_keep_the_step():
    out = overlay(programme((Kind.PRICE, 3, 5, 0.9)), base(), 1.2 * HOUR, 'CHF', 0.0)
    assert (out.start, out.step, len(out.import_price), out.currency) == (HOUR, HOUR, 23, 'EUR')
    assert out.import_price[:5].tolist() == pytest.approx([0.3, 0.3, 0.9, 0.9, 0.3])
    assert out.export_price.tolist() == pytest.approx([0.08] * 23) and not len(out.carbon)


@pytest.mark.parametrize('first, last, step', [(3.5, 5, 1800), (3.25, 5, 900), (3 + 1 / 12, 5, 300), (3.01, 5, 300)])
def test_the_step_is_the_longest_that_fits(first, last, step):
    assert overlay(programme((Kind.PRICE, first, last, 0.9)), base(), 0.0, 'EUR', 0.0).step == step


def test_a_step_that_does_not_fit_has_the_mean_price():
    out = overlay(programme((Kind.PRICE, 3.01, 5, 0.9)), base(), 3 * HOUR, 'EUR', 0.0)
    assert out.import_price[0] == pytest.approx((36 * 0.3 + 264 * 0.9) / 300)
    assert len(out.import_price) <= 576


def test_without_others_the_gaps_have_the_mean_of_the_events():
    rows = (Kind.PRICE, 1, 2, 0.2), (Kind.PRICE, 3, 4, 0.6), (Kind.EXPORT_PRICE, 1, 2, 0.5), (Kind.CARBON, 1, 4, 0.4)
    out = overlay(programme(*rows), None, 0.0, 'USD', 0.05)
    assert (out.start, out.currency) == (0.0, 'USD')
    assert out.import_price.tolist() == pytest.approx([0.4, 0.2, 0.4, 0.6])
    assert out.export_price.tolist() == pytest.approx([0.05, 0.5, 0.05, 0.05])
    assert out.carbon.tolist() == pytest.approx([0.4] * 4)


def test_an_export_price_alone_is_no_tariff_but_changes_one():
    rows = [(Kind.EXPORT_PRICE, 1, 2, 0.5)]
    assert overlay(programme(*rows), None, 0.0, 'EUR', 0.05) is None
    out = overlay(programme(*rows), base(), 0.0, 'EUR', 0.05)
    assert out.export_price[:3].tolist() == pytest.approx([.08, .5, .08])


def test_an_open_price_covers_all():
    out = overlay(programme((Kind.PRICE, 1, math.inf, 0.7)), base(), 2 * HOUR, 'EUR', 0.0)
    assert out.import_price.tolist() == pytest.approx([0.7] * 22)


def test_prices_that_are_over_are_no_base():
    out = overlay(programme((Kind.PRICE, 1, 60, 0.7)), base(), 30 * HOUR, 'USD', 0.0)
    assert out.currency == 'USD' and out.start <= 30 * HOUR < out.end


@pytest.mark.parametrize('change', [
    {'export_price': np.zeros(1)}, {'carbon': np.zeros(1)}, {'import_price': np.array([1.0, math.nan])}, {'step': 0.0},
    {'import_price': np.empty(0), 'export_price': np.empty(0)}])
def test_prices_are_checked(change):
    with pytest.raises(ValueError):
        Prices(**{'start': 0.0, 'step': HOUR, 'import_price': np.zeros(2), 'export_price': np.zeros(2),
                  'carbon': np.empty(0), 'currency': 'EUR', **change})
