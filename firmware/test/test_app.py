"""The application beside the Python outlet: the same samples and requests, the same readings and decisions."""
import importlib.util
import math
import struct

import numpy as np
import pytest

from hearthgrid_core.island import GridWatchSettings
from hearthgrid_core.island.sequence import SequenceSettings
from hearthgrid_core.outlet import Voice, pack, sign
from hearthgrid_core.outlet.capture import Block, Capture
from hearthgrid_core.waveform.change import ChangeSettings

RATE, NOMINAL, SCALE = 6400.0, 50.0, (0.015, 0.006)
BLOCK = 1280
KEY = bytes(range(32))
START = 1_700_000_000.0


class Board:
    """An outlet in C with a clock, flash and a mains of its own."""

    def __init__(self, c, flash=None, **given):
        self.c, self.ffi, self.lib = c, c.ffi, c.lib
        self.now, self.relay, self.said, self.sample = 10.0, None, [], 0
        self.flash = flash if flash is not None else [bytearray(b'\xff' * 32768) for _ in range(2)]
        self.keep = []
        self.platform = self._platform()
        self.settings = self.ffi.new('hg_app_settings_t *')
        self.lib.hg_app_defaults(self.settings, b'kettle')
        self.settings.scale.voltage, self.settings.scale.current = SCALE
        self.settings.request_key[0:32] = KEY
        self.settings.request_key_length = 32
        for name, value in given.items():
            setattr(self.settings, name, value)
        self.app = self.ffi.new('struct hg_app *')
        self.status = self.lib.hg_app_init(self.app, self.settings, self.platform)
        self.counter = 0

    def _platform(self):
        ffi, made = self.ffi, self.ffi.new('hg_platform_t *')

        def give(type, function):
            self.keep.append(ffi.callback(type, function))
            return self.keep[-1]

        def relay(_, closed):
            self.relay = closed

        def local(_, wall, weekday, minute):
            weekday[0], minute[0] = 0, int(wall // 60) % 1440

        def read(number):
            def run(_, at, out, count):
                ffi.memmove(out, bytes(self.flash[number][at:at + count]), count)
                return True
            return run

        def program(number):
            def run(_, at, given, count):
                for k, byte in enumerate(ffi.buffer(given, count)):
                    self.flash[number][at + k] &= byte[0]
                return True
            return run

        def erase(number):
            def run(_, sector):
                self.flash[number][sector * 16384:(sector + 1) * 16384] = b'\xff' * 16384
                return True
            return run

        made.monotonic = give('double(void *)', lambda _: self.now)
        made.local = give('void(void *, double, int *, int *)', local)
        made.relay = give('void(void *, bool)', relay)
        made.temperature = give('double(void *)', lambda _: 25.0)
        made.random = give('uint32_t(void *)', lambda _: 1 << 31)
        made.log = give('void(void *, hg_log_t, const char *)',
                        lambda _, level, text: self.said.append(ffi.string(text).decode()))
        for number in range(2):
            flash = made.flash[number]
            flash.read = give('bool(void *, uint32_t, uint8_t *, uint32_t)', read(number))
            flash.program = give('bool(void *, uint32_t, const uint8_t *, uint32_t)', program(number))
            flash.erase = give('bool(void *, uint32_t)', erase(number))
            flash.sector, flash.slot = 16384, 1152
        return made

    @property
    def wall(self):
        return START + self.now

    def block(self, voltage=230.0, current=2.0, frequency=50.02, lag=0.3):
        """Let one block of a sine come, and the tasks run; return its counts."""
        t = (self.sample + np.arange(BLOCK)) / RATE
        angle = 2 * np.pi * frequency * t
        v = np.rint(np.sqrt(2) * voltage / SCALE[0] * np.sin(angle)).astype(np.int16)
        i = np.rint(np.sqrt(2) * current / SCALE[1] * (np.sin(angle - lag) + 0.2 * np.sin(3 * angle))).astype(np.int16)
        self.sample += BLOCK
        self.now += BLOCK / RATE
        at_once = self.lib.feed(self.app, *(self.ffi.from_buffer('int16_t[]', row) for row in (v, i)), BLOCK)
        self.lib.hg_app_time(self.app, START, self.wall)
        self.lib.hg_app_control(self.app, self.now)
        assert self.lib.hg_app_analyse(self.app, self.now) == self.lib.HG_OK
        return v, i, at_once

    def mail(self, box):
        """Take everything out of an outgoing mailbox."""
        box = getattr(self.app.out, box)
        taken = []
        while box.read != box.written:
            item = box.items[box.read % len(box.items)]
            taken.append(self.ffi.new(self.ffi.typeof(item).cname + ' *', item)[0]
                         if self.ffi.typeof(item).kind == 'struct' else item)
            self.keep.append(taken[-1])
            box.read += 1
        return taken

    def request(self, power_max, voice=Voice.PERSON, key=KEY, epoch=1, counter=None, age=0.0, provisional=False):
        """Put a signed request into the mailbox."""
        self.counter += 1
        counter = self.counter if counter is None else counter
        stamp, expiry = (round((self.wall - age + after) * 1e9) for after in (0.0, 60.0))
        capped = struct.unpack('f', struct.pack('f', power_max))[0]
        packed = pack(stamp, expiry, voice, epoch, 0, provisional, counter, 0.0, capped, 'because', 'tester')
        box = getattr(self.app, 'in').requests
        mail = box.items[box.written % len(box.items)]
        wire = mail.wire
        wire.stamp, wire.expiry, wire.voice, wire.epoch, wire.term = stamp, expiry, int(voice), epoch, 0
        wire.counter, wire.provisional, wire.power_min, wire.power_max = counter, provisional, 0.0, capped
        self.ffi.memmove(wire.reason, b'because\0', 8)
        self.ffi.memmove(wire.sender, b'tester\0', 7)
        code = sign(key, packed) if key else b''
        self.ffi.memmove(mail.mac, code.ljust(16, b'\0'), 16)
        mail.mac_length = len(code)
        box.written += 1

    def states(self):
        return [(s.relay, s.voice, s.trip, s.refused, self.ffi.string(s.reason).decode()) for s in self.mail('states')]


@pytest.fixture
def board(application):
    return lambda **given: Board(application, **given)


def test_the_table_of_entities_is_current(application):
    spec = importlib.util.spec_from_file_location('entities', __file__.replace('test/test_app.py', 'tools/entities.py'))
    entities = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entities)
    assert entities.FILE.read_text() == entities.text(), 'python firmware/tools/entities.py writes it anew'
    counted = entities.counts()
    assert counted['publishers'] == len(entities.PUBLISHERS) + len(entities.SPOKEN) + 2 * len(entities.ACTIONS)
    assert {row.name for row in entities.SERVICES} >= {'reset_trip', 'set_schedule', 'set_priority'}


