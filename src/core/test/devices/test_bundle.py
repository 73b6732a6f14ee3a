"""The files of a trained model: what is refused, and why it says so."""
import dataclasses
import json

import pytest

from hearthgrid_core.devices.bundle import MANIFEST, MODEL, MODEL_MAX, Trained, Unit, _hash, pack, unpack
from hearthgrid_core.devices.examples import DevicesError

TRAINED = Trained(b'\0\0\0\0TFL3' + bytes(50), ('fan', 'lämp'), 0.5, (0.1, 0.2), (Unit('fan', 'big', (1.0, -2.5)),),
                  (3.0, 1.5), {'seed': 1, 'made': '2026-01-01', 'sources': ['a.npz']}, (2.0, 1.0, 0.5))


def resealed(change):
    """Return files whose manifest was changed by someone who knew how to make the hash."""
    files = pack(TRAINED)
    document = json.loads(files[MANIFEST])
    document.pop('hash')
    change(document)
    return {**files, MANIFEST: json.dumps({**document, 'hash': _hash(document)}).encode()}


def test_what_was_packed_is_unpacked():
    again = unpack(pack(TRAINED))
    assert pack(again) == pack(TRAINED) and again.hash == TRAINED.hash and again.units[0].mean == (1.0, -2.5)
    assert len(TRAINED.recipe.encode()) <= 64


def test_every_part_is_in_the_hash():
    others = [dataclasses.replace(TRAINED, **change) for change in (
        {'bound': 0.6}, {'tflite': TRAINED.tflite + b'x'}, {'noise': (0.1, 0.3)}, {'provenance': {}}, {'units': ()},
        {'sure': (3.0, 1.0)}, {'taught': (2.0, 1.0, 0.4)}, {'classes': ('fan', 'lamp')})]
    assert len({TRAINED.hash, *(other.hash for other in others)}) == 1 + len(others)


def test_every_cut_and_every_flipped_byte_is_refused():
    files = pack(TRAINED)
    for name, content in files.items():
        for k in range(0, len(content), 7):
            flipped = content[:k] + bytes([content[k] ^ 4]) + content[k + 1:]
            for bad in (content[:k], flipped):
                if bad.split() != content.split():      # white space of the manifest says nothing
                    with pytest.raises(DevicesError):
                        unpack({**files, name: bad})


@pytest.mark.parametrize('change, words', [
    (lambda d: d.update(format='other'), 'not the manifest'), (lambda d: d.update(version=2), 'version 2'),
    (lambda d: d.update(signature_version=9), 'signature_version 9'), (lambda d: d.update(view='x'), 'view'),
    (lambda d: d.pop('classes'), 'classes'), (lambda d: d.update(classes=['fan', 'fan']), 'distinct'),
    (lambda d: d.update(classes=['fan', 'x' * 49]), 'at most'), (lambda d: d.update(classes='fan'), 'no list'),
    (lambda d: d.update(bound='0.5'), 'no number'), (lambda d: d.update(bound=True), 'no number'),
    (lambda d: d.update(noise=[0.1, -1]), 'noise'), (lambda d: d.update(noise=[]), 'noise'),
    (lambda d: d.update(taught=[1.0, 1.0]), 'home taught'), (lambda d: d.update(taught=[0, 1, -1]), 'home taught'),
    (lambda d: d.update(sure=[1.0]), 'certainty'), (lambda d: d.update(sure=[1.0, -1.0]), 'certainty'),
    (lambda d: d['units'][0].update(mean=[1.0]), 'features'), (lambda d: d['units'][0].update(type=''), 'type'),
    (lambda d: d.update(units=d['units'] * 600), 'more than'), (lambda d: d.update(provenance=3), 'format')])
def test_a_manifest_that_does_not_fit_is_refused_with_the_reason(change, words):
    with pytest.raises(DevicesError, match=words):
        unpack(resealed(change))


def test_an_older_manifest_is_as_sure_of_what_a_home_taught_as_of_its_units():
    again = unpack(resealed(lambda d: d.pop('taught')))
    assert again.taught == (3.0, 1.5, 0.0) and again.odds(2.0, 5.0) == 0.0


def test_files_that_are_missing_or_too_large_are_refused():
    files = pack(TRAINED)
    with pytest.raises(DevicesError, match='model.tflite is missing'):
        unpack({MANIFEST: files[MANIFEST]})
    with pytest.raises(DevicesError, match='at most'):
        unpack({**files, MODEL: bytes(MODEL_MAX + 1)})
    with pytest.raises(DevicesError, match='NaN is no number'):
        unpack({**files, MANIFEST: b'{"format": NaN}'})
    with pytest.raises(DevicesError, match='no TensorFlow Lite'):
        unpack(pack(dataclasses.replace(TRAINED, tflite=b'PK' + bytes(60))))
