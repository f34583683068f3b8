"""A first-order step of DARTS, this course's supernet against the plain one of the tests: ``python
benchmarks/darts_step.py [--pairs 5] [--threads 2] [--batch 32] [--device cuda --graph]``.

A step is the gradient of α on one batch with Adam, then the weights' gradient on another with clipping and SGD, with
the paper's settings. The reference takes all gradients in both halves, as the authors' code does, in contiguous
float32; this course's step is `search.gradient.darts_step` as a search runs it (on a GPU in mixed precision). Both
start from equal numbers, whose first losses must agree. Steps are timed in pairs, one of each in turn; the last lines
are the median of the ratios, and the peak memory of each in a process of its own. On 2 cores the ratio was 3.4 (5
pairs, 3.1 to 4.1; peaks 5.9 and 6.0 GiB; on one thread 3.5 and 6.0 GiB). The path on a GPU has not been timed yet.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nascourse.networks import initial_alphas, supernet_seeded
from nascourse.search.gradient.darts_step import first_order, mixture, weight_step
from nascourse.spaces import CellSpace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.networks.reference_supernet import ReferenceCellSupernet, copy_state

Step = Callable[[], tuple[Tensor, Tensor]]
"""One step; the loss on the α batch and on the weights' batch."""


def optimizers(net: nn.Module, alphas: dict[str, Tensor]) -> tuple[torch.optim.Adam, torch.optim.SGD]:
    device = next(net.parameters()).device
    adam = torch.optim.Adam(
        alphas.values(), 3e-4, betas=(0.5, 0.999), weight_decay=1e-3, capturable=device.type == "cuda"
    )
    return adam, torch.optim.SGD(net.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)


def setting(args: argparse.Namespace) -> tuple[nn.Module, dict[str, Tensor], list[tuple[Tensor, Tensor]]]:
    """The supernet, α, and the two batches."""
    generator = torch.Generator().manual_seed(0)
    net = supernet_seeded(CellSpace(), 0, channels=args.channels, cells=args.cells)
    alphas = {
        kind: alpha.detach().to(args.device).requires_grad_() for kind, alpha in initial_alphas(net, generator).items()
    }
    shape = (args.batch, 3, args.image, args.image)
    batches = [
        (torch.randn(shape, generator=generator), torch.randint(10, shape[:1], generator=generator)) for _ in range(2)
    ]
    return net, alphas, [(images.to(args.device), labels.to(args.device)) for images, labels in batches]


def course_step(args: argparse.Namespace) -> Step:
    net, alphas, batches = setting(args)
    net.to(args.device, memory_format=torch.channels_last)
    valid, train = ((images.contiguous(memory_format=torch.channels_last), labels) for images, labels in batches)
    adam, sgd = optimizers(net, alphas)

    def step() -> tuple[Tensor, Tensor]:
        found, gradients = first_order(net, alphas, valid)
        for kind, alpha in alphas.items():
            alpha.grad = gradients[kind]
        adam.step()
        return found, weight_step(net, alphas, train, sgd, clip=5.0)[0]

    return step


def reference_step(args: argparse.Namespace) -> Step:
    net, alphas, (valid, train) = setting(args)
    plain = ReferenceCellSupernet(args.channels, args.cells)
    copy_state(net, plain)
    plain.to(args.device)
    adam, sgd = optimizers(plain, alphas)

    def step() -> tuple[Tensor, Tensor]:
        adam.zero_grad()
        found = cross_entropy(plain(valid[0], mixture(alphas)), valid[1])
        found.backward()
        adam.step()
        sgd.zero_grad()
        loss = cross_entropy(plain(train[0], mixture(alphas)), train[1])
        loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 5.0)
        sgd.step()
        return found.detach(), loss.detach()

    return step


def captured(step: Step) -> Step:
    """The step as one CUDA graph: its thousands of small kernels are launched at once, with the same tensors."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        losses = step()

    def replay() -> tuple[Tensor, Tensor]:
        graph.replay()
        return losses

    return replay


def seconds(step: Step) -> float:
    start = time.perf_counter()
    losses = step()
    float(losses[1])  # waits for a GPU
    return time.perf_counter() - start


STEPS = {"course": course_step, "reference": reference_step}


def peak(name: str, args: argparse.Namespace) -> float:
    """GiB at the peak of two steps in a process of its own: of the process, or of the GPU's memory."""
    evaluated = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--peak-of", name], check=True, capture_output=True, text=True
    )
    return float(evaluated.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("pairs", 5), ("threads", 2), ("batch", 32), ("channels", 16), ("cells", 8), ("image", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--graph", action="store_true", help="this course's step as a CUDA graph")
    parser.add_argument("--peak-of", choices=STEPS, help="only take two steps and print their peak memory in GiB")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.peak_of:
        step = STEPS[args.peak_of](args)
        for _ in range(2):
            seconds(step)
        on_gpu = args.device != "cpu"
        used = (
            torch.cuda.max_memory_allocated() if on_gpu else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        )
        print(used / 2**30)
        return
    load = f", load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    print(f"torch {torch.__version__}, {args.device}, {args.threads} threads{load}", flush=True)
    course, reference = course_step(args), reference_step(args)
    pairs = zip(course(), reference(), strict=True)  # warms up as well
    worst = max(abs(float(ours - theirs)) / float(theirs) for ours, theirs in pairs)
    print(f"first losses differ by {worst:.1e}", flush=True)
    assert worst < (2e-2 if args.device != "cpu" else 1e-3)
    if args.graph:
        course = captured(course)
    ratios = []
    for _ in range(args.pairs):
        ours, theirs = seconds(course), seconds(reference)
        ratios.append(theirs / ours)
        print(f"course {ours:.2f} s, reference {theirs:.2f} s: {ratios[-1]:.2f}", flush=True)
    print(f"median of {len(ratios)} pairs: {median(ratios):.2f} times faster")
    memory = {name: peak(name, args) for name in STEPS}
    print("peak memory: " + ", ".join(f"{name} {gib:.2f} GiB" for name, gib in memory.items()))


if __name__ == "__main__":
    main()
