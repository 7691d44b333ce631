//! The first start: the tour on the real controls, and going on where the last window ended.

use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{Window, click, picture_file, run};
use crate::gui::Options;
use crate::gui::app::{App, Threads};
use crate::gui::command::{NoiseCommand, PictureCommand, WindowCommand};
use crate::gui::state::pane::Pane;
use crate::gui::state::tour::Stop;

/// The window of a person whose files are kept in `folder`.
fn at_home(folder: &std::path::Path) -> Window {
    let options = Options {
        model: Some("digits".to_owned()),
        device: Some("cpu".to_owned()),
        kept: Some(folder.to_owned()),
        ..Options::default()
    };
    let mut window = Harness::builder()
        .with_size(vec2(1280.0, 800.0))
        .with_max_steps(30)
        .build_eframe(|cc| App::new(cc, options, Threads::Inline));
    window.run_steps(4);
    window
}

/// As closing does.
fn close(window: &mut Window) {
    let settings = window.state().host.settings.clone();
    let folder = window.state().host.session.kept_pictures.clone().unwrap();
    settings.save(&folder.parent().unwrap().join("settings.json")).unwrap();
}

#[test]
fn the_tour_leads_through_the_real_controls_by_keyboard_and_is_remembered() {
    let home = tempfile::tempdir().unwrap();
    let mut window = at_home(home.path());
    for (number, stop) in Stop::ALL.into_iter().enumerate() {
        let tour = window.state().session().tour.expect("the tour goes on");
        assert_eq!(tour.stop(), stop);
        window.get_by_label(&format!("{} of 5", number + 1));
        window.get_by_label(stop.title());
        // Noted by the control itself in this frame, unless it is out of sight.
        if let Some(pane) = stop.pane() {
            assert!(window.state().session().shows(&pane), "{pane:?}");
        }
        let label = if number == 4 { "End the tour" } else { "Next stop of the tour" };
        assert!(window.get_by_label(label).is_focused(), "Enter goes on");
        window.key_press(Key::Enter);
        window.run_steps(3);
    }
    assert!(window.state().session().tour.is_none() && window.state().settings().tour_done);
    close(&mut window);
    drop(window);
    let mut window = at_home(home.path());
    assert!(window.state().session().tour.is_none());
    window.key_press_modifiers(Modifiers::SHIFT, Key::F1);
    window.run_steps(3);
    assert!(window.state().session().tour.is_some());
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert!(window.state().session().tour.is_none());
    // Nobody who keeps nothing, or who came with a picture, is led around.
    assert!(super::window().state().session().tour.is_none());
}

#[test]
fn the_next_window_goes_on_where_the_last_one_was_even_if_it_was_killed() {
    let home = tempfile::tempdir().unwrap();
    let photo = picture_file(home.path(), "wide.png");
    let mut window = at_home(home.path());
    run(&mut window, WindowCommand::EndTour);
    assert!(window.state().session().welcome.is_none(), "there was no window before");
    run(&mut window, PictureCommand::OpenPaths(vec![photo]));
    run(&mut window, PictureCommand::NewDrawing);
    run(&mut window, PictureCommand::Draw { from: [5.0, 14.0], to: [23.0, 14.0], erase: false });
    run(&mut window, NoiseCommand::SetSigma(0.3));
    // As a drag of the slider ends: a step of its own to undo.
    window.state_mut().host.change_document(|document| document.noise.seed = 7);
    window.run_steps(3);
    let drawn = window.state().document().entry().unwrap().original.picture().clone();
    // Killed: nothing of it is told that it ends.
    std::mem::forget(window);

    let mut window = at_home(home.path());
    let last = window.state().session().left_open.clone().expect("kept");
    assert!(last.starts_with("Drawing 1 and ") && last.ends_with("with digits"), "{last}");
    click(&mut window, "Go on where you were");
    window.run_steps(4);
    let document = window.state().document();
    assert_eq!(document.entry().unwrap().original.picture(), &drawn);
    assert!(document.pictures.iter().any(|entry| entry.name == "wide.png"));
    assert_eq!((document.noise.sigma, document.noise.seed), (0.3, 7));
    assert!(window.state().session().welcome.is_none());
    drop(window);

    // A window in which nothing was done leaves what there was.
    drop(at_home(home.path()));
    let mut window = at_home(home.path());
    assert!(window.state().session().left_open.as_ref().is_some_and(|last| last.starts_with("Drawing 1")));
    click(&mut window, "Not now");
    assert!(window.state().session().welcome.is_none());
    run(&mut window, WindowCommand::Show(Pane::PICTURE));
}

