//! What goes wrong on a device is noticed: dropped work, corrupted kernels, a lost device, little memory.

use std::sync::Arc;
use std::time::Duration;

use super::passes::{architecture, checkpoint, engines};
use super::{apart, gpu, no_adapter, noise};
use crate::engine::Passes;
use crate::gpu::device::Settings;
use crate::gpu::kernels::Source;
use crate::gpu::{Engine, Gpu};
use crate::network::Checkpoint;

fn small() -> Checkpoint {
    checkpoint(3, 3, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]))
}

fn on(settings: Settings) -> (Arc<Gpu>, Engine) {
    let gpu = Arc::new(Gpu::open(gpu().card().clone(), settings).unwrap());
    let engine = engines(&gpu, &small()).0;
    (gpu, engine)
}

/// An analysis of two pictures: its gradients.
fn analysis(engine: &Engine) -> crate::Result<Vec<f32>> {
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
    let engine = engines(&gpu, &small()).0;
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
    let truth = analysis(&engines(&gpu(), &small()).0).unwrap();
    // Room for one picture and two rows, and a submission a dispatch.
    let engine = engines(&gpu(), &small()).0;
    let (picture, row) = engine.bytes((8, 8));
    let memory = 2 * picture.max(2 * row);
    let (gpu, engine) = on(Settings { least: true, memory, submission_ms: 1e-9, ..Settings::default() });
    assert!(gpu.largest() <= 128 << 20);
    let found = analysis(&engine).unwrap();
    assert!(apart(&found, &truth) < 1e-5);
    // Not even room for one: that is an error of this job, not of the device.
    let (_, engine) = on(Settings { memory: 1000, ..Settings::default() });
    assert!(matches!(analysis(&engine), Err(crate::Error::Compute(_))));
}

#[test]
fn an_analysis_has_no_more_dispatches_than_counted() {
    if no_adapter() {
        return;
    }
    // The bundled model's shape and ten classes: a convolution and a norm a half, what slices need, a mark a submission.
    let checkpoint = checkpoint(3, 10, architecture((4, 2), &[48, 96, 192], &[2, 2, 2], &[1, 2, 2]));
    let engine = engines(&gpu(), &checkpoint).0;
    assert_eq!(engine.dispatches((32, 32), 10), (39, 37));
}
