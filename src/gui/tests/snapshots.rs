//! Pictures of the main screens, drawn by Mesa's software Vulkan or whatever adapter there is.
//!
//! After a change that is meant: `UPDATE_SNAPSHOTS=true cargo test --lib gui::tests::snapshots`, and look at them.

use std::sync::Arc;

use eframe::egui::vec2;
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions};

use super::versus::{rival, set_beside};
use super::{Window, run};
use crate::attack::DuelSettings;
use crate::gui::Options;
use crate::gui::app::{App, Threads};
use crate::gui::command::{NoiseCommand, PictureCommand, VersusCommand, WindowCommand};
use crate::gui::gpu::can_draw;
use crate::gui::state::pane::Pane;
use crate::gui::state::versus::Mode;

/// Rasterisers differ by a shade at the edges of letters, arithmetic by a rounding in the pictures; a control that
/// moved or a colour that changed is many more pixels than this.
fn tolerance() -> SnapshotOptions {
    SnapshotOptions::new().threshold(2.0).max_failed_pixels(60)
}

fn drawn(size: [f32; 2]) -> Option<Window> {
    let mut window = drawn_with("digits", size)?;
    run(&mut window, PictureCommand::Select(4));
    Some(window)
}

fn drawn_with(model: &str, size: [f32; 2]) -> Option<Window> {
    if !can_draw() {
        return None;
    }
    let options = Options { model: Some(model.to_owned()), device: Some("cpu".to_owned()), ..Options::default() };
    let mut window = Harness::builder()
        .with_size(vec2(size[0], size[1]))
        .with_max_steps(30)
        .with_render_cursor(false)
        .with_options(tolerance())
        .wgpu()
        .build_eframe(|cc| App::new(cc, options, Threads::Inline));
    window.run_steps(4);
    Some(window)
}

/// Compares with the kept picture, the times of this machine aside.
fn compare(window: &mut Window, name: &str) {
    window.run_steps(8);
    // Their place depends on how many digits they have, so all that they may take is covered.
    let times = window.get_by_label_contains("forward ").rect();
    let widest = window.get_by_label_contains("D = Σ").rect().union(times).expand(2.0);
    let mut timed = vec![widest.with_min_x(widest.right() - 480.0)];
    timed.extend(window.query_all_by_label_contains("restored in").map(|words| {
        let rect = words.rect().expand(2.0);
        rect.with_max_x(rect.left() + 420.0)
    }));
    for rect in timed {
        window.mask(rect);
    }
    window.snapshot(name);
}

#[test]
fn the_overview_looks_as_it_did() {
    if let Some(mut window) = drawn([1100.0, 700.0]) {
        compare(&mut window, "overview");
    }
}

#[test]
fn the_adversary_in_light_looks_as_it_did() {
    if let Some(mut window) = drawn([1100.0, 700.0]) {
        run(&mut window, WindowCommand::ToggleTheme);
        run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
        compare(&mut window, "adversary-light");
    }
}

#[test]
fn two_models_side_by_side_look_as_they_did() {
    if let Some(mut window) = drawn_with("oracle", [1280.0, 800.0]) {
        run(&mut window, NoiseCommand::SetSigma(0.4));
        set_beside(&mut window, Arc::new(rival()));
        compare(&mut window, "two-models");
    }
}

/// The panes that most is done in.
fn main_panes(size: [f32; 2]) {
    let Some(mut window) = drawn(size) else { return };
    let name = |pane: &str| format!("{pane}-{}x{}", size[0], size[1]);
    compare(&mut window, &name("overview"));
    for (pane, called) in [
        (Pane::ADVERSARY, "adversary"),
        (Pane::TRIALS, "attacks"),
        (Pane::PHOTOGRAPH, "photograph"),
        (Pane::EVALUATION, "evaluation"),
    ] {
        run(&mut window, WindowCommand::Show(pane));
        compare(&mut window, &name(called));
    }
}

/// A common laptop's screen at twice the scale.
#[test]
fn the_main_panes_of_the_smallest_window_look_as_they_did() {
    main_panes([960.0, 540.0]);
}

#[test]
fn the_main_panes_of_a_large_window_look_as_they_did() {
    main_panes([1600.0, 1000.0]);
}

#[test]
fn a_duel_looks_as_it_did() {
    if let Some(mut window) = drawn_with("oracle", [1280.0, 800.0]) {
        set_beside(&mut window, Arc::new(rival()));
        run(&mut window, VersusCommand::Show(Mode::Duel));
        let settings = DuelSettings { epsilon: 6.0, steps: 8, ..DuelSettings::default() };
        run(&mut window, VersusCommand::SetDuel(settings));
        run(&mut window, VersusCommand::RunDuel);
        compare(&mut window, "duel");
    }
}
