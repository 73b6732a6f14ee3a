"""The header both languages share is what the Python side says now."""
import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[1]


def test_the_generated_header_is_current():
    """Otherwise: python firmware/tools/constants.py"""
    made = subprocess.run([sys.executable, FIRMWARE / 'tools' / 'constants.py', '-'], capture_output=True, text=True,
                          check=True).stdout
    assert made == (FIRMWARE / 'core' / 'constants.h').read_text(encoding='utf-8')
