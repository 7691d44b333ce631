//! The network on a graphics card: open devices, the check before a card is trusted, and what `auto` measures.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::automatic::{self, Candidate, Memory, Times};
use super::guarded::Guarded;
use super::{Architecture, Checkpoint, Description, DeviceChoice, Family, Network, Stem};
use crate::engine::{Learner as _, LossWeights, Passes, TrainingRows};
use crate::gpu::{self, Gpu, Selector, Settings};
use crate::kernels::engine::{Processor, ProcessorLearner};
use crate::picture::{Shape, normals};
use crate::{Error, Result};

/// How far a card's values may be from the processor's, against the largest of them.
const TOLERANCE: f32 = 1e-4;

/// Changes when the kernels do, so that what was measured is measured again.
const REVISION: u32 = 3;

/// The card of this number or name, open and checked on networks of a family; the best, if the text is empty.
///
/// # Errors
/// [`Error::Device`] if there is none such, its driver refuses, or it computes other values than the processor.
fn device(text: &str, family: Family) -> Result<Arc<Gpu>> {
    static OPEN: Mutex<Vec<(Arc<Gpu>, Vec<Family>)>> = Mutex::new(Vec::new());
    let card = gpu::choose(&Selector::parse(text))?;
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    // A device that was lost is opened anew.
    open.retain(|(gpu, _)| gpu.check().is_ok());
    let known = open.iter().position(|(gpu, _)| gpu.card().number == card.number);
    let index = if let Some(index) = known {
        index
    } else {
        open.push((Arc::new(Gpu::open(card, Settings::default())?), Vec::new()));
        open.len() - 1
    };
    let (gpu, checked) = &mut open[index];
    if !checked.contains(&family) {
        check(gpu, family)?;
        checked.push(family);
    }
    Ok(Arc::clone(gpu))
}

/// Holds the passes of a small network of a family on a card against the processor's.
///
/// # Errors
/// [`Error::Device`] if a value is further off than rounding, or the card fails.
pub(super) fn check(gpu: &Arc<Gpu>, family: Family) -> Result<()> {
    let checkpoint = small(family)?;
    let shape = checkpoint.description.image;
    let mut noisy = vec![0.0; 2 * shape.len()];
    normals::fill(2, 0, 0, &mut noisy);
    let sigmas = [0.1, 0.5];
    let cotangents = [1.0, 0.0, 0.0, 0.2, 0.3, 0.5, 1.0, -1.0, 0.0, 0.0, 1.0, 0.0];
    let density = [1.0, 1.0, 0.0, 1.0];

    let processor = processor(&checkpoint)?;
    let expected = processor.forward(&noisy, (shape.height, shape.width), &sigmas)?;
    let mut truth = vec![0.0; density.len() * shape.len()];
    expected.pullback(&density, &cotangents, &mut truth)?;
    let engine = engine(gpu, &checkpoint)?;
    let tape = engine.forward(&noisy, (shape.height, shape.width), &sigmas)?;
    let mut found = vec![0.0; truth.len()];
    tape.pullback(&density, &cotangents, &mut found)?;
    let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
    let values = [[tape.logits(), expected.logits()], [tape.energy(), expected.energy()]];
    let pairs = values.map(|pair| pair.map(single)).into_iter().chain([[found, truth]]);
    for [found, truth] in pairs {
        trust(gpu, &found, &truth)?;
    }
    Ok(())
}

/// Whether a card's values are the processor's but for rounding.
fn trust(gpu: &Gpu, found: &[f32], truth: &[f32]) -> Result<()> {
    let largest = truth.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    if found.iter().zip(truth).all(|(a, b)| (a - b).abs() <= TOLERANCE * largest) {
        return Ok(());
    }
    let title = gpu.card().title();
    let reason = "computes other values than the processor, so its driver is not to be trusted";
    Err(Error::Device(format!("{title}: {reason}; choose --device cpu")))
}

/// A small network whose every weight is random.
fn small(family: Family) -> Result<Checkpoint> {
    let architecture = Architecture {
        family,
        stem: Stem { kernel: 4, stride: 2 },
        widths: vec![8, 16],
        blocks: vec![1, 1],
        strides: vec![1, 2],
        group: 8,
        sigma_frequencies: 3,
        sigma_width: 6,
    };
    let (shape, classes) = (Shape::new(3, 8, 8), ["a", "b", "c"].map(str::to_owned).to_vec());
    let mut checkpoint = Checkpoint::untrained(Description::new("check", classes, shape, architecture), 1)?;
    for (stream, tensor) in checkpoint.tensors.values_mut().enumerate() {
        let scale = (tensor.shape[1..].iter().product::<usize>() as f32).sqrt().recip();
        normals::fill(1, stream as u64, 0, &mut tensor.values);
        tensor.values.iter_mut().for_each(|value| *value *= scale);
    }
    Ok(checkpoint)
}

