"""Extremely randomised trees as plain arrays: grown with scikit-learn, kept and run with numpy alone.

Geurts, Ernst, Wehenkel 2006, doi:10.1007/s10994-006-6226-1.
"""
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .examples import DevicesError

LEAF = -1


@dataclass(frozen=True, eq=False)
class Forest:
    """All trees one after the other.

    root : (trees,) int32     feature : (nodes,) int16, −1 = leaf     threshold : (nodes,) float64, left at or below
    left, right : (nodes,) int32     share : (nodes, classes) float32, of the classes at a leaf
    """

    root: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    share: np.ndarray

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Return (m, classes), the mean over the trees. features : (m, d)"""
        features = np.asarray(features, dtype=np.float32)       # as the trees were grown
        node = np.tile(self.root, (len(features), 1))
        row = np.arange(len(features))[:, None]
        while True:
            inner = self.feature[node] != LEAF
            if not inner.any():
                return self.share[node].mean(axis=1, dtype=np.float64)
            below = features[row, self.feature[node]] <= self.threshold[node]
            node = np.where(inner, np.where(below, self.left[node], self.right[node]), node)

    def state(self) -> dict[str, np.ndarray]:
        """Return plain arrays for `from_state`."""
        return {f'forest_{name}': getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], features: int, classes: int) -> 'Forest':
        """Take over what `state` returned. DevicesError when it is foreign or damaged: no walk may leave the arrays."""
        try:
            made = cls(*(np.asarray(state[f'forest_{name}']) for name in cls.__dataclass_fields__))
        except KeyError as error:
            raise DevicesError(f'the saved model lacks {error.args[0]!r}') from None
        nodes = len(made.feature) if made.feature.ndim == 1 else -1
        shapes = {'root': 1, 'feature': 1, 'threshold': 1, 'left': 1, 'right': 1, 'share': 2}
        for name, dimensions in shapes.items():
            array = getattr(made, name)
            if array.ndim != dimensions or (name != 'root' and len(array) != nodes):
                raise DevicesError(f'the saved forest has {name} {array.shape} for {nodes} nodes')
            if array.dtype.kind != ('f' if name in ('threshold', 'share') else 'i'):
                raise DevicesError(f'the saved forest has {name} of {array.dtype}')
        own, inner = np.arange(nodes), made.feature != LEAF
        children = np.stack([made.left, made.right])[:, inner]
        fits = (len(made.root) and made.share.shape == (nodes, classes) and (made.root >= 0).all()
                and (made.root < nodes).all() and (made.feature >= LEAF).all() and (made.feature < features).all()
                and (children > own[inner]).all() and (children < nodes).all()      # forward only: every walk ends
                and np.isfinite(made.threshold).all() and (made.share >= 0).all()
                and np.allclose(made.share[~inner].sum(axis=1), 1.0, atol=1e-3))
        if not fits:
            raise DevicesError('the saved forest is damaged')
        return made


def grow(features: np.ndarray, labels: np.ndarray, weight: np.ndarray, trees: int, seed: int) -> Forest:
    """Return a forest. features : (n, d)     labels : (n,) int 0 … classes − 1, each occurring     weight : (n,)"""
    from sklearn.ensemble import ExtraTreesClassifier  # slow to import, and only who learns needs it
    grown = ExtraTreesClassifier(trees, max_features=0.2, random_state=seed).fit(features, labels, weight)
    parts = [tree.tree_ for tree in grown.estimators_]
    root = np.cumsum([0, *(part.node_count for part in parts)])
    share = np.concatenate([part.value[:, 0] for part in parts])
    leaf = np.concatenate([part.children_left for part in parts]) < 0
    left, right = (np.where(leaf, 0, np.concatenate([getattr(part, f'children_{side}') + at
                                                     for part, at in zip(parts, root, strict=False)]))
                   for side in ('left', 'right'))
    return Forest(root[:-1].astype(np.int32),
                  np.where(leaf, LEAF, np.concatenate([part.feature for part in parts])).astype(np.int16),
                  np.where(leaf, 0.0, np.concatenate([part.threshold for part in parts])), left.astype(np.int32),
                  right.astype(np.int32), (share / share.sum(axis=1, keepdims=True)).astype(np.float32))
