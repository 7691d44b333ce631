//! The processor's time for a frame with all tiles visible, and the time from a slider move to the last tile: with the work
//! done inline, by the workers, and by the workers while a training runs beside them.

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
    use std::sync::mpsc::channel;
    use std::thread::JoinHandle;

    use criterion::Criterion;
    use denoscope::gui::{App, Options, Threads};
    use denoscope::picture::{Noise, Picture, Shape, save};
    use denoscope::task::Cancel;
    use denoscope::train::{Config, run};
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
        on_threads(&mut criterion, "digits: slider move to the last tile, on threads");
        let training = Training::start();
        on_threads(&mut criterion, "digits: slider move to the last tile, on threads, while a training runs");
        drop(training);
        criterion.final_summary();
    }

    /// As a person gets it: the window shows frames until the worker has answered.
    fn on_threads(criterion: &mut Criterion, name: &str) {
        let options =
            Options { model: Some("digits".to_owned()), device: Some("cpu".to_owned()), ..Options::default() };
        let mut harness = Harness::builder()
            .with_size(vec2(1280.0, 800.0))
            .build_eframe(|cc| App::new(cc, options, Threads::Spawned));
        let mut key = Key::Num1;
        let answered = |app: &App| app.session().answer.study.is_some() && !app.questions().study.is_pending();
        while !answered(harness.state()) || app_is_asking(harness.state()) {
            harness.step();
        }
        criterion.bench_function(name, |b| {
            b.iter(|| {
                key = if key == Key::Num1 { Key::Num3 } else { Key::Num1 };
                harness.key_press(key);
                harness.step();
                harness.step();
                while !answered(harness.state()) {
                    harness.step();
                }
                black_box(harness.output().shapes.len())
            });
        });
    }

    fn app_is_asking(app: &App) -> bool {
        app.questions().curve.is_pending() || app.questions().fit.is_pending()
    }

    /// A training run of the compact network on random pictures, on as many threads as there are.
    struct Training {
        cancel: Cancel,
        thread: Option<JoinHandle<()>>,
        _folder: tempfile::TempDir,
    }

    impl Training {
        fn start() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().join("data");
            for class in ["a", "b"] {
                std::fs::create_dir_all(data.join(class)).unwrap();
                for index in 0..40 {
                    let grey = Picture::filled(Shape::new(3, 32, 32), 0.5);
                    let picture = Noise::gaussian(0.2, index).apply(&grey).map(|v| v.clamp(0.0, 1.0));
                    save(data.join(class).join(format!("{index}.png")), &picture, true).unwrap();
                }
            }
            let config = Config {
                hours: Some(1.0),
                holdout: Some(8),
                ..Config::new(data, folder.path().join("model.safetensors"))
            };
            let (cancel, (sender, begun)) = (Cancel::new(), channel());
            let flag = cancel.clone();
            let thread = std::thread::spawn(move || {
                run(&config, &flag, &mut |progress| drop(sender.send(progress))).unwrap();
            });
            begun.recv().unwrap();
            Self { cancel, thread: Some(thread), _folder: folder }
        }
    }

    impl Drop for Training {
        fn drop(&mut self) {
            self.cancel.raise();
            let _ = self.thread.take().map(JoinHandle::join);
        }
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
