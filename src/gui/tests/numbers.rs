//! Hostile numbers in every place that takes one: form fields, commands, session files, settings, followed logs. None may
//! panic, and what is left can be worked with.

use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key};
use egui_kittest::kittest::{NodeT, Queryable};
use serde_json::Value;

use super::{Window, oracle, run, started, use_model};
use crate::attack::{Settings as Attack, Smoothing};
use crate::gui::app::Threads;
use crate::gui::command::{
    AttackCommand, CertifyCommand, Command, FillCommand, NoiseCommand, PhotoCommand, PictureCommand, TileCommand,
    TrainCommand, WindowCommand,
};
use crate::gui::feature::session_file;
use crate::gui::gpu::Look;
use crate::gui::state::document::TileKind;
use crate::gui::state::hole::{Piece, Tool};
use crate::gui::state::mend::mend;
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::gui::state::photo_fill::FillForm;
use crate::gui::state::settings::Settings;
use crate::gui::view::panes::TABLE;
use crate::joint::GaussianMixture;
use crate::picture::{Fit, NoiseKind, Rect, Shape};

/// 0, −0, −1, NaN, ±inf, 1e−30, 1e30, 2⁶⁴.
const HOSTILE: [f64; 9] =
    [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-30, 1e30, 18_446_744_073_709_551_616.0];

/// The same as a file of JSON can hold them.
const IN_FILES: [&str; 7] = ["0", "-0.0", "-1", "1e-30", "1e30", "18446744073709551616", "null"];

/// Three patterns of 8×8: answers at once.
fn small() -> GaussianMixture {
    let shape = Shape::new(1, 8, 8);
    (0..3).fold(GaussianMixture::new(shape, 3), |model, class| {
        let mean = (0..shape.len()).map(|i| f64::from(u8::from(i % 3 == class))).collect();
        model.with(class, 1.0, mean, 0.01)
    })
}

fn window() -> Window {
    let mut window = oracle();
    use_model(&mut window, small());
    window
}

/// Whether everything that the document holds can be worked with.
fn check(window: &Window, place: &str) {
    let state = window.state();
    let model = state.session().model.as_ref().unwrap().joint.clone();
    let mut document = state.document().clone();
    let words = mend(&mut document, Some(&*model));
    assert!(words.is_empty() && &document == state.document(), "{place}: {words:?}");
    let settings = state.settings();
    assert!((0.7..=2.5).contains(&settings.scale), "{place}: {}", settings.scale);
    settings.training.check().unwrap_or_else(|error| panic!("{place}: {error}"));
    settings.evaluation.plan().unwrap_or_else(|error| panic!("{place}: {error}"));
    let view = state.session().view;
    assert!(view.zoom.is_finite() && view.centre.iter().all(|v| v.is_finite()), "{place}: {view:?}");
}

/// The name of every field for a number that is in sight.
fn fields(window: &Window) -> Vec<(Role, String)> {
    let roles = [Role::SpinButton, Role::Slider];
    let nodes = window.root().children_recursive().map(|node| node.accesskit_node());
    nodes.filter(|node| roles.contains(&node.role())).filter_map(|node| Some((node.role(), node.label()?))).collect()
}

#[test]
fn no_field_of_any_pane_takes_what_cannot_be_worked_with() {
    let mut window = window();
    let mut tried = 0;
    for info in TABLE {
        run(&mut window, WindowCommand::Show(info.pane.clone()));
        for (role, name) in fields(&window) {
            for value in HOSTILE {
                let found = window.query_all_by_role_and_label(role, &name).next();
                if found.map(|node| node.set_value_accesskit(value)).is_none() {
                    continue;
                }
                window.run_steps(2);
                check(&window, &format!("{name} set to {value} in {}", info.title));
                tried += 1;
            }
        }
        let spins = fields(&window).into_iter().filter(|(role, _)| *role == Role::SpinButton);
        for (role, name) in spins.collect::<Vec<_>>() {
            for value in HOSTILE {
                let found = window.query_all_by_role_and_label(role, &name).next().map(|node| node.click());
                if found.is_none() {
                    continue;
                }
                window.run_steps(2);
                window.event(Event::Text(value.to_string()));
                window.run_steps(1);
                window.key_press(Key::Enter);
                window.run_steps(2);
                check(&window, &format!("{value} typed into {name} in {}", info.title));
                tried += 1;
            }
        }
    }
    assert!(tried > 150, "only {tried} fields and values");
}

