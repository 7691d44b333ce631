//! Menus, the palette and keys: what fits, what closes first, what a key means where.

use eframe::egui::accesskit::{Role, Toggled};
use eframe::egui::{Event, Key, Modifiers, MouseWheelUnit, Order, Rect, TouchPhase, vec2};
use egui_kittest::kittest::{NodeT, Queryable};

use super::{Window, click, drag, run, said, window};
use crate::gui::command::{Menu, PictureCommand, TileCommand, WindowCommand};
use crate::gui::gpu::Compare;
use crate::gui::state::pane::Pane;
use crate::gui::state::session::Overlay;
use crate::gui::view::catalogue::catalogue;

/// What lies over the panes: menus, lists, sheets.
fn popups(window: &Window) -> Vec<Rect> {
    window.ctx.memory(|memory| {
        let layers = memory.areas().visible_layer_ids();
        let over = layers.into_iter().filter(|layer| layer.order == Order::Foreground);
        over.filter_map(|layer| memory.area_rect(layer.id)).collect()
    })
}

fn menu_button(window: &Window, menu: Menu) -> egui_kittest::Node<'_> {
    window.get_all_by_role_and_label(Role::Button, menu.label()).next().unwrap()
}

#[test]
fn every_menu_lies_in_the_window_and_leaves_the_bar_free() {
    for [width, height] in [[960.0, 540.0], [1280.0, 800.0], [1600.0, 975.0]] {
        let mut window = window();
        window.set_size(vec2(width, height));
        window.run_steps(3);
        for menu in Menu::ALL {
            let bar = menu_button(&window, menu).rect();
            menu_button(&window, menu).click();
            window.run_steps(4);
            let place = format!("{menu:?} at {width}×{height}: {:?}", popups(&window));
            let [popup] = popups(&window)[..] else { panic!("{place}") };
            assert!(popup.width() > 200.0 && popup.height() > 40.0, "{place}");
            assert!(window.ctx.content_rect().contains_rect(popup) && popup.top() >= bar.bottom() - 2.0, "{place}");
            // Its last line is among what is seen.
            let lines = catalogue().menu(menu).filter(|entry| entry.submenu.is_none());
            if let (Some(last), false) = (lines.last(), menu == Menu::Model) {
                let found = window.query_all_by_label_contains(&last.name);
                assert!(found.into_iter().any(|line| popup.contains_rect(line.rect())), "{place}: {}", last.name);
            }
            window.key_press(Key::Escape);
            window.run_steps(3);
            assert!(popups(&window).is_empty(), "{place}: Escape closes it");
        }
    }
}

#[test]
fn escape_closes_what_lies_over_the_panes_before_it_means_anything_else() {
    let mut window = window();
    run(&mut window, TileCommand::SetCompare(Compare::Error));
    let compared = |window: &Window| window.state().document().compare == Compare::Error;
    let escape = |window: &mut Window| {
        window.key_press(Key::Escape);
        window.run_steps(3);
    };
    menu_button(&window, Menu::View).click();
    window.run_steps(3);
    assert_eq!(popups(&window).len(), 1);
    escape(&mut window);
    assert!(popups(&window).is_empty() && compared(&window), "a menu");
    click(&mut window, "Kind of noise");
    assert_eq!(popups(&window).len(), 1);
    escape(&mut window);
    assert!(popups(&window).is_empty() && compared(&window), "a list to choose from");
    window.get_by_label_contains("Residual y − D").click_secondary();
    window.run_steps(3);
    assert_eq!(popups(&window).len(), 1);
    escape(&mut window);
    assert!(popups(&window).is_empty() && compared(&window), "a tile's menu");
    run(&mut window, WindowCommand::Help);
    escape(&mut window);
    assert!(window.state().session().overlay.is_none() && compared(&window), "a sheet");
    escape(&mut window);
    assert!(!compared(&window), "with nothing over the panes it ends the comparison");
}

/// The title and the badge in the menu bar say that tiles are compared, and the badge leads back.
#[test]
fn a_comparison_has_a_badge_that_leads_back() {
    let mut window = window();
    let badge = "Error against Clean x  ×";
    assert!(window.query_by_label(badge).is_none());
    window.key_press(Key::E);
    window.run_steps(3);
    click(&mut window, badge);
    assert_eq!(window.state().document().compare, Compare::Plain);
    run(&mut window, TileCommand::ToggleWipe);
    click(&mut window, "Wiping to Clean x  ×");
    assert!(window.state().session().wipe.is_none() && window.query_by_label(badge).is_none());
}

