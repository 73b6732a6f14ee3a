"""What a connection costs beside energy: capacity, the month's peak, carbon; prices below nought and above import."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.plan import BaseLoad, Battery, BlockJob, ModulatingJob, Photovoltaic, Status, Tariff

FLAT = np.full(8, 0.2)


def problem(house, buy, *devices, tariff=None, carbon=None, **more):
    made = house.problem(buy, *devices, **more)
    return replace(made, grid=replace(made.grid, tariff=tariff or Tariff(), carbon=carbon))


def test_a_peak_price_spreads_the_loads(house):
    jobs = [BlockJob(name, 2.0, 2000.0, house.at(8)) for name in 'abc']
    cheap = np.array([0.1, 0.19] + [0.2] * 6)
    dear, free = (house.plan(problem(house, cheap, *jobs, tariff=Tariff(peak_price=price))) for price in (5.0, 0.0))
    assert dear.grid_power.max() == pytest.approx(2500.0, abs=1.0) and free.grid_power.max() > 6000.0
    assert dear.cost == pytest.approx(dear_bill(dear, cheap) + 5.0 * 2.5)
    assert any('highest import is 2.5 kW' in reason and 'save 5.00 EUR' in reason for reason in dear.reasons)


def dear_bill(result, buy):
    return float(buy @ result.grid_power) / 1000


def test_a_peak_that_was_already_costs_nothing_more(house):
    jobs = [BlockJob(name, 2.0, 2000.0, house.at(8)) for name in 'abc']
    cheap = np.array([0.1] + [0.2] * 7)
    result = house.plan(problem(house, cheap, *jobs, tariff=Tariff(peak_price=5.0, peak_before=4500.0)))
    assert result.grid_power.max() == pytest.approx(4500.0, abs=1.0)
    assert any('nothing more than before' in reason for reason in result.reasons)


def test_energy_beyond_the_capacity_is_avoided_while_it_costs_more(house):
    jobs = [BlockJob(name, 1.0, 1000.0, house.at(8)) for name in 'abc']
    cheap = np.array([0.1] + [0.15] * 7)
    tariff = Tariff(capacity=2000.0, capacity_price=0.2)
    result = house.plan(problem(house, cheap, *jobs, tariff=tariff))
    assert result.grid_power.max() == pytest.approx(1500.0, abs=1.0)
    much = house.plan(problem(house, np.array([0.1] + [0.5] * 7), *jobs, tariff=tariff))
    assert much.grid_power.max() == pytest.approx(3500.0, abs=1.0)
    assert much.cost == pytest.approx(dear_bill(much, np.array([0.1] + [0.5] * 7)) + 0.2 * 1.5)


def test_carbon_steers_but_is_not_billed(house):
    carbon = np.array([0.5] * 4 + [0.1] * 4)
    job = BlockJob('a', 1.0, 1000.0, house.at(8))
    buy = np.array([0.2] * 4 + [0.25] * 4)
    dirty = house.plan(problem(house, buy, job, carbon=carbon))
    clean = house.plan(problem(house, buy, job, carbon=carbon, tariff=Tariff(carbon_price=0.5)))
    assert dirty.schedule('a').power[:4].sum() == 1000 and clean.schedule('a').power[4:].sum() == 1000
    assert clean.carbon == pytest.approx(0.5 * 4 * 0.5 + 0.1 * (4 * 0.5 + 1.0)) and clean.carbon < dirty.carbon
    assert clean.cost == pytest.approx(dear_bill(clean, buy))
    assert np.isnan(house.plan(problem(house, buy, job)).carbon)


def test_negative_prices_are_used_and_said(house):
    buy = np.array([0.2, -0.3, -0.3, 0.2, 0.2, 0.2, 0.2, 0.2])
    result = house.plan(problem(house, buy, ModulatingJob('boiler', 2.0, 1000.0, house.at(8)),
                                Battery(10.0, 0.0, 3000.0, 3000.0)))
    assert result.schedule('boiler').power[1:3].sum() == pytest.approx(2000.0, abs=1.0)
    assert result.schedule('battery').power[1:3].sum() == pytest.approx(6000.0, abs=1.0)
    assert any('is paid for' in reason for reason in result.reasons)


def test_export_dearer_than_import_does_not_go_in_circles(house):
    result = house.plan(problem(house, FLAT, Battery(5.0, 5.0, 2000.0, 2000.0), sell=0.4, import_max=5000.0,
                                export_max=5000.0, base=300.0))
    assert result.status is Status.OPTIMAL and result.grid_power.min() < -1500.0
    assert result.grid_power.max() <= 2300.1


def test_several_households_worth_of_devices(house):
    chance, devices = np.random.default_rng(3), []
    for home in range(4):
        devices += [BaseLoad(chance.uniform(100, 900, 48), f'load {home}'),
                    Photovoltaic(chance.uniform(0, 3000, 48), name=f'pv {home}'),
                    Battery(8.0, 4.0, 3000.0, 3000.0, wear_price=0.02, name=f'battery {home}')]
        devices += [BlockJob(f'job {home} {k}', 1.0 + k, 800.0 + 300 * k, house.at(10 + k)) for k in range(8)]
    made = house.problem(chance.uniform(0.1, 0.4, 48), *devices, step=900.0, sell=0.05, import_max=25_000.0)
    result = house.plan(made, house.quick)
    assert result.status is Status.OPTIMAL and len(result.schedules) == 45
    assert result.gap < 0.05 * result.cost_unmanaged


@pytest.mark.parametrize('change', [{'peak_price': -1.0}, {'peak_before': np.nan}, {'capacity': -1.0},
                                    {'capacity_price': np.inf}, {'carbon_price': -0.1}])
def test_what_is_no_tariff_is_refused(change):
    with pytest.raises(ValueError):
        Tariff(**change)


def test_a_battery_ends_as_charged_as_asked_or_as_far_as_it_can(house):
    buy = np.array([0.1, 0.5, 0.5, 0.5])
    full = house.plan(house.problem(buy, Battery(5.0, 2.0, 2000.0, 2000.0, final=2.0)))
    assert full.schedule('battery').energy[-1] == pytest.approx(2.0, abs=1e-3)
    weak = house.plan(house.problem(buy, Battery(5.0, 1.0, 100.0, 100.0, final=5.0)))
    assert weak.status is Status.OPTIMAL and weak.schedule('battery').energy[-1] == pytest.approx(1.38, abs=1e-3)
