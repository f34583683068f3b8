from itertools import combinations, pairwise

import pytest
from torch import nn, zeros

from nascourse.errors import CourseError
from nascourse.networks.build import build
from nascourse.networks.cells import CellModule
from nascourse.networks.micro import MicroCellModule, ResidualReduction
from nascourse.spaces.micro import MicroCell
from nascourse.spaces.published import AMOEBANET_A, DARTS_V2, NASNET_A
from nascourse.viz.scene import Group, Text, flat, text_width
from nascourse.viz.stack import places, stack_scene

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


@pytest.mark.parametrize(("arch", "image", "net"), NETS)
def test_places_are_those_of_the_network_that_is_built(arch, image, net):
    found = []
    network = build(arch, **net).eval()
    for layer in network.modules():
        if isinstance(layer, CellModule | MicroCellModule | ResidualReduction | nn.Linear):
            layer.register_forward_hook(lambda layer, _, output: found.append((type(layer), *output.shape[1:])))
    network(zeros(1, *image))
    stem, *body, head = places(arch, image, **net)
    assert [(p.channels, p.height, p.width) for p in body] == [tuple(shape) for _, *shape in found[:-1]]
    assert [p.part == "residual" for p in body] == [kind is ResidualReduction for kind, *_ in found[:-1]]
    assert (head.part, head.channels) == ("head", found[-1][1])
    assert stem.part == "stem"


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


def test_what_is_no_stack_is_refused():
    with pytest.raises(CourseError, match="MicroCell or a Genotype"):
        places("|op~0|")
