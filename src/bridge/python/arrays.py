"""What the libraries have in common, and what each does its own way: arrays in and out, values and gradients."""

import array
import math
import struct
import sys


class Refusal(Exception):
    """What the script lacks, in words for its author."""


class NoGradient(Refusal):
    """That there is no gradient, which not every question needs."""


def product(shape):
    count = 1
    for side in shape:
        count *= side
    return count


class Arrays:
    """What the libraries have in common: operators over arrays that broadcast."""

    device = "cpu"

    def channels(self, numbers):
        """One number a channel, to be broadcast over [N, C, H, W]."""
        return self.of(numbers).reshape(-1, 1, 1)

    def shape(self, values):
        return tuple(getattr(values, "shape", ()))

    def affine(self, y, offset, scale):
        """(y - offset)/scale, a number each a channel."""
        if all(o == 0 for o in offset) and all(s == 1 for s in scale):
            return y
        return (y - self.channels(offset)) / self.channels(scale)

    def unaffine(self, x, offset, scale):
        if all(o == 0 for o in offset) and all(s == 1 for s in scale):
            return x
        return x * self.channels(scale) + self.channels(offset)

    def scores(self, y, sigma, denoised):
        """(D - y)/sigma^2"""
        return (denoised - y) / (sigma * sigma).reshape(-1, 1, 1, 1)

    def add_scores(self, gradients, scores, weights):
        """gradients [N, M, C, H, W], or none, plus weights [N, M] times scores [N, C, H, W]."""
        n, m = weights.shape
        more = weights.reshape(n, m, 1, 1, 1) * scores[:, None]
        return more if gradients is None else gradients + more


class Torch(Arrays):
    name = "torch"

    def __init__(self, script):
        import torch

        self.torch = torch
        self.version = torch.__version__.split("+")[0]
        self.in_turn = False
        networks = script.members(torch.nn.Module)
        device = script.get("device")
        if device is None:
            weights = [w for network in networks for w in list(network.parameters())[:1]]
            device = weights[0].device if weights else "cpu"
        self.at = torch.device(device)
        self.device = str(self.at)
        for network in networks:
            if network.training and not script.get("keep_training_mode"):
                try:
                    network.eval()
                    script.notes.append("put a network that was in training mode into evaluation mode")
                except NotImplementedError:
                    # torch.export's modules keep the mode that they were exported in, and say that they are in training mode.
                    script.notes.append("an exported network stays in the mode that it was exported in: call eval() before export")
            network.requires_grad_(False)

    def of(self, numbers):
        return self.torch.tensor(numbers, dtype=self.torch.float32, device=self.at)

    def take(self, buffer, offset, shape):
        values = self.torch.frombuffer(buffer, dtype=self.torch.float32, count=product(shape), offset=offset)
        return values.reshape(shape).to(self.at)

    def give(self, values, double=False):
        kind = self.torch.float64 if double else self.torch.float32
        out = bytearray(values.numel() * (8 if double else 4))
        self.torch.frombuffer(out, dtype=kind).copy_(values.detach().reshape(-1))
        return out

    def is_array(self, values):
        return isinstance(values, self.torch.Tensor)

    def log_softmax(self, logits):
        return self.torch.log_softmax(logits, dim=1)

    def zeros(self, count):
        return self.torch.zeros(count, 1, device=self.at)

    def plain(self, function, y, sigma):
        with self.torch.no_grad():
            return function(y, sigma)

    def traced(self, function, y, sigma, vjp):
        with self.torch.enable_grad():
            y = y.detach().requires_grad_()
            out = function(y, sigma)
        if not out.requires_grad:
            raise NoGradient("its result does not depend on the picture by torch's operations, so there is no gradient")

        def pullback(weights):
            grad, each = self.torch.autograd.grad, weights.shape[1]
            # Small batches of cotangents pay together; large ones fill the processor one by one.
            together = each > 1 and not self.in_turn and weights.shape[0] * each <= 32
            if together:
                try:
                    rows = weights.transpose(0, 1).to(out.dtype)
                    (found,) = grad(out, y, rows, retain_graph=True, is_grads_batched=True)
                    return found.transpose(0, 1)
                except RuntimeError:
                    # Some operation knows no batches of cotangents.
                    self.in_turn = True
            rows = [grad(out, y, weights[:, m].to(out.dtype), retain_graph=True)[0] for m in range(each)]
            return self.torch.stack(rows, dim=1)

        return out, pullback


class Numpy(Arrays):
    name = "numpy"

    def __init__(self, script):
        import numpy

        self.numpy = numpy
        self.version = numpy.__version__

    def of(self, numbers):
        return self.numpy.asarray(numbers, self.numpy.float32)

    def take(self, buffer, offset, shape):
        return self.numpy.frombuffer(buffer, self.numpy.float32, product(shape), offset).reshape(shape)

    def give(self, values, double=False):
        kind = self.numpy.float64 if double else self.numpy.float32
        return memoryview(self.numpy.ascontiguousarray(values, kind).reshape(-1)).cast("B")

    def is_array(self, values):
        return isinstance(values, (self.numpy.ndarray, self.numpy.generic))

    def log_softmax(self, logits):
        logits = logits - logits.max(axis=1, keepdims=True)
        return logits - self.numpy.log(self.numpy.exp(logits).sum(axis=1, keepdims=True))

    def zeros(self, count):
        return self.numpy.zeros((count, 1))

    def plain(self, function, y, sigma):
        return function(y, sigma)

    def traced(self, function, y, sigma, vjp):
        if vjp is None:
            raise NoGradient("{0} gives no gradients by itself: write {1}")

        def pullback(weights):
            n, m, k = weights.shape
            repeat = self.numpy.repeat
            found = vjp(repeat(y, m, axis=0), repeat(sigma, m, axis=0), weights.reshape(n * m, k))
            return found.reshape((n, m) + y.shape[1:])

        return function(y, sigma), pullback


