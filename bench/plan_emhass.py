"""EMHASS on the problems of `plan-speed` and in the closed loop of `plan-value`, run by the Python that has it.

Started with $HEARTHGRID_EMHASS: one JSON object a line in on stdin, one a line out on stdout, until stdin ends. One
`Optimization` for all problems of a shape, as its server keeps one: the first call is cold, the others re-solve its
compiled problem with new numbers.
"""
import json
import logging
import sys
import time
from pathlib import Path


class Peer:
    """Its solvers, by what a compiled problem is made of."""

    def __init__(self):
        import emhass

        self._defaults = json.loads((Path(emhass.__file__).parent / 'data' / 'config_defaults.json').read_text())
        self._solvers, self._logger = {}, logging.getLogger('emhass')
        self._logger.setLevel(logging.ERROR)

    def _solver(self, asked: dict, jobs: list[dict]):
        key = json.dumps([asked['count'], asked['step'], [(job['power'], job.get('block', True)) for job in jobs]])
        if key not in self._solvers:
            self._solvers[key] = self._made(asked, jobs)
        return self._solvers[key]

    def _made(self, asked: dict, jobs: list[dict]):
        import pandas as pd
        from emhass.optimization import Optimization

        count, hours, battery, loads = asked['count'], asked['step'] / 3600, asked['battery'], len(jobs)
        conf = dict(
            self._defaults, costfun='profit', set_use_battery=True, set_use_pv=True, set_nodischarge_to_grid=False,
            number_of_deferrable_loads=loads, lp_solver_mip_rel_gap=asked['gap'], lp_solver_timeout=120,
            num_threads=1, delta_forecast_daily=pd.Timedelta(seconds=count * asked['step']),
            nominal_power_of_deferrable_loads=[job['power'] for job in jobs],
            minimum_power_of_deferrable_loads=[0.0] * loads, cost_forecast_per_deferrable_load=[None] * loads,
            is_electric_load=[True] * loads, treat_deferrable_load_as_semi_cont=[True] * loads,
            set_deferrable_load_single_constant=[job.get('block', True) for job in jobs],
            set_deferrable_startup_penalty=[0.0] * loads,
            deferrable_load_max_cost=[0.0] * loads, set_deferrable_max_startups=[0] * loads,
            def_minimum_on_time=[0] * loads, def_minimum_off_time=[0] * loads,
            operating_hours_of_each_deferrable_load=[job['steps'] * hours for job in jobs],
            start_timesteps_of_each_deferrable_load=[0] * loads, end_timesteps_of_each_deferrable_load=[0] * loads,
            maximum_power_from_grid=asked['import_max'], maximum_power_to_grid=asked['export_max'],
            battery_discharge_power_max=battery['power'], battery_charge_power_max=battery['power'],
            battery_discharge_efficiency=battery['efficiency'], battery_charge_efficiency=battery['efficiency'],
            battery_nominal_energy_capacity=1000 * battery['capacity'], battery_minimum_state_of_charge=0.0,
            battery_maximum_state_of_charge=1.0, battery_target_state_of_charge=battery.get('final', battery['charge']),
            battery_soc_deficit_threshold=0.0, battery_soc_surplus_threshold=1.0,
            weight_battery_discharge=battery.get('wear', 0.0), capacity_cost_per_kw=asked['peak_price'],
            inverter_is_hybrid=False, compute_curtailment=False)
        hass = dict(conf, optimization_time_step=pd.Timedelta(seconds=asked['step']), time_zone=None)
        return Optimization(hass, conf, conf, 'unit_load_cost', 'unit_prod_price', 'profit', {}, self._logger,
                            opt_time_delta=int(count * hours), num_timesteps=count)

    def solve(self, asked: dict, problem: dict) -> dict:
        """Return its answer to one problem."""
        import numpy as np
        import pandas as pd

        jobs, battery, count = problem['jobs'], asked['battery'], asked['count']
        solver, loads = self._solver(asked, jobs), len(jobs)
        index = pd.date_range('2026-01-01', periods=count, freq=pd.Timedelta(seconds=asked['step']), tz='UTC')
        buy, sell, pv, load = (np.array(problem[name]) for name in ('buy', 'sell', 'pv', 'load'))
        data = pd.DataFrame({'unit_load_cost': buy, 'unit_prod_price': sell}, index=index)
        begin = time.perf_counter()
        out = solver.perform_optimization(
            data, pv, load, buy, sell, soc_init=battery['charge'], soc_final=battery.get('final', battery['charge']),
            def_total_timestep=[job['steps'] for job in jobs], def_total_hours=[0] * loads,
            def_start_timestep=[job['first'] for job in jobs], def_end_timestep=[job['end'] for job in jobs],
            min_power_of_deferrable_loads=[0.0] * loads)
        took = time.perf_counter() - begin
        return {'seconds': took, 'status': str(solver.optim_status), 'battery': (-out['P_batt']).tolist(),
                'grid': out['P_grid'].tolist(), 'jobs': [out[f'P_deferrable{k}'].tolist() for k in range(loads)]}


def main() -> int:
    """Solve what comes on stdin."""
    peer = Peer()
    for line in sys.stdin:
        asked = json.loads(line)
        answers = [peer.solve(asked, problem) for problem in asked['problems']]
        memory = int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) / 1024
        print('ANSWER' + json.dumps({'answers': answers, 'memory': memory}), flush=True)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
