//! Pictures in: files, folders, drops, the clipboard, samples, drawings, and how they are fitted.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{self, Key, Modifiers, PointerButton, vec2};
use egui_kittest::kittest::Queryable;

use super::{Dropped, Window, click, drag, opened, picture_file, run, said, window};
use crate::gui::command::{PictureCommand, WindowCommand};
use crate::gui::feature::pictures::picture_of_clipboard;
use crate::gui::state::document::Source;
use crate::gui::state::pane::Pane;
use crate::picture::{Fit, Shape};

fn drop_on(window: &mut Window, paths: &[PathBuf]) {
    let files = paths.iter().map(|path| egui::HoveredFile { path: Some(path.clone()), mime: String::new() });
    window.input_mut().hovered_files = files.collect();
    window.run_steps(2);
    assert!(window.query_by_label_contains("Drop to open").is_some());
    window.input_mut().hovered_files.clear();
    window.input_mut().dropped_files = paths.iter().map(|path| Arc::new(Dropped(path.clone())) as _).collect();
    window.run_steps(4);
    assert!(window.query_by_label_contains("Drop to open").is_none());
}

fn name(window: &Window) -> String {
    window.state().document().entry().map(|entry| entry.name.clone()).unwrap_or_default()
}

#[test]
fn a_dropped_folder_opens_and_its_broken_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = picture_file(folder.path(), "good.png");
    std::fs::write(folder.path().join("broken.png"), b"not a picture").unwrap();
    let mut window = window();
    drop_on(&mut window, &[folder.path().to_owned()]);
    assert_eq!(name(&window), "good.png");
    assert!(said(&window, "broken.png"));
    assert_eq!(window.state().settings().recent.first(), Some(&good));
    // The recent file opens again from the menu.
    run(&mut window, PictureCommand::Close);
    click(&mut window, "File");
    window.get_by_label_contains("Recent").click();
    window.run_steps(3);
    click(&mut window, "good.png");
    assert_eq!(name(&window), "good.png");
}

#[test]
fn dropped_files_and_arguments_open_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.png", "b.png", "c.png"].map(|name| picture_file(folder.path(), name));
    let mut window = opened(vec![files[0].clone()]);
    assert_eq!(name(&window), "a.png");
    drop_on(&mut window, &files[1..]);
    assert_eq!(name(&window), "b.png");
    window.key_press(Key::ArrowRight);
    window.run_steps(3);
    assert_eq!(name(&window), "c.png");
    assert!(window.state().session().answer.study.is_some());
    window.key_press(Key::ArrowLeft);
    window.run_steps(3);
    assert_eq!(name(&window), "b.png");
    click(&mut window, "a.png");
    assert_eq!(name(&window), "a.png");
}

#[test]
fn pasting_asks_the_clipboard() {
    let mut window = window();
    let before = window.state().document().pictures.len();
    window.event(egui::Event::Paste("a word".to_owned()));
    window.run_steps(3);
    // What lies on the clipboard is not ours to say: a picture, or none.
    let pasted = window.state().document().pictures.len() > before;
    assert!(pasted || said(&window, "There is no picture on the clipboard"));
}

#[test]
fn a_pasted_picture_lies_on_white() {
    let entry = picture_of_clipboard(2, 1, &[255, 0, 0, 255, 0, 0, 0, 0]);
    assert_eq!(entry.source, Source::Pasted);
    let picture = entry.original.picture();
    assert_eq!(picture.shape(), Shape::new(3, 1, 2));
    assert_eq!(picture.values(), [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn a_drawing_is_analysed_as_it_grows() {
    let mut window = window();
    window.key_press_modifiers(Modifiers::COMMAND, Key::N);
    window.run_steps(4);
    assert_eq!(window.state().document().entry().unwrap().source, Source::Drawn);
    let believed = |window: &Window| window.state().session().answer.posterior.clone().unwrap().value;
    let ink =
        |window: &Window| window.state().document().entry().unwrap().original.picture().values().iter().sum::<f32>();
    let blank = believed(&window);
    let sheet = window.get_by_label("Sheet to draw on").rect();
    let (top, bottom) = (sheet.center() - vec2(0.0, 40.0), sheet.center() + vec2(0.0, 40.0));
    drag(&mut window, top, bottom);
    assert!(ink(&window) > 20.0);
    assert_ne!(believed(&window), blank);
    assert_eq!(crate::study::ranked(&believed(&window))[0], 1, "an upright stroke is a one");
    // One stroke is one step of undo.
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(4);
    assert_eq!(ink(&window), 0.0);
    drag(&mut window, top, bottom);
    let before = ink(&window);
    click(&mut window, "Eraser");
    drag(&mut window, top, sheet.center());
    assert!(ink(&window) < 0.7 * before);
    click(&mut window, "Clear");
    assert_eq!(ink(&window), 0.0);
}

#[test]
fn the_right_button_erases() {
    let mut window = window();
    run(&mut window, PictureCommand::NewDrawing);
    let sheet = window.get_by_label("Sheet to draw on").rect();
    drag(&mut window, sheet.center() - vec2(0.0, 40.0), sheet.center() + vec2(0.0, 40.0));
    let values = |window: &Window| window.state().document().entry().unwrap().original.picture().clone();
    let before = values(&window);
    let button = |pressed| egui::Event::PointerButton {
        pos: sheet.center(),
        button: PointerButton::Secondary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    window.hover_at(sheet.center());
    window.event(button(true));
    window.event(button(false));
    window.run_steps(3);
    let after = values(&window);
    assert!(after.values().iter().sum::<f32>() < before.values().iter().sum::<f32>());
}

#[test]
fn the_crop_is_dragged_on_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(vec![picture_file(folder.path(), "wide.png")]);
    run(&mut window, WindowCommand::Show(Pane::PICTURE));
    let rect = |window: &Window| window.state().session().fitted.as_ref().unwrap().rect;
    assert_eq!((rect(&window).x, rect(&window).width), (15.0, 60.0));
    let frame = window.get_by_label("Part that the model sees").rect();
    drag(&mut window, frame.center(), frame.center() - vec2(200.0, 0.0));
    assert!(matches!(window.state().document().entry().unwrap().fit, Fit::Crop(_)));
    assert_eq!((rect(&window).x, rect(&window).width), (0.0, 60.0));
    let corner = window.get_by_label("Size of the part that the model sees").rect().center();
    drag(&mut window, corner, corner - vec2(30.0, 30.0));
    assert!(rect(&window).width < 55.0, "{:?}", rect(&window));
    assert!(window.state().session().fitted.as_ref().unwrap().words.contains(" at (0, 0) of 90×60"));
    click(&mut window, "Whole");
    assert_eq!(window.state().document().entry().unwrap().fit, Fit::Whole);
    assert_eq!(rect(&window).width, 90.0);
}
