//! The frame of the window: one catalogue of commands, panes, themes, notices, undo.

use eframe::egui::{self, Key, Modifiers, vec2};
use egui_kittest::kittest::Queryable;

use super::{click, drag, run, said, window};
use crate::gui::command::{PictureCommand, TileCommand, WindowCommand};
use crate::gui::gpu::Compare;
use crate::gui::state::notices::NoticeLayer;
use crate::gui::state::pane::Pane;
use crate::gui::state::session::Overlay;
use crate::gui::view::catalogue::catalogue;
use crate::gui::view::panes::TABLE;
use crate::gui::view::panes::layout::default_layout;

#[test]
fn it_opens_on_a_sample_with_everything_computed() {
    let window = window();
    let session = window.state().session();
    let study = session.answer.study.as_ref().expect("a study");
    assert_eq!(study.model.name, "digits");
    assert_eq!(session.answer.classes.len(), 10);
    assert_eq!(session.curve.sigmas.len(), 48);
    window.get_by_label_contains("Denoised D(y)");
    window.get_by_label_contains("Belief in 7");
}

#[test]
fn the_palette_finds_and_runs() {
    let mut window = window();
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    window.run_steps(2);
    assert!(matches!(window.state().session().overlay, Some(Overlay::Palette { .. })));
    window.event(egui::Event::Text("dark or".to_owned()));
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert!(window.state().session().overlay.is_none());
    assert!(!window.state().settings().dark);
}

#[test]
fn the_help_sheet_lists_every_command_with_its_keys() {
    let mut window = window();
    window.key_press(Key::F1);
    window.run_steps(3);
    for entry in catalogue().entries() {
        assert!(window.query_all_by_label(&entry.name).next().is_some(), "{} is not on the sheet", entry.name);
    }
    // In columns that lie in the window, however long the hints are.
    let screen = window.ctx.content_rect();
    let undo = catalogue().entries().iter().find(|entry| entry.command == WindowCommand::Undo.into()).unwrap();
    for words in ["One network, everything read off it", undo.hint, "Zoom all tiles about the pointer"] {
        let rect = window.query_all_by_label(words).last().unwrap().rect();
        assert!(rect.left() >= screen.left() && rect.right() <= screen.right(), "{words}: {rect:?}");
    }
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert!(window.state().session().overlay.is_none());
}

#[test]
fn a_menu_runs_what_it_says() {
    let mut window = window();
    click(&mut window, "View");
    window.get_by_label_contains("Filmstrip").click();
    window.run_steps(3);
    assert!(!window.state().settings().filmstrip);
}

#[test]
fn a_change_is_taken_back_and_made_again_by_keys() {
    let mut window = window();
    let level = |window: &super::Window| (window.state().document().noise.sigma * 255.0).round();
    let before = level(&window);
    window.key_press(Key::Num1);
    window.run_steps(3);
    assert_eq!(level(&window), 15.0);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(level(&window), before);
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    window.run_steps(3);
    assert_eq!(level(&window), 15.0);
}

#[test]
fn panes_are_dragged_and_put_back() {
    let mut window = window();
    let (tab, onto) =
        (window.get_by_label("Adversary").rect().center(), window.get_by_label("Beliefs").rect().center());
    drag(&mut window, tab, onto);
    assert_ne!(window.state().settings().layout, default_layout());
    run(&mut window, WindowCommand::ResetLayout);
    let back = &window.state().settings().layout;
    assert!(TABLE.iter().all(|info| back.tiles.find_pane(&info.pane).is_some()));
    assert_eq!(back.tiles.len(), default_layout().tiles.len());
}

