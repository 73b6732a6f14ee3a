"""Keys beside a board's image: what the command writes is what the firmware reads, and nothing else is believed."""
import json
import math
import stat

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from typer.testing import CliRunner

from hearthgrid.board_keys import KEYS, MARK, SECTORS, image, intel_hex
from hearthgrid_core.outlet.authentic import Key
from hearthgrid_ros import key_file

OK, ARGUMENT, SHORT, DAMAGED = 0, 1, 4, 6
NAME = 'Küche'
KEY = st.builds(Key, st.integers(0, 2**32 - 1), st.binary(min_size=16, max_size=64),
                st.one_of(st.just(-math.inf), st.floats(0.0, 2e9)), st.one_of(st.just(math.inf), st.floats(0.0, 2e9)))
RING = st.lists(KEY, max_size=6, unique_by=lambda key: key.epoch)


def read(core, content: bytes, name: str = NAME):
    """Return the status and what stands in both rings."""
    rings = [core.ffi.new('hg_keyring_t *') for _ in range(2)]
    status = core.lib.hg_key_image_read(content, len(content), name.encode(), *rings)
    assert all(ring.required for ring in rings)
    return status, *([Key(k.epoch, bytes(k.secret[0:k.length]), k.begins, k.ends) for k in ring.keys[0:ring.count]]
                     for ring in rings)


@given(RING, RING)
@examples(max_examples=100, deadline=None)
def test_the_firmware_reads_what_the_command_writes(core, requests, ballots):
    content = image(NAME, requests, ballots)
    newest = [sorted(ring, key=lambda key: key.epoch)[-KEYS:] for ring in (requests, ballots)]
    assert len(content) % 32 == 0 and read(core, content) == (OK, *newest)
    longest = core.lib.HG_KEY_IMAGE_MAX if hasattr(core.lib, 'HG_KEY_IMAGE_MAX') else 8 + 2 + 33 + 2 * (1 + 4 * 85) + 4
    assert len(content.rstrip(b'\xff')) <= longest


@given(st.lists(KEY, min_size=1, max_size=3, unique_by=lambda key: key.epoch), st.data())
@examples(max_examples=100, deadline=None)
def test_a_damaged_one_gives_no_key_at_all(core, ring, data):
    content = image(NAME, ring, ring)
    used = int.from_bytes(content[8:10], 'little') + 4
    place, bits = data.draw(st.integers(0, used - 1)), data.draw(st.integers(1, 255))
    turned = content[:place] + bytes([content[place] ^ bits]) + content[place + 1:]
    assert read(core, turned) == (DAMAGED, [], [])
    cut = data.draw(st.integers(1, used - 1))
    assert read(core, content[:cut]) == (DAMAGED, [], [])
    unfinished = content[:cut] + b'\xff' * (len(content) - cut)     # cut off while it was written
    assert read(core, unfinished)[0] == (OK if unfinished == content else DAMAGED)


def test_blank_flash_is_no_image_and_anothers_is_not_believed(core):
    assert read(core, b'\xff' * 800) == (SHORT, [], []) and read(core, bytes(800)) == (DAMAGED, [], [])
    ring = [Key(1, b'x' * 32)]
    for name in ('Kuche', 'Küche2', 'Küch', ''):
        assert read(core, image(NAME, ring, ring), name) == (ARGUMENT, [], [])
    with pytest.raises(ValueError, match='no outlet'):
        image('x' * 33, ring, ring)


