//! Deterministic attacks against torchattacks, on the same network and pictures: the same perturbation to 1e-4.

use denoscope::attack::{self, Method, Norm, Settings, Target, parameters};
use denoscope::network::{DeviceChoice, Network};
use denoscope::picture::{Batch, Shape};
use denoscope::task::Cancel;
use safetensors::tensor::SafeTensors;

use super::golden::{bytes, checkpoint, singles, tensor};

/// One attack that torchattacks made, as the golden file's metadata says.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    method: String,
    norm: String,
    epsilon: f64,
    steps: f64,
    step_size: f64,
    decay: f64,
    overshoot: f64,
    targeted: bool,
    targets: f64,
}

impl Case {
    fn settings(&self, sigma: f32) -> Settings {
        let method: Method = self.method.parse().unwrap();
        let norm: Norm = self.norm.parse().unwrap();
        let mut settings = Settings::new(method, sigma).within(norm, self.epsilon);
        let values = [
            (parameters::STEPS, self.steps),
            (parameters::STEP_SIZE, self.step_size),
            (parameters::DECAY, self.decay),
            (parameters::OVERSHOOT, self.overshoot),
            (parameters::TARGETS, self.targets),
            (parameters::RANDOM_START, 0.0),
        ];
        for (name, value) in values {
            if method.description().parameter(name).is_some() {
                settings.set(name, value).unwrap();
            }
        }
        settings
    }
}

#[test]
fn deterministic_attacks_agree_with_torchattacks() {
    let model = Network::load(&checkpoint("compact-rgb"), &DeviceChoice::Cpu).unwrap();
    let bytes = bytes("attacks");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let cases = metadata.metadata().as_ref().unwrap()["cases"].clone();
    let cases: Vec<Case> = serde_json::from_str(&cases).unwrap();
    assert!(cases.len() >= 11, "the golden file holds {} attacks", cases.len());

    let (shape, clean) = tensor(&file, "clean");
    let clean = Batch::new(Shape::new(shape[1], shape[2], shape[3]), singles(&clean));
    let whole = |name: &str| tensor(&file, name).1.iter().map(|&v| v as usize).collect::<Vec<_>>();
    let (labels, targets) = (whole("labels"), whole("targets"));
    let sigma = tensor(&file, "sigma").1[0] as f32;
    for case in cases {
        let golden = tensor(&file, &format!("adversarial.{}", case.name)).1;
        for (index, golden) in golden.chunks_exact(clean.shape().len()).enumerate() {
            let mut settings = case.settings(sigma);
            if case.targeted {
                settings.target = Target::Class(targets[index]);
            }
            let picture = Batch::of([&clean.picture(index)]);
            let outcomes =
                attack::run(&model, &picture, &labels[index..=index], &settings, &Cancel::new(), &mut |_| {}).unwrap();
            let found = outcomes[0].attacked.values().iter();
            let error = found.zip(golden).map(|(&f, g)| (f64::from(f) - g).abs()).fold(0.0, f64::max);
            assert!(error < 1e-4, "{} differs by {error:.1e} on picture {index}", case.name);
        }
    }
}
