//! Results out: tiles, sessions, the clipboard, the command line.

use eframe::egui::{self, Key, Modifiers, OutputCommand};
use egui_kittest::kittest::Queryable;

use super::{Window, asked, opened, picture_file, run, said, window};
use crate::attack::{Defence, Method, Settings, Smoothing, Target};
use crate::gui::command::{AttackCommand, CertifyCommand, ExportCommand, NoiseCommand, PictureCommand, WindowCommand};
use crate::gui::feature::export::tile_picture;
use crate::gui::feature::session_file;
use crate::gui::state::document::TileKind;
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::gui::state::tile_content::tile_content;
use crate::picture::{Fit, NoiseKind, Rect};

fn digits() -> ModelSource {
    ModelSource::Bundled("digits".to_owned())
}

#[test]
fn a_session_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = picture_file(folder.path(), "one.png");
    let mut window = opened(vec![file]);
    run(&mut window, NoiseCommand::SetSigma(0.123_456_7));
    run(&mut window, NoiseCommand::SetSeed(77));
    let path = folder.path().join("session.json");
    std::fs::write(&path, session_file::to_json(window.state().document(), &digits()).unwrap()).unwrap();
    let first = window.state().session().answer.study.clone().unwrap();
    let mut again = super::window();
    run(&mut again, PictureCommand::OpenPaths(vec![path]));
    again.run_steps(3);
    let second = again.state().session().answer.study.clone().unwrap();
    assert_eq!(again.state().document().attack, window.state().document().attack);
    assert_eq!(first.noisy, second.noisy);
    assert_eq!(first.posterior, second.posterior);
    assert_eq!(first.denoised, second.denoised);
}

#[test]
fn a_session_says_which_picture_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = picture_file(folder.path(), "one.png");
    let window = opened(vec![file.clone()]);
    let path = folder.path().join("session.json");
    std::fs::write(&path, session_file::to_json(window.state().document(), &digits()).unwrap()).unwrap();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples/digits/3.png"), &file).unwrap();
    let again = opened(vec![path]);
    assert!(said(&again, "the file changed since the session was saved"));
}

#[test]
fn the_command_line_on_offer_says_what_is_on_screen() {
    let folder = tempfile::tempdir().unwrap();
    let file = picture_file(folder.path(), "one.png");
    let mut window = opened(vec![file.clone()]);
    let crop = Rect { x: 15.0, y: 4.5, width: 40.0, height: 40.0 };
    run(&mut window, PictureCommand::SetFit(Fit::Crop(crop)));
    run(&mut window, NoiseCommand::SetKind(NoiseKind::Uniform));
    let file = file.display();
    assert_eq!(
        commands(&mut window),
        [format!(
            "denoscope analyze {file} --model digits --device cpu --sigma 25/255 --seed 0 --noise uniform --fit \
             15,4.5,40,40"
        )]
    );
    run(&mut window, NoiseCommand::ToggleAlreadyNoisy);
    // Its own noise was measured at once; a person knows better.
    run(&mut window, NoiseCommand::SetSigma(25.0 / 255.0));
    run(&mut window, PictureCommand::SetFit(Fit::Whole));
    assert_eq!(
        commands(&mut window),
        [format!("denoscope analyze {file} --model digits --device cpu --sigma 25/255 --already-noisy --fit whole")]
    );
}

#[test]
fn an_attack_in_sight_has_a_command_of_its_own_with_its_own_sigma() {
    let mut window = window();
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    let mut settings = window.state().document().attack.clone();
    settings.epsilon = 16.0 / 255.0;
    settings.sigma = 10.0 / 255.0;
    settings.set("steps", 7.0).unwrap();
    settings.target = Target::Class(3);
    settings.defence = Defence::Vote { draws: 2, votes: 4, fixed: false };
    run(&mut window, AttackCommand::Set(Box::new(settings)));
    let lines = commands(&mut window);
    assert_eq!(lines[0], "denoscope analyze sample:digits/8.png --model digits --device cpu --sigma 255/255 --seed 0");
    assert_eq!(
        lines[1],
        "denoscope attack sample:digits/8.png --model digits --device cpu --method pgd --norm linf --epsilon 16/255 \
         --set steps=7 --target 3 --defence vote:draws=2,votes=4 --sigma 10/255 --seed 0"
    );
}

