"""Times PyTorch's optimizers on one core, for comparison with `swift-dist-train bench optimizer`.

    OMP_NUM_THREADS=1 python Tests/Peers/optimizers.py [Mi parameters …]        (PyTorch 2.15)

One line a case, the best of five: fused=1 is torch's fused kernel where it has one, fused=0 its default.
"""

import inspect
import sys
import time

import torch

torch.set_num_threads(1)
optim = torch.optim
cases = {
    "sgd": (optim.SGD, {"lr": 1e-3}),
    "momentum": (optim.SGD, {"lr": 1e-3, "momentum": 0.9}),
    "nesterov": (optim.SGD, {"lr": 1e-3, "momentum": 0.9, "nesterov": True}),
    "adagrad": (optim.Adagrad, {}),
    "adadelta": (optim.Adadelta, {}),
    "rmsprop": (optim.RMSprop, {}),
    "adam": (optim.Adam, {}),
    "amsgrad": (optim.Adam, {"amsgrad": True}),
    "adamw": (optim.AdamW, {}),
    "adamax": (optim.Adamax, {}),
    "nadam": (optim.NAdam, {}),
    "radam": (optim.RAdam, {}),
    "rprop": (optim.Rprop, {}),
}


def nanoseconds(kind, settings, count, repeats=5):
    parameter = torch.nn.Parameter(torch.full((count,), 0.01))
    parameter.grad = torch.full((count,), 0.01)
    optimizer = kind([parameter], **settings)
    for _ in range(2):
        optimizer.step()
    inner = max(1, (1 << 24) // count)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(inner):
            optimizer.step()
        times.append((time.perf_counter() - start) / inner)
    return min(times) / count * 1e9


for size in [int(word) for word in sys.argv[1:]] or [1, 16]:
    for name, (kind, settings) in cases.items():
        has_fused = "fused" in inspect.signature(kind.__init__).parameters
        for fused in [1, 0] if has_fused else [0]:
            choice = {"fused": True} if fused else {}
            time_taken = nanoseconds(kind, settings | choice, size << 20)
            print(
                f"optimizer={name} params={size << 20} fused={fused} "
                f"ns_per_param={time_taken:.3f}", flush=True)
