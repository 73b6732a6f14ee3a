"""How unlike all that was learnt: the distance to the nearest example over what is usual, and being torn."""
from dataclasses import dataclass

import numpy as np

TORN = 2.0                  # weight of being torn between classes
NOISE_SHARE = 0.05          # of a feature's whole deviation, that of within a class is at least


@dataclass(frozen=True, eq=False)
class Novelty:
    """noise : (d,) deviation within a class     examples : (k, d) features over noise     example_class : (k,)
    usual : (classes,) distance to the next example
    """

    noise: np.ndarray
    examples: np.ndarray
    example_class: np.ndarray
    usual: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, labels: np.ndarray, groups: np.ndarray, kept: np.ndarray) -> 'Novelty':
        """Return what is usual. features : (n, d)     labels : (n,) int     groups : (n,)     kept : rows to keep"""
        noise = look_noise(features, labels)
        examples = features[kept] / noise
        return cls(noise, examples, labels[kept], _usual(examples, labels[kept], groups[kept], labels.max() + 1))

    def score(self, features: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Return (m,): how far off the likeliest class's examples, and how torn between classes; larger = stranger.

        features : (m, d)     share : (m, classes) probabilities before calibration, which fits what is known and would
        make a stranger look as sure
        """
        best, scaled = share.argmax(axis=1), features / self.noise
        near = np.array([_distance(self.examples[self.example_class == c], row).min()
                         for row, c in zip(scaled, best, strict=True)])
        return np.log(np.maximum(near, 1e-3) / self.usual[best]) - TORN * np.log(share.max(axis=1))


def look_noise(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (d,) the deviation within what `labels` (n,) int calls one, and a floor below which all is alike."""
    means = np.stack([features[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
    return np.sqrt(((features - means[labels]) ** 2).mean(axis=0) + (NOISE_SHARE * features.std(axis=0)) ** 2 + 1e-12)


def _distance(examples: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.sqrt(((examples - row) ** 2).mean(axis=1))


def _usual(scores, labels, groups, classes: int) -> np.ndarray:
    """Return (classes,) the upper quartile of the distance to the next example of the class in another group."""
    out, found = np.full(classes, np.nan), []
    for c in range(classes):
        own, whose = scores[labels == c], groups[labels == c]
        near = [_distance(own[whose != g], row).min() for row, g in zip(own, whose, strict=True)
                if (whose != g).any()]
        found += near
        if near:
            out[c] = np.quantile(near, 0.75)
    pooled = np.quantile(found, 0.75) if found else 1.0
    return np.maximum(np.where(np.isnan(out), pooled, np.sqrt(np.nan_to_num(out, nan=1.0) * pooled)), 1e-3)
