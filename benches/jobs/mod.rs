//! What is timed: an analysis, a study of many classes, an attack, a training step and a convolution, each made ready outside
//! the clock.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Result, bail};
use denoscope::attack::{self, Method, Settings, Smoothing, parameters};
use denoscope::joint::{JointModel, Linear};
use denoscope::kernels::conv::{Form, Weights, convolve};
use denoscope::kernels::layout::{Filter, Frame};
use denoscope::kernels::simd::Level;
use denoscope::network::{Architecture, Checkpoint, Description, DeviceChoice, Network, Storage};
use denoscope::picture::{Batch, Noise, Picture, Shape, normals};
use denoscope::study::{self, Request, native};
use denoscope::task::Cancel;
use denoscope::train::optimiser::{AdamW, Muon, Settings as Optimisation};
use denoscope::train::{Objective, Trainer, TrainingBatch};

const SHAPE: Shape = Shape::new(3, 32, 32);
const SIGMA: f32 = 25.0 / 255.0;
const BATCH: usize = 64;
/// Steps of a job that trains: on a device the next one is put there while one is computed.
pub const TRAIN_STEPS: usize = 4;
const CLASSES: usize = 10;

/// Does it once.
pub type Job = Box<dyn FnMut() -> Result<()>>;

/// Writes the networks' checkpoints with random weights: three sizes for ten classes, and the compact one for many.
pub fn write_networks(folder: &Path) -> Result<()> {
    write(folder, "tiny", CLASSES, SHAPE)?;
    write(folder, "compact", CLASSES, SHAPE)?;
    write(folder, "gradresnet18", CLASSES, SHAPE)?;
    write(folder, "many", 200, Shape::new(3, 64, 64))
}

/// Makes the job of that name ready, with the networks in `folder`; those that a graphics card can do on `device`.
pub fn prepare(folder: &Path, line: &str, device: &DeviceChoice) -> Result<Job> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["analyze", name] => analyze(folder, name, device),
        ["study", name] => study(folder, name),
        ["pgd40", name] => pgd(folder, name, device),
        ["certificate", votes, name] => certificate(folder, name, votes.parse()?, device),
        ["photograph", side, name] => photograph(folder, name, (side.parse()?, side.parse()?), device),
        ["photograph", height, width, name] => photograph(folder, name, (height.parse()?, width.parse()?), device),
        ["train_step", name] => train(folder, name, (1, BATCH), &DeviceChoice::Cpu),
        ["train", batch, name] => train(folder, name, (TRAIN_STEPS, batch.parse()?), device),
        ["langevin", steps, name] => langevin(folder, name, steps.parse()?),
        ["conv", numbers @ ..] => {
            let numbers: Vec<usize> = numbers.iter().map(|n| n.parse()).collect::<Result<_, _>>()?;
            let &[pictures, side, channels] = numbers.as_slice() else { bail!("conv PICTURES SIDE CHANNELS") };
            Ok(convolution(pictures, side, channels))
        }
        _ => bail!("{line} is no job"),
    }
}

fn draw(stream: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    normals::fill(1, stream, 0, &mut values);
    values
}

/// A network whose every weight is random: arithmetic takes as long whatever the weights are.
fn write(folder: &Path, name: &str, classes: usize, shape: Shape) -> Result<()> {
    let architecture = match name {
        "gradresnet18" => Architecture::gradresnet18(),
        "tiny" => {
            Architecture { widths: vec![8, 16], blocks: vec![1, 1], strides: vec![1, 2], ..Architecture::compact() }
        }
        _ => Architecture::compact(),
    };
    let classes = (0..classes).map(|c| format!("class {c}")).collect();
    let mut checkpoint = Checkpoint::untrained(Description::new(name, classes, shape, architecture), 0)?;
    for (stream, tensor) in checkpoint.tensors.values_mut().enumerate() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let scale = 1.0 / (inputs as f32).sqrt();
        tensor.values = draw(stream as u64, tensor.values.len()).iter().map(|v| v * scale).collect();
    }
    let bytes = checkpoint.to_bytes(Storage::Single)?;
    std::fs::write(folder.join(format!("{name}.safetensors")), bytes)?;
    Ok(())
}

fn open(folder: &Path, name: &str) -> Result<Checkpoint> {
    Ok(Checkpoint::read(folder.join(format!("{name}.safetensors")))?)
}

/// One picture: its log-joint and the denoised picture under every class.
fn analyze(folder: &Path, name: &str, device: &DeviceChoice) -> Result<Job> {
    let placed = Placed::load(folder, name, device)?;
    let shape = placed.network.shape();
    let noisy = Batch::new(shape, draw(100, shape.len()));
    let classes: Vec<usize> = (0..CLASSES).collect();
    Ok(Box::new(move || {
        let forward = placed.network.forward_for(&noisy, &[SIGMA], &classes)?;
        std::hint::black_box((forward.log_joint(), forward.denoised_as(&classes)?));
        placed.check()
    }))
}

/// One picture, from its noise to every figure: D, the usual classes' denoisers and all others as one.
fn study(folder: &Path, name: &str) -> Result<Job> {
    let network = Network::load_ready(open(folder, name)?, &DeviceChoice::Cpu)?;
    let values = draw(105, network.shape().len()).iter().map(|v| (0.5 + 0.2 * v).clamp(0.0, 1.0)).collect();
    let request = Request::clean(Picture::new(network.shape(), values), Noise::gaussian(SIGMA, 1));
    Ok(Box::new(move || {
        std::hint::black_box(study::analyze(&network, &request, &Cancel::new(), &mut |_| ())?);
        Ok(())
    }))
}

