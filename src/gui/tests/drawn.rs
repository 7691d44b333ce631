//! What the pane Explore draws, by real draws from the oracle.

use egui_kittest::kittest::Queryable;

use super::{Window, click, drag, oracle, run};
use crate::gui::command::{DrawCommand, ExploreCommand, NoiseCommand};
use crate::gui::state::document::TileKind;
use crate::gui::state::drawn::{DrawForm, Drawn, FRAMES, POSITIONS};
use crate::gui::state::explore::Mode;
use crate::gui::state::tile_content::tile_content;
use crate::gui::work::drawing::FREE_STEPS;
use crate::picture::Picture;
use crate::study::lab::{
    FillWay, InpaintRequest, Measurement, Sample, SampleRequest, Start, Way, inpaint, sample, usual_levels,
};
use crate::task::Cancel;

fn drawn(window: &Window) -> &Drawn {
    &window.state().session().explore.drawn
}

fn has_tile(window: &Window, kind: TileKind) -> bool {
    tile_content(kind, window.state().document(), window.state().session()).is_some()
}

fn show(window: &mut Window, mode: Mode, form: DrawForm) {
    run(window, ExploreCommand::Show(mode));
    window.run_steps(2);
    run(window, ExploreCommand::Draw(DrawCommand::SetForm(form)));
    window.run_steps(2);
}

#[test]
fn the_grid_fills_is_counted_and_its_way_can_be_gone_back() {
    let mut window = oracle();
    run(&mut window, NoiseCommand::SetSigma(0.6));
    show(&mut window, Mode::Samples, DrawForm { restored: 5, of_picture: true, ..DrawForm::default() });
    click(&mut window, "Draw pictures");
    window.run_steps(6);
    assert_eq!(drawn(&window).samples.len(), 5);
    assert!(drawn(&window).posterior.is_some() && has_tile(&window, TileKind::Samples));
    window.get_by_label_contains("by softmax");
    let end = drawn(&window).grid.clone().expect("a grid");
    run(&mut window, ExploreCommand::Draw(DrawCommand::LookAt(0)));
    let start = drawn(&window).grid.clone().expect("a grid");
    assert!(start != end && start.picture().shape() == end.picture().shape());
    run(&mut window, ExploreCommand::Draw(DrawCommand::LookAt(usize::MAX)));
    assert_eq!(drawn(&window).frame, FRAMES);
    assert_eq!(drawn(&window).grid.clone().expect("a grid").picture(), end.picture());
    // Another noise level calls it off and leaves the form.
    run(&mut window, NoiseCommand::SetSigma(0.3));
    window.run_steps(2);
    assert_eq!(drawn(&window).form.restored, 5);
}

/// The same levels by the study's own function.
#[test]
fn pictures_out_of_nothing_are_drawn_with_churn() {
    let mut window = oracle();
    let form = DrawForm { count: 2, churn: 20.0, seed: 3, ..DrawForm::default() };
    show(&mut window, Mode::Samples, form);
    click(&mut window, "Draw pictures");
    window.run_steps(6);
    let model = window.state().session().model.as_ref().unwrap().joint.clone();
    let request = |churn| SampleRequest {
        start: Start::Nothing,
        count: 2,
        guidance: None,
        levels: usual_levels(model.sigma_range(), None),
        steps: FREE_STEPS,
        way: Way::Flow { churn },
        corrections: 0,
        frames: FRAMES,
        seed: 3,
    };
    let drawn_by = |churn| sample(&*model, &request(churn), &Cancel::new(), &mut |_, _| ()).unwrap().list;
    let pictures = |list: &[Sample]| list.iter().map(|one| one.picture.clone()).collect::<Vec<_>>();
    assert_eq!(pictures(&drawn(&window).samples), pictures(&drawn_by(20.0)));
    assert_ne!(pictures(&drawn(&window).samples), pictures(&drawn_by(0.0)));
}