def test_numbers_written_by_hand_are_the_python_ones(application):
    app, ffi = application, application.ffi
    made = ffi.new('hg_app_settings_t *')
    app.lib.hg_app_defaults(made, b'x')
    for settings, names in ((GridWatchSettings(), 'return_voltage_min return_voltage_max return_frequency_span '
                             'return_time silence_max open_time tie_age_max'),):
        for name in names.split():
            assert getattr(made.island, name) == getattr(settings, name), name
    from outlet_node.settings import ConsensusSettings, OutletSettings
    member, outlet = ConsensusSettings(), OutletSettings()
    for name in ('join_time', 'shed_time', 'silence'):
        assert getattr(made.island, name) == getattr(member, name), name
        assert hasattr(SequenceSettings(), name)
    for name in ('heartbeat', 'timeout', 'drift', 'repeat', 'canvass', 'courtship', 'join'):
        assert getattr(made.election, name) == getattr(member, name), name
    assert made.election.spread > member.spread  # it stands for election after those that know a leader's duties
    for ours, theirs in (('power', 'power'), ('voltage', 'voltage'), ('droop', 'droop'), ('rate', 'rate'),
                         ('filter', 'filter'), ('surge', 'surge'), ('back', 'return')):
        assert getattr(made.shedding, ours) == getattr(outlet, f'island_{theirs}'), ours
    for name in ('island_grace', 'silence_max', 'heartbeat', 'signature_heartbeat'):
        assert getattr(made, name) == getattr(outlet, name), name
    change = ChangeSettings()
    assert (change.step, change.relative, change.steady, change.patience) == (4.0, 0.08, 3, 10.0)  # reading.h