/// A network on a device, and nowhere else: `check` fails once the processor had to step in.
struct Placed {
    network: Network,
    device: String,
}

impl Placed {
    fn load(folder: &Path, name: &str, device: &DeviceChoice) -> Result<Self> {
        let network = Network::load_ready(open(folder, name)?, device)?;
        let device = network.device();
        Ok(Self { network, device })
    }

    fn check(&self) -> Result<()> {
        if self.network.device() == self.device {
            return Ok(());
        }
        bail!("{}: {}", self.device, self.network.device_reason().unwrap_or_default())
    }
}

/// A certificate of so many votes, its noise included.
fn certificate(folder: &Path, name: &str, votes: u64, device: &DeviceChoice) -> Result<Job> {
    let placed = Placed::load(folder, name, device)?;
    let values = draw(106, placed.network.shape().len()).iter().map(|v| (0.5 + 0.2 * v).clamp(0.0, 1.0)).collect();
    let clean = Picture::new(placed.network.shape(), values);
    let smoothing = Smoothing { samples: votes, ..Smoothing::new(SIGMA) };
    Ok(Box::new(move || {
        let go_on = &mut |_: &attack::Certificate| ControlFlow::Continue(());
        std::hint::black_box(attack::certify(&placed.network, &clean, &smoothing, &Cancel::new(), go_on)?);
        placed.check()
    }))
}

/// A photograph of so many rows and columns, denoised in tiles.
fn photograph(folder: &Path, name: &str, (height, width): (usize, usize), device: &DeviceChoice) -> Result<Job> {
    let placed = Placed::load(folder, name, device)?;
    let shape = Shape::new(3, height, width);
    let noisy = Picture::new(shape, draw(107, shape.len()));
    let classes = placed.network.classes().len();
    let weights = vec![1.0 / classes as f64; classes];
    Ok(Box::new(move || {
        let (tiling, cancel) = (native::Tiling::default(), Cancel::new());
        std::hint::black_box(native::denoise(&placed.network, &noisy, SIGMA, &weights, tiling, &cancel, &mut |_| ())?);
        placed.check()
    }))
}

/// Forty steps of PGD from the picture itself.
fn pgd(folder: &Path, name: &str, device: &DeviceChoice) -> Result<Job> {
    let placed = Placed::load(folder, name, device)?;
    let shape = placed.network.shape();
    let clean = Batch::new(shape, draw(101, shape.len()).iter().map(|v| v.abs().min(1.0)).collect());
    let settings =
        Settings::new(Method::Pgd, SIGMA).with(parameters::STEPS, 40.0)?.with(parameters::RANDOM_START, 0.0)?;
    Ok(Box::new(move || {
        std::hint::black_box(attack::run(&placed.network, &clean, &[0], &settings, &Cancel::new(), &mut |_| ())?);
        placed.check()
    }))
}

/// A training step: both losses of a batch, their gradient, the optimiser.
/// So many steps of training on so many pictures each, to their end.
fn train(folder: &Path, name: &str, (steps, batch): (usize, usize), device: &DeviceChoice) -> Result<Job> {
    let settings = Optimisation { muon: Muon::default(), adamw: AdamW::default(), clip: 1.0 };
    let mut trainer = Trainer::new(open(folder, name)?, device, settings)?;
    trainer.prepare(batch)?;
    let noise = draw(102, batch * SHAPE.len());
    let rows = TrainingBatch {
        noisy: noise.iter().map(|e| 0.5 + SIGMA * e).collect(),
        noise,
        sigmas: vec![SIGMA; batch],
        labels: (0..batch).map(|i| (i % CLASSES) as u32).collect(),
        classes: vec![None; batch],
        parts: None,
        attacked: None,
        size: (SHAPE.height, SHAPE.width),
    };
    let weights = Objective::Joint.weights(10.0);
    Ok(Box::new(move || {
        for _ in 0..steps {
            trainer.step(&rows, weights, 1e-3, 0.999)?;
        }
        // A device may still be at work.
        trainer.take_sums()?;
        Ok(())
    }))
}

/// What a step of JEM (Grathwohl et al. 2020, arXiv 1912.03263) does before its own gradient: so many steps of Langevin
/// dynamics on the density of a batch, x ← x + α∇log p(x) + 0.01 ε.
fn langevin(folder: &Path, name: &str, steps: usize) -> Result<Job> {
    let network = Network::load_ready(open(folder, name)?, &DeviceChoice::Cpu)?;
    let noise = draw(104, BATCH * SHAPE.len());
    Ok(Box::new(move || {
        let mut x = Batch::new(SHAPE, noise.iter().map(|e| 0.5 + SIGMA * e).collect());
        for _ in 0..steps {
            let scores = network.forward(&x, &[SIGMA; BATCH])?.gradients(&[Linear::Score])?;
            let moved = x.values().iter().zip(scores.values()).zip(&noise);
            x = Batch::new(SHAPE, moved.map(|((x, s), e)| (x + 1e-3 * s + 0.01 * e).clamp(0.0, 1.0)).collect());
        }
        std::hint::black_box(x);
        Ok(())
    }))
}

/// A 3×3 convolution from as many channels to as many, weights packed before.
fn convolution(pictures: usize, side: usize, channels: usize) -> Job {
    let frame = Frame::new(side, side, channels);
    let framed = vec![0.5; pictures * frame.len()];
    let mut out = vec![0.0; pictures * frame.dense()];
    let filter = Filter::new(&draw(103, channels * channels * 9), [channels, channels, 3]);
    let weights = Weights::new(Level::best(), Form::choose(frame, pictures, channels), &filter);
    Box::new(move || {
        convolve(&weights, frame, pictures, &framed, &mut out, false);
        Ok(())
    })
}
