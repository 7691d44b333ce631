//! What goes wrong on a device is noticed: dropped work, corrupted kernels, a lost device, little memory.

use std::sync::Arc;
use std::time::Duration;

use super::{apart, gpu, no_adapter, noise, unhurried};
use crate::engine::Passes;
use crate::gpu::device::Settings;
use crate::gpu::engine::Engine;
use crate::gpu::kernels::Source;
use crate::gpu::stages::StageLayers;
use crate::gpu::{Gpu, cards};
use crate::network::Checkpoint;
use crate::network::conformance::{architecture, random};

fn small() -> Checkpoint {
    random(3, 3, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]))
}

/// The stages' engine on a device.
pub fn staged(gpu: &Arc<Gpu>, checkpoint: &Checkpoint) -> Engine<StageLayers> {
    let program = checkpoint.description.program();
    Engine::new(gpu, &program, &checkpoint.weights(&program).unwrap()).unwrap()
}

fn on(settings: Settings) -> (Arc<Gpu>, Engine<StageLayers>) {
    let gpu = Arc::new(Gpu::open(gpu().card().clone(), settings).unwrap());
    let engine = staged(&gpu, &small());
    (gpu, engine)
}

/// A device that from now on has no room for so many bytes at once.
fn short_of(bytes: u64) -> (Arc<Gpu>, Engine<StageLayers>) {
    let (gpu, engine) = on(Settings::default());
    gpu.refuse(bytes);
    (gpu, engine)
}

/// An analysis of two pictures: its gradients.
fn analysis(engine: &Engine<StageLayers>) -> crate::Result<Vec<f32>> {
    let tape = engine.forward(&noise(1, 2 * 3 * 64), (8, 8), &[0.1, 0.4])?;
    let mut out = vec![f32::NAN; 8 * 192];
    tape.pullback(&[1.0; 8], &noise(2, 24), &mut out)?;
    Ok(out)
}

#[test]
fn dropped_work_is_noticed() {
    if no_adapter() {
        return;
    }
    let (_, engine) = on(Settings { unmarked: true, ..Settings::default() });
    let error = analysis(&engine).unwrap_err().to_string();
    assert!(error.contains("left out work"), "{error}");
    assert!(analysis(&engine).is_err(), "the device is not trusted again");
}

#[test]
fn a_kernel_that_does_not_compile_is_an_error_and_no_panic() {
    if no_adapter() {
        return;
    }
    let tamper = |source: &mut Source| {
        if source.file == "exchange.wgsl" {
            source.text = source.text.replace("fn product(", "fn product(nonsense").into();
        }
    };
    let gpu =
        Arc::new(Gpu::open(gpu().card().clone(), Settings { tamper: Some(tamper), ..Settings::default() }).unwrap());
    let engine = staged(&gpu, &small());
    let error = analysis(&engine).unwrap_err().to_string();
    assert!(error.starts_with("gpu:0 (") && error.lines().count() == 1, "{error}");
}

#[test]
fn a_device_that_is_lost_in_mid_job_is_an_error() {
    if no_adapter() {
        return;
    }
    let (gpu, engine) = on(Settings { patience: Duration::from_secs(5), ..Settings::default() });
    let tape = engine.forward(&noise(1, 192), (8, 8), &[0.1]).unwrap();
    gpu.destroy();
    let mut out = vec![0.0; 192];
    let error = tape.pullback(&[1.0], &[0.0; 3], &mut out).unwrap_err().to_string();
    assert!(error.starts_with("gpu:0 (") && error.lines().count() == 1, "{error}");
    assert!(analysis(&engine).is_err());
}

#[test]
fn the_least_device_with_little_memory_gives_the_same_values() {
    if no_adapter() {
        return;
    }
    let truth = analysis(&staged(&gpu(), &small())).unwrap();
    // Room for one picture and two rows, and a submission a dispatch.
    let engine = staged(&gpu(), &small());
    let (picture, row) = engine.bytes((8, 8));
    let memory = 2 * picture.max(2 * row);
    let (gpu, engine) = on(Settings { least: true, memory: Some(memory), submission_ms: 1e-9, ..Settings::default() });
    assert!(gpu.largest() <= 128 << 20);
    let found = analysis(&engine).unwrap();
    assert!(apart(&found, &truth) < 1e-5);
    // Not even room for one: that is an error of this job, not of the device.
    let (_, engine) = on(Settings { memory: Some(1000), ..Settings::default() });
    assert!(matches!(analysis(&engine), Err(crate::Error::Compute(_))));
}

