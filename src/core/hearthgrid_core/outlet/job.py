"""Deferrable jobs: so much energy before a deadline, at a time the plan chooses, or in the last moment without one."""
import math
from dataclasses import asdict, dataclass, replace
from enum import IntEnum

from hearthgrid_core.outlet.band import OFF, ON, Voice, Word
from hearthgrid_core.settings import check_bounds, setting

JOULES_A_KWH = 3600e3  # [J/kWh]


class Status(IntEnum):
    """Where a job stands; the numbers are those of `Job.STATUS_…`."""

    UNKNOWN = 0
    WAITING = 1
    RUNNING = 2
    DONE = 3
    MISSED = 4
    CANCELLED = 5

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self in (Status.DONE, Status.MISSED, Status.CANCELLED)


@dataclass(frozen=True)
class JobSettings:
    """How an outlet keeps a deadline by itself."""

    job_margin: float = setting(60.0, 's', 0.0, 3600.0, 'How much earlier than the last moment a job is started.')
    job_margin_share: float = setting(0.05, '1', 0.0, 1.0, 'The same, as a share of the time it needs.')
    job_idle_time: float = setting(900.0, 's', 1.0, 86400.0, 'Half done, then idle for so long, a job counts as done.')

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True)
class Job:
    """A piece of work. ValueError when it asks for what cannot be.

    energy_kwh, delivered_kwh : [kWh].     deadline : [s].     power : expected while it runs. [W]
    """

    id: str
    energy_kwh: float
    deadline: float
    power: float
    interruptible: bool = False
    status: Status = Status.WAITING
    delivered_kwh: float = 0.0

    def __post_init__(self) -> None:
        for name in ('energy_kwh', 'power'):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f'{name} is {getattr(self, name)}; it must be a number above 0')
        if not math.isfinite(self.deadline) or not 0.0 <= self.delivered_kwh < math.inf:
            raise ValueError(f'deadline {self.deadline} or delivered_kwh {self.delivered_kwh} is not a number')

    @property
    def progress(self) -> float:
        """0 … 1."""
        return min(self.delivered_kwh / self.energy_kwh, 1.0)

    @property
    def remaining_time(self) -> float:
        """How long it still has to run at its expected power. [s]"""
        return max(self.energy_kwh - self.delivered_kwh, 0.0) * JOULES_A_KWH / self.power


class JobBook:
    """Holds one job, since one appliance hangs on an outlet. Time [s] is an argument."""

    IDLE_SHARE = 0.05  # of the expected power
    REST, REST_SHARE = 1e-3, 0.02  # what no plan is made for any more is not waited for [kWh], of the energy

    def __init__(self, settings: JobSettings) -> None:
        self._settings = settings
        self.job: Job | None = None  # the last one, also when it has ended
        self._now: float | None = None
        self._idle_since: float | None = None

    @property
    def running(self) -> bool:
        """Whether the job was running at the last step."""
        return self.job is not None and self.job.status is Status.RUNNING

    def add(self, now: float, job: Job) -> None:
        """Take a job. ValueError when its deadline has passed or another one is not finished."""
        if self.job is not None and not self.job.status.ended:
            raise ValueError(f'job {self.job.id} is not finished')
        if job.deadline <= now:
            raise ValueError('the deadline has passed')
        self.job, self._now, self._idle_since = job, now, None

    def move(self, now: float, deadline: float) -> None:
        """Give the job that is not finished another deadline [s]. ValueError without one, or when it has passed."""
        if self.job is None or self.job.status.ended:
            raise ValueError('there is no job to move')
        if deadline <= now:
            raise ValueError('the deadline has passed')
        self.job = replace(self.job, deadline=deadline)

    def cancel(self) -> Job | None:
        """End the job that is not finished, and return it; None when there is none."""
        if self.job is None or self.job.status.ended:
            return None
        self.job = replace(self.job, status=Status.CANCELLED)
        return self.job

    def step(self, now: float, running: bool, active_power: float) -> Job | None:
        """Book what the appliance drew since the last step, and return the job.

        running : whether the relay was closed because somebody wanted it on.     active_power : NaN = not known. [W]
        """
        duration = 0.0 if self._now is None else max(now - self._now, 0.0)
        self._now = now
        job = self.job
        if job is None or job.status.ended:
            return job
        power = active_power if running and active_power > 0.0 else 0.0
        job = replace(job, status=Status.RUNNING if running else Status.WAITING,
                      delivered_kwh=job.delivered_kwh + power * duration / JOULES_A_KWH)
        idle = running and active_power < self.IDLE_SHARE * job.power and job.progress >= 0.5
        self._idle_since = (now if self._idle_since is None else self._idle_since) if idle else None
        finished = idle and now - self._idle_since >= self._settings.job_idle_time
        left = job.energy_kwh - job.delivered_kwh
        if left < min(self.REST, self.REST_SHARE * job.energy_kwh) or finished:
            job = replace(job, status=Status.DONE)
        elif now >= job.deadline:
            job = replace(job, status=Status.MISSED)
        self.job = job
        return job

    def latest_start(self) -> float:
        """Return when the job must run to meet its deadline; infinity without one. [s]"""
        if self.job is None or self.job.status.ended:
            return math.inf
        settings, needed = self._settings, self.job.remaining_time
        return self.job.deadline - needed * (1.0 + settings.job_margin_share) - settings.job_margin

    def must_run(self, now: float) -> Word | None:
        """Return the word that overrules the plan: the deadline presses, or the job must not be interrupted."""
        job = self.job
        if job is None or job.status.ended:
            return None
        if now >= self.latest_start():
            return Word(Voice.PERSON, ON, f'job {job.id} must run now to meet its deadline')
        if self.running and not job.interruptible:
            return Word(Voice.PERSON, ON, f'job {job.id} must not be interrupted')
        return None

    def waits(self) -> Word | None:
        """Return the word for when the plan says nothing: the job waits for it."""
        job = self.job
        return None if job is None or job.status.ended else Word(Voice.PERSON, OFF, f'job {job.id} waits for the plan')

    def to_dict(self) -> dict | None:
        """Return what must outlive a restart."""
        return None if self.job is None else asdict(self.job) | {'status': int(self.job.status)}

    def restore(self, kept: dict | None) -> None:
        """Take back what `to_dict` gave. ValueError when it is damaged."""
        try:
            self.job = None if kept is None else Job(**kept | {'status': Status(kept['status'])})
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f'a kept job is damaged: {error!r}') from None
