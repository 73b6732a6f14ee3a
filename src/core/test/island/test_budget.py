"""For whom the battery lasts: the hours ahead, forecasts where there are any, and no flutter at the edge."""
import math

import pytest

from hearthgrid_core.island.budget import Ahead, Budget, BudgetSettings
from hearthgrid_core.island.restoration import CLASSES
from hearthgrid_core.island.shedding import Offer

MEDICAL, FRIDGE, SAFETY, ESSENTIAL, DEFERRABLE, COMFORT = CLASSES
LOADS = {MEDICAL: 300.0, ESSENTIAL: 700.0, COMFORT: 1000.0}  # [W]
OFFERS = [Offer(str(c), c, 0, watts) for c, watts in LOADS.items()]
# 10 kWh without losses and doubts, four hours: comfort leaves 4 kWh to the others, essential 1.2 kWh to medical.
PLAIN = {'battery_kwh': 10.0, 'battery_efficiency': 1.0, 'charge_empty': 0.0, 'forecast_margin': 0.0}


def served(budget, charge, now=0.0, sun=0.0, power=4000.0):
    """Return the classes that may draw what they want."""
    budget.charge = charge
    limits = budget.limits(now, sun, power, LOADS)
    total, out = 0.0, []
    for c in CLASSES:
        total += LOADS.get(c, 0.0)
        if c in LOADS and limits[c] >= total:
            out.append(c)
    return out


def budget(**settings):
    made = Budget(BudgetSettings(**PLAIN | settings))
    made.note(0.0, OFFERS, 1500.0)
    return made


@pytest.mark.parametrize('charge, classes', [
    (0.90, [MEDICAL, ESSENTIAL, COMFORT]),
    (0.44, [MEDICAL, ESSENTIAL, COMFORT]),      # 2 kW for a quarter hour, and 1 kW for the other 3.75 hours: 4.25 kWh
    (0.41, [MEDICAL, ESSENTIAL]),
    (0.15, [MEDICAL, ESSENTIAL]),               # 1.375 kWh
    (0.13, [MEDICAL]),
    (0.00, []),
])
def test_a_class_draws_what_those_before_it_leave(charge, classes):
    assert served(budget(), charge) == classes


@pytest.mark.parametrize('settings, charge, classes', [
    ({'outage_time': 0.0}, 0.10, [MEDICAL, ESSENTIAL, COMFORT]),
    ({'outage_time': 86400.0}, 0.44, [MEDICAL]),
    ({'charge_empty': 0.2}, 0.44, [MEDICAL, ESSENTIAL]),
    ({'battery_efficiency': 0.5}, 0.44, [MEDICAL, ESSENTIAL]),
    ({'forecast_margin': 0.5}, 0.44, [MEDICAL, ESSENTIAL]),
])
def test_settings(settings, charge, classes):
    assert served(budget(**settings), charge) == classes


def test_the_sun_of_now_is_taken_for_that_of_the_hours_ahead_until_a_forecast_says_otherwise():
    made = budget()
    assert served(made, 0.2, sun=1000.0) == [MEDICAL, ESSENTIAL, COMFORT]
    made.take(Ahead('pv', 0.0, 3600.0, (1000.0, 0.0, 0.0, 0.0, 0.0)))
    assert served(made, 0.2, sun=1000.0) == [MEDICAL, ESSENTIAL]
    made.take(Ahead('pv', 0.0, 3600.0, (0.0, 2000.0, 2000.0, 0.0, 0.0)))
    assert served(made, 0.12) == [MEDICAL, ESSENTIAL]
    assert served(made, 0.18) == [MEDICAL, ESSENTIAL, COMFORT]  # the sun of the second hour pays it back
    assert served(budget(), 0.2) == [MEDICAL, ESSENTIAL]


def test_the_forecast_of_the_load_moves_what_is_not_critical():
    for mean, classes in (((1000.0,) + (3000.0,) * 5, [MEDICAL, ESSENTIAL]),
                          ((1000.0,) * 6, [MEDICAL, ESSENTIAL, COMFORT])):
        made = budget()
        made.take(Ahead('load', 0.0, 3600.0, mean))
        assert served(made, 0.44) == classes


@pytest.mark.parametrize('ahead', [
    Ahead('pv', 0.0, 3600.0, ()), Ahead('pv', 0.0, 0.0, (1e6,)), Ahead('pv', math.nan, 3600.0, (1e6,)),
    Ahead('pv', 0.0, 3600.0, (1e6, math.nan))])
def test_a_forecast_that_is_none_is_ignored(ahead):
    made = budget()
    made.take(ahead)
    assert served(made, 0.41) == [MEDICAL, ESSENTIAL]


def test_a_class_that_was_shed_for_energy_comes_back_with_some_to_spare():
    made = budget()
    for charge, classes in ((0.44, 3), (0.42, 2), (0.44, 2), (0.46, 2), (0.48, 3), (0.44, 3)):
        assert len(served(made, charge)) == classes


@pytest.mark.parametrize('settings, charge, power', [
    ({'battery_kwh': 0.0}, 0.5, 4000.0), ({}, math.nan, 4000.0), ({}, 0.5, 0.0)])
def test_what_is_not_known_limits_nothing(settings, charge, power):
    made = budget(**settings)
    made.charge = charge
    assert made.limits(0.0, 0.0, power, LOADS) is None


def test_the_demand_is_a_mean_over_time():
    made = budget(demand_time=100.0)
    more = [*OFFERS, Offer('kettle', ESSENTIAL, 0, 2000.0)]
    made.note(10.0, more, 1500.0)
    assert made._demand[CLASSES.index(ESSENTIAL)] == pytest.approx(700.0 + 2000.0 * (1 - math.exp(-0.1)))
    made.forget()
    assert not made._demand.any() and math.isnan(made.charge)


def test_several_batteries_count_together_by_their_capacity():
    made = budget(battery_parts='battery=6,barn=4')
    made.hear('battery', 0.5)
    assert made.charge == pytest.approx(0.3), 'one that was not heard counts as empty'
    made.hear('barn', 1.0)
    assert made.charge == pytest.approx(0.7)
    made.hear('barn', math.nan)
    assert made.charge == pytest.approx(0.3)
    made.hear('battery', math.nan)
    assert math.isnan(made.charge)


def test_one_battery_needs_no_parts():
    made = budget()
    made.hear('battery', 0.4)
    assert made.charge == pytest.approx(0.4)


@pytest.mark.parametrize('parts', ['battery', 'battery=x', 'battery=0', 'battery=-1', 'battery=1=2'])
def test_parts_that_cannot_be_are_refused(parts):
    with pytest.raises(ValueError, match='battery_parts'):
        BudgetSettings(battery_parts=parts)
