//! Tiles: one zoom, one pointer, one reference for all of them.

use eframe::egui::{self, Key, Modifiers, MouseWheelUnit, TouchPhase, vec2};
use egui_kittest::kittest::Queryable;

use super::{Threads, Window, click, drag, painted, run, started, window};
use crate::gui::command::{NoiseCommand, TileCommand, WindowCommand};
use crate::gui::gpu::{Compare, Mode, View};
use crate::gui::state::document::{Reading, TileKind};
use crate::gui::state::pane::Pane;
use crate::gui::state::tile_content::tile_content;
use crate::study::words::percent;

fn tile(window: &Window, name: &str) -> egui::Rect {
    window.get_by_label_contains(name).rect()
}

/// What goes further from D than the classes' own restorations is said to, and only restorations do.
#[test]
fn the_classes_are_guided_and_it_says_so() {
    let mut window = window();
    let tile = |window: &Window| {
        let study = window.state().session().answer.study.clone().expect("a study");
        (study.guidance, study.conditionals[1].picture.clone(), study.denoised.clone())
    };
    let (_, plain, denoised) = tile(&window);
    assert!(window.query_by_label_contains("Shown: D +").is_none());
    run(&mut window, TileCommand::SetGuidance(5.0));
    window.run_steps(4);
    let (w, guided, _) = tile(&window);
    assert_eq!(w, 5.0);
    for ((g, p), d) in guided.values().iter().zip(plain.values()).zip(denoised.values()) {
        assert!((g - (d + 5.0 * (p - d))).abs() < 1e-5);
    }
    assert!(window.query_by_label_contains("Shown: D + 5 (D(y|c) − D)").is_some());
    run(&mut window, TileCommand::SetReading(Reading::Gradient));
    window.run_steps(4);
    assert_eq!(tile(&window).0, 1.0, "a difference is shown as it is");
    run(&mut window, TileCommand::SetReading(Reading::Restored));
    run(&mut window, TileCommand::SetGuidance(1.0));
    window.run_steps(4);
    assert!(tile(&window).1 == plain);
}

#[test]
fn the_wheel_zooms_and_a_drag_moves_all_tiles() {
    let mut window = window();
    let noisy = tile(&window, "Noisy y");
    window.hover_at(noisy.center());
    let wheel = egui::Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, 80.0),
        phase: TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    };
    window.event(wheel);
    window.run_steps(6);
    let zoomed = window.state().session().view;
    // A notch is a small step.
    assert!((zoomed.zoom - 1.2).abs() < 0.02, "{zoomed:?}");
    drag(&mut window, noisy.center(), noisy.center() + vec2(30.0, 0.0));
    assert!(window.state().session().view.centre[0] < zoomed.centre[0]);
    window.key_press(Key::Num0);
    window.run_steps(2);
    assert_eq!(window.state().session().view, View::default());
}

#[test]
fn the_pointer_is_in_every_tile_at_once() {
    let mut window = window();
    window.hover_at(tile(&window, "Noisy y").center());
    window.run_steps(3);
    let session = window.state().session();
    assert_eq!(session.tile_hovered, Some(TileKind::Noisy));
    let hover = session.hover.expect("a point of the picture");
    assert!(hover.iter().all(|v| (v - 0.5).abs() < 0.02), "{hover:?}");
}

#[test]
fn a_key_flips_to_the_reference_and_another_wipes() {
    let mut window = window();
    window.key_down(Key::X);
    window.run_steps(2);
    assert!(window.state().session().flip);
    // What is shown has its own title; a map stays what it is.
    assert!(window.query_all_by_label_contains("Clean x (flipped)").count() >= 2);
    assert!(window.query_by_label_contains("Residual y − D").is_some());
    window.key_up(Key::X);
    window.run_steps(2);
    assert!(!window.state().session().flip);
    window.key_press(Key::W);
    window.run_steps(2);
    assert_eq!(window.state().session().wipe, Some(0.5));
    assert!(window.query_by_label_contains("Noisy y | Clean x").is_some());
    let noisy = tile(&window, "Noisy y");
    drag(&mut window, noisy.center(), noisy.center() + vec2(0.25 * noisy.width(), 0.0));
    let wipe = window.state().session().wipe.unwrap();
    assert!((wipe - 0.75).abs() < 0.02, "{wipe}");
}

