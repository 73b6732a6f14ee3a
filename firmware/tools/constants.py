"""Write `core/constants.h`: every number, bound and word the C core shares with `hearthgrid_core`.

`python tools/constants.py` rewrites the file; `python tools/constants.py -` prints it. A test holds the file to this.
"""
import math
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import numpy as np
import pywt

from hearthgrid_core.devices import examples, household, identifier, own, prototypes, view
from hearthgrid_core.devices import settings as device_settings
from hearthgrid_core.island import ballot, detector, load_droop, membership, role, voter, watch
from hearthgrid_core.outlet import band, job, protection, relay, requests, schedule
from hearthgrid_core.waveform import turn_on

# Packages offer functions of the same name as some of these modules.
alignment, metering, signature, wavelet, authentic, signed, permit = (
    import_module(f'hearthgrid_core.{name}') for name in (
    'waveform.alignment', 'waveform.metering', 'waveform.signature', 'waveform.wavelet', 'outlet.authentic',
    'island.signed', 'outlet.permit'))
FILE = Path(__file__).resolve().parents[1] / 'core' / 'constants.h'
SETTINGS = {'PROTECTION': protection.ProtectionSettings, 'RELAY': relay.RelaySettings,
            'REQUEST': requests.RequestSettings, 'DETECTOR': detector.DetectorSettings,
            'LOAD_DROOP': load_droop.LoadDroopSettings, 'ELECTION': role.ElectionSettings,
            'JOB': job.JobSettings, 'TURN_ON': turn_on.TurnOnSettings, 'OWN': device_settings.OwnSettings}
ENUMS = {'TRIP': protection.Trip, 'VOICE': band.Voice, 'REFUSAL': requests.Refusal, 'ROLE': role.Role,
         'KIND': ballot.Kind, 'JOB_STATUS': job.Status, 'IDENTITY': identifier.IdentityState}
TERM_MAX = 2**31  # of a ballot; outlet_node.ballots has the same, and a test holds both together
NUMBERS = {
    'CONVERTER': (protection, 'FULL_SCALE CLIPPED_SHARE STUCK_COUNTS'),
    'ALIGN': (alignment, 'SAMPLES_PER_CYCLE FREQUENCY_MIN FREQUENCY_MAX MAINS_MIN CYCLES_MIN TAPS REACH _PHASES '
              '_SHARPNESS'),
    'METERING': (metering, 'HARMONICS LOAD_MIN'),
    'SIGNATURE': (signature, 'SIGNATURE_VERSION HARMONICS POINTS FEATURES _SMALL _RATIO_MAX'),
    'WAVELET': (wavelet, 'LEVELS BANDS'),
    'RELAY': (relay, 'HOUR'),
    'REQUEST': (requests, 'SENDERS'),
    'AUTHENTIC': (authentic, 'MAC_BYTES'),
    'PERMIT': (permit, 'CALL FUTURE AGE LENGTH'),
    'DETECTOR': (detector, 'FREQUENCY_MIN FREQUENCY_MAX FREQUENCY_TIME LIVE'),
    'LOAD_DROOP': (load_droop, '_BASE DEAD HELD DIGGING MOVED BEND SLOW USUAL FREE STEEP STIFF'),
    'VIEW': (view, 'CURRENT_SCALE'),
    'PROTOTYPES': (prototypes, 'PROTOTYPES_VERSION NAME_LENGTH PER_NAME NEAR SURE MARGIN SAME CLAIM COUNT_MAX'),
    'OWN': (own, 'BOOK_MAX UNDO_MAX LESSONS LOOKS SAME_TIME AGAIN BIAS SLOPE'),
    'HOUSEHOLD': (household, 'POWER_MAX'),
    'IDENTIFIER': (identifier, 'CANDIDATES'),
    'COMMITTEE': (membership, 'SIZE_MAX'),
    'ELECTION': (voter, 'PASSED'),
    'SCHEDULE': (schedule, 'DAY ENTRIES'),
    'JOB': (job, 'JOULES_A_KWH'),
    'JOB_BOOK': (job.JobBook, 'IDLE_SHARE REST REST_SHARE'),
    'TURN_ON': (turn_on, 'NOW_CYCLES SETTLED'),
}


