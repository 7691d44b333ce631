//! The processor's time for a frame with all tiles visible, and the time from a slider move to the last tile.

#[cfg(feature = "gui")]
fn main() {
    window::main();
}

/// Without the window there is nothing to measure.
#[cfg(not(feature = "gui"))]
fn main() {}

#[cfg(feature = "gui")]
mod window {
    use std::hint::black_box;

    use criterion::Criterion;
    use denoscope::gui::{App, Options, Threads};
    use eframe::egui::{Key, vec2};
    use egui_kittest::Harness;

    /// The window with a model, everything computed, work done inline.
    fn window(model: &str) -> Harness<'static, App> {
        let options = Options { model: Some(model.to_owned()), ..Options::default() };
        let mut harness =
            Harness::builder().with_size(vec2(1280.0, 800.0)).build_eframe(|cc| App::new(cc, options, Threads::Inline));
        harness.run_steps(8);
        harness
    }

    pub fn main() {
        let mut criterion = Criterion::default().sample_size(30).configure_from_args();
        for model in ["digits", "cifar10"] {
            measure(&mut criterion, model);
        }
        criterion.final_summary();
    }

    fn measure(criterion: &mut Criterion, model: &str) {
        let mut harness = window(model);
        criterion.bench_function(&format!("{model}: frame with all tiles"), |b| {
            b.iter(|| {
                harness.step();
                black_box(harness.output().shapes.len())
            });
        });
        // Two presets in turn; the frame after the key computes the whole study before it returns.
        let mut key = Key::Num1;
        criterion.bench_function(&format!("{model}: slider move to the last tile"), |b| {
            b.iter(|| {
                key = if key == Key::Num1 { Key::Num3 } else { Key::Num1 };
                harness.key_press(key);
                harness.step();
                harness.step();
                black_box(harness.output().shapes.len())
            });
        });
    }
}
