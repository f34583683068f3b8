"""Distinct cells against the networks they stand for, in evaluation mode and float64."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch

from nascourse.networks.micro import MicroCellModule
from nascourse.spaces.functions import canonical, canonical_key, distinct_classes, formula
from nascourse.spaces.micro import MICRO_EDGES, MicroCell, MicroSpace

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
    assert all(canonical(cell) == members[0] for members in classes.values() for cell in members)


def with_weights_of(
    module: MicroCellModule, stands: MicroCell, cell: MicroCell, order: tuple[int, ...]
) -> torch.nn.Module:
    """The network of ``cell`` whose k-th convolution has the weights of the one in place ``order[k]`` of ``module``."""
    other, sources = random_module(cell, 2), conv_modules(stands, module)
    for place, target in zip(order, conv_modules(cell, other), strict=True):
        target.load_state_dict(sources[place].state_dict())
    return other


def test_within_a_class_outputs_and_parameters_are_equal() -> None:
    image = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    classes = [members for members in distinct_classes().values() if len(members) > 1]
    for members in classes[::8]:
        stands = members[0]
        module = random_module(stands, 1)
        output = module(image)
        for cell in members[1:6]:
            order = renaming(stands, cell)
            assert order is not None
            other = with_weights_of(module, stands, cell, order)
            torch.testing.assert_close(output, other(image), rtol=1e-9, atol=1e-9)
            assert sum(p.numel() for p in module.parameters()) == sum(p.numel() for p in other.parameters())


def values(cell: MicroCell, size: int = 6) -> set[bytes]:
    """What the cell computes on one random vector, once for every way to name its convolutions. A convolution is a
    random function of its operation and its name, pooling a random matrix. No formula: node by node, as it is drawn."""
    rng = np.random.default_rng(0)
    x, pool = rng.normal(size=size), rng.normal(size=(size, size)) / size
    conv = {
        op: (rng.normal(size=(6, size, size)), rng.normal(size=(6, size))) for op in ("nor_conv_1x1", "nor_conv_3x3")
    }
    live = sorted(cell.live_edges(), key=lambda edge: edge[1])
    names = np.array([*itertools.permutations(range(sum(op in conv for _, _, op in live)))])
    nodes = [np.broadcast_to(x, (len(names), size)), *(np.zeros((len(names), size)) for _ in range(3))]
    used = 0
    for i, j, op in live:
        if op == "skip_connect":
            nodes[j] = nodes[j] + nodes[i]
        elif op == "avg_pool_3x3":
            nodes[j] = nodes[j] + nodes[i] @ pool
        else:
            weights, shifts = (named[names[:, used]] for named in conv[op])
            nodes[j] = nodes[j] + np.tanh((nodes[i][:, None] @ weights)[:, 0] + shifts)
            used += 1
    return {row.tobytes() for row in np.round(nodes[3], 5) + 0.0}


def test_two_cells_are_one_class_exactly_when_they_compute_the_same() -> None:
    """All 15,625 cells. Within a class the values are the same; no value belongs to two classes."""
    of_class: dict[object, set[bytes]] = {}
    class_of: dict[bytes, object] = {}
    for cell in ALL:
        key, found = canonical_key(cell), values(cell)
        assert of_class.setdefault(key, found) == found, cell
        assert {class_of.setdefault(value, key) for value in found} == {key}, cell
    assert len(of_class) == 5044


def test_the_networks_of_near_classes_differ_whatever_convolutions_they_share() -> None:
    """One edge apart and with the same convolutions, so that parameters cannot tell them apart."""
    rng, pairs = np.random.default_rng(0), 0
    while pairs < 300:
        a = ALL[rng.integers(len(ALL))]
        b = MicroSpace().mutate(a, rng)
        convs_a, convs_b = ([op for op, _ in formula(cell)[1]] for cell in (a, b))
        if not convs_a or canonical_key(a) == canonical_key(b) or sorted(convs_a) != sorted(convs_b):
            continue
        pairs += 1
        for order in itertools.islice(itertools.permutations(range(len(convs_a))), 24):
            if [convs_a[place] for place in order] == convs_b:
                # not with the first weights always: a ReLU may cut off what differs
                assert any(outputs_differ(a, b, order, seed) for seed in range(1, 9)), (a, b, order)


def outputs_differ(a: MicroCell, b: MicroCell, order: tuple[int, ...], seed: int) -> bool:
    module, image = random_module(a, seed), torch.randn(4, 2, 6, 6, dtype=torch.float64)
    return not torch.allclose(module(image), with_weights_of(module, a, b, order)(image), rtol=1e-6, atol=1e-6)


def published_key(cell: MicroCell, none_is_zero: bool = True) -> str:
    """The published benchmark's rule (NAS-Bench-201, section 2.1 and its code): a node is the sorted text of its
    inputs, an operation wraps that text, a skip passes it on, and ``none`` of anything is zero (``none_is_zero``).

    Two kinds of error follow. A convolution has no name of its own, so 2 c(x) and c_a(x) + c_b(x) read the same;
    and a zero stays in a sum's text, pooling is opaque, so cells that are one function read differently.
    """
    text = {0: "0"}  # the rule's own letters, "0" the input and "#" zero: its sort order decides what it merges
    for node in (1, 2, 3):
        inputs = []
        for (i, j), op in zip(MICRO_EDGES, cell.ops, strict=True):
            if j != node:
                continue
            if none_is_zero and (op == "none" or text[i] == "#"):
                inputs.append("#")
            elif op == "skip_connect":
                inputs.append(text[i])
            else:
                inputs.append(f"({text[i]})@{op}")
        text[node] = "+".join(sorted(inputs))
    return text[3]


def test_the_published_rule_counts_two_functions_once() -> None:
    """A skip of one convolution is not two convolutions."""
    reused = MicroCell(("nor_conv_3x3", "none", "skip_connect", "none", "skip_connect", "skip_connect"))  # 2 c(x)
    two = MicroCell(("nor_conv_3x3", "nor_conv_3x3", "none", "none", "skip_connect", "skip_connect"))  # c(x) + c'(x)
    name = "#+#+(0)@nor_conv_3x3+(0)@nor_conv_3x3"
    assert published_key(reused) == published_key(two) == name
    assert canonical_key(reused) != canonical_key(two)
    counts = [sum(p.numel() for p in MicroCellModule(cell, 2).parameters()) for cell in (reused, two)]
    assert counts[1] == 2 * counts[0]


def test_the_published_rule_counts_one_function_twice() -> None:
    image = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    # a convolution of a sum of two zeros is not seen to be zero
    convolved = MicroCell(("none", "none", "none", "skip_connect", "none", "nor_conv_3x3"))
    plain = MicroCell(("none", "none", "none", "skip_connect", "none", "none"))
    assert published_key(convolved) == "#+(#+#)@nor_conv_3x3+0"
    assert published_key(plain) == "#+#+0"
    assert canonical_key(convolved) == canonical_key(plain)
    assert torch.equal(random_module(convolved, 1)(image), image)
    assert torch.equal(random_module(plain, 2)(image), image)
    # nor is pooling seen to be linear: pool(c(x) + x) and pool(c(x)) + pool(x)
    whole = MicroCell(("skip_connect", "nor_conv_3x3", "skip_connect", "none", "none", "avg_pool_3x3"))
    parts = MicroCell(("skip_connect", "nor_conv_3x3", "none", "none", "avg_pool_3x3", "avg_pool_3x3"))
    assert published_key(whole) == "#+#+((0)@nor_conv_3x3+0)@avg_pool_3x3"
    assert published_key(parts) == "#+(#+(0)@nor_conv_3x3)@avg_pool_3x3+(0)@avg_pool_3x3"
    assert canonical_key(whole) == canonical_key(parts)
    module = random_module(whole, 1)
    torch.testing.assert_close(module(image), with_weights_of(module, whole, parts, (0,))(image))


def test_how_often_the_published_rule_errs() -> None:
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
