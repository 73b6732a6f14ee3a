"""When each device is planned to run, and by when its job has to be done: dragged, or moved by keys."""
import math

from hub_nodes.dashboard import charts, values, when, words
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.widgets import Tag, card, outlet_url, tell, texts

MINUTE = 60.0   # [s]


class Gantt:
    """A row for each device of the plan and for each job that is not finished."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._rows, self._scaled = backend, {}, None
        hint = 'When each is planned to run; outlined: when it gives.'
        if backend.may('control'):
            hint += ' Drag the mark of a deadline, or choose it and press ← → (a quarter of an hour), Page Up or Down.'
        with card('Devices', hint=hint):
            self._list = Tag('ul', css='gantt')
            self._list.on('deadline', self._moved, js_handler='(e) => emit(e.detail)')
            with Tag('div', css='gantt-scale', aria_hidden='true'):
                self._scale = Tag('div', css='bars')
            self._none = Tag('p', 'Nothing is planned for a device.', 'hint')

    async def _moved(self, event) -> None:
        said = texts(event.args)
        try:
            outlet, job, at = said['outlet'], said['job'], float(said['at'])
        except (KeyError, ValueError):
            return
        if math.isfinite(at):
            tell(await self._backend.move_job(outlet, job, at))
        if outlet in self._rows:
            self._rows[outlet].forget()  # where the mark stands in the browser is what was asked, not what holds

    def refresh(self) -> None:
        model, now = self._backend.model, self._backend.now()
        plan = model.latest(values.Plan)
        devices = {device.outlet: device for device in plan.devices} if plan else {}
        jobs = {job.outlet: job for job in reversed(model.jobs()) if job.status in values.PENDING}
        names = [*devices, *(outlet for outlet in sorted(jobs) if outlet not in devices)] if plan else []
        self._none.put(hidden=True if names else None)
        if names != list(self._rows):
            self._list.clear()
            with self._list:
                self._rows = {name: Row(self._backend, name) for name in names}
        if plan is None:
            return
        length = plan.step * max([len(plan.grid_power), 1, *(len(device.power) for device in plan.devices)])
        for name, row in self._rows.items():
            row.refresh(plan, length, devices.get(name), jobs.get(name))
        mark = (plan.start, length, bool(names), math.floor(now / 86_400))
        if mark != self._scaled:
            self._scaled = mark
            self._scale.clear()
            with self._scale:
                for share in (0.0, 0.25, 0.5, 0.75, 1.0) if names else ():
                    Tag('span', words.clock(plan.start + share * length, now)[-5:], style=f'left:{100 * share:.0f}%')


class Row:
    """One device. What is in it is changed in place, so that who moves a deadline by keys keeps their place."""

    def __init__(self, backend: Backend, outlet: str) -> None:
        self._backend, self._outlet, self._shown, self._marked = backend, outlet, None, None
        model, now = backend.model, backend.now()
        view = model.outlet(outlet, now)
        together = outlet == values.BATTERY and len(model.totals(now).batteries) > 1  # a plan has them as one
        self._title = 'Batteries together' if together else model.title(outlet, now)
        may = backend.may('control')
        with Tag('li', data_outlet=outlet):
            if view is not None:
                Tag('a', self._title, href=outlet_url(outlet))
            else:
                Tag('span', self._title)
            with Tag('div', css='track'):
                self._bars = Tag('div', css='bars', role='img', aria_label='does not run')
                self._mark = Tag('div', css='deadline', role='slider' if may else 'img', hidden=True,
                                 data_outlet=outlet, aria_label=f'Deadline of {self._title}',
                                 tabindex='0' if may else None, data_may=str(may).lower())
                with self._mark:
                    self._at = Tag('span', '', aria_hidden='true')
            self._text = Tag('span', '', 'hint')

    def forget(self) -> None:
        """Set the mark again at the next refresh."""
        self._marked = None
        self._mark.put(data_at=None, style=None, aria_valuenow=None, aria_valuetext=None)
        self._at.say('')

    def refresh(self, plan: values.Plan, length: float, device: values.DevicePlan | None,
                job: values.Job | None) -> None:
        """Show what is planned and, of a job, the deadline."""
        now = self._backend.now()
        self._draw(plan, device, job, now)
        marked = (plan.start, length, job.id, job.deadline) if job else ()
        if marked == self._marked:
            return
        self._marked = marked
        if job is None:
            self._mark.put(hidden=True)
            return
        share = min(max((job.deadline - plan.start) / length, 0.0), 1.0)
        said = words.clock(job.deadline, now)
        self._mark.put(
            hidden=None, style=f'left:{100 * share:.2f}%', data_job=job.id, data_start=f'{plan.start:.0f}',
            data_length=f'{length:.0f}', data_at=f'{job.deadline:.0f}', aria_valuemin='0',
            data_zone=f'{when.local(job.deadline).utcoffset().total_seconds():.0f}',
            aria_valuemax=f'{length / MINUTE:.0f}', aria_valuenow=f'{share * length / MINUTE:.0f}', aria_valuetext=said,
            title=f'Done by {said}', data_beyond='true' if job.deadline > plan.start + length else None)
        self._at.say(said[-5:])  # of another day, its row says which

    def _draw(self, plan: values.Plan, device: values.DevicePlan | None, job: values.Job | None, now: float) -> None:
        shown = (plan.start, plan.step, device, job.deadline if job else None)
        if shown == self._shown:
            return
        self._shown = shown
        power = device.power if device else ()
        runs = [(*run, 'takes') for run in charts.segments(power)]
        runs += [(*run, 'gives') for run in charts.segments([-watts for watts in power])]
        runs.sort()

        def at(step: int) -> str:
            return words.clock(plan.start + step * plan.step, now)

        spoken = '; '.join(f'{at(first)} to {at(last)}, {kind} {words.power(mean)}' for first, last, mean, kind in runs)
        self._bars.put(aria_label=spoken or 'does not run')
        self._bars.clear()
        with self._bars:
            for first, last, mean, kind in runs:
                steps = max(1, len(power))
                Tag('i', style=f'left:{100 * first / steps:.2f}%;width:{100 * (last - first) / steps:.2f}%',
                    title=f'{at(first)}–{at(last)}, {kind} {words.power(mean)}', data_kind=kind)
        due = f'Done by {words.clock(job.deadline, now)}. ' if job else ''
        reason = (device.reason if device else '') or (spoken and f'first {at(runs[0][0])}') or (
            'waits for the next plan' if job else 'does not run')
        self._text.say(due + words.reason(reason))