def number(value) -> str:
    """Return a C literal that reads back as the same value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f'{value}'
    if not math.isfinite(value):
        raise ValueError(f'{value} is no constant')
    return repr(float(value))


def text() -> str:
    """Return the header."""
    lines = ['/* Numbers shared with hearthgrid_core. Written by tools/constants.py: change the Python side. */',
             '#ifndef HEARTHGRID_CONSTANTS_H', '#define HEARTHGRID_CONSTANTS_H', '']
    for prefix, (module, names) in NUMBERS.items():
        for name in names.split():
            short = name.lstrip('_').removeprefix(f'{prefix}_')
            lines.append(f'#define HG_{prefix}_{short} {number(getattr(module, name))}')
    low, high = protection.TEMPERATURE_RANGE
    shape = view.appliance_view(np.zeros((1, signature.FEATURES))).shape
    lines += [f'#define HG_VIEW_FEATURES {shape[1]}',
              f'#define HG_TEMPERATURE_MIN ({number(low)})', f'#define HG_TEMPERATURE_MAX {number(high)}',
              f'#define HG_AUTHENTIC_LABEL "{authentic._LABEL.decode()}"',
              f'#define HG_RELAY_LABEL "{authentic._RELAY.decode()}"',
              f'#define HG_PERMIT_LABEL "{permit._LABEL.decode()}"', f'#define HG_PERMIT_WORD "{permit._WORD}"',
              f'#define HG_PERMIT_NONE "{permit.NO_PERMIT}"',
              f'#define HG_BALLOT_LABEL "{signed._BALLOT.decode()}"',
              f'#define HG_OWN_SPEAKER "{own.SPEAKER}"', f'#define HG_OWN_RECIPE "{own.RECIPE}"',
              '#define HG_OWN_NOISE {' + ', '.join(f'{number(float(x))}F' for x in own.NOISE) + '}',
              f'#define HG_TEXT_TYPE {examples.TYPE_LENGTH}', f'#define HG_TEXT_MODEL {examples.MODEL_LENGTH}',
              f'#define HG_BAND_ON {number(band.ON.power_min)}', f'#define HG_TERM_MAX {TERM_MAX}U',
              f'#define HG_MODE_MAX {max(watch.Mode)}',
              f'#define HG_DETECTOR_SAGS {len(detector.SAGS)}',
              '#define HG_DETECTOR_SAG_TABLE {' + ', '.join(f'{{{number(a)}, {number(b)}}}' for a, b in detector.SAGS)
              + '}',
              '#define HG_WAVELET_FILTER {'
              + ', '.join(f'{number(c)}f' for c in pywt.Wavelet(wavelet.WAVELET).dec_lo) + '}', '']
    for name, enum in ENUMS.items():
        lines.append('typedef enum {')
        if not isinstance(next(iter(enum)).value, int):
            lines.append(f'  HG_{name}_NONE = 0,')
        for place, member in enumerate(enum, 1):
            lines.append(f'  HG_{name}_{member.name} = {member.value if isinstance(member.value, int) else place},')
        lines += [f'}} hg_{name.lower()}_t;', '']
    for name, settings in SETTINGS.items():
        lines += [f'/* {settings.__doc__.splitlines()[0]} */', f'#define HG_{name}_SETTINGS(X) \\']
        rows = []
        for f in fields(settings):
            kind = {bool: 'bool', int: 'int', float: 'double'}[type(f.default)]
            low, high = (0, 1) if kind == 'bool' else (f.metadata['low'], f.metadata['high'])
            rows.append(f'  X({kind}, {f.name}, {number(f.default)}, {number(low)}, {number(high)})')
        lines += [' \\\n'.join(rows), '']
    return '\n'.join([*lines, '#endif', ''])



if __name__ == '__main__':
    if sys.argv[1:] == ['-']:
        sys.stdout.write(text())
    else:
        FILE.write_text(text(), encoding='utf-8')
