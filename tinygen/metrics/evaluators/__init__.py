"""Evaluation networks: small classifiers that measure what generated images show.

    networks.py    DigitClassifier, AttributeClassifier, SegmentationEvaluator, StateRegressor
    training.py    the function that trains each of them, always with the same recipe

**What an evaluator can measure**: which digit an image shows, and how confident the classifier is
(the largest of its ten probabilities); which attributes a face has; or to which class each pixel of
a photograph belongs. Architecture, recipe, number of steps and seed are fixed, and an evaluator is
trained on the training split alone. So two models of the same data are measured by the same one.

**What it cannot**: a classifier divides the whole space among its classes, nonsense included. So
high confidence does not prove that an image shows a digit. Read each figure together with that of
real images, and look at the samples.

The outputs of an evaluator's hidden layer are *features*: what distinguishes the classes in an
image. `metrics.evaluate_samples` compares sets of them.
"""

from .networks import (
    AttributeClassifier,
    DigitClassifier,
    Evaluator,
    SegmentationEvaluator,
    StateRegressor,
)
from .training import (
    train_attribute_classifier,
    train_digit_classifier,
    train_segmentation_evaluator,
    train_state_regressor,
)

__all__ = [
    "AttributeClassifier",
    "DigitClassifier",
    "Evaluator",
    "SegmentationEvaluator",
    "StateRegressor",
    "train_attribute_classifier",
    "train_digit_classifier",
    "train_segmentation_evaluator",
    "train_state_regressor",
]
