"""The form of benchmarks: what is measured with numpy goes into JSON and into the table."""

import json
from dataclasses import asdict

import numpy as np

from hearthgrid.benchmark import Result, markdown


def test_numpys_numbers_are_told_as_json():
    told = json.loads(json.dumps(asdict(Result('a', np.float32(1.5), 's', limit=np.int64(2), holds=np.bool_(False)))))
    assert (told['value'], told['limit'], told['holds']) == (1.5, 2.0, False)


def test_a_row_says_whether_it_holds():
    held, missed = markdown([Result('a', 1234.5, 's', goal='≤ 2000'), Result('b', 0.5, '', holds=False)]).split('\n')
    assert held == '| a | 1,234 s |   |  | ≤ 2000 | holds |' and missed.endswith('| **missed** |')
