//! Models in `PyTorch`, JAX and ONNX through the bridge, where `DENOSCOPE_PYTHON_TESTS=torch,jax,onnx` asks for them; Python then is
//! the one that `DENOSCOPE_PYTHON` names, with those libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use denoscope::attack::{self, Method, Norm, Settings, Smoothing};
use denoscope::joint::GaussianMixture;
use denoscope::picture::{Batch, Picture, Shape};
use denoscope::study::Classes;
use denoscope::task::Cancel;
use denoscope::{JointModel, Linear, Noise, PythonModel, Request, ScriptSource, analyze, load_on};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the tests of a library are asked for.
fn asked(library: &str) -> bool {
    let list = std::env::var("DENOSCOPE_PYTHON_TESTS").unwrap_or_default();
    list.split(',').any(|name| name.trim() == library)
}

/// Runs a program in the same Python, in the folder of the examples.
fn python(program: &str) -> Value {
    let interpreter = std::env::var("DENOSCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(interpreter);
    command.current_dir(root().join("examples/python")).env("WEIGHTS", "none").args(["-c", program]);
    let output = command.output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn open(path: PathBuf, object: Option<&str>) -> PythonModel {
    let source = ScriptSource { path, object: object.map(str::to_owned) };
    PythonModel::open(&source, "cpu", &Cancel::new(), None).unwrap_or_else(|error| panic!("{error}"))
}

/// An example, with a variable of the environment set.
fn example(folder: &Path, name: &str, variable: &str, value: &str) -> PathBuf {
    let file = root().join("examples/python").join(format!("{name}.py"));
    let path = folder.join(format!("{name}.py"));
    let text = format!(
        "import os, sys\nos.environ[{variable:?}] = {value:?}\n__file__ = {:?}\nsys.path.insert(0, os.path.dirname(__file__))\n\
         exec(compile(open(__file__).read(), __file__, 'exec'))\n",
        file.display().to_string()
    );
    std::fs::write(&path, text).expect("a script");
    path
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A picture that Python can make as well: values that step through [0, 1].
fn steps(shape: Shape) -> Picture {
    Picture::new(shape, (0..shape.len()).map(|i| (i * 37 % 101) as f32 / 100.0).collect())
}

/// The same in `PyTorch`.
fn steps_in_torch(shape: Shape) -> String {
    let Shape { channels, height, width } = shape;
    format!("(torch.arange({}) * 37 % 101).float().reshape(1, {channels}, {height}, {width}) / 100", shape.len())
}

fn doubles(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn singles(value: &Value) -> Vec<f32> {
    doubles(value).into_iter().map(|v| v as f32).collect()
}

#[test]
fn the_reference_through_the_bridge_is_the_engine() {
    if !asked("torch") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["digits", "cifar10"] {
        let checkpoint = root().join("assets/models").join(format!("{name}.safetensors"));
        let script = example(folder.path(), "network_torch", "CHECKPOINT", &checkpoint.display().to_string());
        let theirs = open(script, None);
        let ours = load_on(name, &denoscope::DeviceChoice::Cpu).unwrap();
        assert_eq!((ours.classes(), ours.shape()), (theirs.classes(), theirs.shape()));
        let sample = if name == "digits" { "digits/3" } else { "cifar10/frog" };
        let clean = denoscope::sample(sample, ours.shape()).unwrap();
        for sigma in [0.05, 0.3] {
            let request = Request::clean(clean.clone(), Noise::gaussian(sigma, 7)).with_classes(Classes::All);
            let [a, b] = [&ours as &dyn JointModel, &theirs].map(|model| analyze(model, &request).unwrap());
            for (p, q) in a.posterior.iter().zip(&b.posterior) {
                assert!((p - q).abs() < 1e-4, "{name} at {sigma}: {p} {q}");
            }
            let densities = [&a, &b].map(|study| study.log_density.unwrap());
            assert!((densities[0] - densities[1]).abs() < 1e-4 * densities[0].abs(), "{densities:?}");
            assert!(apart(a.denoised.values(), b.denoised.values()) < 1e-4);
            for (c, d) in a.conditionals.iter().zip(&b.conditionals) {
                assert!(
                    c.class == d.class && apart(c.picture.values(), d.picture.values()) < 1e-4,
                    "{name}, {}",
                    c.class
                );
            }
            assert!(b.identity_error.unwrap() < 1e-4);
        }
        let label = ours.classes().iter().position(|class| sample.ends_with(class.as_str())).unwrap();
        let batch = Batch::of([&clean]);
        let settings = Settings::new(Method::Pgd, 0.1).within(Norm::L2, 0.5);
        let [a, b] = [&ours as &dyn JointModel, &theirs].map(|model| {
            attack::run(model, &batch, &[label], &settings, &Cancel::new(), &mut |_| ()).unwrap().remove(0)
        });
        assert!(apart(a.attacked.values(), b.attacked.values()) < 1e-4, "{name}: PGD");
        assert_eq!((a.success, a.predicted_after), (b.success, b.predicted_after));
        let smoothing = Smoothing { selection: 20, samples: 100, batch: 40, ..Smoothing::new(0.25) };
        let [a, b] =
            [&ours as &dyn JointModel, &theirs].map(|model| denoscope::certify(model, &clean, &smoothing).unwrap());
        assert_eq!((a.class, &a.votes), (b.class, &b.votes), "{name}: certificate");
    }
}

#[test]
fn an_evaluation_through_the_bridge_is_the_engines() {
    if !asked("torch") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for class in 0..10 {
        let inside = folder.path().join("data").join(class.to_string());
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::copy(root().join(format!("assets/samples/digits/{class}.png")), inside.join("0.png")).unwrap();
    }
    let checkpoint = root().join("assets/models/digits.safetensors");
    let script = example(folder.path(), "network_torch", "CHECKPOINT", &checkpoint.display().to_string());
    let figures = |model: &str| -> Value {
        let line = "eval --data data --sigmas 0.1,0.5 --attacks pgd:l2:1 --certify 0.25 --certify-pictures 2 --certify-samples 100 \
                    --device cpu --json - --model";
        let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
        let output = command.current_dir(folder.path()).args(line.split_whitespace()).arg(model).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let (mut ours, mut theirs) = (figures("digits"), figures(&format!("python:{}", script.display())));
    for json in [&mut ours, &mut theirs] {
        let fields = json.as_object_mut().unwrap();
        fields.remove("model");
        fields.remove("device");
    }
    assert_nearly(&ours, &theirs, "");
}

/// Asserts that all numbers in two values are the same to 1e-4, relative where they are large, and everything else altogether.
fn assert_nearly(one: &Value, other: &Value, place: &str) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            assert!(one.keys().eq(other.keys()), "{place}");
            one.iter().for_each(|(name, value)| assert_nearly(value, &other[name], &format!("{place}/{name}")));
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{place}");
            one.iter().zip(other).for_each(|(one, other)| assert_nearly(one, other, place));
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{place}: {a} {b}");
        }
        _ => assert_eq!(one, other, "{place}"),
    }
}

#[test]
fn a_torchvision_classifier_is_its_plain_loop() {
    if !asked("torch") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Random weights that both processes draw alike.
    let path = example(folder.path(), "classifier_torch", "WEIGHTS", "none");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("import torch\ntorch.manual_seed(3)\n{text}")).unwrap();
    let model = open(path, None);
    let shape = Shape::new(3, 224, 224);
    assert_eq!((model.shape(), model.classes().len()), (shape, 1000));
    let truth = python(&format!(
        "import json, torch\ntorch.manual_seed(3)\nimport classifier_torch as c\nc.model.eval()\n\
         y = ({}).requires_grad_()\nx = (y - torch.tensor(c.mean)[:, None, None]) / torch.tensor(c.std)[:, None, None]\n\
         z = c.logits(x)\nz.log_softmax(1)[0, 7].backward()\n\
         print(json.dumps([z[0].tolist(), y.grad.flatten()[::501].tolist(), y.grad.abs().max().item()]))",
        steps_in_torch(shape)
    ));
    let pass = model.forward(&Batch::of([&steps(shape)]), &[0.1]).unwrap();
    for (a, b) in pass.log_joint().iter().zip(doubles(&truth[0])) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    let gradient = pass.gradients(&[Linear::ClassGradient(7)]).unwrap();
    let some: Vec<f32> = gradient.values().iter().step_by(501).copied().collect();
    assert!(apart(&some, &singles(&truth[1])) < 1e-3 * truth[2].as_f64().unwrap() as f32);
    assert!(model.abilities().density.note().unwrap().contains("JEM"));
}

#[test]
fn a_noise_conditional_denoiser_and_its_guide_are_their_plain_loops() {
    if !asked("torch") {
        return;
    }
    let shape = Shape::new(3, 32, 32);
    let truth = python(&format!(
        "import json, torch\nimport guided_torch as g\ny = {}\ns = torch.tensor([0.2])\nwith torch.no_grad():\n    \
         d = (g.denoise(2 * y - 1, 2 * s) + 1) / 2\ny.requires_grad_()\n\
         g.logits(2 * y - 1, 2 * s).log_softmax(1)[0, 1].backward()\nd1 = d + 0.04 * y.grad\n\
         print(json.dumps([d.flatten().tolist(), d1.flatten().tolist()]))",
        steps_in_torch(shape)
    ));
    let noisy = Batch::of([&steps(shape)]);
    let examples = root().join("examples/python");
    let denoiser = open(examples.join("unet_denoiser_torch.py"), None);
    let denoised = denoiser.forward(&noisy, &[0.2]).unwrap().denoised().unwrap();
    assert!(apart(denoised.values(), &singles(&truth[0])) < 1e-4);
    let guided = open(examples.join("guided_torch.py"), None);
    let pass = guided.forward(&noisy, &[0.2]).unwrap();
    assert!(apart(pass.denoised_as(&[1]).unwrap().values(), &singles(&truth[1])) < 1e-4);
    // D = Σ p(c | y) D_c, by two roads.
    let study = analyze(&guided, &Request::noisy(steps(shape), Some(0.2)).with_classes(Classes::All)).unwrap();
    assert!(study.identity_error.unwrap() < 1e-4 && study.log_density.is_none());
}

/// A network of the shape of `RobustBench`'s, which normalises inside, and files of it: a state dict, and exported for any batch and for one.
const RECIPES: &str = "
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer('mu', torch.full((1, 3, 1, 1), 0.48))
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.second, self.head = nn.Conv2d(8, 8, 3, 2, 1, bias=False), nn.Linear(8, 4)

    def forward(self, x):
        h = self.second(torch.relu(self.norm(self.first((x - self.mu) / 0.25))))
        return self.head(torch.relu(h).mean((2, 3)))
";

#[test]
fn the_recipes_of_the_documentation_are_what_they_say() {
    if !asked("torch") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("net.py"), RECIPES).expect("a module");
    let place = folder.path().display().to_string();
    let picture = steps_in_torch(Shape::new(3, 8, 8));
    let values = python(&format!(
        "import sys, json, torch\nsys.path.insert(0, {place:?})\nfrom net import Net\ntorch.manual_seed(3)\nnet = Net().eval()\n\
         torch.save(net.state_dict(), {place:?} + '/mine.pt')\n\
         any = torch.export.export(net, (torch.zeros(2, 3, 8, 8),), dynamic_shapes=({{0: torch.export.Dim('batch')}},))\n\
         torch.export.save(any, {place:?} + '/mine.pt2')\n\
         torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 8, 8),)), {place:?} + '/one.pt2')\n\
         x = ({picture}).requires_grad_()\nlogits = net(x)\ng = torch.autograd.grad(logits[0, 2], x)[0]\n\
         print(json.dumps([logits[0].tolist(), g.flatten().tolist()]))"
    ));
    let scripts = [
        (
            "state",
            "import torch\nfrom net import Net\nmodel = Net()\nmodel.load_state_dict(torch.load('mine.pt', weights_only=True))\n\
                   def logits(x):\n    return model(x)\n",
        ),
        (
            "exported",
            "import torch\nmodel = torch.export.load('mine.pt2').module()\ndef logits(x):\n    return model(x)\n",
        ),
        (
            "alone",
            "import torch\nmodel = torch.export.load('one.pt2').module()\ndef logits(x):\n    \
                   return torch.cat([model(x[i:i + 1]) for i in range(len(x))])\n",
        ),
    ];
    for (name, text) in scripts {
        let path = at(&format!("{name}.py"));
        std::fs::write(&path, format!("shape, classes = (3, 8, 8), 4\n{text}")).expect("a script");
        let model = open(path, None);
        let one = steps(model.shape());
        let pass = model.forward(&Batch::of([&one, &one.map(|v| 1.0 - v)]), &[0.1, 0.1]).expect("a pass");
        let expected = doubles(&values[0]);
        let off = pass.log_joint_of(0).iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-5, "{name}: {off}");
        let gradient = pass.gradients(&[Linear::ScoreAs(2)]).expect("gradients");
        assert!(apart(gradient.row(0), &singles(&values[1])) < 1e-5, "{name}");
    }
}