@pytest.mark.parametrize('change', ['good', 'blank', 'damaged', 'another'])
def test_a_board_obeys_the_keys_beside_its_image(application, change):
    """And without them those it was made with."""
    lib, ffi = application.lib, application.ffi
    said, old, new = [], Key(1, b'o' * 32), Key(2, b'n' * 32)
    platform, chosen, app = (ffi.new(f'{kind} *') for kind in ('hg_platform_t', 'hg_app_settings_t', 'struct hg_app'))
    keep = [ffi.callback('double(void *)', lambda _: 1.0), ffi.callback('uint32_t(void *)', lambda _: 7),
            ffi.callback('void(void *, hg_log_t, const char *)', lambda _, level, text: said.append(ffi.string(text)))]
    platform.monotonic, platform.random, platform.log = keep
    lib.hg_app_defaults(chosen, b'kettle')
    chosen.request_key, chosen.request_key_length = old.secret.ljust(64, b'\0'), 32
    assert lib.hg_app_init(app, chosen, platform) == OK
    content = {'blank': b'\xff' * 64, 'another': image('lamp', [new], [new])}.get(change, image('kettle', [new], [new]))
    if change == 'damaged':
        content = content[:20] + b'?' + content[21:]
    lib.hg_app_key_image(app, content, len(content))
    now = ffi.new('double *', 0.0)[0]
    signs = lib.hg_keyring_signs(ffi.addressof(app.request_keys), now)
    found = bytes(signs.secret[0:32]) if signs else None
    assert found == {'good': new.secret, 'blank': old.secret}.get(change)
    assert app.request_keys.required and app.keys_trouble == (change in ('damaged', 'another'))
    assert len(said) == (change != 'blank')


def test_the_command_writes_what_a_flash_tool_takes(core, tmp_path):
    from hearthgrid.cli import app
    run = CliRunner().invoke
    state = ['--state-dir', str(tmp_path)]
    stored = key_file.Stored().rotated(1.0)
    rotated = stored.rotated(4e9, 3600.0)
    key_file.save(tmp_path / key_file.NAME, key_file.Keys(stored, {'kettle': rotated, 'gone': key_file.Stored(2)}))
    raw, text = tmp_path / 'kettle.bin', tmp_path / 'kettle.hex'
    done = run(app, ['keys', 'board', 'kettle', str(raw), *state])
    assert done.exit_code == 0 and '0x08110000' in done.output and stat.S_IMODE(raw.stat().st_mode) == 0o600
    assert read(core, raw.read_bytes(), 'kettle') == (OK, list(rotated.keys), list(stored.keys))
    assert all(key.secret.hex() not in done.output for key in rotated.keys)
    assert run(app, ['keys', 'board', 'kettle', str(text), '--port', 'stm32h743', *state]).exit_code == 0
    assert from_hex(text.read_text()) == (SECTORS['stm32h743'], raw.read_bytes())
    for words, wrong in (('is there already', ['kettle', str(raw)]), ('has no key', ['gone', str(tmp_path / 'x')]),
                         ('has no key', ['lamp', str(tmp_path / 'x')]),
                         ('no port', ['kettle', str(tmp_path / 'x'), '--port', 'avr'])):
        done = run(app, ['keys', 'board', *wrong, *state])
        assert done.exit_code != 0 and words in ' '.join(done.output.split()), done.output
    assert json.loads((tmp_path / key_file.NAME).read_text())['format'] == key_file.FORMAT


def from_hex(text: str) -> tuple[int, bytes]:
    """Return where an Intel HEX file begins and what it holds; every record's sum is looked at."""
    base, begin, content = 0, None, b''
    for line in text.split():
        row = bytes.fromhex(line[1:])
        assert line[0] == ':' and sum(row) & 255 == 0 and row[0] == len(row) - 5
        if row[3] == 4:
            base = int.from_bytes(row[4:6], 'big') << 16
        elif row[3] == 0:
            at = base + int.from_bytes(row[1:3], 'big')
            begin = at if begin is None else begin
            assert at == begin + len(content)
            content += row[4:-1]
    assert row[3] == 1
    return begin, content


def test_a_file_over_a_border_of_64_kb_says_so():
    content = bytes(range(256)) * 2
    assert from_hex(intel_hex(0x0801ff00, content)) == (0x0801ff00, content)


def test_the_sectors_are_those_of_the_ports():
    from pathlib import Path
    ports = Path(__file__).resolve().parents[1] / 'ports'
    board, mps2 = (ports / 'stm32/board.h').read_text(), (ports / 'mps2_an500/main.c').read_text()
    found = [int(word, 16) for word in (line.split()[2].rstrip('U') for line in (board + mps2).splitlines()
                                        if line.startswith('#define KEYS '))]
    assert found == [SECTORS['stm32f767'], SECTORS['stm32h743'], SECTORS['mps2_an500']] and len(MARK) == 8
