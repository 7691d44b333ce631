//! What a device can do, measured: for choosing tiles, and for people who have a card that nobody here has seen.

use std::time::{Duration, Instant};

use super::device::Gpu;
use super::filter::{Adds, Convolution, TILES, Tile};
use super::kernels::Kernel;
use super::plan::{Draft, Plan};
use crate::Result;

/// What was measured of a device.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Milliseconds from a submission of next to nothing to its result.
    pub round_trip_ms: f64,
    /// Microseconds that each further dispatch takes that waits for the one before.
    pub dispatch_us: f64,
    /// For each tile the speed of a 3×3 convolution of 64 channels, in 10⁹ operations a second.
    pub giga_operations: Vec<(Tile, f64)>,
}

/// Measures a device with a convolution over `rows` rows of 32×32 pixels.
///
/// # Errors
/// [`crate::Error::Device`] if the device fails.
pub fn probe(gpu: &Gpu, rows: usize) -> Result<Probe> {
    let (buffer, readback) = (gpu.room(1024), gpu.readback(4));
    let chain = |count: usize| {
        let target = gpu.room(1024);
        let mut draft = Draft::new(gpu);
        for i in 0..count {
            // To and fro, so that each waits for the one before.
            let buffers = if i % 2 == 0 { [&buffer, &target] } else { [&target, &buffer] };
            let buffers = [buffers[0], buffers[1], gpu.nothing(), gpu.nothing()];
            draft.add(Kernel::Reduce, &[16, 16, 1, 16, 0, 1, 0, 0], None, &buffers, [1, 1, 1], 0.0);
        }
        draft.finish()
    };
    let time = |plan: &Plan| best(|| gpu.run(plan.steps().iter(), &[(&buffer, 4)], &readback).map(drop));
    let (one, many) = (time(&chain(1))?, time(&chain(101))?);

    let convolution = Convolution { outputs: 64, inputs: 64, kernel: 3, stride: 1, border: 1 };
    let filter = convolution.forward(&vec![0.01; 64 * 64 * 9]);
    let product = filter.product(rows, (32, 32));
    let weights = gpu.filled(&filter.weights);
    let (source, result) = (gpu.room(rows * 1024 * 64), gpu.room(4 * product.vectors() * product.slices));
    let mut speeds = Vec::new();
    for tile in TILES {
        let mut draft = Draft::new(gpu);
        draft.product_by(tile, &product, (Adds::Nothing, 1), [&source, &weights, &result], None);
        let seconds = time(&draft.finish())?.saturating_sub(one).max(Duration::from_nanos(1)).as_secs_f64();
        speeds.push((tile, product.operations() / seconds / 1e9));
    }
    Ok(Probe {
        round_trip_ms: one.as_secs_f64() * 1e3,
        dispatch_us: many.saturating_sub(one).as_secs_f64() * 1e4,
        giga_operations: speeds,
    })
}

/// The shortest of a few runs, the first apart, which builds what the others use.
fn best(mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    run()?;
    let (start, mut best) = (Instant::now(), Duration::MAX);
    for _ in 0..20 {
        let before = Instant::now();
        run()?;
        best = best.min(before.elapsed());
        if start.elapsed() > Duration::from_secs(1) {
            break;
        }
    }
    Ok(best)
}
