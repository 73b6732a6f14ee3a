"""The files both languages share are what the Python side says now."""
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np

FIRMWARE = Path(__file__).resolve().parents[1]


def test_the_generated_header_is_current():
    """Otherwise: python firmware/tools/constants.py"""
    made = subprocess.run([sys.executable, FIRMWARE / 'tools' / 'constants.py', '-'], capture_output=True, text=True,
                          check=True).stdout
    assert made == (FIRMWARE / 'core' / 'constants.h').read_text(encoding='utf-8')


def test_the_generated_weights_are_current():
    """Otherwise: python firmware/tools/kernel.py. Another numpy may round the last bit otherwise."""
    wanted = runpy.run_path(str(FIRMWARE / 'tools' / 'kernel.py'))['weights']()
    table = (FIRMWARE / 'core' / 'kernel.c').read_text(encoding='utf-8').partition(' = {')[2]
    found = np.array([float(x) for x in re.findall(r'[-+.e\d]+(?=F)', table)], np.float32)
    assert np.allclose(found.reshape(wanted.shape), wanted, rtol=1e-6, atol=1e-9)
