"""Settings of the plan."""
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting


@dataclass(frozen=True)
class PlanSettings:
    """How far and how hard to plan. What is not money is weighed in mean import prices: any currency will do."""

    step: float = setting(300.0, 's', 10.0, 3600.0, 'Step of the plan.')
    horizon: float = setting(86400.0, 's', 600.0, 604800.0, 'How far the plan looks; at most 576 steps.')
    solve_time: float = setting(0.0, 's', 0.0, 120.0, 'Time to branch and bound beyond the quick search; 0 = none.')
    gap: float = setting(2e-4, '1', 0.0, 0.1, 'A plan so near to the cheapest, as a share of the bill, will do.')
    late_weight: float = setting(30.0, '1', 1.0, 1000.0, 'A kWh after its deadline, in mean import prices.')
    limit_weight: float = setting(100.0, '1', 1.0, 1000.0, 'A kWh beyond an import or export limit, in the same.')
    reserve_weight: float = setting(2.0, '1/h', 0.0, 100.0, 'A kWh of reserve missing for an hour, in the same.')
    comfort_weight: float = setting(1.0, '1/h', 0.0, 100.0, 'A degree outside the comfort band for an hour, the same.')
    switch_weight: float = setting(0.002, 'h', 0.0, 1.0, 'Switching an interruptible load on, as time at its power.')
    early_weight: float = setting(2e-5, '1/h', 0.0, 0.01, 'Waiting an hour with a kWh: early when equally cheap.')
    keep_weight: float = setting(1e-3, '1', 0.0, 0.5, 'A start is moved only when a kWh gets cheaper by so much.')
    stored_weight: float = setting(0.8, '1', 0.0, 1.0, 'A kWh left in the battery at the end, in mean import prices.')
    margin: float = setting(120.0, 's', 0.0, 7200.0, 'How long before its deadline a job should be done.')
    margin_share: float = setting(0.06, '1', 0.0, 1.0, 'The same, as a share of the time it needs.')

    def __post_init__(self):
        check_bounds(self)
        if self.horizon < self.step:
            raise ValueError('horizon is shorter than a step')
        if self.horizon / self.step > 576:
            raise ValueError('horizon holds more than 576 steps')

    @property
    def count(self) -> int:
        """Steps of the plan."""
        return int(self.horizon // self.step)