def test_readings_are_those_of_the_python_capture(board):
    outlet, capture, own = board(), Capture(), []
    for k in range(26):
        current = 2.0 if k < 12 else 5.0
        v, i, _ = outlet.block(current=current)
        taken = capture.take(outlet.wall, Block(outlet.wall - BLOCK / RATE, k, RATE, NOMINAL, *SCALE, 25.0, v, i))
        own += [taken.reading] if taken.reading else []
    said = outlet.mail('readings')
    assert len(said) == 4  # the box holds four, and nobody took them out
    for theirs, ours in zip(said, own, strict=False):
        for name in ('voltage', 'current', 'active_power', 'reactive_power', 'apparent_power', 'power_factor',
                     'frequency', 'current_thd'):
            assert getattr(theirs.reading.metering, name) == pytest.approx(getattr(ours.metering, name), rel=1e-4), name
        assert theirs.reading.end == pytest.approx(ours.end) and theirs.reading.duration == pytest.approx(1.0)
        assert theirs.reading.energy_kwh == pytest.approx(ours.energy_kwh, rel=1e-6)


def test_a_change_of_load_shows_a_signature_and_its_window(board):
    outlet = board()
    reasons = []
    for k in range(20):
        outlet.block(current=2.0 if k < 10 else 5.0)
        shown = outlet.mail('signatures')
        reasons += [(k, s.reason) for s in shown]
        windows = outlet.mail('waveforms')
        assert len(windows) == len(shown)
        for w in windows:
            assert (w.cycles == 10 or k == 0) and abs(w.n - 128 * w.cycles) <= 2
            assert abs(w.voltage[0]) < 0.05 * 325 / SCALE[0]  # it begins where the voltage rises through zero
    changes = [k for k, reason in reasons if reason == 1]
    assert changes[0] <= 3 and 10 <= changes[-1] <= 13 and len(changes) == 2


def test_requests_are_obeyed_and_refused_as_by_the_python_outlet(board):
    outlet = board()
    outlet.block()
    assert outlet.relay is True and outlet.states()[-1][0] == 2
    outlet.request(0.0, key=b'')
    outlet.request(0.0, key=b'other')
    outlet.block()
    assert outlet.relay is True and outlet.app.control.refused == 2
    for _ in range(10):
        outlet.block()  # the dwell time
    outlet.request(0.0)
    outlet.block()
    state = outlet.states()[-1]
    assert outlet.relay is False and state[:2] == (1, int(Voice.PERSON)) and state[4] == 'because'
    outlet.request(math.inf, counter=1)  # replayed
    outlet.request(0.0, age=11.0)
    outlet.block()
    assert outlet.relay is False and outlet.app.control.refused == 4
    for _ in range(10):
        outlet.block()
    outlet.request(math.inf)
    outlet.block()
    assert outlet.relay is True


def test_a_short_circuit_is_seen_in_the_interrupt_and_latches(board):
    outlet = board()
    outlet.block()
    *_, at_once = outlet.block(current=70.0)
    assert at_once and outlet.relay is False
    assert outlet.states()[-1][1:3] == (int(Voice.PROTECTION), outlet.lib.HG_TRIP_OVERCURRENT)
    outlet.block(current=0.0)
    assert outlet.relay is False


