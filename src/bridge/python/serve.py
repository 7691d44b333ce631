"""Denoscope's end in Python: loads a person's script and answers for its model over standard streams.

A frame is "DNSC", u32 length of its header, u64 length of its payload (little-endian), the header as JSON, the payload: numbers as
they lie in memory. Values on the wire are on the scale [0, 1] of pictures, f32, [N, C, H, W]; log-probabilities are f64, [N, K].
Nothing is pickled. Whatever the script prints goes to standard error.
"""

import collections
import importlib.util
import json
import os
import signal
import struct
import sys
import threading
import time
import traceback

MAGIC = b"DNSC"
PROTOCOL = 1
# How many forward passes are kept for their adjoint passes.
KEPT = 16
# The most bytes of a header, and of a payload.
MOST_HEADER, MOST_PAYLOAD = 1 << 22, 1 << 31


class Channel:
    """Frames in and out; the script keeps its hands off them."""

    def __init__(self):
        # Ctrl-C is Denoscope's to answer; it tells this process by closing the stream.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.source = os.fdopen(os.dup(0), "rb")
        self.sink = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        sys.stdin = open(0, closefd=False)
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")
        try:
            import fcntl

            for end in (self.source.fileno(), self.sink):
                fcntl.fcntl(end, 1031, 1 << 20)  # F_SETPIPE_SZ: fewer turns a frame
        except (ImportError, OSError):
            pass

    def exactly(self, count):
        buffer = bytearray(count)
        view, got = memoryview(buffer), 0
        while got < count:
            more = self.source.readinto(view[got:])
            if not more:
                raise EOFError
            got += more
        return buffer

    def read(self):
        magic, header, payload = struct.unpack("<4sIQ", self.exactly(16))
        if magic != MAGIC or header > MOST_HEADER or payload > MOST_PAYLOAD:
            raise EOFError
        return json.loads(self.exactly(header).decode()), self.exactly(payload)

    def write(self, header, payload=b""):
        sys.stdout.flush()
        sys.stderr.flush()
        text = json.dumps(header).encode()
        for part in (struct.pack("<4sIQ", MAGIC, len(text), len(payload)) + text, payload):
            view = memoryview(part)
            while view:
                view = view[os.write(self.sink, view) :]


class Kept:
    """A forward pass that adjoint passes may follow; what they need is computed when they do."""

    def __init__(self, model, y, sigma):
        self.model, self.y, self.sigma = model, y, sigma
        self.joint = self.back = self.score = None
        self.pulled = False

    def forward(self, graph):
        self.joint, self.back = self.model.forward(self.y, self.sigma, graph)
        return self.joint

    def pullback(self, weights):
        """sum_c w_c grad log p(y, c) for weights [N, M, K]: [N, M, C, H, W]."""
        self.pulled = True
        model, backend = self.model, self.model.backend
        if set(model.functions) == {"denoise"}:
            found = None
        else:
            if self.back is None:
                self.forward(True)
            found = self.back(weights)
            each = [len(self.y), len(weights[0])] + model.shape_of(self.y)
            model.check(found, each, "the gradient of " + model.what())
        if "denoise" in model.functions:
            given = memoryview(backend.give(weights)).cast("B").cast("f").tolist()
            k = len(model.classes)
            rows = [given[i : i + k] for i in range(0, len(given), k)]
            # What only rounding leaves of a sum is none: differences of classes have no part of the density.
            sums = [sum(row) if abs(sum(row)) > 1.2e-7 * sum(map(abs, row)) else 0.0 for row in rows]
            if any(sums) or found is None:
                if self.score is None:
                    self.score = model.scores(self.y, self.sigma)
                shape = [len(self.y), len(weights[0])]
                sums = backend.take(bytearray(struct.pack("<%df" % len(sums), *sums)), 0, shape)
                found = backend.add_scores(found, self.score, sums)
        return found


def memory():
    """Bytes of main memory that this process holds now, where the system tells."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        pass
    try:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    except (ImportError, OSError):
        return None


def device_memory(model):
    """Bytes of the accelerator's memory that torch holds."""
    if isinstance(model.backend, Torch) and model.backend.at.type == "cuda":
        return model.backend.torch.cuda.memory_reserved(model.backend.at)
    return None