#[test]
fn help_opens_while_somebody_types() {
    let mut window = window();
    run(&mut window, WindowCommand::Show(Pane::EVALUATION));
    window.get_by_role_and_label(Role::TextInput, "Noise levels").focus();
    window.run_steps(2);
    assert!(window.ctx.text_edit_focused());
    let before = window.state().document().clone();
    // A letter is typed, not a command.
    window.key_press(Key::E);
    window.run_steps(2);
    assert_eq!(*window.state().document(), before);
    window.key_press(Key::F1);
    window.run_steps(3);
    assert!(matches!(window.state().session().overlay, Some(Overlay::Help)));
}

/// Several presses in one frame, as a key that repeats quickly gives.
fn presses(window: &mut Window, key: Key, count: usize) {
    let press = |pressed, repeat| Event::Key { key, physical_key: None, pressed, repeat, modifiers: Modifiers::NONE };
    window.input_mut().events.extend((0..count).map(|i| press(true, i > 0)));
    window.run_steps(1);
    window.input_mut().events.push(press(false, false));
    window.run_steps(3);
}

#[test]
fn the_filmstrip_is_moved_by_repeated_keys_home_end_wheel_and_drag() {
    let mut window = window();
    let count = window.state().document().pictures.len();
    let current = |window: &Window| window.state().document().current;
    run(&mut window, PictureCommand::Select(0));
    presses(&mut window, Key::ArrowRight, count - 2);
    assert_eq!(current(&window), count - 2, "each press counts");
    presses(&mut window, Key::ArrowLeft, 3);
    assert_eq!(current(&window), count - 5);
    for (key, expected) in [(Key::Home, 0), (Key::End, count - 1)] {
        window.key_press(key);
        window.run_steps(3);
        assert_eq!(current(&window), expected);
    }
    // More than are in sight.
    for _ in 0..20 {
        run(&mut window, PictureCommand::NewDrawing);
    }
    window.key_press(Key::Home);
    window.run_steps(20);
    let first = |window: &Window| window.get_all_by_label("digits/0.png").next().unwrap().rect();
    let before = first(&window);
    window.hover_at(before.center());
    window.event(Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: vec2(0.0, -2.0),
        phase: TouchPhase::Move,
        source: eframe::egui::MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    });
    window.run_steps(20);
    let wheeled = first(&window);
    assert!(wheeled.left() < before.left() - 30.0, "{before:?} {wheeled:?}");
    // Its tooltip may have the same name.
    let at = window.get_all_by_label("digits/1.png").next().unwrap().rect().center();
    drag(&mut window, at, at + vec2(40.0, 0.0));
    let dragged = first(&window);
    assert!(dragged.left() > wheeled.left() + 20.0, "{wheeled:?} {dragged:?}");
    assert_eq!(current(&window), 0, "none of it chose another picture");
}

#[test]
fn what_can_do_nothing_is_grey_and_switches_have_marks() {
    let mut window = window();
    let open = |window: &mut Window, menu| {
        menu_button(window, menu).click();
        window.run_steps(3);
    };
    open(&mut window, Menu::Edit);
    let undo = |window: &Window| window.get_by_label_contains("Undo").accesskit_node().is_disabled();
    assert!(undo(&window), "nothing was done");
    window.get_by_label_contains("Undo").hover();
    window.run_steps(60);
    window.get_by_label("There is nothing to take back");
    window.key_press(Key::Escape);
    window.run_steps(3);
    // By words in the palette: what is there to be opened, gone on with or certified.
    for _ in 0..window.state().document().pictures.len() {
        run(&mut window, PictureCommand::Close);
    }
    for (words, name) in
        [("open the trained", "Open the trained model"), ("resume training", "Resume training"), ("certify", "Certify")]
    {
        run(&mut window, WindowCommand::Palette);
        window.event(Event::Text(words.to_owned()));
        window.run_steps(3);
        let row = window.query_all_by_label_contains(name).next().expect("a row");
        assert!(row.accesskit_node().is_disabled(), "{name}");
        window.key_press(Key::Escape);
        window.run_steps(3);
    }
    run(&mut window, PictureCommand::OpenSamples);
    window.key_press(Key::Num1);
    window.run_steps(3);
    open(&mut window, Menu::Edit);
    assert!(!undo(&window));
    window.key_press(Key::Escape);
    window.run_steps(3);
    for expected in [Toggled::True, Toggled::False] {
        open(&mut window, Menu::View);
        let strip = window.get_by_role_and_label(Role::CheckBox, "Filmstrip");
        assert_eq!(strip.accesskit_node().toggled(), Some(expected));
        strip.click();
        window.run_steps(3);
    }
}

