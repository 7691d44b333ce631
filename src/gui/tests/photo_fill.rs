//! A hole in the photograph: painted, filled as the command line fills it, looked at, taken back.

use eframe::egui::{Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::kittest::Queryable;

use super::photo::{large, photo};
use super::{Window, click, drag, run};
use crate::gui::command::{FillCommand, NoiseCommand, PhotoCommand, PictureCommand, WindowCommand};
use crate::gui::state::hole::{Piece, Tool};
use crate::gui::state::pane::Pane;
use crate::gui::state::photo::Shown;
use crate::gui::state::photo_fill::{FillForm, FillLook, PhotoFill};
use crate::picture::Picture;
use crate::study::lab::{FillWay, Guidance, InpaintRequest, Measurement, inpaint};
use crate::task::Cancel;

fn fill(window: &Window) -> &PhotoFill {
    &photo(window).fill
}

fn filling() -> Window {
    let mut window = large();
    // The rest is for other tests.
    run(&mut window, PhotoCommand::ToggleWhole);
    run(&mut window, WindowCommand::Show(Pane::PHOTOGRAPH));
    run(&mut window, PhotoCommand::SetClass(Some(1)));
    click(&mut window, "Fill");
    run(&mut window, PhotoCommand::Fill(FillCommand::SetForm(FillForm { count: 3, seed: 5, ..FillForm::default() })));
    window
}

/// Where a pixel of the photograph is on the screen, at 1:1 about the picture's middle.
fn on_screen(window: &Window, x: f32, y: f32) -> Pos2 {
    let state = photo(window);
    let ([width, height], points) = (state.size().unwrap(), state.view.points([1400.0, 700.0], state.tile));
    let [across, down] = state.view.centre;
    window.get_by_label("The photograph").rect().center() + vec2(x - across * width, y - down * height) * points
}

fn paint(window: &mut Window, from: [f32; 2], to: [f32; 2], radius: f32) {
    let piece = Piece { tool: Tool::Brush, from, to, radius, is_hole: true };
    run(window, PhotoCommand::Fill(FillCommand::Paint { piece, begins: true }));
}

#[test]
fn a_hole_is_filled_as_the_command_line_fills_it_and_nothing_else_moves() {
    let mut window = filling();
    run(&mut window, PhotoCommand::ActualPixels);
    let (from, to) = (on_screen(&window, 690.0, 350.0), on_screen(&window, 712.0, 356.0));
    drag(&mut window, from, to);
    let hole = fill(&window).hole.clone();
    let bounds = hole.bounds().expect("a hole");
    assert!((682..=691).contains(&bounds.x) && (705..=721).contains(&(bounds.x + bounds.width)), "{bounds:?}");
    assert!(hole.is_missing(700, 353) && !hole.is_missing(700, 390) && fill(&window).look == FillLook::Hole);
    window.get_by_label_contains("pixels missing; the model sees");

    click(&mut window, "Fill the hole");
    window.run_steps(6);
    assert_eq!((fill(&window).list.len(), fill(&window).look), (3, FillLook::Fill(0)));
    window.get_by_label_contains("Fill 1 of 3: light");
    let base = photo(&window).base.as_ref().unwrap().full().picture().clone();
    let model = window.state().session().model.as_ref().unwrap().joint.clone();
    let mask: Vec<bool> =
        (0..700).flat_map(|y| (0..1400).map(move |x| (x, y))).map(|(x, y)| hole.is_missing(x, y)).collect();
    let request = InpaintRequest {
        picture: base.clone(),
        measurement: Measurement::without("--mask", base.shape(), &mask).unwrap(),
        has_truth: true,
        count: 3,
        guidance: Some(Guidance { class: 1, weight: 1.0 }),
        levels: (1.0, 2.0 / 255.0),
        way: FillWay::Annealed { steps: 50, corrections: 3, candidates: 2 },
        frames: 0,
        seed: 5,
    };
    let found = inpaint(&*model, &request, &Cancel::new(), &mut |_, _| ()).unwrap();
    let mut sum = 0.0;
    for (place, theirs) in found.ranked().into_iter().enumerate() {
        run(&mut window, PhotoCommand::Fill(FillCommand::LookAt(FillLook::Fill(place))));
        // What is on the screen around the hole is the photograph too.
        let over = fill(&window).over().unwrap();
        for (at, missing) in hole.within(over.region).into_iter().enumerate() {
            let (x, y) = (at % over.region.width, at / over.region.width);
            let off = over.content.picture().at(0, y, x) - base.at(0, over.region.y + y, over.region.x + x);
            assert!(missing || off.abs() < 1e-6, "{x}, {y} moved by {off}");
        }
        let ours: Picture = fill(&window).filled(&base).expect("done");
        let pairs = ours.values().iter().zip(base.values()).zip(&mask);
        assert!(pairs.clone().all(|((ours, base), missing)| *missing || (ours - base).abs() < 1e-6), "what is known");
        assert!(ours == theirs.picture, "fill {place}, bit for bit");
        sum += pairs.filter(|(_, missing)| **missing).map(|((ours, _), _)| f64::from(*ours)).sum::<f64>();
    }
    // Each pixel of the class is N(0.8, 0.2²) by itself.
    let count = (3 * hole.count()) as f64;
    assert!((sum / count - 0.8).abs() < 5.0 * 0.2 / count.sqrt(), "mean {} of {count}", sum / count);

    for label in ["Mean", "Spread", "2", "Hole"] {
        click(&mut window, label);
    }
    assert_eq!(fill(&window).look, FillLook::Hole);
    assert!(fill(&window).filled(&base).is_none());
    // Another noise level is of what is restored, not of this.
    run(&mut window, NoiseCommand::SetSigma(0.2));
    assert_eq!(fill(&window).list.len(), 3);
    run(&mut window, PictureCommand::Close);
    window.run_steps(4);
    assert!(fill(&window).list.is_empty() && fill(&window).hole.count() == 0);
}

#[test]
fn strokes_are_taken_back_and_another_button_moves_the_photograph() {
    let mut window = filling();
    run(&mut window, PhotoCommand::ActualPixels);
    let [from, to] = [[650.0, 340.0], [700.0, 360.0]].map(|at| on_screen(&window, at[0], at[1]));
    drag(&mut window, from, to);
    let once = fill(&window).hole.count();
    // A click is a dot, and Shift takes away.
    let dot = on_screen(&window, 760.0, 380.0);
    drag(&mut window, dot, dot);
    let both = fill(&window).hole.count();
    assert!(once > 0 && both > once, "{once} {both}");
    window.event(eframe::egui::Event::ModifiersChanged(Modifiers::SHIFT));
    window.event(eframe::egui::Event::PointerMoved(dot));
    for pressed in [true, false] {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::SHIFT);
        window.event_modifiers(eframe::egui::Event::PointerButton { pos: dot, button, pressed, modifiers }, modifiers);
        window.run_steps(2);
    }
    assert_eq!(fill(&window).hole.count(), once);
    click(&mut window, "Undo stroke");
    assert_eq!(fill(&window).hole.count(), both);
    let before = photo(&window).view.centre;
    window.event(eframe::egui::Event::PointerMoved(from));
    for (pos, pressed) in [(from, true), (from + vec2(30.0, 0.0), false)] {
        window.event(eframe::egui::Event::PointerMoved(pos));
        window.run_steps(1);
        let (button, modifiers) = (PointerButton::Secondary, Modifiers::NONE);
        window.event(eframe::egui::Event::PointerButton { pos, button, pressed, modifiers });
        window.run_steps(1);
    }
    assert!(photo(&window).view.centre[0] < before[0] && fill(&window).hole.count() == both);
    click(&mut window, "No hole");
    assert!(fill(&window).hole.count() == 0 && !fill(&window).hole.is_painted());
}

