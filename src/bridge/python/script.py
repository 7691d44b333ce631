"""What the person's script says of its model, and the model that follows from it."""

import inspect
import math
import random
import struct
import sys

ROLES = ("log_joint", "logits", "denoise")


class Script:
    """What the person's script says of its model."""

    def __init__(self, module, name):
        self.module, self.target, self.notes = module, module, []
        if name:
            for part in name.split("."):
                if not hasattr(self.target, part):
                    raise Refusal("defines no %s" % name)
                self.target = getattr(self.target, part)
            if inspect.isclass(self.target):
                self.target = self.target()
        elif hasattr(module, "model") and not self.roles():
            self.target, name = module.model, "model"
        self.functions = self.roles()
        if not self.functions and callable(self.target):
            self.functions = {self.role_of(name): self.target}
        if not self.functions:
            raise Refusal("defines none of log_joint(y, sigma), logits(x) and denoise(y, sigma)")
        if "log_joint" in self.functions and len(self.functions) > 1:
            others = ", ".join(role for role in self.functions if role != "log_joint")
            raise Refusal("defines log_joint and %s: put one model into an object and name it" % others)

    def roles(self):
        found = ((role, getattr(self.target, role, None)) for role in ROLES)
        return {role: function for role, function in found if callable(function)}

    def role_of(self, name):
        """What a function without a telling name is for."""
        role = getattr(self.target, "role", None) or getattr(self.module, "role", None)
        role = role or (name if name in ROLES else None)
        if role is None and self.parameters(self.target) == 1:
            role = "logits"
        if role not in ROLES:
            raise Refusal('does not say what %s is for: write role = "log_joint", "logits" or "denoise"' % name)
        return role

    @staticmethod
    def parameters(function):
        """How many arguments it needs."""
        function = getattr(function, "forward", function)
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return 1
        return sum(
            p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and (p.default is p.empty or p.name == "sigma")
            for p in parameters
        )

    def get(self, name, default=None):
        found = getattr(self.target, name, None) if self.target is not self.module else None
        # A network has methods of its own by some of these names.
        if found is None or inspect.isroutine(found):
            found = getattr(self.module, name, default)
        return default if inspect.ismodule(found) else found

    def function(self, name):
        found = getattr(self.target, name, None) or getattr(self.module, name, None)
        return found if callable(found) else None

    def members(self, kind):
        """The objects of a class that the script holds: by name, or as the model's own."""
        inside = list(vars(self.module).values()) + [self.target]
        if self.target is not self.module and hasattr(self.target, "__dict__"):
            inside += list(vars(self.target).values())
        found = {id(value): value for value in inside if isinstance(value, kind)}
        return list(found.values())

    def backend(self):
        named = self.get("backend")
        known = {kind.name: kind for kind in (Torch, Jax, Numpy, Lists)}
        if named is not None:
            if named not in known:
                raise Refusal('backend is %r: write "torch", "jax", "numpy" or "python"' % (named,))
            return known[named](self)
        used = {getattr(v, "__name__", "").split(".")[0] for v in vars(self.module).values() if inspect.ismodule(v)}
        used |= {str(getattr(v, "__module__", None)).split(".")[0] for v in vars(self.module).values()}
        for names, kind in ((("torch", "torchvision"), Torch), (("jax", "flax", "equinox", "haiku"), Jax)):
            if used.intersection(names):
                return kind(self)
        for name, kind in (("torch", Torch), ("jax", Jax), ("numpy", Numpy)):
            if name in sys.modules:
                return kind(self)
        return Lists(self)