/// Holds a small network's gradients on a card against the processor's.
///
/// # Errors
/// As [`check`].
pub(super) fn check_learning(gpu: &Arc<Gpu>) -> Result<()> {
    let checkpoint = small(Family::Bilinear)?;
    let (program, shape) = (checkpoint.description.program(), checkpoint.description.image);
    let weights = checkpoint.weights(&program)?;
    let [mut noisy, mut noise] = [(); 2].map(|()| vec![0.0; 3 * shape.len()]);
    normals::fill(3, 0, 0, &mut noisy);
    normals::fill(4, 0, 0, &mut noise);
    let rows = TrainingRows {
        noisy: &noisy,
        size: (shape.height, shape.width),
        noise: &noise,
        sigmas: &[0.1, 0.5, 0.02],
        labels: &[0, 2, 1],
        classes: &[None, Some(1), None],
    };
    let loss = LossWeights { cross_entropy: 1.0, score: 3.0 };
    let mut processor = ProcessorLearner::new(program.clone());
    processor.load(&weights)?;
    let (_, truth) = processor.gradient(&rows, loss)?;
    let mut learner = gpu::Learner::new(gpu, &program, &weights)?;
    let (_, found) = learner.gradient(&rows, loss)?;
    found.iter().zip(truth).try_for_each(|(found, truth)| trust(gpu, found, truth))
}

/// What trains a checkpoint's weights on the card that `text` means.
///
/// # Errors
/// [`Error::Device`] if the card is not to be had or computes other gradients than the processor, [`Error::Compute`] if the
/// network cannot be trained on it.
pub(super) fn learner(checkpoint: &Checkpoint, text: &str) -> Result<gpu::Learner> {
    let gpu = device(text, Family::Bilinear)?;
    let program = checkpoint.description.program();
    let learner = gpu::Learner::new(&gpu, &program, &checkpoint.weights(&program)?)?;
    check_learning(&gpu)?;
    Ok(learner)
}

fn engine(gpu: &Arc<Gpu>, checkpoint: &Checkpoint) -> Result<Box<dyn Passes>> {
    let program = checkpoint.description.program();
    gpu::passes(gpu, &program, &checkpoint.weights(&program)?)
}

fn processor(checkpoint: &Checkpoint) -> Result<Processor> {
    let program = checkpoint.description.program();
    Processor::new(&program, &checkpoint.weights(&program)?)
}

/// The network on the card that `text` means, with the processor behind it.
///
/// # Errors
/// [`Error::Device`] if the card is not to be had, [`Error::Compute`] if the weights do not fit.
pub(super) fn load(checkpoint: &Checkpoint, text: &str) -> Result<Guarded> {
    let engine = engine(&device(text, checkpoint.description.architecture.family)?, checkpoint)?;
    Ok(Guarded::new(engine, Box::new(processor(checkpoint)?)))
}

/// What `auto` found: the network on a card, or why it stays on the processor; and the reason in words.
pub(super) fn automatic(checkpoint: &Checkpoint) -> (Option<Guarded>, String) {
    if !gpu::may_have_card() {
        return (None, "there is no graphics card".to_owned());
    }
    let candidates: Vec<Candidate> = gpu::cards().iter().map(Candidate::of).collect();
    let Description { architecture, image, classes, .. } = &checkpoint.description;
    let version = env!("CARGO_PKG_VERSION");
    let model = format!("{version} {REVISION} | {architecture:?} {image} {}", classes.len());
    let mut measure = |card: &Candidate| {
        let on = |choice| Network::load(checkpoint, &choice)?.analysis_ms();
        let card = DeviceChoice::Gpu(Some(card.number.to_string()));
        Ok(Times { card: on(card)?, processor: on(DeviceChoice::Cpu)? })
    };
    let (taken, why) = automatic::decide(&candidates, &model, &mut Memory::read(memory()), &mut measure);
    match taken.map(|number| load(checkpoint, &number.to_string())) {
        None => (None, why),
        Some(Ok(network)) => (Some(network), why),
        Some(Err(error)) => (None, error.to_string()),
    }
}