class Jax(Numpy):
    name = "jax"

    def __init__(self, script):
        super().__init__(script)
        import jax

        self.jax, self.version = jax, jax.__version__
        self.device = str(script.get("device") or jax.devices()[0].platform)
        self.jit = script.get("jit", True)
        self.compiled = {}

    def of(self, numbers):
        return self.jax.numpy.asarray(numbers, self.jax.numpy.float32)

    def take(self, buffer, offset, shape):
        return self.jax.numpy.asarray(super().take(buffer, offset, shape))

    def is_array(self, values):
        return isinstance(values, self.jax.Array)

    def log_softmax(self, logits):
        return self.jax.nn.log_softmax(logits, axis=1)

    def zeros(self, count):
        return self.jax.numpy.zeros((count, 1))

    def run(self, key, function, *inputs):
        """The function compiled, or as it is if it cannot be."""
        if self.jit:
            if key not in self.compiled:
                self.compiled[key] = self.jax.jit(function)
            try:
                return self.compiled[key](*inputs)
            except (TypeError, self.jax.errors.JAXTypeError):
                # A value was needed while tracing. If that is not it, the next line says what is.
                pass
        done = function(*inputs)
        self.jit = False
        return done

    def plain(self, function, y, sigma):
        return self.run("plain", function, y, sigma)

    def traced(self, function, y, sigma, vjp):
        forward = lambda y, sigma: self.jax.vjp(lambda y: function(y, sigma), y)
        out, back = self.run("traced", forward, y, sigma)

        def pullback(weights):
            rows = self.jax.numpy.swapaxes(weights, 0, 1).astype(out.dtype)
            each = lambda back, rows: self.jax.vmap(lambda row: back(row)[0])(rows)
            return self.jax.numpy.swapaxes(self.run("back", each, back, rows), 0, 1)

        return out, pullback


class Lists(Arrays):
    """Plain Python: nested lists. Slow, and needs no library."""

    name = "python"
    version = sys.version.split()[0]

    def __init__(self, script):
        pass

    def of(self, numbers):
        return list(numbers)

    def nest(self, flat, shape):
        if len(shape) == 1:
            return list(flat)
        step = product(shape[1:])
        return [self.nest(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]

    def flat(self, values):
        if isinstance(values, (list, tuple)):
            return [v for inner in values for v in self.flat(inner)]
        return [float(values)]

    def each(self, function, *values):
        """The function of numbers at the same place of nested lists."""
        if isinstance(values[0], (list, tuple)):
            return [self.each(function, *inner) for inner in zip(*values)]
        return function(*values)

    def take(self, buffer, offset, shape):
        count = product(shape)
        return self.nest(struct.unpack_from("<%df" % count, buffer, offset), shape)

    def give(self, values, double=False):
        numbers = array.array("d" if double else "f", self.flat(values))
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers.tobytes()

    def is_array(self, values):
        return isinstance(values, (list, tuple))

    def shape(self, values):
        if not isinstance(values, (list, tuple)):
            return ()
        inner = {self.shape(v) for v in values}
        if len(inner) > 1:
            raise Refusal("a list has rows of different lengths")
        return (len(values),) + (inner.pop() if inner else ())

    def affine(self, y, offset, scale):
        return [[self.each(lambda v: (v - o) / s, c) for c, o, s in zip(picture, offset, scale)] for picture in y]

    def unaffine(self, x, offset, scale):
        return [[self.each(lambda v: v * s + o, c) for c, o, s in zip(picture, offset, scale)] for picture in x]

    def log_softmax(self, logits):
        def row(values):
            top = max(values)
            rest = math.log(sum(math.exp(v - top) for v in values))
            return [v - top - rest for v in values]

        return [row(values) for values in logits]

    def zeros(self, count):
        return [[0.0]] * count

    def plain(self, function, y, sigma):
        return function(y, sigma)

    def traced(self, function, y, sigma, vjp):
        if vjp is None:
            raise NoGradient("{0} gives no gradients by itself: write {1}")

        def pullback(weights):
            each = len(weights[0])
            flat = [row for rows in weights for row in rows]
            found = vjp([p for p in y for _ in range(each)], [s for s in sigma for _ in range(each)], flat)
            return [found[i * each : (i + 1) * each] for i in range(len(y))]

        return function(y, sigma), pullback

    def scores(self, y, sigma, denoised):
        return [self.each(lambda d, v: (d - v) / (s * s), d, p) for d, p, s in zip(denoised, y, sigma)]

    def add_scores(self, gradients, scores, weights):
        if gradients is None:
            return [[self.each(lambda s: w * s, s) for w in row] for s, row in zip(scores, weights)]
        return [
            [self.each(lambda g, s: g + w * s, g, s) for g, w in zip(own, row)]
            for own, s, row in zip(gradients, scores, weights)
        ]
