"""Targets that lie in files: what people write and give, and what nodes keep."""

from pathlib import Path

from hearthgrid import fuzz_samples as samples
from hearthgrid.fuzz import Target
from hearthgrid.fuzz_forms import NOW, from_file, simple


def targets() -> list[Target]:
    """Return those of this file."""
    return [*_files(), *_state(), *_hub_state()]


def _files() -> list[Target]:
    import json

    import numpy as np

    from hearthgrid.simulate_course import CourseError
    from hearthgrid.simulate_course import read as read_course
    from hearthgrid_core.devices import DevicesError
    from hearthgrid_core.devices.bundle import MANIFEST, MODEL, Trained, Unit, _hash, pack, unpack
    from hearthgrid_ros.home import HomeError, load, parse
    from hearthgrid_ros.recordings import RecordingError
    from hearthgrid_ros.recordings import read as read_recording
    from hub_nodes.identify.library import LibraryError
    from hub_nodes.identify.library import read as read_library

    def model(content: bytes) -> None:
        try:  # with a hash that fits, or nothing but the hash would be looked at
            document = json.loads(content)
            document.pop('hash', None)
            content = json.dumps({**document, 'hash': _hash(document)}).encode()
        except (AttributeError, RecursionError, TypeError, ValueError):
            pass
        unpack({MANIFEST: content, MODEL: trained.tflite})

    unit = Unit('kettle', 'A', (0.5, 0.25))
    trained = Trained(b'0000TFL3', ('fridge', 'kettle'), 3.0, (1.0, 2.0), (unit,), (1.0, 2.0), {'made': 'by hand'},
                      (1.0, 2.0, 0.5))
    home = parse('outlets: [{id: kettle}]')
    angle = 2 * np.pi * 50 * np.arange(1600) / 6400
    wave = {'voltage': 325 * np.sin(angle), 'current': np.sin(angle)}
    arrays = samples.npz(**wave, sampling_rate=np.float64(6400), label=np.array('kettle'))
    return [
        from_file('home', 'the home file (YAML)', (HomeError,), [samples.HOME_YAML], 'home.yaml', load),
        from_file('library', 'a library of models (YAML)', (LibraryError,), [samples.LIBRARY_YAML], 'models.yaml',
                  read_library),
        simple('model', 'the manifest of a trained model (JSON)', (DevicesError,), [pack(trained)[MANIFEST]], model),
        from_file('recording-csv', 'a recording in a table', (RecordingError,), [samples.waveform_csv()], 'kettle.csv',
                  read_recording),
        from_file('recording-wav', 'a recording as sound', (RecordingError,), [samples.wav()], 'kettle.wav',
                  read_recording),
        from_file('recording-npz', 'a recording as arrays', (RecordingError,), [arrays], 'kettle.npz', read_recording),
        from_file('course-csv', 'a course of a simulation', (CourseError,), [samples.course_csv()], 'course.csv',
                  lambda path: read_course(path, home, 1, 1, None)),
    ]  # fmt: skip