/// A network that predicts the noise of unit Gaussians exactly, in DDPM's terms, is E[x | y] = y/(1 + σ²) by the recipe.
#[test]
fn the_recipe_of_a_diffusion_model_is_tweedies_denoiser() {
    if !asked("torch") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("diffusion.py");
    let text = "import torch\nshape, range = (1, 4, 4), (-1, 1)\n\
                def alpha_bar(sigma):\n    return 1 / (1 + sigma ** 2)\n\
                def eps(x_t, bar):\n    return (1 - bar).sqrt() * x_t\n\
                def denoise(y, sigma):\n    s = sigma[:, None, None, None]\n    bar = alpha_bar(s)\n    \
                return y - s * eps(y * bar.sqrt(), bar)\n";
    std::fs::write(&path, text).expect("a script");
    let model = open(path, None);
    let picture = steps(model.shape());
    let sigma = 0.3_f32;
    let found = model.forward(&Batch::of([&picture]), &[sigma]).expect("a pass").denoised().expect("a denoiser");
    // On the scale of the network noise is twice as large, and pictures lie around 0.
    let expected = picture.map(|v| 0.5 + (v - 0.5) / (1.0 + 4.0 * sigma * sigma));
    assert!(apart(found.row(0), expected.values()) < 1e-5);
}