#[test]
fn what_was_opened_lately_is_a_click_away_and_stands_before_the_samples() {
    let home = tempfile::tempdir().unwrap();
    let photo = picture_file(home.path(), "wide.png");
    let mut window = at_home(home.path());
    run(&mut window, WindowCommand::EndTour);
    run(&mut window, PictureCommand::OpenPaths(vec![photo]));
    close(&mut window);
    drop(window);
    let mut window = at_home(home.path());
    window.get_by_label("Recent:");
    window.get_all_by_role_and_label(Role::Button, "wide.png").next().unwrap().click();
    window.run_steps(4);
    let document = window.state().document();
    assert_eq!((document.pictures[0].name.as_str(), document.current), ("wide.png", 0));
    assert!(document.pictures.len() > 5);
}

/// The store of egui, which the window keeps nothing in.
struct Nothing;

impl eframe::Storage for Nothing {
    fn get_string(&self, _: &str) -> Option<String> {
        None
    }

    fn set_string(&mut self, _: &str, _: String) {}

    fn remove_string(&mut self, _: &str) {}

    fn flush(&mut self) {}
}

/// What was done in the last moment, before anything of it is written by the way, is written when the window closes.
#[test]
fn what_was_done_last_is_kept_when_the_window_closes() {
    let home = tempfile::tempdir().unwrap();
    let mut window = at_home(home.path());
    run(&mut window, WindowCommand::EndTour);
    let file = home.path().join("session.json");
    assert!(!file.exists());
    // No frame lies between this and the end.
    window.state_mut().host.change_document(|document| document.noise.seed = 77);
    eframe::App::save(window.state_mut(), &mut Nothing);
    assert!(file.exists());
    drop(window);
    let mut window = at_home(home.path());
    click(&mut window, "Go on where you were");
    assert_eq!(window.state().document().noise.seed, 77);
    // Where nothing was done there is nothing to write.
    std::fs::remove_file(&file).unwrap_or_default();
    drop(window);
    let mut window = at_home(home.path());
    eframe::App::save(window.state_mut(), &mut Nothing);
    assert!(!file.exists());
}

/// The first scene divides the beliefs, and the large tile beside the grid shows what the second class would be.
#[test]
fn it_opens_on_a_picture_that_is_doubted() {
    let window = super::window();
    let posterior = window.state().session().answer.posterior.clone().unwrap().value;
    let ranked = crate::study::ranked(&posterior);
    assert!(posterior[ranked[0]] < 0.9 && posterior[ranked[1]] > 0.02, "{posterior:?}");
    let tiles = |class: usize| {
        let images = window.get_all_by_role(eframe::egui::accesskit::Role::Image);
        let of_class = format!("{class}, ");
        images.filter(|tile| tile.accesskit_node().label().is_some_and(|l| l.starts_with(&of_class))).count()
    };
    assert_eq!([ranked[0], ranked[1], ranked[2]].map(tiles), [1, 2, 1]);
    assert!(window.state().document().pinned.is_empty());
    // What the usual model opens with: doubted as well, and its restorations are guided, or they would look alike.
    let window = super::started(Vec::new(), "cifar10", Threads::Inline);
    let posterior = window.state().session().answer.posterior.clone().unwrap().value;
    let ranked = crate::study::ranked(&posterior);
    assert!(posterior[ranked[0]] < 0.9 && posterior[ranked[1]] > 0.1, "{posterior:?}");
    assert_eq!(window.state().document().guidance_shown(), 5.0);
}
