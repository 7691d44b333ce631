//! The window by keyboard: the focus is seen wherever it is, digits mean the field that they were typed at, the palette holds
//! everything, tooltips lead to the glossary.

use eframe::egui::{Event, Key, Modifiers, accesskit};
use egui_kittest::kittest::Queryable;

use super::{Window, click, run, window};
use crate::attack::Norm;
use crate::gui::command::{NoiseCommand, VersusCommand, WindowCommand};
use crate::gui::gpu::Mode;
use crate::gui::state::document::TileKind;
use crate::gui::state::pane::Pane;
use crate::gui::state::session::Overlay;
use crate::gui::state::versus;
use crate::gui::view::focus::focused;
use crate::picture::Fit;

#[test]
fn the_focus_is_seen_wherever_tab_takes_it() {
    let mut window = window();
    for pane in [Pane::ADVERSARY, Pane::CERTIFICATE, Pane::TRAINING] {
        run(&mut window, WindowCommand::Show(pane.clone()));
        let mut places = std::collections::HashSet::new();
        for press in 0..70 {
            window.key_press(Key::Tab);
            // One frame moves the focus, the next scrolls to it, another shows it there.
            window.run_steps(4);
            let rect = focused(&window.ctx).unwrap_or_else(|| panic!("{pane:?}: nothing is seen after {press} tabs"));
            assert!(window.ctx.content_rect().expand(1.0).contains_rect(rect), "{pane:?}, {press}: {rect:?}");
            places.insert(format!("{rect:?}"));
        }
        assert!(places.len() > 40, "{pane:?}: {} places", places.len());
    }
}

#[test]
fn digits_after_a_click_on_words_are_no_shortcut() {
    let mut window = window();
    run(&mut window, NoiseCommand::SetSigma(0.3));
    click(&mut window, "of 1");
    for key in [Key::Num1, Key::Num2, Key::Num5] {
        window.key_press(key);
    }
    window.run_steps(3);
    assert_eq!(window.state().document().noise.sigma, 0.3, "a preset was taken");
    // A click elsewhere, and they are shortcuts again.
    click(&mut window, "Sort");
    window.key_press(Key::Num2);
    window.run_steps(3);
    assert_eq!(window.state().document().noise.sigma, 25.0 / 255.0);
}

fn palette(window: &mut Window, words: &str) {
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    window.run_steps(2);
    window.event(Event::Text(words.to_owned()));
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert!(window.state().session().overlay.is_none(), "{words:?} found nothing");
}

#[test]
fn the_palette_holds_seeds_levels_crops_and_the_menus_of_tiles() {
    let mut window = window();
    palette(&mut window, "seed noise 42");
    assert_eq!(window.state().document().noise.seed, 42);
    palette(&mut window, "seed attack 7");
    assert_eq!(window.state().document().attack.seed, 7);
    palette(&mut window, "seed certificate 9");
    assert_eq!(window.state().document().smoothing.seed, 9);
    palette(&mut window, "σ 40");
    assert_eq!(window.state().document().noise.sigma, 40.0 / 255.0);
    palette(&mut window, "crop pixel");
    let Fit::Crop(rect) = window.state().document().entry().unwrap().fit else { panic!("no crop") };
    assert_eq!([rect.width, rect.height], [32.0, 32.0]);
    palette(&mut window, "noisy false");
    assert_eq!(window.state().session().look(TileKind::Noisy).mode, Mode::FalseColour);
    palette(&mut window, "noisy as it was");
    assert_eq!(window.state().session().look(TileKind::Noisy).mode, Mode::Picture);
    palette(&mut window, "denoised reference");
    assert_eq!(window.state().document().reference, TileKind::Denoised);
    palette(&mut window, "residual presentation");
    assert!(window.state().session().presented().contains(&TileKind::Residual));
}

/// Types into the field beside the slider of this name.
fn type_into(window: &mut Window, value: &str, text: &str) {
    let field = window
        .get_all_by_role(accesskit::Role::SpinButton)
        .find(|field| field.value().is_some_and(|shown| shown.starts_with(value)))
        .unwrap_or_else(|| panic!("no field shows {value}"));
    field.click();
    window.run_steps(2);
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.event(Event::Text(text.to_owned()));
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
}

#[test]
fn levels_of_certificates_and_duels_take_what_people_type() {
    let mut window = window();
    // No other field begins with the same figures.
    run(&mut window, NoiseCommand::SetSigma(0.35));
    run(&mut window, WindowCommand::Show(Pane::CERTIFICATE));
    for (text, right) in [("40 / 255", 40.0), ("12,5", 12.5), ("25", 25.0)] {
        let shown = (window.state().document().smoothing.sigma * 255.0) as u32;
        type_into(&mut window, &shown.to_string(), text);
        assert!((window.state().document().smoothing.sigma * 255.0 - right).abs() < 1e-3, "{text}");
    }
    let before = window.state().document().smoothing;
    type_into(&mut window, "25", "ten");
    assert_eq!(window.state().document().smoothing, before);
    super::versus::set_beside(&mut window, std::sync::Arc::new(super::versus::alike(&[0.2; 32 * 32])));
    run(&mut window, VersusCommand::Show(versus::Mode::Duel));
    let mut settings = window.state().session().versus.duel;
    (settings.norm, settings.epsilon) = (Norm::Linf, 16.0 / 255.0);
    run(&mut window, VersusCommand::SetDuel(settings));
    for (text, right) in [("40 / 255", 40.0), ("12,5", 12.5)] {
        let shown = (window.state().session().versus.duel.epsilon * 255.0).round() as u32;
        type_into(&mut window, &shown.to_string(), text);
        assert!((window.state().session().versus.duel.epsilon * 255.0 - right).abs() < 1e-6, "{text}");
    }
}

#[test]
fn a_word_that_was_asked_for_in_a_tooltip_is_shown_in_the_glossary() {
    let mut window = window();
    run(&mut window, WindowCommand::Show(Pane::CERTIFICATE));
    window.state_mut().host.session.word = Some("certificate".to_owned());
    run(&mut window, WindowCommand::Words);
    assert!(matches!(window.state().session().overlay, Some(Overlay::Words)));
    assert!(window.state().session().word.is_none(), "it was scrolled to");
    window.get_by_label("Sketch: certificate");
    super::labels::check(&window, "words");
}
