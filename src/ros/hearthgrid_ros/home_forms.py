"""Forms that the home file has had, and how an older one is read as the newest.

`version:` says which form a file is in; without it, it is the first. A change of the form that older files do not
survive (a field renamed, a meaning changed) is one more function here; it takes and returns the file's mapping.
"""

from collections.abc import Callable, Sequence
from typing import Any

Mapping = dict[str, Any]
MIGRATIONS: tuple[Callable[[Mapping], Mapping], ...] = ()  # from form 1 to 2, 2 to 3, …
FORM = 1 + len(MIGRATIONS)


def upgrade(data: Mapping, migrations: Sequence[Callable[[Mapping], Mapping]] = MIGRATIONS) -> Mapping:
    """Return a home file's mapping in the newest form. ValueError when it is newer than this program, or no form."""
    form, newest = data.get('version', 1), 1 + len(migrations)
    if isinstance(form, bool) or not isinstance(form, int) or form < 1:
        raise ValueError(f'the version of a home file is a whole number from 1 to {newest} (given: {form!r})')
    if form > newest:
        raise ValueError(
            f'written for a newer Hearthgrid (version {form}; this one knows {newest}): update Hearthgrid, '
            'or go back to the file as it was before'
        )
    for migrate in migrations[form - 1 :]:
        data = migrate(data)
    return {**data, 'version': newest}