#[test]
fn a_hole_is_painted_and_filled() {
    let mut window = oracle();
    show(&mut window, Mode::Fill, DrawForm { fills: 3, ..DrawForm::default() });
    assert!(has_tile(&window, TileKind::Hole) && !has_tile(&window, TileKind::Fills));
    let at = window.get_by_label("Hole").rect();
    let place = |x: f32, y: f32| at.left_top() + eframe::egui::vec2(x * at.width(), y * at.height());
    let (from, to) = (place(0.4, 0.5), place(0.6, 0.5));
    drag(&mut window, from, to);
    window.run_steps(2);
    let missing = drawn(&window).missing();
    assert!((10..400).contains(&missing), "{missing} pixels");
    click(&mut window, "Fill the hole");
    window.run_steps(6);
    let found = drawn(&window);
    assert_eq!(found.fills.len(), 3);
    for kind in [TileKind::Fills, TileKind::FillMean, TileKind::FillSpread] {
        assert!(has_tile(&window, kind), "{kind:?}");
    }
    let fitted = window.state().session().fitted.clone().expect("a picture").content;
    let pixels = found.hole.len();
    for fill in &found.fills {
        let pairs = fill.picture.values().iter().zip(fitted.picture().values()).enumerate();
        assert!(pairs.clone().all(|(at, (a, b))| found.hole[at % pixels] || (a - b).abs() < 1e-6));
        assert!(pairs.clone().any(|(at, (a, b))| found.hole[at % pixels] && (a - b).abs() > 1e-3));
    }
    click(&mut window, "No hole");
    assert_eq!(drawn(&window).missing(), 0);
    let wild = DrawCommand::Paint { from: [f32::NAN, 0.0], to: [0.5, 0.5], hole: true };
    run(&mut window, ExploreCommand::Draw(wild));
    assert_eq!(drawn(&window).missing(), 0);
}

#[test]
fn random_pixels_and_block_means_are_filled_as_the_command_line_fills_them() {
    let mut window = oracle();
    show(&mut window, Mode::Fill, DrawForm { fills: 2, kept: 0.3, seed: 7, ..DrawForm::default() });
    let fitted = window.state().session().fitted.clone().expect("a picture").content;
    let model = window.state().session().model.as_ref().expect("a model").joint.clone();
    let shape = fitted.picture().shape();
    let choices = [
        ("Random", "Fill in the pixels", Measurement::of_random("--random", shape, 0.3, 7).unwrap()),
        ("2×", "Fill in the details", Measurement::of_blocks("--coarse", shape, 2).unwrap()),
    ];
    for (choice, button, measurement) in choices {
        click(&mut window, choice);
        let wild = DrawCommand::Paint { from: [0.2, 0.2], to: [0.8, 0.8], hole: true };
        run(&mut window, ExploreCommand::Draw(wild));
        let paints = window.query_by_label("No hole").is_some() || drawn(&window).missing() > 0;
        assert!(!paints, "{choice}: nothing to paint");
        click(&mut window, button);
        window.run_steps(6);
        let request = InpaintRequest {
            picture: fitted.picture().clone(),
            measurement: measurement.clone(),
            has_truth: true,
            count: 2,
            guidance: None,
            levels: usual_levels(model.sigma_range(), None),
            way: FillWay::Annealed { steps: 50, corrections: 3, candidates: 2 },
            frames: 0,
            seed: 7,
        };
        let found = inpaint(&*model, &request, &Cancel::new(), &mut |_, _| ()).unwrap();
        let near = |picture: &Picture, all: &Picture| {
            picture.values().iter().zip(all.values()).all(|(a, b)| (a - b).abs() < 1e-6)
        };
        let fills = &drawn(&window).fills;
        assert_eq!(fills.len(), 2, "{choice}");
        for (ours, theirs) in fills.iter().zip(&found.list) {
            assert!(ours.picture == theirs.picture, "{choice}, fill {}, bit for bit", theirs.number);
            assert!(near(&measurement.known_of(&ours.picture), &found.known), "{choice}: what is known stays");
            assert!(!near(&ours.picture, fitted.picture()), "{choice}: the rest is drawn");
        }
        let holed = drawn(&window).holed.clone().expect("a tile");
        assert!(near(&measurement.known_of(holed.picture()), &found.known), "{choice}: the tile");
        assert!(has_tile(&window, TileKind::FillSpread));
    }
    click(&mut window, "Painted");
    window.get_by_label("No hole");
}

#[test]
fn the_dial_turns_to_a_class() {
    let mut window = oracle();
    show(&mut window, Mode::Dial, DrawForm { target: 1, radius: 12.0, ..DrawForm::default() });
    click(&mut window, "Turn the dial");
    window.run_steps(6);
    assert_eq!(drawn(&window).positions.len(), POSITIONS);
    for kind in [TileKind::Turned, TileKind::TurnedChange, TileKind::Plain, TileKind::PlainChange] {
        assert!(has_tile(&window, kind), "{kind:?}");
    }
    let before = drawn(&window).turned.clone().expect("a picture");
    run(&mut window, ExploreCommand::Draw(DrawCommand::Position(usize::MAX)));
    assert!(drawn(&window).position == POSITIONS - 1);
    run(&mut window, ExploreCommand::Draw(DrawCommand::Position(0)));
    assert!(drawn(&window).turned.clone().expect("a picture") != before);
}
