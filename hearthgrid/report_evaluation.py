"""An evaluation on paper: tables for the terminal, an HTML page with pictures, and values as JSON."""

import html
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from hearthgrid_core.devices.protocol import BINS, Calibration, calibration, wilson

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>
body{{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1c1c1e}}
table{{border-collapse:collapse;margin:1rem 0}}
td,th{{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}}
td:first-child,th:first-child{{text-align:left}}img{{max-width:100%}}</style>
<h1>{title}</h1><p>{about}</p>{overall}
<h2>Classes</h2>{classes}<h2>What is taken for what</h2><img src="confusion.png" alt="confusion matrix">
<h2>What a probability is worth</h2><img src="calibration.png" alt="calibration">{rest}</html>
"""


def overall(outcome) -> list[tuple[str, str]]:
    """Return what is told of the whole, as (name, text)."""
    s = outcome.scores
    worth = calibrated(outcome)
    return [('accuracy', f'{s.accuracy:.4f}  ({s.accuracy_low:.3f} … {s.accuracy_high:.3f})'),
            ('macro-F1', f'{s.macro_f1:.4f}'),
            ('calibration error (ECE)', f'{worth.error:.4f}  ({worth.error_low:.3f} … {worth.error_high:.3f}; '
             f'chance alone: {worth.chance:.3f}, up to {worth.chance_high:.3f})'),
            ('without chance (RMS)', f'{worth.debiased:.4f}  ({worth.debiased_low:.3f} … {worth.debiased_high:.3f})'),
            ('recordings tested', f'{len(outcome.truth)}, {len(s.classes)} classes'),
            ('features', f'{outcome.columns} of {outcome.kind}, {outcome.rows} windows'
             + (f', {outcome.groups} groups' if outcome.groups else ''))]


def calibrated(outcome) -> Calibration:
    """Return what the probabilities are worth; intervals draw whole groups where some were left out."""
    sure, found = outcome.probability.max(axis=1), outcome.probability.argmax(axis=1)
    right = np.array(outcome.scores.classes)[found] == outcome.truth
    return calibration(sure, right, np.random.default_rng(0), outcome.group)


def class_table(outcome) -> Table:
    """Return the table of classes."""
    table = Table(box=None, title='95 % intervals: Wilson', title_justify='left')
    for k, column in enumerate(('class', 'recordings', 'recall', '', 'precision', 'F1', 'most taken for')):
        table.add_column(column, justify='right' if 0 < k < 6 else 'left')
    for row in _class_rows(outcome):
        table.add_row(*map(escape, row))
    return table


def _class_rows(outcome) -> list[tuple[str, ...]]:
    out = []
    for k, row in enumerate(outcome.scores.table):
        other = outcome.scores.confusion[k].copy()
        other[k] = 0
        wrong = f'{outcome.scores.classes[other.argmax()]} {other.max()}' if other.any() else ''
        out.append((row.name, str(row.count), f'{row.recall:.3f}', f'{row.recall_low:.2f} … {row.recall_high:.2f}',
                    f'{row.precision:.3f}', f'{row.f1:.3f}', wrong))
    return out


def as_json(outcome) -> dict:
    """Return plain values."""
    s = outcome.scores
    return {'kind': outcome.kind, 'accuracy': float(s.accuracy), 'accuracy_interval': [s.accuracy_low, s.accuracy_high],
            'macro_f1': s.macro_f1, 'calibration_error': s.calibration_error,
            'calibration': {name: float(value) for name, value in calibrated(outcome).__dict__.items()},
            'recordings': len(outcome.truth),
            'features': outcome.columns, 'windows': outcome.rows, 'groups': outcome.groups,
            'not_scored': list(outcome.left_out), 'problems': list(outcome.problems),
            'classes': [{name: float(value) if isinstance(value, np.floating) else value
                         for name, value in row.__dict__.items()} for row in s.table],
            'confusion': s.confusion.tolist()}


def write(outcome, folder: Path, title: str, about: str) -> Path:
    """Write `index.html`, `confusion.png`, `calibration.png` and `answers.csv`; return the page. OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _confusion(outcome.scores).savefig(folder / 'confusion.png', dpi=120, bbox_inches='tight')
    _calibration(outcome).savefig(folder / 'calibration.png', dpi=120, bbox_inches='tight')
    with open(folder / 'answers.csv', 'w', encoding='utf-8') as file:
        file.write('recording,is,taken for,probability\n')
        for source, truth, row in zip(outcome.source, outcome.truth, outcome.probability, strict=True):
            fields = (source, truth, outcome.scores.classes[row.argmax()], f'{row.max():.4f}')
            file.write(','.join('"' + str(x).replace('"', '""') + '"' for x in fields) + '\n')
    rest = ''
    if outcome.left_out:
        rest += f'<h2>Not scored: only one group has them</h2><p>{html.escape(", ".join(outcome.left_out))}</p>'
    if outcome.problems:
        rest += '<h2>Not read</h2><ul>' + ''.join(f'<li>{html.escape(x)}' for x in outcome.problems) + '</ul>'
    page = folder / 'index.html'
    page.write_text(PAGE.format(
        title=html.escape(title), about=html.escape(about), overall=_html(overall(outcome)), rest=rest,
        classes=_html(_class_rows(outcome), ('class', 'recordings', 'recall', '95 %', 'precision', 'F1',
                                             'most taken for'))), encoding='utf-8')
    return page


def _html(rows, header=()) -> str:
    def line(cells, mark):
        return '<tr>' + ''.join(f'<{mark}>{html.escape(str(cell))}</{mark}>' for cell in cells) + '</tr>'
    return ('<table>' + (line(header, 'th') if header else '') + ''.join(line(row, 'td') for row in rows) + '</table>')


def _figure(width: float, height: float):
    from matplotlib.figure import Figure  # slow to import; no window system is asked for

    return Figure(figsize=(width, height))


def _confusion(scores):
    count = len(scores.classes)
    figure = _figure(2.5 + 0.34 * count, 2 + 0.34 * count)
    axes = figure.subplots()
    share = scores.confusion / np.maximum(1, scores.confusion.sum(axis=1, keepdims=True))
    axes.imshow(share, cmap='Blues', vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(scores.confusion), strict=True):
        axes.text(column, row, scores.confusion[row, column], ha='center', va='center', fontsize=7,
                  color='white' if share[row, column] > 0.5 else 'black')
    axes.set_xticks(range(count), scores.classes, rotation=90, fontsize=8)
    axes.set_yticks(range(count), scores.classes, fontsize=8)
    axes.set_xlabel('taken for')
    axes.set_ylabel('is')
    return figure


def _calibration(outcome):
    """Share that is right over probability, with Wilson intervals, and how often each probability is given."""
    sure, found = outcome.probability.max(axis=1), outcome.probability.argmax(axis=1)
    right = np.array(outcome.scores.classes)[found] == outcome.truth
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    figure = _figure(6, 6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color='grey', linewidth=1)
    for k in np.unique(bins):
        inside = bins == k
        low, high = wilson(right[inside].sum(), inside.sum())
        share = right[inside].mean()
        upper.errorbar(sure[inside].mean(), share, [[share - low], [high - share]], fmt='o', color='tab:blue')
    upper.set_ylabel('share that is right')
    lower.hist(sure, bins=np.linspace(0, 1, BINS + 1), color='tab:blue')
    lower.set_xlabel('probability of the likeliest class')
    lower.set_ylabel('recordings')
    return figure
