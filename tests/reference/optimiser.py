"""Golden numbers for the trainer's optimiser: torch.optim.AdamW, Muon as its author published it, an average.

Prints the table of src/train/optimiser/tests.rs.
"""

import math

import torch

torch.set_default_dtype(torch.float64)

SHAPES = {
    "head.linear.bias": ([3], 0.3),
    "head.linear.weight": ([3, 4], 0.7),
    "stages.0.blocks.0.conv1.weight": ([2, 1, 2, 2], 1.1),
    "stages.0.blocks.0.conv2.weight": ([2, 1, 2, 2], 1.9),
    "stages.0.readout.p.weight": ([4, 2], 1.3),
}


def newton_schulz(g):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def listed(tensor):
    return ", ".join(f"{v:.7f}" for v in tensor.detach().flatten().tolist())


def main():
    parameters = {}
    for name, (shape, k) in SHAPES.items():
        values = [math.sin((i + 1) * k) for i in range(math.prod(shape))]
        parameters[name] = torch.nn.Parameter(torch.tensor(values).reshape(shape))
    muon = [n for n in parameters if n.startswith("stages")]
    adam = torch.optim.AdamW(
        [
            {"params": [parameters["head.linear.weight"]], "weight_decay": 0.01},
            {"params": [parameters["head.linear.bias"]], "weight_decay": 0.0},
        ],
        lr=2e-3,
        betas=(0.9, 0.99),
        eps=1e-8,
    )
    buffers = {n: torch.zeros_like(parameters[n]) for n in muon}
    average = {n: p.detach().clone() for n, p in parameters.items()}
    for step in range(5):
        rate = 1.0 - 0.1 * step
        adam.zero_grad()
        for p in parameters.values():
            p.grad = None
        sum(torch.sin(2 * p).sum() for p in parameters.values()).backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        for group in adam.param_groups:
            group["lr"] = 2e-3 * rate
        adam.step()
        with torch.no_grad():
            for n in muon:
                p, g = parameters[n], parameters[n].grad
                buffers[n].mul_(0.95).add_(g)
                u = g.add(buffers[n], alpha=0.95).reshape(p.shape[0], -1)
                scale = max(1, u.shape[0] / u.shape[1]) ** 0.5
                p.add_(newton_schulz(u).reshape(p.shape), alpha=-0.02 * rate * scale)
            for n, p in parameters.items():
                average[n].mul_(0.9).add_(p, alpha=0.1)
    for n, p in parameters.items():
        print(f'    ("{n}", &[{listed(p)}], &[{listed(average[n])}]),')


if __name__ == "__main__":
    main()
