"""The report of a training: one page of HTML, and its pictures as PNG."""

import html
import io

import numpy as np

from hearthgrid_core.devices.protocol import BINS

BLUE, GREY = '#2563eb', '#6b7280'


def report(made) -> dict[str, bytes]:
    """Return the files of the report of a `hearthgrid.train.Made` by name."""
    tested = made.validation.tested
    probability, truth = made.validation.probability[tested], made.truth[tested]
    pictures = {
        'confusion.png': _confusion(made.scores),
        'calibration.png': _calibration(probability, truth, made.scores.calibration_error),
        'curves.png': _curves(made),
    }
    rows = ''.join(
        f'<tr><td>{html.escape(r.name)}<td>{r.count}<td>{r.precision:.3f}<td>{r.recall:.3f}'
        f'<td>{r.recall_low:.3f} … {r.recall_high:.3f}<td>{r.f1:.3f}'
        for r in made.scores.table
    )
    facts = ''.join(
        f'<tr><th>{html.escape(name)}<td>{html.escape(", ".join(value) if isinstance(value, list) else str(value))}'
        for name, value in {**made.trained.provenance, 'unknown above': made.trained.bound,
                            'hash': made.trained.hash}.items()
    )
    images = ''.join(f'<figure><img src="{name}" alt="{name.removesuffix(".png")}"></figure>' for name in pictures)
    page = f'''<!doctype html><html lang="en"><meta charset="utf-8"><title>Training report</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#111}}
table{{border-collapse:collapse;margin:1rem 0}}td,th{{text-align:left;padding:.2rem .8rem;border-bottom:1px solid #ddd}}
img{{max-width:100%}}figure{{margin:1.5rem 0}}</style>
<h1>Training report</h1>
<p>Accuracy {made.scores.accuracy:.4f}, macro-F1 {made.scores.macro_f1:.4f}, calibration error
{made.scores.calibration_error:.4f}: each window judged by a model that had not seen its group. The calibration of the
probabilities was chosen on the same folds, so the calibration error is a little optimistic.</p>
{images}<h2>Types</h2><table><tr><th>type<th>windows<th>precision<th>recall<th>95 %<th>F1{rows}</table>
<h2>Where it comes from</h2><table>{facts}</table></html>'''
    return {**pictures, 'report.html': page.encode()}


def _figure(width: float, height: float):
    from matplotlib.figure import Figure  # without pyplot: no display, nothing global

    figure = Figure(figsize=(width, height), layout='constrained')
    return figure, figure.add_subplot()


def _png(figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format='png', dpi=110)
    return out.getvalue()


def _confusion(scores) -> bytes:
    count = len(scores.classes)
    size = min(4 + 0.35 * count, 16)
    figure, axes = _figure(size, size)
    share = scores.confusion / np.maximum(scores.confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap='Blues', vmin=0, vmax=1)
    axes.set_xticks(range(count), scores.classes, rotation=90)
    axes.set_yticks(range(count), scores.classes)
    if count <= 30:
        for row, column in np.argwhere(scores.confusion > 0):
            axes.text(column, row, str(scores.confusion[row, column]), ha='center', va='center', fontsize=8,
                      color='white' if share[row, column] > 0.5 else 'black')
    axes.set(title='Confusion: truth by row', xlabel='said', ylabel='is')
    return _png(figure)


def _calibration(probability: np.ndarray, truth: np.ndarray, error: float) -> bytes:
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    figure, axes = _figure(5.5, 5)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    for b in np.unique(bins):
        own = bins == b
        axes.plot(sure[own].mean(), right[own].mean(), 'o', color=BLUE, markersize=4 + 8 * np.sqrt(own.mean()))
    axes.set(title=f'Calibration: error {error:.4f}', xlabel='probability said', ylabel='share that is right',
             xlim=(0, 1.02), ylim=(0, 1.02))
    return _png(figure)


def _curves(made) -> bytes:
    """Of a forest the log loss on groups left out by number of trees; of a network what it learnt when."""
    figure, axes = _figure(7, 4)
    if len(made.student.curve):
        axes.plot(*made.student.curve.T, color=BLUE)
        axes.set(title='Training of the network', xlabel='mixtures seen', ylabel='divergence from the teacher',
                 yscale='log')
    else:
        axes.plot(*made.curve.T, 'o-', color=BLUE)
        axes.set(title='A quarter of the groups left out', xlabel='trees', ylabel='log loss')
    axes.grid(alpha=0.3)
    return _png(figure)