#[test]
fn many_cotangents_at_once_are_each_alone() {
    if !asked("torch") {
        return;
    }
    let model = open(root().join("examples/python/jem_torch.py"), None);
    let shape = model.shape();
    let noisy = Batch::of([&steps(shape), &steps(shape).map(|v| 1.0 - v)]);
    let pass = model.forward(&noisy, &[0.1, 0.2]).unwrap();
    let classes: Vec<usize> = (0..10).collect();
    let together = pass.denoised_as(&classes).unwrap();
    for class in classes {
        let alone = pass.denoised_as(&[class]).unwrap();
        for picture in 0..2 {
            assert!(apart(together.row(10 * picture + class), alone.row(picture)) < 1e-6);
        }
    }
}

#[test]
fn a_function_in_jax_is_the_oracle() {
    if !asked("jax") {
        return;
    }
    let model = open(root().join("examples/python/mixture_jax.py"), None);
    let shape = Shape::new(1, 16, 16);
    let far = |i: usize| ((i / 16) as f64 - 7.5).hypot((i % 16) as f64 - 7.5);
    let patterns: [&dyn Fn(usize) -> bool; 4] =
        [&|i| far(i) < 5.0, &|i| far(i) > 4.0 && far(i) < 7.0, &|i| i / 16 % 4 < 2, &|i| {
            (i / 64 + i % 16 / 4) % 2 == 0
        }];
    let oracle = (0..4).fold(GaussianMixture::new(shape, 4), |mixture, class| {
        let mean = (0..256).map(|i| if patterns[class](i) { 0.9 } else { 0.1 }).collect();
        mixture.with(class, 1.0, mean, 0.05)
    });
    let noisy = Batch::of([&steps(shape), &steps(shape).map(|v| 0.5 * v)]);
    let sigmas = [0.3, 1.0];
    let (a, b) = (model.forward(&noisy, &sigmas).unwrap(), oracle.forward(&noisy, &sigmas).unwrap());
    for picture in 0..2 {
        for (p, q) in a.posterior_of(picture).iter().zip(b.posterior_of(picture)) {
            assert!((p - q).abs() < 1e-4, "{p} {q}");
        }
    }
    for _ in 0..2 {
        let classes = [0, 1, 2, 3];
        assert!(apart(a.denoised_as(&classes).unwrap().values(), b.denoised_as(&classes).unwrap().values()) < 1e-4);
        assert!(apart(a.denoised().unwrap().values(), b.denoised().unwrap().values()) < 1e-4);
    }
}

