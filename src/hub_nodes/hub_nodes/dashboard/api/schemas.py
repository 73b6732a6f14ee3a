"""What the interface takes and gives. Answers mirror the page's own values, so there is one list of fields.

Units are SI, energy in [kWh], time in seconds since the epoch [s]; what is not known, and infinity, is null.
"""
import types
from dataclasses import fields, is_dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from hub_nodes.dashboard import audit, values
from hub_nodes.dashboard.views import HomeState, Totals

_mirrors: dict[type, type[BaseModel]] = {}


def mirror(kind: type) -> type[BaseModel]:
    """Return the model of a dataclass as `status.plain` puts it: a float may be null, tuples are lists."""
    if kind not in _mirrors:
        hints = get_type_hints(kind)
        _mirrors[kind] = create_model(
            kind.__name__, __doc__=(kind.__doc__ or '').strip(), __config__=ConfigDict(extra='forbid'),
            **{f.name: (_plain(hints[f.name]), ...) for f in fields(kind)})
    return _mirrors[kind]


def _plain(hint) -> Any:
    if hint is float:
        return float | None
    if is_dataclass(hint):
        return mirror(hint)
    if get_origin(hint) is tuple:
        return list[_plain(get_args(hint)[0])]
    if get_origin(hint) in (types.UnionType, Union):
        return reduce(or_, map(_plain, get_args(hint)))
    return hint


Reading, State, Identity = mirror(values.Reading), mirror(values.State), mirror(values.Identity)
Asked, Anomaly, Plan = mirror(values.Request), mirror(values.Anomaly), mirror(values.Plan)
Prices, Weather, Forecast = mirror(values.Prices), mirror(values.Weather), mirror(values.Forecast)
Costs, Job, Schedule = mirror(values.Costs), mirror(values.Job), mirror(values.Schedule)
Comparison = mirror(values.Comparison)
History, Island, Entry = mirror(values.History), mirror(values.Island), mirror(audit.Entry)


class Given(BaseModel):
    """Something a program sends: nothing unknown, nothing of another type, no NaN."""

    model_config = ConfigDict(extra='forbid', strict=True, allow_inf_nan=False)


class Outlet(BaseModel):
    """One outlet as the pages show it."""

    outlet: str
    title: str
    room: str
    heard: float | None = Field(description='when its last reading came [s]')
    fresh: bool = Field(description='whether that is recent enough to be called now')
    power: float | None = Field(description='what it draws now [W]')
    wish: str = Field(description='what a person asked last and still holds: on, off, limit or auto')
    planned: str = Field(description='the reason the plan gives')
    reading: Reading | None
    state: State | None
    identity: Identity | None
    request: Asked | None


class Status(BaseModel):
    """The whole home at once."""

    time: float
    home: mirror(HomeState)
    totals: mirror(Totals)
    outlets: list[Outlet]
    anomalies: list[Anomaly]
    cleared: list[Anomaly]
    plan: Plan | None
    prices: Prices | None


class Health(BaseModel):
    """Whether the page is alive and the home is heard."""

    ok: bool
    time: float
    home: str
    outlets: int
    heard: int


class Standing(BaseModel):
    """Where the home stands, and each member of the micro-grid."""

    home: mirror(HomeState)
    members: list[Island]


class Notices(BaseModel):
    """Anomalies that are raised, the most severe first, and that are over, the newest first."""

    raised: list[Anomaly]
    cleared: list[Anomaly]


class Me(BaseModel):
    """Who asks."""

    name: str
    scope: Literal['read', 'control', 'admin']


class Done(BaseModel):
    """What came of a wish."""

    text: str
    id: str = ''


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = ''


Name = Annotated[str, Field(min_length=1, max_length=32, pattern=r'^[A-Za-z0-9][A-Za-z0-9._@-]*$')]
Power = Annotated[float, Field(ge=0, le=1e6)]


def whole(low: int, high: int) -> Any:
    """Return the type of a whole number; JSON has one kind of number, so 5.0 is one."""
    return Annotated[int, Field(ge=low, le=high), BeforeValidator(
        lambda given: int(given) if isinstance(given, float) and given.is_integer() else given)]


Minute, Rank, Days = whole(0, 1439), whole(0, 65535), whole(1, 127)


class Wish(Given):
    """What an outlet is asked in the person's voice. More urgent voices may decide otherwise."""

    wish: Literal['on', 'off', 'limit', 'auto'] = Field(description='auto takes back what was asked')
    power_max: Power | None = Field(None, description='most it may draw while on or at its limit [W]')
    lifetime: Annotated[float, Field(ge=60, le=2_678_400)] | None = Field(None, description='it holds so long [s]')


