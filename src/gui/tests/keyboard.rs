//! The window by keyboard: the focus is seen wherever it is, digits mean the field that they were typed at, the palette holds
//! everything, tooltips lead to the glossary.

use eframe::egui::{Event, Key, Modifiers, accesskit};
use egui_kittest::kittest::Queryable;
use tracing_subscriber::layer::SubscriberExt;

use super::{Window, click, run, said, window};
use crate::attack::{Defence, Method, Norm, Preset, Target};
use crate::gui::command::{NoiseCommand, VersusCommand, WindowCommand};
use crate::gui::gpu::Mode;
use crate::gui::state::document::TileKind;
use crate::gui::state::notices::NoticeLayer;
use crate::gui::state::pane::Pane;
use crate::gui::state::session::Overlay;
use crate::gui::state::versus;
use crate::gui::view::focus::focused;
use crate::picture::{Fit, NoiseKind};

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
    palette(&mut window, "noisy twice");
    assert_eq!(window.state().session().look(TileKind::Noisy).gain, 2.0);
    palette(&mut window, "noisy darker");
    assert_eq!(window.state().session().look(TileKind::Noisy).offset, -0.1);
    // A class's tile, named by its class.
    palette(&mut window, "8: pin");
    assert_eq!(window.state().document().pinned, [8]);
    palette(&mut window, "8: false");
    assert_eq!(window.state().session().look(TileKind::Class(3)).mode, Mode::FalseColour, "all classes look alike");
}

#[test]
fn the_palette_holds_attacks_presets_defences_targets_and_kinds_of_noise() {
    let mut window = window();
    palette(&mut window, "attack deepfool");
    assert_eq!(window.state().document().attack.method, Method::Deepfool);
    let preset = Preset::ALL.iter().find(|preset| preset.method == Method::Bim).unwrap();
    palette(&mut window, &format!("{} {}", preset.source, preset.title));
    assert_eq!(window.state().document().attack.method, Method::Bim);
    palette(&mut window, "defence vote");
    assert_eq!(window.state().document().attack.defence, Defence::VOTE);
    for (words, target) in [
        ("target random", Target::Random),
        ("target least likely", Target::LeastLikely),
        ("target: 7", Target::Class(7)),
        ("target none", Target::None),
    ] {
        palette(&mut window, words);
        assert_eq!(window.state().document().attack.target, target, "{words}");
    }
    palette(&mut window, "noise: speckle");
    assert_eq!(window.state().document().noise.kind, NoiseKind::Speckle);
    window.state_mut().host.settings.recent_scripts = vec!["of_mine.py".into()];
    run(&mut window, WindowCommand::Palette);
    window.event(Event::Text("of_mine".to_owned()));
    window.run_steps(3);
    for what in ["Use the model", "Compare with"] {
        assert!(window.query_all_by_label_contains(what).next().is_some(), "{what} a script of before");
    }
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
    tracing::subscriber::with_default(tracing_subscriber::registry().with(NoticeLayer), || {
        type_into(&mut window, "25", "ten");
    });
    assert_eq!(window.state().document().smoothing, before);
    assert!(said(&window, "\"ten\" is no level"), "refused aloud");
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