#[test]
fn a_job_that_the_memory_does_not_hold_goes_in_smaller_parts() {
    if no_adapter() {
        return;
    }
    let (count, noisy) = (9, noise(1, 9 * 192));
    let job = |engine: &Engine<StageLayers>| -> crate::Result<(Vec<f64>, Vec<f32>)> {
        let tape = engine.forward(&noisy, (8, 8), &[0.3; 9])?;
        let mut out = vec![f32::NAN; count * 192];
        tape.pullback(&vec![1.0; count], &noise(2, count * 3), &mut out)?;
        Ok((tape.logits().to_vec(), out))
    };
    let asked = |count: u64| {
        let (gpu, engine) = on(Settings::default());
        let before = gpu.asked();
        engine.forward(&noisy[..192 * count as usize], (8, 8), &vec![0.3; count as usize]).unwrap();
        gpu.asked() - before
    };
    let truth = job(&staged(&gpu(), &small())).unwrap();
    // A card that says nothing of it but has no room for five pictures at once; for two it has.
    let refused = asked(5);
    assert!(asked(2) < refused);
    let (gpu, engine) = short_of(refused);
    let found = job(&engine).unwrap();
    let logits = found.0.iter().zip(&truth.0).all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + b.abs()));
    assert!(logits && apart(&found.1, &truth.1) < 1e-5);
    assert!(gpu.check().is_ok(), "the device is as good as before");
    // Not even room for one: an error of the job.
    let (gpu, engine) = short_of(1000);
    let error = job(&engine).unwrap_err();
    assert!(matches!(error, crate::Error::Compute(_)) && error.to_string().contains("out of memory"), "{error}");
    assert!(gpu.check().is_ok());
    // An analysis that does not fit at once goes one step after the other.
    let (_, engine) = short_of(asked(1));
    assert!(engine.analysis(&noisy[..192], (8, 8), 0.3, &[0, 1, 2]).is_err(), "nor does its picture");
    let (_, engine) = short_of(asked(1) + 1);
    let (tape, gradients) = engine.analysis(&noisy[..192], (8, 8), 0.3, &[0, 1, 2]).unwrap();
    assert!(gradients.is_none() && tape.logits().len() == 3);
}

#[test]
fn a_large_dispatch_goes_in_pieces_to_the_same_bits() {
    if no_adapter() {
        return;
    }
    let checkpoint = random(3, 3, architecture((3, 1), &[32, 40], &[1, 1], &[1, 2]));
    let (size, noisy) = ((48, 52), noise(1, 3 * 48 * 52));
    let job = |gpu: &Arc<Gpu>| {
        let engine = staged(gpu, &checkpoint);
        let tape = engine.forward(&noisy, size, &[0.2]).unwrap();
        let mut out = vec![f32::NAN; 2 * noisy.len()];
        tape.pullback(&[1.0, 0.0], &noise(2, 6), &mut out).unwrap();
        (tape.energy().to_vec(), tape.logits().to_vec(), out)
    };
    let whole = unhurried();
    let truth = job(&whole);
    // A device that takes long: 10⁷ operations a submission, where a convolution is 46·10⁶.
    let settings = Settings { submission_ms: 0.5, ..Settings::default() };
    let gpu = Arc::new(Gpu::open(gpu().card().clone(), settings).unwrap());
    assert!(job(&gpu) == truth, "the same bits");
    assert!(gpu.dispatches() > 2 * whole.dispatches(), "{} and {}", gpu.dispatches(), whole.dispatches());
    // By now it is known how fast it is: what a submission may hold no submission exceeds, but for one dispatch that goes over.
    let before = gpu.submissions();
    assert!(job(&gpu) == truth);
    let (submissions, longest) = (gpu.submissions() - before, gpu.longest());
    assert!(submissions >= 4 && longest <= 2.0 * gpu.pace().submission().max(1e7), "{submissions}, {longest}");
}

#[test]
fn an_analysis_has_no_more_dispatches_than_counted() {
    if no_adapter() {
        return;
    }
    // The bundled model's shape and ten classes: a convolution and a norm a half, what slices need, a mark a submission.
    let checkpoint = random(10, 3, architecture((4, 2), &[48, 96, 192], &[2, 2, 2], &[1, 2, 2]));
    let gpu = unhurried();
    let engine = staged(&gpu, &checkpoint);
    let classes: Vec<usize> = (0..10).collect();
    let before = (gpu.dispatches(), gpu.submissions());
    engine.analysis(&noise(1, 3 * 1024), (32, 32), 0.1, &classes).unwrap();
    // 39 of the forward pass, 36 of the adjoint pass, the cotangents, and the mark.
    assert_eq!((gpu.dispatches() - before.0, gpu.submissions() - before.1), (39 + 36 + 1 + 1, 1));
}

#[test]
fn a_vulkan_driver_tells_how_much_memory_there_is() {
    if no_adapter() {
        return;
    }
    for card in cards().iter().filter(|card| card.backend == "Vulkan") {
        // Not even a program that pretends to be a card has less, or more than an address reaches.
        assert!(
            card.memory.is_some_and(|bytes| (64 << 20..1 << 47).contains(&bytes)),
            "{}: {:?}",
            card.name,
            card.memory
        );
    }
}