#[test]
fn no_command_takes_what_cannot_be_worked_with() {
    let mut window = window();
    run(&mut window, PictureCommand::NewDrawing);
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    for value in HOSTILE {
        let (small, large) = (value as f32, value as u64);
        let look = Look { gain: small, offset: small, ..Look::default() };
        let crop = Rect { x: small, y: small, width: small, height: small };
        let (attack, smoothing) = (window.state().document().attack.clone(), window.state().document().smoothing);
        let attacks = [Attack { epsilon: value, ..attack.clone() }, Attack { sigma: small, ..attack }];
        let [budget, level] = attacks.map(|settings| AttackCommand::Set(Box::new(settings)).into());
        let piece = Piece { tool: Tool::Brush, from: [small; 2], to: [3.0, small], radius: small, is_hole: true };
        let form = FillForm { brush: small, count: large as usize, seed: large, ..FillForm::default() };
        let commands: [Command; 17] = [
            PhotoCommand::Fill(FillCommand::SetForm(form)).into(),
            PhotoCommand::Fill(FillCommand::Paint { piece, begins: true }).into(),
            budget,
            level,
            CertifyCommand::Set(Smoothing { sigma: small, ..smoothing }).into(),
            CertifyCommand::Set(Smoothing { alpha: value, samples: large, ..smoothing }).into(),
            NoiseCommand::SetSigma(small).into(),
            NoiseCommand::ScaleSigma(small).into(),
            NoiseCommand::SetSeed(large).into(),
            TileCommand::Zoom(small).into(),
            TileCommand::SetLook(TileKind::Noisy, look).into(),
            TileCommand::TogglePin(large as usize).into(),
            WindowCommand::ScaleInterface(small).into(),
            PictureCommand::Draw { from: [small; 2], to: [3.0, small], erase: large == 0 }.into(),
            PictureCommand::Select(large as usize).into(),
            PictureCommand::SetFit(Fit::Crop(crop)).into(),
            PictureCommand::SetFit(Fit::Centre).into(),
        ];
        for command in commands {
            let place = format!("{command:?}");
            run(&mut window, command);
            let document = window.state().document();
            assert!((0.0..=1.0).contains(&document.noise.sigma), "{place}");
            assert!(document.entry().is_some(), "{place}");
            assert!(document == &document.clone(), "{place}: the document differs from itself");
            let drawn = document.pictures.iter().map(|entry| entry.original.picture());
            assert!(drawn.flat_map(crate::picture::Picture::values).all(|v| (0.0..=1.0).contains(v)), "{place}");
            assert!(window.state().session().answer.denoised.is_some(), "{place}");
        }
    }
}

/// Every number in a JSON text replaced by `with`, one at a time; of long lists of numbers only the first.
fn replaced(json: &Value, with: &str) -> Vec<(String, String)> {
    fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Number(_) => found.push(at.to_owned()),
            Value::Array(items) => {
                let numbers = items.len() > 8 && items.iter().all(Value::is_number);
                let few = if numbers { 1 } else { items.len() };
                items.iter().take(few).enumerate().for_each(|(i, item)| paths(item, &format!("{at}/{i}"), found));
            }
            Value::Object(fields) => fields.iter().for_each(|(name, item)| paths(item, &format!("{at}/{name}"), found)),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    paths(json, "", &mut found);
    let texts = found.into_iter().map(|path| {
        let mut changed = json.clone();
        *changed.pointer_mut(&path).unwrap() = Value::String("@".to_owned());
        (path, changed.to_string().replace("\"@\"", with))
    });
    texts.collect()
}

#[test]
fn a_session_brings_nothing_unchecked() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window();
    // Two samples and a drawing hold every kind of field, and each session opens them all anew.
    while window.state().document().pictures.len() > 2 {
        run(&mut window, PictureCommand::Close);
    }
    run(&mut window, PictureCommand::NewDrawing);
    run(&mut window, PictureCommand::Select(0));
    let crop = Rect { x: 1.0, y: 2.0, width: 20.0, height: 20.0 };
    run(&mut window, PictureCommand::SetFit(Fit::Crop(crop)));
    let mut attack = window.state().document().attack.clone();
    attack.set("steps", 3.0).unwrap();
    attack.defence = "purify:sigma=0.1,votes=2,draws=1".parse().unwrap();
    run(&mut window, AttackCommand::Set(Box::new(attack)));
    run(&mut window, TileCommand::TogglePin(1));
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    let text = session_file::to_json(window.state().document(), &ModelSource::Oracle).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let path = folder.path().join("session.json");
    let (mut opened, mut refused) = (0, 0);
    for with in IN_FILES {
        for (field, text) in replaced(&json, with) {
            std::fs::write(&path, text).unwrap();
            let place = format!("{field} = {with}");
            match session_file::read(&path) {
                Err(error) => {
                    let words = error.to_string();
                    assert!(words.contains("session.json") && !words.contains('\n'), "{place}: {words}");
                    refused += 1;
                }
                Ok(restored) => {
                    let mut document = restored.document;
                    let model = small();
                    let _ = mend(&mut document, Some(&model));
                    assert!(mend(&mut document, Some(&model)).is_empty(), "{place}");
                    opened += 1;
                    // What is read is opened by the window itself, whose model is named the oracle's.
                    window.state_mut().host.settings.model = ModelSource::Oracle;
                    // An honest certificate of so many votes would take its time.
                    window.state_mut().host.session.visible.clear();
                    run(&mut window, PictureCommand::OpenPaths(vec![path.clone()]));
                    check(&window, &place);
                }
            }
        }
    }
    assert!(opened > 40 && refused > 40, "{opened} opened, {refused} refused");
}