class Server:
    """Answers one request after another."""

    def __init__(self, channel):
        self.channel, self.model, self.path = channel, None, None
        self.kept = collections.OrderedDict()
        self.wants_gradients = False

    def run(self):
        while True:
            try:
                request, payload = self.channel.read()
            except EOFError:
                return
            try:
                answer, values = getattr(self, "on_" + request["op"])(request, payload)
            except BaseException as error:  # SystemExit of a script too: whatever it is, it is told.
                answer, values = self.failure(error), b""
            if self.model is not None:
                answer["memory"], answer["device_memory"] = memory(), device_memory(self.model)
            self.channel.write(answer, values)

    def failure(self, error):
        if isinstance(error, Refusal):
            return {"error": str(error)}
        words = traceback.format_exception_only(type(error), error)
        last = [line.strip() for line in "".join(words).splitlines() if line.strip()]
        where = None
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == self.path:
                where = "%s, line %d" % (os.path.basename(self.path), frame.lineno)
        whole = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        # The first line says what happened, but for a syntax error, whose last does.
        line = last[-1] if isinstance(error, SyntaxError) else last[0]
        if isinstance(error, SyntaxError) and error.lineno:
            where = "%s, line %d" % (os.path.basename(error.filename or ""), error.lineno)
        return {"error": line, "where": where, "traceback": whole}

    def on_open(self, request, payload):
        self.path = os.path.abspath(request["script"])
        folder = os.path.dirname(self.path)
        os.chdir(folder)
        sys.path[0] = folder
        sys.argv = [self.path]
        name = os.path.splitext(os.path.basename(self.path))[0]
        if payload:
            # A script that comes with the program, for a file of another kind.
            spec = importlib.util.spec_from_loader("denoscope_script", loader=None)
            module = importlib.util.module_from_spec(spec)
            module.FILE = self.path
            code = compile(payload.decode(), request["kind"] + ".py", "exec")
            load = lambda: exec(code, vars(module))
        else:
            spec = importlib.util.spec_from_file_location("denoscope_script", self.path)
            if spec is None or spec.loader is None:
                raise Refusal("is no Python script: its name ends in .py")
            module = importlib.util.module_from_spec(spec)
            load = lambda: spec.loader.exec_module(module)
        sys.dont_write_bytecode = True
        sys.modules["denoscope_script"] = module
        load()
        script = Script(module, request.get("name"))
        model = self.model = Model(script)
        files = script.get("files", [])
        files = [files] if isinstance(files, str) else list(files)
        answer = {
            "protocol": PROTOCOL,
            "name": str(script.get("name") or request.get("name") or name),
            "classes": model.classes,
            "shape": model.shape,
            "sigma_range": model.range,
            "any_size": bool(script.get("any_size", False)),
            "roles": sorted(model.functions),
            "takes_sigma": model.takes_sigma,
            "gradient": model.gradient,
            "backend": "%s %s" % (model.backend.name, model.backend.version),
            "device": model.backend.device,
            "notes": model.notes,
            "files": [os.path.abspath(os.path.join(folder, str(file))) for file in files],
        }
        return answer, b""

    def on_forward(self, request, payload):
        for number in request["forget"]:
            kept = self.kept.pop(number, None)
            # Who asked for values alone last time is not given gradients' memory this time.
            self.wants_gradients = kept.pulled if kept is not None else self.wants_gradients
        shape = [request["count"]] + request["shape"]
        y = self.model.backend.take(payload, 0, shape)
        sigma = self.model.backend.take(payload, 4 * product(shape), shape[:1])
        kept = Kept(self.model, y, sigma)
        joint = kept.forward(self.wants_gradients and self.model.gradient is None)
        self.kept[request["id"]] = kept
        while len(self.kept) > KEPT:
            self.kept.popitem(last=False)
        return {"ok": True}, self.model.backend.give(joint, True)

    def on_pullback(self, request, payload):
        kept = self.kept.get(request["id"])
        if kept is None:
            return {"gone": True}, b""
        self.kept.move_to_end(request["id"])
        shape = [request["count"], request["each"], len(self.model.classes)]
        found = kept.pullback(self.model.backend.take(payload, 0, shape))
        return {"ok": True}, self.model.backend.give(found)


def watch(parent):
    """Ends this process with the one that started it, whatever the script is at."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main():
    channel = Channel()
    if hasattr(os, "getppid") and os.name != "nt":
        threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
    Server(channel).run()
    sys.stdout.flush()
    # A script's threads have nothing more to do.
    os._exit(0)


main()