def test_without_samples_it_does_not_close_and_says_so(board):
    outlet = board()
    for _ in range(300):
        outlet.now += 0.01
        outlet.lib.hg_app_control(outlet.app, outlet.now)
    assert outlet.relay is None
    assert 'no samples, so no protection: stays open' in outlet.states()[-1][4]


def test_without_wall_time_nobody_is_obeyed_and_protection_works(board):
    outlet = board()
    outlet.block()
    outlet.lib.hg_app_time(outlet.app, math.nan, math.nan)
    outlet.request(0.0)
    outlet.now += 3.0
    outlet.lib.hg_app_control(outlet.app, outlet.now)
    assert outlet.relay is True and outlet.app.control.refused == 1


def test_what_a_person_set_and_a_trip_come_back(board):
    outlet = board(request_key_length=0)  # with a key a call needs a permit
    outlet.block()
    ask = getattr(outlet.app, 'in').asks
    asked = ask.items[0]
    asked.kind, asked.priority, asked.rank, asked.ticket = outlet.lib.HG_ASK_PRIORITY, 1, 7, 9
    ask.written += 1
    outlet.block(current=70.0)
    answer = outlet.mail('answers')[0]
    assert (answer.ticket, answer.success) == (9, True)
    again = board(flash=outlet.flash)
    assert (again.app.control.priority, again.app.control.rank) == (1, 7)
    assert again.app.protection.trip == outlet.lib.HG_TRIP_OVERCURRENT
    assert again.app.energy.energy_kwh == pytest.approx(outlet.app.energy.energy_kwh, abs=1e-3)
    again.block()
    assert again.relay is not True


def test_what_a_person_asked_holds_over_a_restart_until_it_expires(board):
    outlet = board()
    outlet.block()
    for _ in range(10):
        outlet.block()
    outlet.request(0.0)
    outlet.block()
    assert outlet.relay is False
    again = board(flash=outlet.flash)
    again.now = outlet.now
    again.block()
    state = again.states()[-1]
    assert again.relay is False and state[1] == int(Voice.PERSON) and state[4] == 'because'
    again.now += 61.0
    again.block()
    assert again.relay is True
    later = board(flash=outlet.flash)
    later.now = outlet.now + 61.0
    later.block()
    assert later.relay is True


def test_term_and_vote_come_back_and_the_incarnation_rises(board):
    outlet = board(incarnation=5)
    for _ in range(60):
        outlet.block()
    assert outlet.app.election.role == outlet.lib.HG_ROLE_LEADER  # of a zone of its own
    term = outlet.app.election.term
    assert term > 0
    again = board(flash=outlet.flash, incarnation=5)
    assert again.app.election.remembers and again.app.election.term >= term
    assert again.app.election.incarnation > outlet.app.election.incarnation


def test_an_outage_goes_through_the_sequence(board):
    outlet, modes = board(), []
    for k in range(140):
        dead = 60 <= k < 80
        tie = getattr(outlet.app, 'in').ties
        item = tie.items[tie.written % len(tie.items)]
        item.known, item.closed, item.alive, item.stamp = True, not 60 <= k < 90, not 60 <= k < 90, outlet.wall
        tie.written += 1
        outlet.block(voltage=0.0 if dead else 230.0, current=0.0 if dead else 2.0)
        modes += [view.mode for view in outlet.mail('islands')]
    steps = [mode for mode, before in zip(modes, [None, *modes], strict=False) if mode != before]
    assert steps[-8:] == [1, 2, 3, 4, 5, 6, 7, 1] or steps[-9:] == [1, 2, 3, 4, 5, 6, 7, 8, 1]


def test_settings_out_of_bounds_are_refused(board):
    assert board(priority=9).status == board().lib.HG_ERROR_ARGUMENT
    assert board(sampling_rate=10000.0).status == board().lib.HG_ERROR_RATE
    assert board(ballot_age_max=0.0).status == board().lib.HG_ERROR_ARGUMENT