#[test]
fn saved_settings_bring_nothing_that_stops_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    let json = serde_json::to_value(Settings::default()).unwrap();
    for with in IN_FILES {
        for (field, text) in replaced(&json, with) {
            // Of the layout's many shares a few tell as much as all.
            if field.starts_with("/layout/tiles") && field.len() % 5 != 0 {
                continue;
            }
            std::fs::write(&path, text).unwrap();
            let options = super::Options {
                model: Some("oracle".to_owned()),
                kept: Some(folder.path().to_owned()),
                ..super::Options::default()
            };
            let mut window = egui_kittest::Harness::builder()
                .with_size(eframe::egui::vec2(1100.0, 700.0))
                .build_eframe(|cc| super::App::new(cc, options, Threads::Inline));
            window.run_steps(1);
            let layout = &window.state().settings().layout;
            assert!(TABLE.iter().all(|info| layout.tiles.find_pane(&info.pane).is_some()), "{field} = {with}");
            for pane in [Pane::TRAINING, Pane::EVALUATION] {
                window.state_mut().run(WindowCommand::Show(pane));
                window.run_steps(1);
            }
            window.state_mut().run(TrainCommand::Start { replace: false });
            window.run_steps(1);
        }
    }
}

#[test]
fn a_followed_log_may_hold_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors.csv");
    let header = "step,seconds,epoch,loss,cross_entropy,score_error,gradient_norm,learning_rate,pictures_per_second,accuracy,psnr";
    let good = ["10", "1.5", "0.1", "2.5", "1.5", "0.1", "0.5", "0.01", "120", "0.5", "20"];
    let mut window = oracle();
    run(&mut window, WindowCommand::Show(Pane::TRAINING));
    for value in HOSTILE.map(|v| v.to_string()).into_iter().chain([String::new(), "18446744073709551615".to_owned()]) {
        for column in 0..good.len() {
            let mut line = good.map(str::to_owned);
            line[column].clone_from(&value);
            std::fs::write(&path, format!("{header}\n{}\n{}\n", good.join(","), line.join(","))).unwrap();
            run(&mut window, TrainCommand::Follow(path.clone()));
            window.run_steps(2);
            assert!(!window.state().features().training.now.entries.is_empty(), "{value} in column {column}");
        }
    }
    std::fs::write(&path, format!("{header}\n{}\n", ["1e30"; 11].join(","))).unwrap();
    run(&mut window, TrainCommand::Follow(path));
}

/// A model of one class is a denoiser, and the panes about classes say so.
#[test]
fn a_model_of_one_class_is_called_a_denoiser() {
    let shape = Shape::new(1, 8, 8);
    let mut window = started(Vec::new(), "oracle", Threads::Inline);
    use_model(&mut window, GaussianMixture::new(shape, 1).with(0, 1.0, vec![0.5; shape.len()], 0.01));
    for info in TABLE {
        run(&mut window, WindowCommand::Show(info.pane.clone()));
        window.run_steps(2);
        window.check_accessibility();
        let session = window.state().session();
        assert!(session.shows(&info.pane) && session.answer.denoised.is_some(), "{}", info.title);
        assert!(session.attack.outcome.is_none() && session.certificate.certificate().is_none());
    }
    for command in [CertifyCommand::Toggle.into(), Command::from(AttackCommand::Reroll)] {
        run(&mut window, command);
    }
    // The noise bar says nothing of posteriors, and what matters to the picture all the same.
    assert!(window.query_by_label_contains("posterior is always 1").is_none());
    run(&mut window, NoiseCommand::SetKind(NoiseKind::Uniform));
    window.run_steps(3);
    window.get_by_label_contains("exact for Gaussian noise only");
    let errors: Vec<_> =
        window.state().session().notices.history().filter(|n| n.level == tracing::Level::ERROR).collect();
    assert!(errors.is_empty(), "nothing was asked that such a model cannot answer: {errors:?}");
}