/// The file with what was measured, in the folder for what may be lost.
fn memory() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Caches"))
    } else {
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    };
    cache.map(|cache| cache.join("denoscope").join("devices.json"))
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{architecture, random};
    use super::*;

    #[test]
    fn the_check_takes_a_sound_device_and_refuses_a_corrupted_one() {
        if gpu::cards().is_empty() {
            return crate::skip::skipped("gpu", "there is no graphics driver: install mesa-vulkan-drivers");
        }
        assert!(device("0", Family::Bilinear).is_ok() && device("0", Family::Pooled).is_ok());
        let card = gpu::choose(&Selector::Number(0)).unwrap();
        // A kernel whose arithmetic a driver got slightly wrong.
        let wrong = |family, tamper: fn(&mut gpu::kernels::Source)| {
            let gpu = Gpu::open(card.clone(), Settings { tamper: Some(tamper), ..Settings::default() }).unwrap();
            let error = check(&Arc::new(gpu), family).unwrap_err().to_string();
            assert!(error.contains("other values than the processor"), "{error}");
        };
        wrong(Family::Bilinear, |source| {
            if source.file == "norm.wgsl" {
                source.text = source.text.replace("let from_mean = whole", "let from_mean = 1.01 * whole").into();
            }
        });
        wrong(Family::Pooled, |source| {
            source.text = source.text.replace("sqrt(mean_square)", "1.01 * sqrt(mean_square)").into();
        });
        wrong(Family::Pooled, |source| {
            source.text = source.text.replace("fma(whole_share, x,", "fma(1.1 * whole_share, x,").into();
        });
    }

    #[test]
    fn a_card_whose_gradients_are_wrong_trains_nothing() {
        if gpu::cards().is_empty() {
            return crate::skip::skipped("gpu", "there is no graphics driver: install mesa-vulkan-drivers");
        }
        // Each of training's own kernels with arithmetic that a driver got slightly wrong.
        let tampers: [fn(&mut gpu::kernels::Source); 5] = [
            |source| source.text = source.text.replace("bend * mean_slope", "1.2 * bend * mean_slope").into(),
            |source| source.text = source.text.replace("means.x - x * means.y)", "means.x - x * 0.9 * means.y)").into(),
            |source| source.text = source.text.replace("value += added[i];", "value += 1.1 * added[i];").into(),
            |source| source.text = source.text.replace("i32(y * p.step) - i32(p.border)", "i32(y * p.step)").into(),
            |source| source.text = source.text.replace("asked.z * (share", "1.1 * asked.z * (share").into(),
        ];
        let card = gpu::choose(&Selector::Number(0)).unwrap();
        for (number, tamper) in tampers.into_iter().enumerate() {
            let settings = Settings { tamper: Some(tamper), ..Settings::default() };
            let gpu = Arc::new(Gpu::open(card.clone(), settings).unwrap());
            let error = check_learning(&gpu).map_err(|error| error.to_string());
            let said = error.expect_err(&format!("tampering {number} went by"));
            assert!(said.contains("other values than the processor"), "{said}");
        }
        let gpu = Arc::new(Gpu::open(card, Settings::default()).unwrap());
        check_learning(&gpu).unwrap();
    }

    #[test]
    fn a_card_that_is_lost_in_mid_job_leaves_it_to_the_processor() {
        if gpu::cards().is_empty() {
            return crate::skip::skipped("gpu", "there is no graphics driver: install mesa-vulkan-drivers");
        }
        let checkpoint = random(4, 3, architecture((4, 2), &[32, 48], &[1, 1], &[1, 2]));
        let gpu = Arc::new(Gpu::open(gpu::choose(&Selector::Number(0)).unwrap(), Settings::default()).unwrap());
        let [first, alone] = [(); 2].map(|()| processor(&checkpoint).unwrap());
        let guarded = Guarded::new(engine(&gpu, &checkpoint).unwrap(), Box::new(first));
        let (size, sigmas) = ((48, 48), [0.2; 3]);
        let mut noisy = vec![0.0; 3 * 3 * 48 * 48];
        normals::fill(4, 0, 0, &mut noisy);
        let (density, cotangents) = ([1.0; 3], [0.25; 12]);
        let job = |engine: &dyn Passes| {
            let tape = engine.forward(&noisy, size, &sigmas).unwrap();
            let mut out = vec![0.0; noisy.len()];
            tape.pullback(&density, &cotangents, &mut out).unwrap();
            (tape.logits().to_vec(), out)
        };
        job(&guarded);
        assert_eq!(guarded.failure(), None);
        let before = gpu.submissions();
        let found = std::thread::scope(|scope| {
            scope.spawn(|| {
                while gpu.submissions() < before + 2 {
                    std::thread::yield_now();
                }
                gpu.destroy();
            });
            job(&guarded)
        });
        let failure = guarded.failure().expect("the loss was noticed");
        assert!(failure.starts_with("gpu:0 (") && failure.lines().count() == 1, "{failure}");
        let truth = job(&alone);
        assert!(found.1 == truth.1, "the processor's gradients");
        assert!(found.0.iter().zip(&truth.0).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs())));
        // The next job is the processor's from the beginning.
        assert!(job(&guarded) == truth && guarded.device() == "cpu");
    }

    #[test]
    fn a_card_is_the_same_by_its_name_and_by_its_number() {
        for card in gpu::cards() {
            let choice = DeviceChoice::Gpu(Some(card.name.to_uppercase()));
            let same = gpu::cards().iter().find(|other| other.name.contains(&card.name)).unwrap();
            assert_eq!(choice.resolved().to_string(), format!("gpu:{}", same.number));
        }
        for choice in [DeviceChoice::Gpu(Some("nonesuch".to_owned())), DeviceChoice::Auto, DeviceChoice::Cuda(1)] {
            assert_eq!(choice.resolved(), choice);
        }
    }

    #[test]
    fn auto_takes_no_software_adapter() {
        let checkpoint = super::super::checkpoint("digits").unwrap();
        let (guarded, why) = automatic(&checkpoint);
        if gpu::cards().iter().all(|card| card.kind == gpu::Kind::Software) {
            assert!(guarded.is_none());
            assert!(why.starts_with("there is no graphics card"), "{why}");
        }
    }
}