#[test]
fn any_picture_becomes_the_reference_of_four_differences() {
    let mut window = window();
    window.get_by_label_contains("Denoised D(y)").click_secondary();
    window.run_steps(3);
    click(&mut window, "Make it the reference");
    assert_eq!(window.state().document().reference, TileKind::Denoised);
    for compare in [Compare::Error, Compare::Absolute, Compare::Squared, Compare::Relative] {
        run(&mut window, TileCommand::SetCompare(compare));
        let state = window.state();
        let source = tile_content(TileKind::Noisy, state.document(), state.session()).unwrap();
        assert_eq!(source.look.compare, compare);
        let title = source.title("Noisy y", "Denoised D(y)");
        assert!(title.contains("Noisy y − Denoised D(y)"), "{title}");
        assert!(window.query_by_label_contains(&title).is_some(), "{title}");
        let expected = if compare == Compare::Error { Mode::Signed } else { Mode::FalseColour };
        assert_eq!(source.look.mode, expected);
        assert_eq!(source.operand.as_ref(), state.session().answer.denoised.as_ref().map(|d| &d.value));
        assert!(source.scale.unwrap() > 0.0);
    }
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert_eq!(window.state().document().compare, Compare::Plain);
}

#[test]
fn a_tiles_menu_changes_colours_gain_and_channel() {
    let mut window = window();
    window.get_by_label_contains("Noisy y").click_secondary();
    window.run_steps(3);
    click(&mut window, "False colour");
    assert_eq!(window.state().session().look(TileKind::Noisy).mode, Mode::FalseColour);
    window.get_by_role_and_label(egui::accesskit::Role::Slider, "Gain").set_value_accesskit(4.0);
    window.run_steps(3);
    assert!((window.state().session().look(TileKind::Noisy).gain - 4.0).abs() < 1e-5);
    assert_eq!(window.state().session().look(TileKind::Denoised).mode, Mode::Picture, "each tile has its own look");
}

/// A common laptop's screen at twice the scale: tiles are narrow, but no key to their colours is cut, whatever the values are.
#[test]
fn no_key_to_colours_is_cut_in_narrow_tiles() {
    let mut window = window();
    window.set_size(vec2(960.0, 540.0));
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    let mut seen = 0;
    for sigma in [0.004, 0.1, 1.0] {
        run(&mut window, NoiseCommand::SetSigma(sigma));
        window.run_steps(4);
        let keys = painted(&window);
        let keys: Vec<_> = keys.iter().filter(|(words, ..)| words.starts_with(['±', '≤'])).collect();
        assert!(keys.len() >= 4, "{keys:?}");
        assert!(keys.iter().all(|(.., cut)| !cut), "{keys:?}");
        seen += keys.len();
    }
    assert!(seen >= 12);
}

/// Nor does a class's tile lose its probability, however long the class's name is: it stands above the picture, below or on it.
#[test]
fn every_class_tile_has_its_probability_in_the_smallest_window() {
    let mut window = started(Vec::new(), "cifar10", Threads::Inline);
    window.set_size(vec2(960.0, 540.0));
    window.run_steps(4);
    for reading in [Reading::Restored, Reading::Gradient] {
        run(&mut window, TileCommand::SetReading(reading));
        window.run_steps(4);
        let posterior = window.state().session().answer.posterior.clone().unwrap().value;
        let words = painted(&window);
        for (class, name) in window.state().session().classes().iter().enumerate() {
            let figure = percent(posterior[class]);
            let label = format!("{name}, {figure}");
            let tiles = window.query_all_by_label_contains(&label).map(|tile| tile.rect()).collect::<Vec<_>>();
            assert!(!tiles.is_empty(), "{label}");
            for tile in tiles {
                assert!(tile.width() < 70.0, "a narrow tile: {tile:?}");
                let around = tile.expand2(vec2(2.0, 19.0));
                let found =
                    words.iter().find(|(words, rect, cut)| *words == figure && around.contains(rect.center()) && !cut);
                assert!(
                    found.is_some_and(|(_, rect, _)| around.contains_rect(*rect)),
                    "{reading:?} {label}: {found:?}"
                );
            }
        }
    }
}
