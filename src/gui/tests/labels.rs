//! Everything that a person can act on has a name for those who do not see it.

use eframe::egui::accesskit::{Action, Role};
use egui_kittest::kittest::{NodeT, Queryable};

use super::{Window, run, window};
use crate::gui::command::{NoiseCommand, PictureCommand, WindowCommand};
use crate::gui::view::panes::TABLE;

/// What can be clicked or focused and has no name, in words.
fn nameless(window: &Window) -> Vec<String> {
    let acts = [Action::Click, Action::Focus, Action::SetValue, Action::Increment, Action::Decrement];
    window
        .root()
        .children_recursive()
        .map(|node| node.accesskit_node())
        .filter(|node| !node.is_hidden() && acts.iter().any(|&action| node.data().supports_action(action)))
        .filter(|node| {
            // What is written on the window is its own name.
            let name = if node.role() == Role::Label { node.value() } else { node.label() };
            name.is_none_or(|name| name.trim().is_empty())
        })
        .map(|node| format!("{:?} at {:?}, value {:?}", node.role(), node.raw_bounds(), node.value()))
        .collect()
}

pub(super) fn check(window: &Window, place: &str) {
    let found = nameless(window);
    assert!(found.is_empty(), "{place}: {} without a name:\n{}", found.len(), found.join("\n"));
    window.check_accessibility();
}

#[test]
fn every_control_of_every_pane_has_a_name() {
    let mut window = window();
    for info in TABLE {
        run(&mut window, WindowCommand::Show(info.pane.clone()));
        check(&window, info.title);
    }
    run(&mut window, PictureCommand::NewDrawing);
    check(&window, "a drawing");
    run(&mut window, NoiseCommand::ToggleAlreadyNoisy);
    check(&window, "an already noisy picture");
    run(&mut window, PictureCommand::Close);
}

#[test]
fn every_control_of_every_sheet_and_menu_has_a_name() {
    let mut window = window();
    for (sheet, place) in [
        (WindowCommand::Palette, "palette"),
        (WindowCommand::Help, "help"),
        (WindowCommand::Notices, "notices"),
        (WindowCommand::Words, "words"),
        (WindowCommand::Words, "none"),
        (WindowCommand::Pad, "the large pad"),
    ] {
        run(&mut window, sheet);
        check(&window, place);
    }
    window.key_press(eframe::egui::Key::Escape);
    window.run_steps(3);
    run(&mut window, WindowCommand::Present);
    check(&window, "the presentation");
    run(&mut window, WindowCommand::Present);
    for menu in ["File", "Edit", "Noise", "Model", "View", "Help"] {
        window.get_all_by_role_and_label(Role::Button, menu).next().unwrap().click();
        window.run_steps(3);
        check(&window, menu);
        window.key_press(eframe::egui::Key::Escape);
        window.run_steps(3);
    }
    window.get_by_label_contains("Model: ").click();
    window.run_steps(3);
    check(&window, "models");
}

#[test]
fn every_control_of_a_tiles_menu_has_a_name() {
    let mut window = window();
    window.get_by_label_contains("Noisy y").click_secondary();
    window.run_steps(3);
    check(&window, "a tile's menu");
}
