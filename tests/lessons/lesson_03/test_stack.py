from itertools import combinations, pairwise

import pytest

from nascourse.errors import CourseError
from nascourse.lessons.lesson_03.stack import stack_scene
from nascourse.networks.build import places
from nascourse.networks.cells import reduction_places
from nascourse.spaces.micro import MicroCell
from nascourse.spaces.published import AMOEBANET_A, DARTS_V2, NASNET_A
from nascourse.viz.items import Group, Text, flat, text_width

MICRO = MicroCell(("skip_connect",) * 6)
NETS = [
    (DARTS_V2, (3, 32, 32), {"channels": 2, "cells": 6}),
    (DARTS_V2, (1, 28, 28), {"channels": 2, "cells": 20, "in_channels": 1}),
    (AMOEBANET_A, (3, 30, 46), {"channels": 2, "cells": 3}),
    (NASNET_A, (3, 71, 65), {"channels": 4, "cells": 4, "stem": "imagenet", "classes": 7}),
    (DARTS_V2, (3, 32, 32), {"channels": 2, "cells": 1}),
    (MICRO, (3, 32, 32), {"channels": 2, "cells": (5, 5, 5)}),
    (MICRO, (1, 28, 28), {"channels": 2, "cells": (1, 2), "in_channels": 1, "stem_stride": 2}),
]


def half(size):
    return -(-size // 2)


def cells_by_hand(arch, image, channels, cells, classes=10, stem="cifar", in_channels=3):
    """(part, channels, height, width) of each layer of a genotype's network, by arithmetic on its keywords."""
    sizes = list(image[1:])
    for _halving in range(0 if stem == "cifar" else 3):
        sizes = [half(size) for size in sizes]
    stack = [("stem", 3 * channels if stem == "cifar" else channels, *sizes)]
    for place in range(cells):
        part, cell = "normal", arch.normal
        if place in reduction_places(cells):
            part, cell, channels, sizes = "reduce", arch.reduce, 2 * channels, [half(size) for size in sizes]
        stack.append((part, len(cell.concat) * channels, *sizes))
    return [*stack, ("head", classes, 1, 1)]


def stages_by_hand(arch, image, channels, cells, classes=10, stem_stride=1, in_channels=3):
    """The same for a micro cell's."""
    sizes = [-(-size // stem_stride) for size in image[1:]]
    stack = [("stem", channels, *sizes)]
    for stage, number in enumerate(cells):
        if stage:
            channels, sizes = 2 * channels, [half(size) for size in sizes]
            stack.append(("residual", channels, *sizes))
        stack += [("cell", channels, *sizes)] * number
    return [*stack, ("head", classes, 1, 1)]


@pytest.mark.parametrize(("arch", "image", "net"), NETS)
def test_places_are_those_of_the_network_by_arithmetic(arch, image, net):
    by_hand = stages_by_hand if arch == MICRO else cells_by_hand
    found = places(arch, image, **net)
    assert [(p.part, p.channels, p.height, p.width) for p in found] == by_hand(arch, image, **net)
    cells = {cell.name: cell for cell in arch.cells()}
    assert [p.cell for p in found] == [cells.get(p.part) for p in found]


@pytest.mark.parametrize(("arch", "image", "net"), NETS)
@pytest.mark.parametrize("highlight", ["", "own"])
def test_no_two_boxes_and_no_two_texts_overlap(arch, image, net, highlight):
    stack = places(arch, image, **net)
    part = stack[1].part if highlight else ""
    scene = stack_scene(stack, part, "a title")
    assert [item.key for item in scene.items if isinstance(item, Group)] == [f"place-{k}" for k in range(len(stack))]
    texts = [item for item in flat(scene.items) if isinstance(item, Text)]
    spans = [(t.x - w / 2, t.x + w / 2, t.y - 6, t.y + 6) for t in texts for w in [text_width(t.text, t.size, t.bold)]]
    for a, b in combinations(spans, 2):
        assert a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]
    boxes = [item.items[0] for item in scene.items if isinstance(item, Group)]
    for left, right in pairwise(boxes):
        assert left.x + left.width + left.line < right.x
    assert boxes[0].x > 0
    assert boxes[-1].x + boxes[-1].width < scene.width
    for place, box in zip(stack, boxes, strict=True):
        assert (box.line > 2) == (part != "" and place.part == part)


def test_what_has_no_network_has_no_stack():
    with pytest.raises(CourseError, match=r"an architecture out of .*MicroCell"):
        places("|op~0|")
