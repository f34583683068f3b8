"""Distinct cells against the networks they stand for, in evaluation mode and float64."""

import itertools

import networkx as nx
import pytest
import torch

from nascourse.networks.fixed import MicroCellModule
from nascourse.spaces.canonical import canonical_key, distinct_classes, formula, published_key
from nascourse.spaces.micro import MicroCell, MicroSpace

ALL = list(MicroSpace().all_cells())


def random_module(cell: MicroCell, seed: int) -> MicroCellModule:
    """The cell with random weights and random normalization, so that nothing cancels by symmetry."""
    torch.manual_seed(seed)
    module = MicroCellModule(cell, 2).double().eval()
    for name, value in itertools.chain(module.named_parameters(), module.named_buffers()):
        if value.is_floating_point():
            value.data = torch.rand_like(value) + 0.2 if "var" in name else torch.randn_like(value)
    return module


def conv_modules(cell: MicroCell, module: MicroCellModule) -> list[torch.nn.Module]:
    """The convolutions in the order in which `formula` numbers them."""
    live = sorted(zip(cell.live_edges(), module.ops, strict=True), key=lambda pair: pair[0][1])
    return [op for (_, _, name), op in live if name.startswith("nor_conv")]


def renaming(a: MicroCell, b: MicroCell) -> tuple[int, ...] | None:
    """A numbering of a's convolutions that turns its formula into b's, found by trying all."""
    (out_a, convs_a), (out_b, convs_b) = formula(a), formula(b)
    for order in itertools.permutations(range(len(convs_a))):
        new = {0: 0} | {old + 1: position + 1 for position, old in enumerate(order)}
        renamed = tuple(
            (convs_a[old][0], tuple(sorted((new[at], k, n) for at, k, n in convs_a[old][1]))) for old in order
        )
        if renamed == convs_b and tuple(sorted((new[at], k, n) for at, k, n in out_a)) == out_b:
            return order
    return None


def test_there_are_5044_distinct_functions() -> None:
    classes = distinct_classes()
    assert len(classes) == 5044
    assert sum(map(len, classes.values())) == 5**6
    assert all(MicroSpace().canonical(cell) == members[0] for members in classes.values() for cell in members)


def test_within_a_class_outputs_and_parameters_are_equal() -> None:
    image = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    classes = [members for members in distinct_classes().values() if len(members) > 1]
    for members in classes[::9]:
        stands = members[0]
        module = random_module(stands, 1)
        for cell in members[1:4]:
            other = random_module(cell, 2)
            order = renaming(stands, cell)
            assert order is not None
            sources = conv_modules(stands, module)
            for position, target in enumerate(conv_modules(cell, other)):
                target.load_state_dict(sources[order[position]].state_dict())
            torch.testing.assert_close(module(image), other(image), rtol=1e-9, atol=1e-9)
            assert sum(p.numel() for p in module.parameters()) == sum(p.numel() for p in other.parameters())


def test_across_classes_outputs_differ() -> None:
    """One set of weights for each (operation, place in the formula): equal outputs would mean a missed rule."""
    image = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    kernel = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
    generator = torch.Generator().manual_seed(0)
    weights = {
        (op, n): torch.randn(2, 2, k, k, generator=generator, dtype=torch.float64)
        for op, k in kernel.items()
        for n in range(1, 7)
    }

    def value(cell: MicroCell, order: tuple[int, ...]) -> torch.Tensor:
        output, convs = formula(cell)
        atoms = [image]

        def total(terms: tuple[tuple[int, int, int], ...]) -> torch.Tensor:
            result = torch.zeros_like(image)
            for atom, pools, n in terms:
                x = atoms[atom]
                for _ in range(pools):
                    x = torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
                result = result + n * x
            return result

        for (op, terms), name in zip(convs, order, strict=True):
            atoms.append(
                torch.nn.functional.conv2d(total(terms).relu(), weights[op, name], padding=kernel[op] // 2) + 0.1 * name
            )
        return total(output)

    classes = list(distinct_classes().values())
    seen: dict[str, set[int]] = {}
    for number, members in enumerate(classes[::4]):
        convs = len(formula(members[0])[1])
        for order in itertools.islice(itertools.permutations(range(1, convs + 1)), 24):
            digits = " ".join(f"{v:.6e}" for v in value(members[0], order).flatten()[:12].tolist())
            seen.setdefault(digits, set()).add(number)
    assert not [group for group in seen.values() if len(group) > 1]


def test_a_skip_of_one_convolution_is_not_two_convolutions() -> None:
    reused = MicroCell(("nor_conv_3x3", "none", "skip_connect", "none", "skip_connect", "skip_connect"))  # 2 c(x)
    two = MicroCell(("nor_conv_3x3", "nor_conv_3x3", "none", "none", "skip_connect", "skip_connect"))  # c(x) + c'(x)
    assert published_key(reused) == published_key(two)
    assert canonical_key(reused) != canonical_key(two)
    counts = [sum(p.numel() for p in MicroCellModule(cell, 2).parameters()) for cell in (reused, two)]
    assert counts[1] == 2 * counts[0]


def test_the_published_rule_and_its_two_kinds_of_error() -> None:
    assert len({published_key(cell, none_is_zero=False) for cell in ALL}) == 12_751
    by_published: dict[str, set[object]] = {}
    by_function: dict[object, set[str]] = {}
    for cell in ALL:
        by_published.setdefault(published_key(cell), set()).add(canonical_key(cell))
        by_function.setdefault(canonical_key(cell), set()).add(published_key(cell))
    assert len(by_published) == 6_466
    assert sum(len(functions) > 1 for functions in by_published.values()) == 430  # different functions, one name
    assert any(len(names) > 1 for names in by_function.values())  # one function, different names


@pytest.mark.parametrize("seed", range(3))
def test_live_edges_are_the_edges_on_paths(seed: int) -> None:
    for cell in ALL[seed::97]:
        graph = nx.DiGraph((i, j) for i, j, op in cell.edges() if op != "none")
        graph.add_nodes_from(range(4))
        on_paths = {edge for path in nx.all_simple_paths(graph, 0, 3) for edge in itertools.pairwise(path)}
        assert {(i, j) for i, j, _ in cell.live_edges()} == on_paths