def _state() -> list[Target]:
    import json

    import numpy as np

    from hearthgrid_core.outlet import (
        JobSettings,
        OutletController,
        Priority,
        ProtectionSettings,
        RelaySettings,
        Request,
        RequestSettings,
        Snapshot,
        Voice,
    )
    from hearthgrid_ros import key_file
    from hub_nodes.gateway.outlet import PlugOutlet
    from hub_nodes.identify.memory import HASH, Memory, digest
    from hub_nodes.notify.post import Addresses
    from hub_nodes.state_file import StateFile
    from outlet_node.keep import Keeper

    def outlet() -> OutletController:
        return OutletController(ProtectionSettings(), RelaySettings(), RequestSettings(), JobSettings())

    known = outlet()
    known.requests.receive(NOW, Request(Voice.PERSON, 'x', 1, 1, NOW, NOW + 900.0, 0.0, 500.0))
    known.choose(None, Priority.COMFORT, 3)
    known.step(NOW, Snapshot(None, 0, 0))

    def restored(path: Path) -> None:
        made, part = outlet(), path.suffixes[0][1:]
        found, _ = Keeper(str(path.parent), 'kettle').load(part)  # a file that is no JSON mapping it puts aside
        if found is not None:
            {'memory': made.restore_memory, 'preferences': made.restore_preferences}[part](NOW, found)
            made.step(NOW, Snapshot(None, 0, 0))

    def plug(content: bytes) -> None:
        made = PlugOutlet(RequestSettings(), RelaySettings(), Priority.COMFORT)
        made.restore(NOW, json.loads(content))
        made.step(NOW, False)

    plug_state = PlugOutlet(RequestSettings(), RelaySettings(), Priority.COMFORT).state()
    learnt = {'rows': np.zeros((3, 4)), 'names': np.array(['a', 'b'])}
    stored = key_file.Stored().rotated(NOW)
    keys = key_file.dump(key_file.Keys(stored, {'kettle': stored.rotated(NOW)}))
    return [
        simple('keys', 'the file of keys', (key_file.KeyFileError,), [keys], key_file.parse),
        from_file('state', 'a kept state (JSON)', (ValueError,), [b'{"format": "hearthgrid x 1", "rows": {"a": {}}}'],
                  'x.json',
                  lambda path: StateFile(str(path.parent), 'x').load()),
        from_file('outlet-memory', 'the memory of an outlet (JSON)', (ValueError,), [samples.dumped(known.memory())],
                  'kettle.memory.json', restored),
        from_file('outlet-preferences', 'what a person set (JSON)', (ValueError,),
                  [samples.dumped(known.preferences())], 'kettle.preferences.json', restored),
        simple('plug-memory', 'the memory of a plug (JSON)',
               (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError),
               [samples.dumped(plug_state)], plug),
        from_file('identify-memory', 'what identification learnt (arrays)', (ValueError,),
                  [samples.npz(**learnt, **{HASH: np.array(digest(learnt))})], 'identify.npz',
                  lambda path: Memory(str(path.parent), None).load()),
        from_file('addresses', 'addresses of channels (YAML)', (), [samples.ADDRESSES_YAML], 'notify.yaml',
                  lambda path: Addresses(path).refresh(), lambda path: path.chmod(0o600)),
    ]  # fmt: skip


def _hub_state() -> list[Target]:
    import json

    from hearthgrid_core.devices import DevicesError
    from hearthgrid_core.devices.own import OwnDevices
    from hearthgrid_core.grid_service import PowerLog, Programme, RuleSettings
    from hearthgrid_core.notify import ChannelRules, News, Notifier, Severity
    from hub_nodes.grid_service.memory import Memory
    from hub_nodes.grid_service.openadr2_read import Home
    from hub_nodes.grid_service.openadr3_read import read_event

    event, _ = read_event(json.loads(samples.OPENADR3)[0], Home(10_000.0, 10.0, 'EUR'))
    programme = Programme(RuleSettings())
    programme.hear(NOW, [event])
    kept = {'format': 'hearthgrid grid_service 1', 'programme': programme.dump(), 'days': ['2023-11-14'],
            'power': {'1888888': 812.5}}  # fmt: skip

    def grid(path: Path) -> None:
        made = Programme(RuleSettings())
        Memory(str(path.parent)).load(NOW, made, PowerLog())
        made.dump()

    rules = ChannelRules('phone')
    told = Notifier([rules])
    told.step(NOW, 0, [News('a', Severity.WARNING, 'Kettle', 'too hot', NOW)])

    def notifier(content: bytes) -> None:
        made = Notifier([rules])
        made.restore(json.loads(content))
        made.step(NOW + 10.0, 0)

    return [
        from_file('grid-service-memory', 'kept events of the utility (JSON)', (ValueError,), [samples.dumped(kept)],
                  'grid_service.json', grid),
        # What the node takes for "damaged".
        simple('notify-memory', 'what was told and waits (JSON)',
               (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError),
               [samples.dumped(told.state())], notifier),
        simple('own-devices', 'what an outlet learnt of its devices (JSON)',
               (DevicesError, ValueError, RecursionError), [samples.dumped(OwnDevices().state())],
               lambda content: OwnDevices.from_state(_mapping(json.loads(content)))),
    ]  # fmt: skip


def _mapping(value) -> dict:
    if not isinstance(value, dict):
        raise ValueError('no mapping')
    return value
