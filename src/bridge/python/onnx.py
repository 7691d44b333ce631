"""An ONNX file as a model: onnxruntime gives the values, onnx2torch the gradients.

One input is the picture, [N, C, H, W]; a second one, if there is one, the noise level of each picture. An output [N, K] is a
classifier's logits, one [N, C, H, W] a denoiser's picture. What the file does not say (classes, mean, std, range, shape, sigma_range,
role) may stand in FILE.onnx.json beside it, or in the file's own metadata under the same names.
"""

import builtins
import json
import os

import numpy
import onnxruntime

session = onnxruntime.InferenceSession(FILE, providers=["CPUExecutionProvider"])  # noqa: F821 (the file's path)
said = dict(session.get_modelmeta().custom_metadata_map)
for name, text in list(said.items()):
    try:
        said[name] = json.loads(text)
    except ValueError:
        pass
if os.path.exists(FILE + ".json"):  # noqa: F821
    with open(FILE + ".json", encoding="utf-8") as file:  # noqa: F821
        said.update(json.load(file))

pictures = [i for i in session.get_inputs() if len(i.shape) == 4 and i.shape[1] in (1, 3)]
others = [i for i in session.get_inputs() if i not in pictures[:1]]
if not pictures or len(others) > 1:
    found = ", ".join("%s %s" % (i.name, i.shape) for i in session.get_inputs())
    raise ValueError("takes %s: a model takes pictures [N, 1 or 3, H, W], and a noise level at most" % found)
picture, level = pictures[0], (others[0] if others else None)
shape = tuple(said.get("shape", picture.shape[1:]))
if not all(isinstance(side, int) for side in shape):
    raise ValueError(
        'takes pictures of any size: write {"shape": [channels, height, width]} into %s.json' % os.path.basename(FILE)
    )  # noqa: F821
classes, mean, std = said.get("classes"), said.get("mean"), said.get("std")
range = said.get("range", (0, 1))  # noqa: A001
sigma_range = said.get("sigma_range", (1e-3, 1e3))
files = [FILE + ".json"] if os.path.exists(FILE + ".json") else []  # noqa: F821
# A file that was written for batches of one size is asked in such batches.
batch = picture.shape[0] if isinstance(picture.shape[0], int) and picture.shape[0] > 0 else None
no_gradient = None
try:
    import onnx2torch
    import torch

    network = onnx2torch.convert(FILE).eval()  # noqa: F821
    backend = "torch"
except ImportError as error:
    network, backend = None, "numpy"
    no_gradient = "install torch and onnx2torch beside onnxruntime (%s)" % error
except NotImplementedError as error:
    network, backend = None, "numpy"
    no_gradient = "onnx2torch does not know all of its operators (%s)" % (str(error).splitlines() or [""])[0]


def ask(run, join, y, sigma):
    """The answer for a batch of any size."""
    if batch is None or len(y) == batch:
        return run(y, sigma)
    rows = [min(i, len(y) - 1) for i in builtins.range(-(-len(y) // batch) * batch)]
    parts = [run(y[rows[i : i + batch]], sigma[rows[i : i + batch]]) for i in builtins.range(0, len(rows), batch)]
    return join(parts)[: len(y)]


def levels(sigma):
    """The noise levels in the shape that the file takes."""
    sides = len(level.shape)
    return sigma.reshape([-1] + [1] * (sides - 1)) if sides else sigma[:1].reshape([])


def values(y, sigma):
    given = {picture.name: numpy.asarray(y, numpy.float32)}
    if level is not None:
        given[level.name] = numpy.asarray(levels(sigma), numpy.float32)
    return session.run(None, given)[0]


def differentiable(y, sigma):
    inputs = {picture.name: y} if level is None else {picture.name: y, level.name: levels(sigma)}
    # In the file's own order.
    found = network(*[inputs[i.name] for i in session.get_inputs()])
    return found[0] if isinstance(found, (list, tuple)) else found


def answer(y, sigma):
    if network is None:
        return ask(values, numpy.concatenate, y, sigma)
    if torch.is_grad_enabled():
        return ask(differentiable, torch.cat, y, sigma)
    return torch.from_numpy(numpy.asarray(ask(values, numpy.concatenate, y.numpy(), sigma.numpy())))


output = session.get_outputs()[0]
role = said.get("role") or ("denoise" if len(output.shape) == 4 else "logits")
if role == "logits" and level is None:

    def logits(x):
        return answer(x, x[:, 0, 0, 0])
elif role in ("logits", "log_joint", "denoise"):
    globals()[role] = lambda y, sigma: answer(y, sigma)