#[test]
fn what_cannot_be_filled_is_said_and_what_is_stopped_leaves_the_hole() {
    let mut window = filling();
    run(&mut window, PhotoCommand::Fill(FillCommand::Begin));
    assert!(super::said(&window, "Paint a hole"));
    paint(&mut window, [300.0, 300.0], [700.0, 300.0], 4.0);
    window.get_by_label_contains("in tiles: nothing corrects the steps");
    window.state_mut().run(PhotoCommand::Fill(FillCommand::Begin));
    window.state_mut().run(PhotoCommand::Fill(FillCommand::Stop));
    window.run_steps(4);
    assert!(fill(&window).list.is_empty() && fill(&window).look == FillLook::Hole && fill(&window).hole.count() > 0);
    run(&mut window, PhotoCommand::Fill(FillCommand::Save));
    assert!(super::said(&window, "look at a fill"));
    paint(&mut window, [0.0, 0.0], [1400.0, 700.0], 2000.0);
    window.get_by_label_contains("leaves nothing of the photograph");
    run(&mut window, PhotoCommand::Show(Shown::Noisy));
}

#[test]
fn a_box_is_dragged_and_one_with_shift_is_taken_away() {
    let mut window = filling();
    run(&mut window, PhotoCommand::ActualPixels);
    click(&mut window, "Box");
    let corners = [[660.0, 330.0], [700.0, 350.0]].map(|at| on_screen(&window, at[0], at[1]));
    drag(&mut window, corners[1], corners[0]);
    let bounds = fill(&window).hole.bounds().expect("a hole");
    let is_near = |v: usize, wanted: usize| v.abs_diff(wanted) <= 1;
    assert!(is_near(bounds.x, 660) && is_near(bounds.y, 330), "{bounds:?}");
    assert!(is_near(bounds.width, 40) && is_near(bounds.height, 20), "{bounds:?}");
    assert_eq!(fill(&window).hole.count(), bounds.width * bounds.height, "no brush's round corners");
    // Its right half is taken away again.
    window.event(eframe::egui::Event::ModifiersChanged(Modifiers::SHIFT));
    let half = on_screen(&window, 680.0, 320.0);
    drag(&mut window, half, corners[1] + vec2(20.0, 20.0));
    window.event(eframe::egui::Event::ModifiersChanged(Modifiers::NONE));
    let rest = fill(&window).hole.bounds().expect("the left half");
    assert!(is_near(rest.width, 20) && rest.x == bounds.x && rest.height == bounds.height, "{rest:?}");
    // A click alone is no box.
    drag(&mut window, corners[1], corners[1]);
    assert_eq!(fill(&window).hole.bounds(), Some(rest));
    click(&mut window, "Undo stroke");
    assert_eq!(fill(&window).hole.bounds(), Some(bounds));
}