#[test]
fn attacks_side_by_side_have_a_command_each() {
    let mut window = window();
    let plan = [Method::Fgsm, Method::Deepfool].map(|method| Settings::new(method, 5.0 / 255.0));
    window.state_mut().host.session.trials.planned = plan.to_vec();
    assert_eq!(commands(&mut window).len(), 1, "not in sight");
    run(&mut window, WindowCommand::Show(Pane::TRIALS));
    let lines = commands(&mut window);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].contains("--method fgsm") && lines[2].contains("--method deepfool"), "{lines:?}");
}

#[test]
fn a_certificate_in_sight_has_a_command_of_its_own() {
    let mut window = window();
    run(&mut window, WindowCommand::Show(Pane::CERTIFICATE));
    let smoothing = Smoothing { samples: 300, seed: 4, ..Smoothing::new(0.3) };
    run(&mut window, CertifyCommand::Set(smoothing));
    assert_eq!(
        commands(&mut window)[1],
        "denoscope certify sample:digits/8.png --model digits --device cpu --sigma 0.3 --samples 300 --selection 100 \
         --alpha 0.001 --seed 4"
    );
}

/// Once a sheet was saved, the command draws it too, as it looked; an attack's belongs to the attack.
#[test]
fn the_look_of_a_saved_sheet_is_in_the_copied_command() {
    let mut window = window();
    assert!(!commands(&mut window)[0].contains("--sheet"));
    run(&mut window, ExportCommand::SaveSheet);
    assert!(window.state().settings().dark);
    assert!(commands(&mut window)[0].ends_with(" --sheet 8-sheet.png --dark"));
    // As it looked when it was saved; of another picture it is another file.
    run(&mut window, WindowCommand::ToggleTheme);
    run(&mut window, PictureCommand::Select(3));
    assert!(commands(&mut window)[0].ends_with(" --sheet 3-sheet.png --dark"));
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.run_steps(4);
    assert!(!commands(&mut window)[1].contains("--sheet"));
    run(&mut window, ExportCommand::SaveSheet);
    let lines = commands(&mut window);
    assert!(lines[0].ends_with(" --sheet 3-sheet.png --dark"), "{}", lines[0]);
    assert!(lines[1].starts_with("denoscope attack ") && lines[1].ends_with(" --sheet 3-attack.png"), "{}", lines[1]);
}

#[test]
fn a_drawing_is_kept_in_a_file_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window();
    window.state_mut().host.session.kept_pictures = Some(folder.path().to_owned());
    run(&mut window, PictureCommand::NewDrawing);
    run(&mut window, PictureCommand::Draw { from: [7.3, 8.1], to: [22.7, 24.9], erase: false });
    let lines = commands(&mut window);
    let path = lines[0].split(' ').nth(2).unwrap();
    assert!(path.starts_with(folder.path().to_str().unwrap()), "{path}");
    let kept = crate::picture::load(path).unwrap().picture;
    assert_eq!(&kept, window.state().document().entry().unwrap().original.picture());
}

/// The lines that "copy as command" puts on the clipboard.
fn commands(window: &mut Window) -> Vec<String> {
    let keys = |window: &mut Window| window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    let copied = asked(window, keys);
    let [OutputCommand::CopyText(lines)] = copied.as_slice() else { panic!("{copied:?}") };
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn a_tile_is_copied_as_it_looks() {
    let mut window = window();
    window.get_by_label_contains("Noisy y").click_secondary();
    window.run_steps(3);
    let copied = asked(&mut window, |window| window.get_by_label("Copy").click());
    let Some(OutputCommand::CopyImage(image)) = copied.first() else { panic!("{copied:?}") };
    assert_eq!(image.size, [512, 512]);
    // The platform tells of Ctrl+C as an event of its own; it means the tile under the pointer.
    let copied = asked(&mut window, |window| window.event(egui::Event::Copy));
    assert!(matches!(copied.as_slice(), [OutputCommand::CopyImage(_)]), "{copied:?}");
}

#[test]
fn tiles_are_exported_as_they_look() {
    let window = window();
    let picture = {
        let state = window.state();
        tile_picture(&tile_content(TileKind::Residual, state.document(), state.session()).unwrap())
    };
    assert_eq!(picture.shape().width, 512);
    assert!(picture.values().iter().all(|v| (0.0..=1.0).contains(v)));
}