/// Writes two ONNX files of opset 17: a classifier (a convolution, `ReLU`, a mean, a linear layer), and a denoiser y/(1 + σ²).
const FILES: &str = r#"
import json, sys
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper as n, save
rng = np.random.default_rng(0)
w, b = rng.standard_normal((6, 3, 3, 3)).astype("f"), rng.standard_normal(6).astype("f")
a, c = rng.standard_normal((4, 6)).astype("f"), rng.standard_normal(4).astype("f")
def write(name, nodes, inputs, output, weights):
    info = lambda name, shape: h.make_tensor_value_info(name, T.FLOAT, shape)
    graph = h.make_graph(nodes, "g", [info(*i) for i in inputs], [info(*output)], [n.from_array(v, k) for k, v in weights.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)])
    model.ir_version = 8
    save(model, name)
nodes = [
    h.make_node("Conv", ["x", "w", "b"], ["h"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
    h.make_node("Relu", ["h"], ["r"]),
    h.make_node("GlobalAveragePool", ["r"], ["p"]),
    h.make_node("Flatten", ["p"], ["f"]),
    h.make_node("Gemm", ["f", "a", "c"], ["z"], transB=1),
]
for name, batch in (("net.onnx", "N"), ("two.onnx", 2)):
    write(name, nodes, [("x", [batch, 3, 8, 8])], ("z", [batch, 4]), {"w": w, "b": b, "a": a, "c": c})
nodes = [
    h.make_node("Mul", ["s", "s"], ["q"]),
    h.make_node("Add", ["q", "one"], ["t"]),
    h.make_node("Reshape", ["t", "sides"], ["u"]),
    h.make_node("Div", ["y", "u"], ["d"]),
]
weights = {"one": np.ones(1, "f"), "sides": np.array([-1, 1, 1, 1])}
write("denoiser.onnx", nodes, [("y", ["N", 1, 8, 8]), ("s", ["N"])], ("d", ["N", 1, 8, 8]), weights)
# The truth, in NumPy: logits and the gradient of the third, of a picture that steps through [0, 1], standardised by 0.5 and 0.25.
x = ((np.arange(192) * 37 % 101).reshape(3, 8, 8) / 100 - 0.5) / 0.25
pad = np.pad(x, ((0, 0), (1, 1), (1, 1)))
hidden = np.array([[[(pad[:, i:i + 3, j:j + 3] * w[k]).sum() + b[k] for j in range(8)] for i in range(8)] for k in range(6)])
logits = a @ np.maximum(hidden, 0).mean((1, 2)) + c
back = np.zeros_like(pad)
for k in range(6):
    for i in range(8):
        for j in range(8):
            back[:, i:i + 3, j:j + 3] += (hidden[k, i, j] > 0) * a[2, k] / 64 * w[k]
print(json.dumps([logits.tolist(), (back[:, 1:-1, 1:-1] / 0.25).flatten().tolist()]))
"#;

#[test]
fn onnx_files_are_models() {
    if !asked("onnx") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let truth = python(&format!("import os\nos.chdir({:?})\n{FILES}", folder.path().display().to_string()));
    let said = r#"{"classes": ["a", "b", "c", "d"], "mean": [0.5, 0.5, 0.5], "std": 0.25}"#;
    for name in ["net.onnx", "two.onnx"] {
        std::fs::write(folder.path().join(format!("{name}.json")), said).unwrap();
        let model = open(folder.path().join(name), None);
        assert_eq!((model.classes()[3].as_str(), model.shape()), ("d", Shape::new(3, 8, 8)));
        let one = steps(model.shape());
        let noisy = Batch::of([&one, &one.map(|v| 1.0 - v), &one]);
        // Values first, and then those that come with gradients.
        for _ in 0..2 {
            let pass = model.forward(&noisy, &[0.1; 3]).unwrap();
            for picture in [0, 2] {
                for (a, b) in pass.log_joint_of(picture).iter().zip(doubles(&truth[0])) {
                    assert!((a - b).abs() < 1e-4, "{name}: {a} {b}");
                }
            }
            let gradient = pass.gradients(&[Linear::ScoreAs(2)]).unwrap();
            for picture in [0, 2] {
                assert!(apart(gradient.row(picture), &singles(&truth[1])) < 1e-4, "{name}");
            }
        }
    }
    let denoiser = open(folder.path().join("denoiser.onnx"), None);
    let one = steps(denoiser.shape());
    let denoised = denoiser.forward(&Batch::of([&one, &one]), &[0.5, 2.0]).unwrap().denoised().unwrap();
    for (picture, sigma) in [(0, 0.5_f32), (1, 2.0)] {
        let truth: Vec<f32> = one.values().iter().map(|v| v / (1.0 + sigma * sigma)).collect();
        assert!(apart(denoised.row(picture), &truth) < 1e-5);
    }
    let broken = folder.path().join("broken.onnx");
    std::fs::write(&broken, "no model").unwrap();
    let error =
        PythonModel::open(&ScriptSource::named(&broken.display().to_string()).unwrap(), "cpu", &Cancel::new(), None);
    assert!(error.err().unwrap().to_string().contains("broken.onnx"));
}
