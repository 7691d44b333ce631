//! The window and the command line together: what the one copies, the other runs, to the same numbers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use assert_cmd::Command;
use denoscope::gui::{App, Options, Threads};
use denoscope::picture::{Picture, Shape};
use eframe::egui::{Event, Key, Modifiers, OutputCommand, Ui, vec2};
use egui_kittest::Harness;
use serde_json::Value;

fn window() -> Harness<'static, App> {
    opened(Vec::new())
}

fn opened(paths: Vec<PathBuf>) -> Harness<'static, App> {
    let options =
        Options { paths, model: Some("digits".to_owned()), device: Some("cpu".to_owned()), ..Options::default() };
    let mut window =
        Harness::builder().with_size(vec2(1280.0, 800.0)).build_eframe(|cc| App::new(cc, options, Threads::Inline));
    window.run_steps(4);
    window
}

/// The lines that "copy as command" puts on the clipboard.
fn copied(window: &mut Harness<'static, App>) -> Vec<String> {
    let heard: Arc<Mutex<Vec<OutputCommand>>> = Arc::default();
    let ears = heard.clone();
    let listen = move |ui: &mut Ui| ears.lock().unwrap().extend(ui.output(|output| output.commands.clone()));
    window.ctx.on_end_pass("ears", Arc::new(listen));
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    window.run_steps(4);
    let heard = heard.lock().unwrap();
    let [OutputCommand::CopyText(lines)] = heard.as_slice() else { panic!("{heard:?}") };
    lines.lines().map(str::to_owned).collect()
}

/// Runs a copied line, whose words need no shell, and returns what it says of its one picture.
fn run(line: &str) -> Value {
    let words = line.split(' ').skip(1).chain(["--json", "-"]);
    let output =
        Command::new(env!("CARGO_BIN_EXE_denoscope")).args(words).assert().success().get_output().stdout.clone();
    let elements: Value = serde_json::from_slice(&output).unwrap();
    elements[0].clone()
}

#[test]
fn the_copied_commands_give_what_is_on_screen() {
    let mut window = window();
    for _ in 0..4 {
        window.key_press(Key::ArrowRight);
    }
    for key in [Key::Num3, Key::R, Key::R] {
        window.key_press(key);
    }
    window.run_steps(4);
    // The palette brings the adversary up.
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    window.run_steps(2);
    window.event(Event::Text("show adversary".to_owned()));
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(6);
    let lines = copied(&mut window);
    let session = window.state().session();

    let study = session.answer.study.as_ref().expect("a study");
    let analysis = run(&lines[0]);
    assert_eq!(analysis["seed"], 2);
    assert_eq!(analysis["sigma"].as_f64().unwrap() as f32, study.sigma);
    assert_eq!(analysis["log_density"].as_f64(), study.log_density);
    assert_eq!(analysis["psnr_db"]["denoised"].as_f64(), study.denoised_fidelity.map(|f| f.psnr_db()));

    let outcome = session.attack.outcome.as_ref().expect("an outcome");
    let attack = run(&lines[1]);
    assert_eq!(attack["achieved"]["l2"].as_f64().unwrap(), outcome.achieved.l2);
    assert_eq!(attack["loss"].as_array().unwrap().len(), outcome.loss.len());
    assert_eq!(attack["loss"].as_array().unwrap().last().unwrap().as_f64(), outcome.loss.last().copied());
}

/// How a picture was fitted is said in the same words.
#[test]
fn the_fit_is_told_in_the_command_lines_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.png");
    denoscope::picture::save(&path, &Picture::filled(Shape::new(3, 40, 70), 0.25), true).unwrap();
    let mut window = opened(vec![path]);
    let said = |window: &Harness<'static, App>| {
        let state = window.state();
        let fitted = state.session().fitted.clone().expect("a fitted picture").words;
        (format!("{}; {fitted}", state.document().entry().expect("a picture").read), fitted)
    };
    let (words, first) = said(&window);
    assert_eq!(first, "centre 40×40 of 70×40, Lanczos to 32×32, to grey");
    assert_eq!(run(&copied(&mut window)[0])["fit"], words);
    for command in ["Fit: whole picture", "Crop: the middle, pixel"] {
        window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
        window.run_steps(2);
        window.event(Event::Text(command.to_owned()));
        window.run_steps(2);
        window.key_press(Key::Enter);
        window.run_steps(4);
        let (words, fitted) = said(&window);
        assert_ne!(fitted, first);
        assert_eq!(run(&copied(&mut window)[0])["fit"], words);
    }
}
