"""EMHASS on the problems of `plan-speed`, run by the Python that has it: JSON in on stdin, JSON out on stdout.

Started by plan_speed.py with $HEARTHGRID_EMHASS. One `Optimization` for all problems, as its server keeps one: the
first call is cold, the others re-solve its compiled problem with new numbers.
"""
import json
import logging
import sys
import time
from pathlib import Path


def main() -> int:
    """Solve what comes on stdin."""
    asked = json.load(sys.stdin)
    import emhass
    import numpy as np
    import pandas as pd
    from emhass.optimization import Optimization

    defaults = json.loads((Path(emhass.__file__).parent / 'data' / 'config_defaults.json').read_text())
    problems, count, hours = asked['problems'], asked['count'], asked['step'] / 3600
    jobs, battery = problems[0]['jobs'], asked['battery']
    loads = len(jobs)
    conf = dict(defaults, costfun='profit', set_use_battery=True, set_use_pv=True, set_nodischarge_to_grid=False,
                number_of_deferrable_loads=loads, lp_solver_mip_rel_gap=asked['gap'], lp_solver_timeout=120,
                num_threads=1, delta_forecast_daily=pd.Timedelta(seconds=count * asked['step']),
                nominal_power_of_deferrable_loads=[job['power'] for job in jobs],
                minimum_power_of_deferrable_loads=[0.0] * loads, cost_forecast_per_deferrable_load=[None] * loads,
                is_electric_load=[True] * loads, treat_deferrable_load_as_semi_cont=[True] * loads,
                set_deferrable_load_single_constant=[True] * loads, set_deferrable_startup_penalty=[0.0] * loads,
                deferrable_load_max_cost=[0.0] * loads, set_deferrable_max_startups=[0] * loads,
                def_minimum_on_time=[0] * loads, def_minimum_off_time=[0] * loads,
                operating_hours_of_each_deferrable_load=[job['steps'] * hours for job in jobs],
                start_timesteps_of_each_deferrable_load=[0] * loads, end_timesteps_of_each_deferrable_load=[0] * loads,
                maximum_power_from_grid=asked['import_max'], maximum_power_to_grid=asked['export_max'],
                battery_discharge_power_max=battery['power'], battery_charge_power_max=battery['power'],
                battery_discharge_efficiency=battery['efficiency'], battery_charge_efficiency=battery['efficiency'],
                battery_nominal_energy_capacity=1000 * battery['capacity'], battery_minimum_state_of_charge=0.0,
                battery_maximum_state_of_charge=1.0, battery_target_state_of_charge=battery['charge'],
                battery_soc_deficit_threshold=0.0, battery_soc_surplus_threshold=1.0,
                capacity_cost_per_kw=asked['peak_price'], inverter_is_hybrid=False, compute_curtailment=False)
    hass = dict(conf, optimization_time_step=pd.Timedelta(seconds=asked['step']), time_zone=None)
    logger = logging.getLogger('emhass')
    logger.setLevel(logging.ERROR)
    solver = Optimization(hass, conf, conf, 'unit_load_cost', 'unit_prod_price', 'profit', {}, logger,
                          opt_time_delta=int(count * hours), num_timesteps=count)
    answers = []
    for problem in problems:
        index = pd.date_range('2026-01-01', periods=count, freq=pd.Timedelta(seconds=asked['step']), tz='UTC')
        buy, sell, pv, load = (np.array(problem[name]) for name in ('buy', 'sell', 'pv', 'load'))
        data = pd.DataFrame({'unit_load_cost': buy, 'unit_prod_price': sell}, index=index)
        jobs = problem['jobs']
        begin = time.perf_counter()
        out = solver.perform_optimization(
            data, pv, load, buy, sell, soc_init=battery['charge'], soc_final=battery['charge'],
            def_total_timestep=[job['steps'] for job in jobs], def_total_hours=[0] * loads,
            def_start_timestep=[job['first'] for job in jobs], def_end_timestep=[job['end'] for job in jobs],
            min_power_of_deferrable_loads=[0.0] * loads)
        took = time.perf_counter() - begin
        answers.append({'seconds': took, 'status': str(solver.optim_status),
                        'battery': (-out['P_batt']).tolist(),
                        'jobs': [out[f'P_deferrable{k}'].tolist() for k in range(loads)]})
    memory = int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) / 1024
    print('ANSWER' + json.dumps({'answers': answers, 'memory': memory}))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
