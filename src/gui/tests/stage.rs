//! For the talk and the class: what plays by itself, the presentation, the large sheet.

use eframe::egui::{self, Key, Modifiers, PointerButton, vec2};
use egui_kittest::kittest::Queryable;

use super::{click, run, said, window};
use crate::files::write_whole;
use crate::gui::command::{AttackCommand, ModelCommand, NoiseCommand, PictureCommand, TileCommand, WindowCommand};
use crate::gui::feature::session_file;
use crate::gui::state::document::TileKind;
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::gui::state::session::Overlay;
use crate::gui::work::dialogs::Saving;

#[test]
fn the_noise_plays_to_its_end_and_is_one_step_to_take_back() {
    let mut window = window();
    run(&mut window, NoiseCommand::SetSigma(0.5));
    click(&mut window, "Play the noise");
    let mut last = 0.5;
    for _ in 0..600 {
        window.run_steps(1);
        let now = window.state().document().noise.sigma;
        assert!(now >= last, "{now} after {last}");
        last = now;
        if window.state().session().play.is_none() {
            break;
        }
    }
    assert!(window.state().session().play.is_none() && (last - 1.0).abs() < 1e-6, "{last}");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(window.state().document().noise.sigma, 0.5);
    // From the end it begins anew; a second click stops it.
    run(&mut window, NoiseCommand::SetSigma(1.0));
    run(&mut window, NoiseCommand::Play);
    assert!(window.state().document().noise.sigma < 0.5);
    run(&mut window, NoiseCommand::Play);
    assert!(window.state().session().play.is_none());
}

#[test]
fn the_steps_of_an_attack_play_from_the_first_to_the_result() {
    let mut window = window();
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.run_steps(4);
    assert!(window.state().session().attack.track.len() > 5);
    window.state_mut().run(AttackCommand::Play);
    assert_eq!(window.state().session().attack.track.position(), 0);
    let mut seen = Vec::new();
    for _ in 0..400 {
        window.run_steps(1);
        seen.push(window.state().session().attack.track.position());
        if window.state().session().play.is_none() {
            break;
        }
    }
    assert!(window.state().session().play.is_none() && window.state().session().attack.track.at.is_none());
    assert!(seen[0] <= 1 && seen.is_sorted() && seen.windows(2).all(|pair| pair[1] - pair[0] <= 1), "{seen:?}");
}

#[test]
fn a_presentation_shows_the_chosen_tiles_alone_and_large() {
    let mut window = window();
    run(&mut window, TileCommand::TogglePresented(TileKind::Clean));
    run(&mut window, TileCommand::TogglePresented(TileKind::Noisy));
    let before = window.ctx.zoom_factor();
    window.key_press(Key::F5);
    window.run_steps(4);
    assert!(window.ctx.zoom_factor() > 1.4 * before);
    window.get_by_label_contains("Clean x");
    window.get_by_label_contains("Denoised D(y)");
    assert!(window.query_by_label_contains("Noisy y").is_none() && window.query_by_label("Classes").is_none());
    window.get_by_label("Sigma slider");
    window.key_press(Key::Escape);
    window.run_steps(4);
    assert!(!window.state().session().presenting);
    window.get_by_label_contains("Noisy y");
}

