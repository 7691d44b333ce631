//! Tests on whatever adapter there is; on a machine without a card, Mesa's software Vulkan.

mod ascent;
mod kernels;
mod layers;
mod learning;
mod passes;
mod shaders;
mod steps;
mod trust;

use std::sync::{Arc, OnceLock};

use crate::gpu::{Gpu, Selector, Settings, cards, choose};
use crate::picture::normals;

/// The device of this process: opening one and building its pipelines takes seconds in software.
pub fn gpu() -> Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    Arc::clone(GPU.get_or_init(|| {
        let card = choose(&Selector::Number(0)).expect("a graphics driver: install mesa-vulkan-drivers");
        eprintln!("{}", card.title());
        Arc::new(Gpu::open(card, Settings::default()).unwrap())
    }))
}

/// A device of its own whose submissions and dispatches may be as long as they like.
pub fn unhurried() -> Arc<Gpu> {
    let settings = Settings { submission_ms: 1e9, ..Settings::default() };
    Arc::new(Gpu::open(gpu().card().clone(), settings).unwrap())
}

/// Values of about one.
pub fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    normals::fill(seed, 9, 0, &mut values);
    values
}

/// Whether there is no adapter to test on: that is said, and in continuous integration it is a failure.
pub fn no_adapter() -> bool {
    let none = cards().is_empty();
    if none {
        crate::skip::skipped("gpu", "there is no graphics driver: install libvulkan1 and mesa-vulkan-drivers");
    }
    none
}

/// The largest difference of two rows over the second's largest value; infinite where one is no number.
pub fn apart(found: &[f32], truth: &[f32]) -> f32 {
    assert_eq!(found.len(), truth.len());
    let largest = truth.iter().fold(1e-6_f32, |m, v| m.max(v.abs()));
    let differences = found.iter().zip(truth).map(|(a, b)| (a - b).abs());
    differences.fold(0.0_f32, |m, d| if d.is_finite() { m.max(d) } else { f32::INFINITY }) / largest
}
