"""The form of a trained model as files: a manifest that says what it is, and the model it vouches for by hash.

The hashes show damage and mistakes. They do not show who made the files: take a model only from whom you trust.
"""
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..waveform import SIGNATURE_VERSION
from .examples import DevicesError, checked_label

FORMAT, BUNDLE_VERSION = 'hearthgrid device model', 1
MANIFEST, MODEL = 'model.json', 'model.tflite'
MODEL_MAX, MANIFEST_MAX = 200_000, 2_000_000    # [byte]
VIEW = 'appliance 1'        # the features a model takes: `view.appliance_view`, and its version
CLASSES_MAX, UNITS_MAX = 256, 512
NOVELTY_SPAN = 2.0          # over the bound, either way, beyond which more says no more of what a home taught


@dataclass(frozen=True, eq=False)
class Unit:
    """One state of a known unit. mean : (d,) features"""

    type: str
    model: str
    mean: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model as it is packed.

    tflite : takes (1, d) float32 features, gives probability (1, classes) and novelty (1,)     classes : types, sorted
    bound : novelty from which the answer is "unknown"     noise : (d,) deviation between two looks at one unit
    units : known to the model, from recordings that say which unit they are of
    sure : (bias, slope), the log odds that a prototype at distance x is right are bias − slope × x
    provenance : where it comes from and how good it is, for people: text, numbers, and lists of text
    taught : (bias, distance, novelty) of `odds`
    """

    tflite: bytes
    classes: tuple[str, ...]
    bound: float
    noise: tuple[float, ...]
    units: tuple[Unit, ...]
    sure: tuple[float, float]
    provenance: Mapping[str, object]
    taught: tuple[float, float, float]
    signature_version: int = SIGNATURE_VERSION
    view: str = VIEW

    @property
    def features(self) -> int:
        """The length of a row of features."""
        return len(self.noise)

    def odds(self, distance: float, novelty: float) -> float:
        """Return the log odds that a name this home taught is right: the nearer it is, and the less the model knows it.

        distance : of the nearest prototype     novelty : for the model, over `bound`
        """
        bias, near, strange = self.taught
        return bias - near * distance + strange * min(max(novelty, -NOVELTY_SPAN), NOVELTY_SPAN)

    @property
    def hash(self) -> str:
        """Of everything, hexadecimal."""
        return _hash(_document(self))

    @property
    def recipe(self) -> str:
        """Name and version, for messages."""
        return f'model {BUNDLE_VERSION}.{self.hash[:8]}, signature {self.signature_version}'


def pack(trained: Trained) -> dict[str, bytes]:
    """Return the files by name."""
    document = _document(trained)
    text = json.dumps({**document, 'hash': _hash(document)}, indent=1, ensure_ascii=False, allow_nan=False)
    return {MANIFEST: text.encode(), MODEL: trained.tflite}


def unpack(files: Mapping[str, bytes]) -> Trained:
    """Take over what `pack` returned. DevicesError, saying why, when it is foreign, damaged or of another version."""
    for name, most in ((MANIFEST, MANIFEST_MAX), (MODEL, MODEL_MAX)):
        if name not in files:
            raise DevicesError(f'{name} is missing')
        if len(files[name]) > most:
            raise DevicesError(f'{name} has {len(files[name])} bytes; at most {most} are ours')
    try:
        document = json.loads(files[MANIFEST].decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DevicesError(f'{MANIFEST} cannot be read: {error}') from None
    if not isinstance(document, dict) or document.get('format') != FORMAT:
        raise DevicesError(f'{MANIFEST} is not the manifest of a {FORMAT}')
    for name, ours in (('version', BUNDLE_VERSION), ('signature_version', SIGNATURE_VERSION), ('view', VIEW)):
        if document.get(name) != ours:
            raise DevicesError(f'the model has {name} {document.get(name)!r}; this is {ours!r}: train it again')
    if document.pop('hash', None) != _hash(document):
        raise DevicesError(f'{MANIFEST} was changed since it was written')
    if document.get('content') != hashlib.sha256(files[MODEL]).hexdigest():
        raise DevicesError(f'{MODEL} is not the one that {MANIFEST} describes')
    if files[MODEL][4:8] != b'TFL3':
        raise DevicesError(f'{MODEL} is no TensorFlow Lite model')
    try:
        trained = Trained(
            files[MODEL], _texts(document['classes']), _number(document['bound']), _numbers(document['noise']),
            tuple(Unit(unit['type'], unit['model'], _numbers(unit['mean'])) for unit in document['units']),
            _numbers(document['sure']), dict(document['provenance']),
            _numbers(document.get('taught', [*document['sure'], 0.0])))    # older ones know of distance alone
        _check(trained)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DevicesError(f'{MANIFEST} does not fit its format: {error}') from None
    return trained


def _document(trained: Trained) -> dict:
    return {'format': FORMAT, 'version': BUNDLE_VERSION, 'signature_version': trained.signature_version,
            'view': trained.view, 'content': hashlib.sha256(trained.tflite).hexdigest(),
            'classes': list(trained.classes), 'bound': trained.bound, 'noise': list(trained.noise),
            'units': [{**unit.__dict__, 'mean': list(unit.mean)} for unit in trained.units],
            'sure': list(trained.sure), 'taught': list(trained.taught),
            'provenance': dict(trained.provenance)}


def _hash(document: dict) -> str:
    text = json.dumps(document, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()


def _check(trained: Trained) -> None:
    classes = trained.classes
    if not 2 <= len(classes) <= CLASSES_MAX or len(set(classes)) != len(classes):
        raise ValueError('its classes are not distinct')
    for type in classes:
        checked_label(type, '')
    if not len(trained.noise) or not (np.array(trained.noise) > 0).all():
        raise ValueError('its noise is not positive')
    if len(trained.sure) != 2 or trained.sure[1] < 0:
        raise ValueError('its certainty of prototypes is not two numbers')
    if len(trained.taught) != 3 or min(trained.taught[1:]) < 0:
        raise ValueError('its certainty of what a home taught is not three numbers')
    if len(trained.units) > UNITS_MAX:
        raise ValueError(f'it has more than {UNITS_MAX} units')
    for unit in trained.units:
        checked_label(unit.type, unit.model)
        if len(unit.mean) != trained.features:
            raise ValueError(f'a unit has {len(unit.mean)} features of {trained.features}')


def _no_constant(name: str):
    raise ValueError(f'{name} is no number')


def _number(value) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f'{value!r} is no number')
    return float(value)


def _texts(values) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise ValueError(f'{values!r} is no list')
    return tuple(values)


def _numbers(values) -> tuple[float, ...]:
    return tuple(_number(value) for value in values)
