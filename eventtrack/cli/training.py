"""A small neural network, trained for real on Fisher's iris flowers, in plain Python.

The demonstration has to log real numbers without numpy: 150 flowers with four measures each, three
species; one hidden layer, softmax, mini-batches and momentum. Everything is seeded, so two machines
record the same numbers.

The data set (`iris.csv`) is R. A. Fisher's, "The use of multiple measurements in taxonomic
problems", Annals of Eugenics 7 (1936), in the public domain.
"""

import math
import random
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

SPECIES = ("setosa", "versicolor", "virginica")
BATCH_SIZE = 15
_MOMENTUM = 0.9


class Flower(NamedTuple):
    """Four measures (centimetres, or standardized) and the index of the species."""

    measures: tuple[float, ...]
    species: int


class Split(NamedTuple):
    """The flowers to train and to validate with, standardized by the means of the former."""

    training: list[Flower]
    validation: list[Flower]


class Epoch(NamedTuple):
    """The result of a pass over the training flowers; losses are mean cross-entropies in nats."""

    number: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


def iris_text() -> str:
    """The data set as shipped: a line of names and 150 flowers."""
    return files("eventtrack.cli").joinpath("iris.csv").read_text(encoding="ascii")


def load_iris() -> list[Flower]:
    """All 150 flowers in the order of the data set."""
    flowers = []
    for line in iris_text().splitlines()[1:]:
        *measures, species = line.split(",")
        flowers.append(Flower(tuple(map(float, measures)), SPECIES.index(species)))
    return flowers


def split(flowers: list[Flower], *, seed: int, validation_share: float = 0.4) -> Split:
    """Shuffle within each species, so that both parts have equal shares of all three."""
    chance = random.Random(seed)
    training: list[Flower] = []
    validation: list[Flower] = []
    for species in range(len(SPECIES)):
        of_species = [flower for flower in flowers if flower.species == species]
        chance.shuffle(of_species)
        judges = round(len(of_species) * validation_share)
        validation += of_species[:judges]
        training += of_species[judges:]
    means = [
        _mean(column) for column in zip(*(flower.measures for flower in training), strict=True)
    ]
    spreads = [
        math.sqrt(_mean([(value - mean) ** 2 for value in column]))
        for mean, column in zip(
            means, zip(*(flower.measures for flower in training), strict=True), strict=True
        )
    ]

    def standardized(flower: Flower) -> Flower:
        measures = zip(flower.measures, means, spreads, strict=True)
        return Flower(tuple((value - mean) / spread for value, mean, spread in measures), flower[1])

    return Split([*map(standardized, training)], [*map(standardized, validation)])


class Network:
    """Four measures in, a hidden layer of tanh units, three probabilities out."""

    def __init__(self, hidden_units: int, *, seed: int) -> None:
        chance = random.Random(seed)
        # A row of weights for each unit; the last weight of a row is the bias.
        self.hidden = [
            [chance.gauss(0, 0.5) for _ in range(4)] + [0.0] for _ in range(hidden_units)
        ]
        spread = 1 / math.sqrt(hidden_units)
        self.output = [
            [chance.gauss(0, spread) for _ in range(hidden_units)] + [0.0] for _ in SPECIES
        ]
        self._chance = chance
        self._hidden_speed = [[0.0] * len(row) for row in self.hidden]
        self._output_speed = [[0.0] * len(row) for row in self.output]

    def probabilities(self, flower: Flower) -> list[float]:
        """The probability of each species for a flower."""
        return self._forward(flower)[1]

    def epochs(self, data: Split, *, epochs: int, learning_rate: float) -> Iterator[Epoch]:
        """Train, and report after each pass over the training flowers."""
        order = list(data.training)
        for number in range(1, epochs + 1):
            self._chance.shuffle(order)
            for start in range(0, len(order), BATCH_SIZE):
                self._learn(order[start : start + BATCH_SIZE], learning_rate)
            train_loss, _ = self.judge(data.training)
            yield Epoch(number, train_loss, *self.judge(data.validation))

    def judge(self, flowers: list[Flower]) -> tuple[float, float]:
        """The mean loss, and the share of flowers whose species got the highest probability."""
        loss, right = 0.0, 0
        for flower in flowers:
            likely = self.probabilities(flower)
            loss -= math.log(max(likely[flower.species], 1e-300))
            right += likely.index(max(likely)) == flower.species
        return loss / len(flowers), right / len(flowers)

    def confusion(self, flowers: list[Flower]) -> list[list[int]]:
        """Counts by true species (rows) and most likely species (columns)."""
        counts = [[0] * len(SPECIES) for _ in SPECIES]
        for flower in flowers:
            likely = self.probabilities(flower)
            counts[flower.species][likely.index(max(likely))] += 1
        return counts

    def to_dictionary(self) -> dict[str, Any]:
        """The trained weights: enough to use the network elsewhere."""
        return {
            "activation": "tanh",
            "species": SPECIES,
            "hidden": self.hidden,
            "output": self.output,
        }

    def _forward(self, flower: Flower) -> tuple[list[float], list[float]]:
        a, b, c, d = flower.measures
        units = [
            math.tanh(row[0] * a + row[1] * b + row[2] * c + row[3] * d + row[4])
            for row in self.hidden
        ]
        scores = [
            sum(map(float.__mul__, row, units)) + row[-1]  # the bias has no unit
            for row in self.output
        ]
        greatest = max(scores)
        powers = [math.exp(score - greatest) for score in scores]
        total = sum(powers)
        return units, [power / total for power in powers]

    def _learn(self, batch: list[Flower], learning_rate: float) -> None:
        """One step of gradient descent with momentum on the mean loss of a batch."""
        hidden_slope = [[0.0] * len(row) for row in self.hidden]
        output_slope = [[0.0] * len(row) for row in self.output]
        for flower in batch:
            units, wrong = self._forward(flower)
            wrong[flower.species] -= 1.0
            for row, error in zip(output_slope, wrong, strict=True):
                _add(row, error, [*units, 1.0])
            inputs = [*flower.measures, 1.0]
            for index, unit in enumerate(units):
                back = sum(
                    row[index] * error for row, error in zip(self.output, wrong, strict=True)
                )
                _add(hidden_slope[index], back * (1 - unit * unit), inputs)
        rate = learning_rate / len(batch)
        _step(self.hidden, self._hidden_speed, hidden_slope, rate)
        _step(self.output, self._output_speed, output_slope, rate)


def _mean(values: Any) -> float:
    return math.fsum(values) / len(values)


def _add(row: list[float], factor: float, values: list[float]) -> None:
    for index, value in enumerate(values):
        row[index] += factor * value


def _step(
    weights: list[list[float]], speeds: list[list[float]], slopes: list[list[float]], rate: float
) -> None:
    for row, speed, slope in zip(weights, speeds, slopes, strict=True):
        for index, descent in enumerate(slope):
            speed[index] = _MOMENTUM * speed[index] - rate * descent
            row[index] += speed[index]