#[test]
fn a_quick_stroke_is_drawn_through_every_position_of_its_frame() {
    let mut window = window();
    run(&mut window, WindowCommand::Pad);
    window.run_steps(4);
    assert!(matches!(window.state().session().overlay, Some(Overlay::Pad)));
    let sheet = window.get_all_by_label("Sheet to draw on").map(|sheet| sheet.rect());
    let sheet = sheet.max_by(|a, b| a.width().total_cmp(&b.width())).unwrap();
    assert!(sheet.height() > 500.0, "{sheet:?}");
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let quarter = 0.25 * sheet.height();
    let [a, b, c] = [vec2(-quarter, -quarter), vec2(quarter, -quarter), vec2(quarter, quarter)]
        .map(|from_middle| sheet.center() + from_middle);
    window.hover_at(a);
    window.event(button(a, true));
    window.run_steps(1);
    // Around a corner in one frame: its ends alone would be the diagonal.
    window.input_mut().events.extend([egui::Event::PointerMoved(b), egui::Event::PointerMoved(c)]);
    window.run_steps(1);
    window.event(button(c, false));
    window.run_steps(3);
    let drawn = window.state().document().entry().unwrap().original.picture().clone();
    let quarter = drawn.shape().height / 4;
    let at = |y: usize, x: usize| drawn.at(0, y * quarter, x * quarter);
    assert!(at(1, 2) > 0.9 && at(2, 3) > 0.9, "both sides of the corner");
    assert!(at(2, 2) < 0.1, "not the diagonal");
    // All of it within one frame, as on a busy machine: the toolkit makes neither a click nor a drag of that.
    run(&mut window, PictureCommand::ClearDrawing);
    let moves = [egui::Event::PointerMoved(b), egui::Event::PointerMoved(c)];
    let whole = [button(a, true)].into_iter().chain(moves).chain([button(c, false)]);
    window.input_mut().events.extend(whole);
    window.run_steps(3);
    let again = window.state().document().entry().unwrap().original.picture().clone();
    assert_eq!(again, drawn);
}

#[test]
fn a_session_opens_whatever_it_is_called_and_other_files_are_said_to_be_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window();
    run(&mut window, NoiseCommand::SetSeed(99));
    let text = session_file::to_json(window.state().document(), &ModelSource::named("digits")).unwrap();
    for name in ["talk", "talk.session", "talk.json.bak"] {
        let path = folder.path().join(name);
        write_whole(&path, text.as_bytes(), true).unwrap();
        let mut other = super::window();
        run(&mut other, PictureCommand::OpenPaths(vec![path]));
        assert_eq!(other.state().document().noise.seed, 99, "{name}");
    }
    let words = folder.path().join("words.txt");
    std::fs::write(&words, "no picture").unwrap();
    run(&mut window, PictureCommand::OpenPaths(vec![words]));
    assert!(said(&window, "words.txt"));
}

#[test]
fn without_a_dialog_a_path_is_typed_and_nothing_is_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.txt");
    let mut window = window();
    let ask = |window: &mut super::Window, words: &'static str| {
        let saving = Saving::new("kept.txt", "txt", move |path| write_whole(path, words.as_bytes(), true));
        window.state_mut().host.ask_where(saving);
        window.run_steps(3);
    };
    let kept = || std::fs::read_to_string(&path).unwrap_or_default();
    ask(&mut window, "first");
    assert!(window.get_by_label("Path to save at").is_focused(), "what is typed goes there");
    // A name without an ending gets the usual one.
    run(&mut window, WindowCommand::SaveTo { path: path.with_extension(""), replace: false });
    assert_eq!(kept(), "first");
    window.state_mut().host.session.overlay = None;
    ask(&mut window, "second");
    run(&mut window, WindowCommand::SaveTo { path: path.clone(), replace: false });
    assert_eq!(kept(), "first");
    click(&mut window, "Replace it");
    assert_eq!(kept(), "second");
    assert!(window.state().session().overlay.is_none() && said(&window, "Saved"));
}

#[test]
fn a_model_that_cannot_be_read_is_said_until_it_was_read_and_the_usual_one_is_there() {
    let mut window = super::started(Vec::new(), "/nowhere/mine.safetensors", crate::gui::app::Threads::Inline);
    window.run_steps(4);
    assert_eq!(window.state().session().model.as_ref().unwrap().source, ModelSource::default());
    assert!(window.state().session().answer.study.is_some());
    assert!(window.query_all_by_label_contains("is used instead").next().is_some());
    assert!(said(&window, "/nowhere/mine.safetensors"));
    click(&mut window, "I have read it");
    assert!(window.state().session().trouble.is_none());
    // Of two that are asked for the last one counts, whichever is read first.
    run(&mut window, ModelCommand::Use(ModelSource::Oracle));
    let state = window.state_mut();
    state.run(ModelCommand::Use(ModelSource::named("digits")));
    state.run(ModelCommand::Use(ModelSource::Oracle));
    window.run_steps(4);
    assert_eq!(window.state().session().model.as_ref().unwrap().source, ModelSource::Oracle);
}