def numbers(value, count, what):
    """One number a channel."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    values = [float(v) for v in value] if isinstance(value, (list, tuple)) else [float(value)] * count
    if len(values) != count:
        raise Refusal("%s has %d numbers, and the pictures %d channels" % (what, len(values), count))
    return values


class Model:
    """log p(y, c) and its gradients, on the scale [0, 1], from whatever functions the script has."""

    def __init__(self, script):
        self.script, self.notes = script, script.notes
        self.functions = script.functions
        self.shape = self.read_shape(script.get("shape"))
        self.backend = script.backend()
        channels = self.shape[0]
        low, high = (float(v) for v in script.get("range", (0, 1)))
        if not high > low:
            raise Refusal("range is (%g, %g): write (lowest, highest)" % (low, high))
        # The script's scale is (y - offset)/unit.
        self.unit = 1 / (high - low)
        self.whole = ([-low * self.unit] * channels, [self.unit] * channels)
        self.seen = self.whole
        if script.get("mean") is not None or script.get("std") is not None:
            mean = numbers(script.get("mean", 0.0), channels, "mean")
            std = numbers(script.get("std", 1.0), channels, "std")
            if "logits" not in self.functions:
                raise Refusal(
                    "has mean and std, which are for logits(x) only: %s sees y itself" % "/".join(self.functions)
                )
            if not all(s > 0 for s in std):
                raise Refusal("std has a number that is not positive")
            self.seen = (mean, std)
        self.takes_sigma = "logits" not in self.functions or script.parameters(self.functions["logits"]) > 1
        self.range = [float(v) for v in script.get("sigma_range", (1e-3, 1e3))]
        if len(self.range) != 2 or not 0 < self.range[0] <= self.range[1] < float("inf"):
            raise Refusal("sigma_range is %r: write (smallest, largest) on the scale [0, 1]" % (self.range,))
        self.classes = self.read_classes(script.get("classes"))
        self.gradient = None
        self.probe()

    @staticmethod
    def read_shape(shape):
        try:
            shape = [int(v) for v in shape]
        except TypeError:
            shape = []
        if len(shape) != 3 or not all(0 < v <= 1 << 16 for v in shape) or shape[0] not in (1, 3):
            raise Refusal(
                "does not say what pictures it takes: write shape = (channels, height, width), 1 or 3 channels"
            )
        return shape

    def read_classes(self, classes):
        if "denoise" in self.functions and len(self.functions) == 1:
            return ["any"]
        if classes is None:
            return None
        names = ["class %d" % i for i in range(classes)] if isinstance(classes, int) else [str(c) for c in classes]
        if not names:
            raise Refusal("classes is empty")
        return names

    def joint(self, y, sigma):
        """[N, K] for y on the scale [0, 1]."""
        functions = self.functions
        if "log_joint" in functions:
            return functions["log_joint"](self.backend.affine(y, *self.whole), self.strength(sigma))
        if "logits" not in functions:
            return self.backend.zeros(len(y))
        seen = self.backend.affine(y, *self.seen)
        logits = functions["logits"](seen, self.strength(sigma)) if self.takes_sigma else functions["logits"](seen)
        if not self.backend.is_array(logits) or len(self.backend.shape(logits)) != 2:
            return logits
        return self.backend.log_softmax(logits) if "denoise" in functions else logits

    def strength(self, sigma):
        """The noise level on the script's scale."""
        if self.unit == 1:
            return sigma
        return [s / self.unit for s in sigma] if isinstance(sigma, list) else sigma / self.unit

    def own_vjp(self):
        """The script's own gradient, on the scale [0, 1], if it has one."""
        role = "log_joint" if "log_joint" in self.functions else "logits"
        function = self.script.function(role + "_vjp")
        if function is None:
            return None
        offset, scale = self.whole if role == "log_joint" else self.seen
        zero = [0.0] * len(scale)

        def vjp(y, sigma, weights):
            seen = self.backend.affine(y, offset, scale)
            inputs = (seen, self.strength(sigma), weights) if self.takes_sigma else (seen, weights)
            found = function(*inputs)
            self.check(found, [len(y)] + self.shape_of(y), role + "_vjp")
            return self.backend.affine(found, zero, scale)

        if role == "logits" and "denoise" in self.functions:
            # Of log_softmax: the weights less their sum times the posterior.
            inner = vjp

            def vjp(y, sigma, weights):
                joint = self.backend.plain(self.joint, y, sigma)
                rows = [[float(v) for v in row] for row in joint]
                given = [[float(v) for v in row] for row in weights]
                less = [[w - sum(ws) * math.exp(p) for w, p in zip(ws, ps)] for ws, ps in zip(given, rows)]
                return inner(y, sigma, self.backend.of(less))

        return vjp

    def shape_of(self, y):
        return list(self.backend.shape(y))[1:]

    def check(self, values, shape, what):
        if not self.backend.is_array(values):
            raise Refusal("%s returns %s, not an array of %s" % (what, type(values).__name__, self.backend.name))
        found = list(self.backend.shape(values))
        if found != list(shape):
            raise Refusal("%s returns %s, not %s" % (what, found, list(shape)))

    def what(self):
        return next(iter(self.functions)) if len(self.functions) == 1 else "logits"

    def forward(self, y, sigma, graph):
        """log p(y, c), and its pullback if that is asked for and there is one."""
        back = None
        if graph and set(self.functions) != {"denoise"}:
            joint, back = self.backend.traced(self.joint, y, sigma, self.own_vjp())
        else:
            joint = self.backend.plain(self.joint, y, sigma)
        if self.classes is None and self.backend.is_array(joint) and len(self.backend.shape(joint)) == 2:
            self.classes = self.read_classes(self.backend.shape(joint)[1])
        self.check(joint, [len(y), len(self.classes or [])], self.what())
        return joint, back

    def scores(self, y, sigma):
        """(D - y)/sigma^2 of the script's denoiser."""
        seen = self.backend.affine(y, *self.whole)
        denoised = self.backend.plain(self.functions["denoise"], seen, self.strength(sigma))
        self.check(denoised, [len(y)] + self.shape_of(y), "denoise")
        return self.backend.scores(y, sigma, self.backend.unaffine(denoised, *self.whole))

    def probe(self):
        """Asks once for what will be asked: what is wrong is said now, and the first analysis finds the libraries warm."""
        pattern = [random.Random(7).random() for _ in range(4099)]
        size = product(self.shape)
        values = (pattern * (2 * size // len(pattern) + 1))[: 2 * size]
        buffer = bytearray(struct.pack("<%df" % (2 * size), *values) + struct.pack("<2f", *[self.level()] * 2))
        take = self.backend.take
        one = take(buffer, 0, [1] + self.shape), take(buffer, 8 * size, [1])
        two = take(buffer, 0, [2] + self.shape), take(buffer, 8 * size, [2])
        alone, _ = self.forward(*one, graph=False)
        together, _ = self.forward(*two, graph=False)
        first = memoryview(self.backend.give(alone, True)).cast("B").cast("d").tolist()
        both = memoryview(self.backend.give(together, True)).cast("B").cast("d").tolist()
        most = max(max(map(abs, first)), 1.0)
        if any(abs(a - b) > 1e-3 * most for a, b in zip(first, both)):
            self.notes.append("answers otherwise for a picture alone than beside another: batch statistics, or chance")
        if "denoise" in self.functions:
            self.scores(*one)
        self.gradient = self.script.get("no_gradient")
        if set(self.functions) != {"denoise"} and self.gradient is None:
            try:
                kept = Kept(self, *one)
                kept.pullback(
                    take(bytearray(struct.pack("<%df" % len(first), *[1.0] * len(first))), 0, [1, 1, len(first)])
                )
            except NoGradient as error:
                role = self.what()
                inputs = "y, sigma, w" if self.takes_sigma else "x, w"
                self.gradient = str(error).format(self.backend.name, "%s_vjp(%s)" % (role, inputs))

    def level(self):
        return min(max(0.1, self.range[0]), self.range[1])
