"""Locked packages against known holes: asked of PyPI through pip-audit, or looked up in a database that lies here.

The database is in the OSV format (https://ossf.github.io/osv-schema/), as osv.dev and the PyPA advisory database give
it away: one advisory a JSON file, in a folder or a zip archive (`PyPI/all.zip`), or one file with a list of them.
"""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from packaging.version import InvalidVersion, Version

COMMAND = [sys.executable, '-m', 'pip_audit', '--disable-pip', '--require-hashes', '--progress-spinner', 'off',
           '--format', 'json']  # fmt: skip
PINNED = re.compile(r'([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)')
FEW = 5  # names told of many


def locked(path: Path) -> dict[str, list[str]]:
    """Return the versions a lock file pins, by normalised name. ValueError where it pins none, OSError."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        match = PINNED.match(line)
        if match:
            found.setdefault(normal(match[1]), []).append(match[2])
    if not found:
        raise ValueError(f'{path} pins no package')
    return found


def normal(name: str) -> str:
    """Return a name as indexes compare it (PEP 503)."""
    return re.sub(r'[-_.]+', '-', name).lower()


def advisories(path: Path) -> Iterator[dict]:
    """Yield the advisories of a database. ValueError for what is none, OSError."""
    try:
        if path.is_dir():
            for file in sorted(path.rglob('*.json')):
                yield from _listed(json.loads(file.read_bytes()))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if name.endswith('.json'):
                        yield from _listed(json.loads(archive.read(name)))
        else:
            yield from _listed(json.loads(path.read_bytes()))
    except (ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise ValueError(f'{path} is no database in the OSV format: {str(error)[:200]}') from None


def _listed(content: object) -> list[dict]:
    rows = content if isinstance(content, list) else [content]
    if not all(isinstance(row, dict) and 'id' in row and isinstance(row.get('affected', []), list) for row in rows):
        raise ValueError('an advisory has an id and what it affects')
    return rows


def known(packages: dict[str, list[str]], rows: Iterator[dict]) -> tuple[list[str], int]:
    """Return a line for each hole of these packages, and how many advisories were looked at."""
    lines, count = [], 0
    for row in rows:
        count += 1
        if row.get('withdrawn'):
            continue
        for affected in row.get('affected', []):
            about = affected.get('package', {})
            name = normal(str(about.get('name', '')))
            if about.get('ecosystem') != 'PyPI' or name not in packages:
                continue
            fixed = sorted({event['fixed'] for span in affected.get('ranges', []) if span.get('type') == 'ECOSYSTEM'
                            for event in span.get('events', []) if 'fixed' in event})  # fmt: skip
            cure = f'; mended in {", ".join(fixed)}' if fixed else '; no version mends it'
            words = ' '.join(str(row.get('summary') or row.get('details') or '').split())[:100]
            lines += [f'{name} {version}: {row["id"]}{cure}; {words}' for version in packages[name]
                      if _hit(version, affected)]  # fmt: skip
    return sorted(set(lines)), count


def _hit(version: str, affected: dict) -> bool:
    """Return whether an advisory speaks of a version: it is listed, or in a range."""
    if version in affected.get('versions', []):
        return True
    try:
        own = Version(version)
        return any(_inside(own, span.get('events', [])) for span in affected.get('ranges', [])
                   if span.get('type') == 'ECOSYSTEM')  # fmt: skip
    except InvalidVersion:
        return True  # better one too many


def _inside(own: Version, events: list[dict]) -> bool:
    """Return what the last event at or before a version says (OSV: evaluation algorithm)."""
    inside = False
    for event in sorted(events, key=lambda one: Version(next(iter(one.values())))):
        (kind, at), = event.items()
        if kind == 'introduced' and own >= Version(at):
            inside = True
        elif kind == 'fixed' and own >= Version(at) or kind == 'last_affected' and own > Version(at):
            inside = False
    return inside


def look_up(lock: Path, database: Path) -> tuple[str, str]:
    """Return `ok`, `error` (holes are known) or `warning` (nobody could look), and what was found, in words."""
    try:
        packages = locked(lock)
        lines, count = known(packages, advisories(database))
    except (ValueError, OSError, TypeError, AttributeError) as error:
        return 'warning', f'not looked: {error}'
    if not count:
        return 'warning', f'not looked: there is no advisory in {database}'
    if lines:
        return 'error', '\n'.join(lines)
    return 'ok', f'no known hole in {len(packages)} packages ({count} advisories of {database.name})'


def ask(lock: Path, timeout: float) -> tuple[str, str]:
    """Ask PyPI through pip-audit; return as `look_up` does. A package that PyPI does not know was not looked at."""
    if find_spec('pip_audit') is None:
        return 'warning', ('pip-audit is not installed: `pip install pip-audit` in an environment of its own, and '
                           'again; or give a database with --database')  # fmt: skip
    try:
        done = subprocess.run([*COMMAND, '-r', str(lock)], capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return 'warning', f'the database of known holes did not answer in {timeout:.0f} s: not looked'
    try:
        rows = json.loads(done.stdout)['dependencies']
        holes = [f'{row["name"]} {row["version"]}: {hole["id"]}; mended in {", ".join(hole["fix_versions"]) or "none"}'
                 for row in rows for hole in row.get('vulns', [])]  # fmt: skip
        skipped = [row['name'] for row in rows if 'skip_reason' in row]
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().splitlines()[-1:] or ['no reason is given']
        return 'warning', f'the database of known holes could not be asked: {last[0][:300]}'
    some = ', '.join(skipped[:FEW]) + (', …' if len(skipped) > FEW else '')
    unseen = f'{len(skipped)} of {len(rows)} packages could not be looked up: {some}' if skipped else ''
    if holes:
        return 'error', '\n'.join([*holes, unseen]).strip()
    return ('warning', unseen) if unseen else ('ok', f'no known hole in {len(rows)} packages')