class PriorityWish(Given):
    """Which outlets are shed first in an outage."""

    priority: Literal['medical', 'refrigeration', 'safety', 'essential', 'deferrable', 'comfort']
    rank: Rank | None = Field(None, description='higher is shed sooner; null keeps it')


class Label(Given):
    """What is really plugged in."""

    type: Annotated[str, Field(min_length=1, max_length=48, pattern=r'^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$')]
    model: Annotated[str, Field(max_length=64, pattern=r'^[^\x00-\x1f\x7f]*$')] = ''


class Rule(Given):
    """A weekly rule of an outlet, in the home's local time."""

    days: Days = Field(description='sum of 1 (Monday) … 64 (Sunday)')
    start_minute: Minute
    end_minute: Minute = Field(description='exclusive; at or below the start: next day')
    on: bool
    power_max: Power | None = Field(None, description='null = no cap [W]')


class ScheduleWish(Given):
    """The whole weekly schedule of an outlet."""

    entries: Annotated[list[Rule], Field(max_length=32)]


class JobWish(Given):
    """So much energy before a deadline; the plan chooses when."""

    energy_kwh: Annotated[float, Field(gt=0, le=1000)]
    deadline: Annotated[float, Field(gt=0, le=4e9)] = Field(description='[s]')
    power: Annotated[float, Field(gt=0, le=1e6)] = Field(description='expected while it runs [W]')
    interruptible: bool = False


class ChangeWish(Given):
    """What to plan once more with; null = as it is."""

    battery_kwh: Annotated[float, Field(ge=0, le=1000)] | None = Field(None, description='0 = none')
    battery_power: Annotated[float, Field(gt=0, le=1e5)] | None = Field(None, description='either way [W]')
    buy: Annotated[float, Field(ge=-10, le=1000)] | None = Field(None, description='all day [currency/kWh]')
    sell: Annotated[float, Field(ge=-10, le=1000)] | None = Field(None, description='all day [currency/kWh]')
    import_max: Annotated[float, Field(gt=0, le=1e6)] | None = Field(None, description='[W]')
    outlet: Annotated[str, Field(pattern=r'^([a-z][a-z0-9_]{0,31})?$')] = Field('', description='whose job')
    without: bool = Field(False, description='leave that job out')
    later: Annotated[float, Field(ge=-172_800, le=172_800)] | None = Field(None, description='its deadline moves [s]')


class DeadlineWish(Given):
    """Another deadline of a job."""

    deadline: Annotated[float, Field(gt=0, le=4e9)] = Field(description='[s]')


class OutageWish(Given):
    """In the simulation: fail the utility."""

    duration: Annotated[float, Field(ge=0, le=86_400)] = Field(description='0 restores it [s]')


class UserRow(BaseModel):
    """A user."""

    name: str
    role: Literal['viewer', 'operator', 'admin']


class UserWish(Given):
    """A user to be made."""

    name: Name
    password: Annotated[str, Field(min_length=10, max_length=256)]
    role: Literal['viewer', 'operator', 'admin']


class RoleWish(Given):
    """Another role of a user."""

    role: Literal['viewer', 'operator', 'admin']


class TokenRow(BaseModel):
    """A token, without its secret."""

    name: str
    scope: Literal['read', 'control', 'admin']
    made: float


class TokenWish(Given):
    """A token to be made."""

    name: Name
    scope: Literal['read', 'control', 'admin']


class HomeForm(BaseModel):
    """The home file as a form: a field's name is its place in the file, `outlets.3.title`. No secret is in it."""

    fields: dict[str, str]
    mark: str = Field(description='of the file as it is; to be sent back with changes')


class HomeWish(Given):
    """Fields of the home file that change; what is left out stays. A new row has the next number; emptying what names
    a row takes it out.
    """

    fields: Annotated[dict[str, Annotated[str, Field(max_length=2000)]], Field(max_length=5000)]
    mark: Annotated[str, Field(max_length=64)] = Field(description='of the form they were read with')


class HomeSaved(BaseModel):
    """What changed in the home file; it takes effect when the home starts again."""

    changed: list[str]
    backup: str = Field(description='where the old file is kept, empty = there was none')
    mark: str


class Channel(Given):
    """Where a test message goes."""

    channel: Annotated[str, Field(max_length=32, pattern=r'^[A-Za-z0-9_-]*$')] = Field('', description='empty = all')