/// One pane in the place of all: by a double click on its tab, by a key for the one under the pointer; and back.
#[test]
fn a_pane_is_enlarged_and_the_others_come_back() {
    let mut window = window();
    let enlarged = |window: &super::Window| window.state().session().enlarged.clone();
    run(&mut window, WindowCommand::Show(Pane::PHOTOGRAPH));
    window.run_steps(4);
    let small = window.get_by_label("The photograph").rect();
    let pos = window.get_by_label("Photograph").rect().center();
    let button = |pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    window.hover_at(pos);
    window.run_steps(1);
    // As quickly as a double click is.
    window.input_mut().events.extend([true, false, true, false].map(button));
    window.run_steps(4);
    assert_eq!(enlarged(&window), Some(Pane::PHOTOGRAPH));
    let large = window.get_by_label("The photograph").rect();
    assert!(large.area() > 2.0 * small.area(), "{small:?} {large:?}");
    assert!(window.query_by_label("Sort").is_none(), "nothing else is in sight");
    // Another pane that is asked for takes its place.
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.run_steps(4);
    assert!(window.state().session().attack.outcome.is_some() && window.query_by_label("The photograph").is_none());
    click(&mut window, "All panes");
    assert_eq!(enlarged(&window), None);
    let at = window.get_by_label("Sort").rect().center();
    window.hover_at(at);
    window.run_steps(2);
    window.key_press(Key::F11);
    window.run_steps(3);
    assert_eq!(enlarged(&window), Some(Pane::named("Beliefs")));
    // Its name and the way back stand over it.
    let [name, back, content] = ["Beliefs", "All panes", "Sort"].map(|label| window.get_by_label(label).rect());
    assert!(name.right() < back.left() && back.bottom() < content.top(), "{name:?} {back:?} {content:?}");
    window.key_press(Key::F11);
    window.run_steps(3);
    assert_eq!(enlarged(&window), None);
    // Escape ends a comparison first, then leads back.
    run(&mut window, TileCommand::SetCompare(Compare::Error));
    run(&mut window, WindowCommand::Enlarge(Some(Pane::named("Beliefs"))));
    for still in [true, false] {
        window.key_press(Key::Escape);
        window.run_steps(3);
        assert_eq!((enlarged(&window).is_some(), window.state().document().compare), (still, Compare::Plain));
    }
}

#[test]
fn every_pane_and_sheet_shows_in_both_themes_at_the_smallest_size_and_at_twice_the_scale() {
    for (light, scale) in [(false, 1.0), (true, 1.0), (true, 2.0)] {
        let mut window = window();
        window.set_size(vec2(1100.0, 700.0));
        window.set_pixels_per_point(scale);
        if light {
            run(&mut window, WindowCommand::ToggleTheme);
        }
        for pane in TABLE.map(|info| info.pane.clone()) {
            run(&mut window, WindowCommand::Show(pane));
        }
        run(&mut window, WindowCommand::Enlarge(None));
        for pane in TABLE.map(|info| info.pane.clone()) {
            run(&mut window, WindowCommand::Show(pane));
        }
        run(&mut window, WindowCommand::Enlarge(None));
        for sheet in [WindowCommand::Help, WindowCommand::Words, WindowCommand::Notices, WindowCommand::Notices] {
            run(&mut window, sheet);
        }
        run(&mut window, PictureCommand::Close);
    }
}

#[test]
fn log_records_are_notices_with_a_history() {
    use tracing_subscriber::layer::SubscriberExt;
    let mut window = window();
    // Without a portal the dialog is zenity's: only where that fails too there is something to say.
    tracing::subscriber::with_default(tracing_subscriber::registry().with(NoticeLayer), || {
        tracing::error!(target: "log", { log.target = "rfd::backend" }, "Failed to connect to session bus");
    });
    window.run_steps(2);
    assert!(!said(&window, "No file dialog opens here"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(NoticeLayer), || {
        tracing::warn!("the moon is in the wrong house");
        tracing::error!(target: "log", { log.target = "rfd::backend" }, "Failed to pick files with zenity");
        tracing::error!(target: "log", { log.target = "winit" }, "not for a person");
    });
    window.run_steps(2);
    assert!(said(&window, "the moon is in the wrong house"));
    window.get_by_label_contains("the moon is in the wrong house");
    assert!(said(&window, "No file dialog opens here") && !said(&window, "not for a person"));
    window.get_all_by_label("Dismiss").next().unwrap().click();
    window.run_steps(3);
    assert!(window.query_by_label_contains("the moon is in the wrong house").is_none());
    run(&mut window, WindowCommand::Notices);
    window.get_by_label_contains("the moon is in the wrong house");
}

#[test]
fn sheets_open_in_a_window_that_is_too_small_for_them() {
    let mut window = window();
    window.set_size(vec2(300.0, 200.0));
    for _ in 0..12 {
        run(&mut window, WindowCommand::ScaleInterface(1.1));
    }
    for sheet in [WindowCommand::Palette, WindowCommand::Help, WindowCommand::Words, WindowCommand::Notices] {
        run(&mut window, sheet);
    }
}