#[test]
fn the_palette_shows_as_many_rows_after_a_search_as_before() {
    let mut window = window();
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    window.run_steps(3);
    let rows = |window: &Window| {
        let [popup] = popups(window)[..] else { panic!("{:?}", popups(window)) };
        let entries = catalogue().entries().iter();
        let seen = entries.filter(|entry| {
            let found = window.query_all_by_label_contains(&entry.name);
            found.into_iter().any(|row| popup.contains_rect(row.rect()) && row.rect().height() > 20.0)
        });
        (seen.count(), popup.height())
    };
    let (before, tall) = rows(&window);
    assert!(before > 9, "{before} rows");
    window.event(Event::Text("zoom tiles in".to_owned()));
    window.run_steps(4);
    assert!(rows(&window).0 < 4);
    for _ in 0.."zoom tiles in".len() {
        window.key_press(Key::Backspace);
    }
    window.run_steps(4);
    assert_eq!(rows(&window), (before, tall));
}

/// Somebody who types and pauses has the window redrawn for no blinking cursor.
#[test]
fn a_window_that_nothing_happens_in_is_not_drawn_again() {
    let mut window = window();
    let idle = |window: &mut Window, what: &str| {
        window.run_steps(120);
        let wait = window.output().viewport_output.values().map(|output| output.repaint_delay).min().unwrap();
        assert!(wait > std::time::Duration::from_mins(1), "{what}: drawn again after {wait:?}");
    };
    idle(&mut window, "at rest");
    run(&mut window, WindowCommand::Show(Pane::EVALUATION));
    window.get_by_role_and_label(Role::TextInput, "Noise levels").focus();
    idle(&mut window, "a field has the focus");
    assert!(window.ctx.text_edit_focused());
}

/// Notices stand in a strip of their own, broken into lines, over nothing that can be clicked.
#[test]
fn a_notice_is_wrapped_and_covers_no_control() {
    let mut window = window();
    window.set_size(vec2(960.0, 540.0));
    run(&mut window, PictureCommand::OpenPaths(vec![format!("/nowhere/{}.png", "long-name-".repeat(24)).into()]));
    window.run_steps(4);
    assert!(said(&window, "long-name"));
    let words = window.get_by_label_contains("long-name-").rect();
    let screen = window.ctx.content_rect();
    assert!(screen.contains_rect(words) && words.height() > 28.0, "{words:?} is wrapped");
    let film = window.get_by_label("Open pictures").rect();
    assert!(words.bottom() <= film.top(), "{words:?} {film:?}");
    // One line stands in the status line, and nothing moves for it.
    let mut window = super::window();
    let places = |window: &Window| {
        ["Sort", "Classes", "digits/0.png", "Open pictures"].map(|l| window.get_all_by_label(l).next().unwrap().rect())
    };
    let before = places(&window);
    window.state_mut().host.say(tracing::Level::INFO, "Saved talk.json");
    window.run_steps(3);
    let brief = window.get_by_label("Saved talk.json").rect();
    assert!(brief.top() > window.get_by_label("Open pictures").rect().bottom(), "{brief:?}");
    assert_eq!(places(&window), before);
    click(&mut window, "Dismiss");
    assert!(window.query_by_label("Saved talk.json").is_none());
    let mut window = super::window();
    window.set_size(vec2(960.0, 540.0));
    run(&mut window, PictureCommand::OpenPaths(vec![format!("/nowhere/{}.png", "long-name-".repeat(24)).into()]));
    window.run_steps(4);
    let words = window.get_by_label_contains("long-name-").rect();
    for control in ["Sort", "Play the noise", "Already noisy", "digits/0.png", "Picture", "Adversary"] {
        let rect = window.get_all_by_label(control).next().unwrap().rect();
        assert!(!rect.intersects(words), "{control}: {rect:?} {words:?}");
    }
}
