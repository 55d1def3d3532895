"""The demonstration's data are Fisher's, and its training learns."""

from collections import Counter

from eventtrack.cli.training import SPECIES, Network, load_iris, split


def test_the_data_set_is_complete() -> None:
    flowers = load_iris()
    assert len(flowers) == 150
    assert Counter(flower.species for flower in flowers) == {0: 50, 1: 50, 2: 50}
    # Rows that a widespread copy has wrong: these are Fisher's.
    assert flowers[34].measures == (4.9, 3.1, 1.5, 0.2)
    assert flowers[37].measures == (4.9, 3.6, 1.4, 0.1)
    # The means that Fisher's table II gives for the petals, in centimetres.
    petals = [flower.measures[2] for flower in flowers]
    means = [round(sum(petals[k : k + 50]) / 50, 3) for k in (0, 50, 100)]
    assert means == [1.462, 4.26, 5.552]


def test_both_parts_hold_all_species_in_equal_shares() -> None:
    data = split(load_iris(), seed=1)
    assert Counter(one.species for one in data.training) == {0: 30, 1: 30, 2: 30}
    assert Counter(one.species for one in data.validation) == {0: 20, 1: 20, 2: 20}


def test_training_learns() -> None:
    data = split(load_iris(), seed=1)
    epochs = list(Network(6, seed=1).epochs(data, epochs=30, learning_rate=0.05))
    assert [one.number for one in epochs] == list(range(1, 31))
    assert epochs[-1].train_loss < epochs[0].train_loss / 3
    assert epochs[-1].validation_accuracy > 0.9


def test_the_same_seed_gives_the_same_numbers() -> None:
    data = split(load_iris(), seed=1)
    first, second = (
        list(Network(3, seed=5).epochs(data, epochs=3, learning_rate=0.1)) for _ in range(2)
    )
    assert first == second


def test_gradients_point_downhill() -> None:
    """One small step lowers the loss on the batch it was made from, for any weights."""
    data = split(load_iris(), seed=1)
    batch = data.training[:15]
    for seed in range(5):
        network = Network(4, seed=seed)
        before, _ = network.judge(batch)
        network._learn(batch, 1e-3)
        assert network.judge(batch)[0] < before


def test_the_confusion_matrix_counts_every_flower() -> None:
    data = split(load_iris(), seed=1)
    counts = Network(3, seed=1).confusion(data.validation)
    assert [sum(row) for row in counts] == [20] * len(SPECIES)
